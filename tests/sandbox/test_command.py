"""The command that serves the sandbox alone: what it prints, how it refuses options, how it ends."""

import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from pytest_httpserver import HTTPServer
from werkzeug.serving import make_server

from sandbox import create_sandbox
from sandbox.__main__ import TEXTS, announcement, database_of, main, origin_of, parser
from sandbox.ledger.merchant import API_SECRET
from tests.sandbox.conftest import ASKED

ROOT = Path(__file__).parents[2]


def refused(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    """What the command says about these options: one line, with status 2 and without a traceback."""
    assert main(["--lang", "en", "--port", "0", *map(str, arguments)]) == 2, arguments
    told = capsys.readouterr()
    assert told.out == ""
    [line] = told.err.splitlines()
    assert line.startswith("portone-sandbox: ")
    return line


def test_an_option_that_cannot_be_used_is_one_line_that_names_it(capsys: pytest.CaptureFixture[str]) -> None:
    for port in ("abc", "65536", "-1", "", "1.5", "٣", "9" * 5000):
        assert f"--port {port}: a number from 0 to 65535" in refused(capsys, "--port", port)
    addresses = ("localhost:3000", "http://", "http://[", "http://x:y", "http://me@x", "http://x/shop", "ftp://x", "")
    for shop in addresses:
        assert f"--shop {shop}: an address without a path" in refused(capsys, "--shop", shop)
    for clock_url in ("localhost", "ftp://x/y", "http://["):
        assert f"--clock-url {clock_url}: an address" in refused(capsys, "--clock-url", clock_url)
    for database in ("", " ", "."):
        assert f"--database '{database}': the name of a file" in refused(capsys, "--database", database)
    assert "--colour" in refused(capsys, "--colour", "red")
    assert "--lang" in refused(capsys, "--lang", "fr")
    assert "name.invalid" in refused(capsys, "--host", "name.invalid")


def test_a_port_in_use_is_named_and_no_file_is_left_behind(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        told = refused(capsys, "--database", tmp_path / "new" / "x.sqlite3", "--port", str(port))
    assert f"port {port} is in use" in told
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_hold_the_data_is_named_with_the_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "text").write_text("no database, but longer than the head of one. " * 9)
    with sqlite3.connect(tmp_path / "shop.sqlite3") as shop:
        shop.execute("CREATE TABLE orders (id INTEGER)")
    shop.close()
    for file, reason in {
        "text/below-a-file.sqlite3": "text",
        "text": "file is not a database",
        "shop.sqlite3": "is a database of something else",
        ".": "the name of a file is needed",
    }.items():
        told = refused(capsys, "--database", tmp_path / file)
        assert str(tmp_path) in told and reason in told


def test_a_broken_file_of_keys_and_an_easy_token_are_refused_by_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sandbox_keys").write_text("only-one\n")
    options = ["--database", tmp_path / "x.sqlite3", "--shop", "https://shop.example"]
    assert "sandbox_keys must hold a key and a secret" in refused(capsys, *options)
    monkeypatch.setenv("SANDBOX_CONTROLS_TOKEN", "short")
    assert "SANDBOX_CONTROLS_TOKEN" in refused(capsys, *options)


def told_for(folder: Path, *arguments: str, language: str = "en") -> str:
    """What the command prints before it serves with these options."""
    text = TEXTS[language]
    options = parser(text).parse_args(["--database", str(folder / "x.sqlite3"), *arguments])
    options.database = database_of(options.database, text)
    app = create_sandbox(options.database, shop_origin=origin_of(options.shop, text), start_worker=False)
    server = make_server("127.0.0.1", 0, app)
    try:
        return announcement(app.extensions["sandbox"], server, options, text).replace(str(server.port), "PORT")
    finally:
        server.server_close()
        app.extensions["sandbox"].close()


def test_the_three_lines_that_a_shop_changes_are_printed(tmp_path: Path) -> None:
    lines = told_for(tmp_path, "--shop", "http://localhost:3000/").splitlines()
    assert lines[3:6] == [
        "  1. REST API  https://api.iamport.kr → http://127.0.0.1:PORT",
        "  2. script  https://cdn.iamport.kr/v1/iamport.js → http://127.0.0.1:PORT/v1/iamport.js",
        "  3. credentials  imp00000000, imp_apikey, sandbox_secret (merchant code, REST API key, REST API secret)",
    ]
    assert "panel:  http://127.0.0.1:PORT/controls/" in lines
    assert "shop:  http://localhost:3000" in lines
    assert f"data:  {tmp_path / 'x.sqlite3'}" in lines
    for language, page in (("ko", "sandbox-for-your-shop.md"), ("en", "sandbox-for-your-shop.en.md")):
        shown = told_for(tmp_path, language=language).replace("PORT", "5001").splitlines()[2:6]
        assert "\n".join(["```", *shown, "```"]) in (ROOT / "docs" / page).read_text()


def test_keys_that_guard_something_are_named_by_their_place_and_never_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = told_for(tmp_path, "--shop", "https://shop.example")
    assert f"key and secret are the first and second line of {tmp_path / 'sandbox_keys'}" in told
    assert not set((tmp_path / "sandbox_keys").read_text().split()) & set(told.replace(",", " ").split())
    assert API_SECRET not in told
    monkeypatch.setenv("SANDBOX_API_KEY", "a-key-of-ours")
    monkeypatch.setenv("SANDBOX_API_SECRET", "a-secret-of-ours")
    told = told_for(tmp_path)
    assert "the values of SANDBOX_API_KEY and SANDBOX_API_SECRET" in told
    assert "of-ours" not in told


def test_a_sandbox_that_others_reach_says_what_they_call_and_that_the_panel_is_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = told_for(tmp_path, "--host", "0.0.0.0")
    assert "http://127.0.0.1:PORT/v1/iamport.js" in told
    assert "use this machine's name" in told
    assert "SANDBOX_CONTROLS_TOKEN closes it" in told
    assert "SANDBOX_CONTROLS_TOKEN" not in told_for(tmp_path)


@pytest.mark.slow
def test_a_reader_that_has_gone_brings_no_traceback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    with started([sys.executable, "-m", "sandbox"], tmp_path) as (process, _):
        assert process.stdout
        process.stdout.close()
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)
    log = (tmp_path / "log").read_text()
    assert "Traceback" not in log
    assert "BrokenPipe" not in log


# --- processes --------------------------------------------------------------------------------------------------------


@contextmanager
def started(command: list[str], folder: Path) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """A process of the command on a free port, ready, and the sandbox's address as it printed it."""
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [*command, "--port", "0", "--lang", "en"], cwd=folder, stdout=subprocess.PIPE, stderr=log, text=True
        )
    assert process.stdout
    try:
        while line := process.stdout.readline():  # empty: it ended
            if "REST API" in line:
                yield process, line.split()[-1]
                break
        else:
            raise AssertionError((folder / "log").read_text())
    finally:
        process.kill()
        process.wait(timeout=20)
        process.stdout.close()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_serves_logs_calls_and_webhooks_and_ends_cleanly(
    number: signal.Signals, tmp_path: Path, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    httpserver.expect_request("/hook").respond_with_data("ok")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    with started([sys.executable, "-m", "sandbox"], tmp_path) as (process, address):
        requests.post(f"{address}/controls/settings", json={"webhook_order": "before"}, timeout=20)
        asked = ASKED | {"notice_url": httpserver.url_for("/hook")}
        paid = requests.post(f"{address}/controls/payments", json=asked, timeout=20).json()
        requests.get(f"{address}/payments/{paid['imp_uid']}", timeout=20)
        process.send_signal(number)
        assert process.stdout
        assert process.stdout.read().rstrip().endswith("Ended.")
        assert process.wait(timeout=60) == 0
    log = (tmp_path / "log").read_text()
    assert f"webhook to '{httpserver.url_for('/hook')}': 200" in log
    assert f"GET /payments/{paid['imp_uid']}: 401" in log
    assert "Traceback" not in log
    assert "/controls" not in log
    assert (tmp_path / "instance" / "sandbox.sqlite3").exists()
