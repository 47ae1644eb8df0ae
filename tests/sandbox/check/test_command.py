"""`portone-sandbox check`: the table, JUnit XML, exit status, and one clear line when nothing can be played."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
import requests
from pytest_httpserver import HTTPServer

from sandbox import create_sandbox
from sandbox.check import command, report
from sandbox.check.cases import CASES
from sandbox.check.play import Step
from sandbox.check.run import BROKEN, NOT_DESCRIBED, OK, UNPLAYABLE, Result
from sandbox.check.texts import CASE_TEXTS, case_text
from tests.clocks import start_sandbox
from tests.sandbox.check.small_shop import DESCRIPTION, SmallShop
from tests.sandbox.conftest import served
from tests.servers import serving

ROOT = Path(__file__).parents[3]


@pytest.fixture
def sandbox_url(tmp_path: Path) -> Iterator[str]:
    start_sandbox(tmp_path / "sandbox.sqlite3")
    app = create_sandbox(tmp_path / "sandbox.sqlite3", webhook_hosts=())
    with served(app) as url:
        yield url
    app.extensions["sandbox"].close()


def check(*arguments: str) -> int:
    return command.main([*arguments, "--lang", "en"])


@pytest.mark.slow
def test_our_own_shop_fails_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(tmp_path) as server:
        own = [str(ROOT / "shop" / "demo" / "check.toml"), "--shop", server.url, "--sandbox", f"{server.url}/sandbox"]
        assert check(*own, "--junit", str(tmp_path / "junit.xml")) == 0
        said = capsys.readouterr().out
        assert f"{len(CASES)} cases: {len(CASES)} ok, 0 broken, 0 not playable, 0 not described" in said
        assert requests.get(f"{server.url}/sandbox/controls/faults", timeout=20).json() == {"faults": []}
    suite = ElementTree.parse(tmp_path / "junit.xml").getroot()[0]  # noqa: S314 - written just now
    assert [case.get("name") for case in suite] == list(CASES)
    assert (suite.get("failures"), suite.get("errors"), suite.get("skipped")) == ("0", "0", "0")


@pytest.mark.slow
def test_a_command_of_the_shop_gets_the_sandboxs_day_and_its_output_is_shown_when_the_case_fails(
    tmp_path: Path, sandbox_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with served(SmallShop(requests.Session(), sandbox_url).app()) as shop_url:
        described = DESCRIPTION.partition("[monthly]")[0].replace("http://shop", shop_url)
        jobs = "[monthly]\nrun = 'python job.py {date} {now}'\n[sweep]\nrun = 'no-such-command-of-the-shop'\n"
        (tmp_path / "shop.toml").write_text(described + jobs)
        (tmp_path / "job.py").write_text("import sys\nprint('asked for', *sys.argv[1:])\nsys.exit(1)\n")
        file, to = str(tmp_path / "shop.toml"), ("--sandbox", sandbox_url)
        assert check(file, *to, "--only", "second-month", "--only", "all-lost", "--verbose") == 1
    said = capsys.readouterr().out
    assert "! all-lost " in said
    assert "[sweep] no-such-command-of-the-shop: could not be run (No such file or directory)." in said
    assert "Seen          2054-12 was not paid." in said
    assert "asked for 2054-12-15 2054-12-15T12:00:0" in said
    assert "$ python job.py 2054-12-15" in said
    assert "2 cases: 0 ok, 1 broken, 1 not playable, 0 not described" in said


def test_what_cannot_be_played_is_one_line_and_status_2(
    tmp_path: Path, sandbox_url: str, httpserver: HTTPServer, capsys: pytest.CaptureFixture[str]
) -> None:
    httpserver.expect_request("/controls/clock").respond_with_json({"time": "now"})
    httpserver.expect_request("/page/controls/clock").respond_with_data("<h1>a shop</h1>")
    elsewhere = httpserver.url_for("").rstrip("/")
    (tmp_path / "shop.toml").write_text(DESCRIPTION.replace("http://shop", nobody()))
    good, junit = str(tmp_path / "shop.toml"), str(tmp_path / "none" / "junit.xml")
    (tmp_path / "wrong.toml").write_text(DESCRIPTION.replace("[paid]", "[payed]"))
    for arguments, told in (
        ([good, "--sandbox", sandbox_url], "the shop does not answer (ConnectionError)"),
        ([good, "--sandbox", nobody()], "/controls/clock of the sandbox: no answer (ConnectionError)"),
        ([good, "--sandbox", f"{sandbox_url}/nowhere"], "Not a sandbox: what answers at /controls/clock (401)"),
        ([good, "--sandbox", elsewhere], "Not a sandbox: what answers at /controls/clock (200)"),
        ([good, "--sandbox", f"{elsewhere}/page"], "Not a sandbox: what answers at /controls/clock (200)"),
        ([good, "--sandbox", "5001"], "--sandbox: must be an address such as http://"),
        ([good, "--sandbox", "nonsense"], "--sandbox: must be an address such as http://"),
        ([good, "--sandbox", sandbox_url, "--token", "한글"], "--token: only ASCII characters"),
        ([good, "--sandbox", sandbox_url, "--shop", "shop"], "--shop: must be an address"),
        ([good, "--sandbox", sandbox_url, "--junit", junit], "none/junit.xml: No such file or directory"),
        ([str(tmp_path / "wrong.toml")], "wrong.toml: paid: is missing"),
        ([str(tmp_path)], "Is a directory"),
    ):
        assert check(*arguments) == 2, arguments
        said = capsys.readouterr()
        assert said.out == ""
        assert told in said.err
        assert said.err.count("\n") == 1, said.err


def test_a_sandbox_that_asks_for_its_token_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    app = create_sandbox(tmp_path / "sandbox.sqlite3", controls_token="open sesame", start_worker=False)
    (tmp_path / "shop.toml").write_text(DESCRIPTION.replace("http://shop", nobody()))
    with served(app) as url:
        assert check(str(tmp_path / "shop.toml"), "--sandbox", url, "--token", "") == 2
        assert "--token or SANDBOX_CONTROLS_TOKEN" in capsys.readouterr().err
        assert check(str(tmp_path / "shop.toml"), "--sandbox", url, "--token", "open sesame") == 2
        assert "the shop does not answer" in capsys.readouterr().err
    app.extensions["sandbox"].close()


def test_an_error_that_is_still_injected_is_told_before_a_right_shop_looks_broken(
    tmp_path: Path, sandbox_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "shop.toml").write_text(DESCRIPTION.replace("http://shop", nobody()))
    rule = {"path": "/payments/*", "fault": "status", "value": 500}
    requests.post(f"{sandbox_url}/controls/faults", json=rule, timeout=20).raise_for_status()
    assert check(str(tmp_path / "shop.toml"), "--sandbox", sandbox_url) == 2
    told = "faults that are injected in the sandbox: 1. Remove them first: DELETE"
    assert capsys.readouterr().err == f"{told} {sandbox_url}/controls/faults\n"


def test_a_shop_that_dies_in_the_middle_ends_the_run_with_one_line_and_keeps_the_earlier_report(
    tmp_path: Path, sandbox_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    listening, junit = socket.create_server(("127.0.0.1", 0)), tmp_path / "junit.xml"
    shop_url = f"http://127.0.0.1:{listening.getsockname()[1]}"

    def answer_once() -> None:
        connection, _ = listening.accept()
        listening.close()
        with connection:
            connection.recv(65_536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    thread = threading.Thread(target=answer_once)
    thread.start()
    junit.write_text("<earlier/>")
    (tmp_path / "shop.toml").write_text(DESCRIPTION.replace("http://shop", shop_url))
    assert check(str(tmp_path / "shop.toml"), "--sandbox", sandbox_url, "--junit", str(junit)) == 2
    thread.join(timeout=60)
    said = capsys.readouterr()
    assert said.out.count(" not playable") == 1
    assert said.err == f"{shop_url}: GET /: the shop does not answer (ConnectionError).\n"
    assert (junit.read_text(), len(list(tmp_path.glob("*junit*")))) == ("<earlier/>", 1)


def nobody() -> str:
    """An address at which nobody answers."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return f"http://127.0.0.1:{free.getsockname()[1]}"


def test_wrong_options_are_told_and_the_list_needs_no_shop(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, told in (
        ([], "the file that describes the shop is missing"),
        (["shop.toml", "--only", "nothing"], "--only nothing: no such case"),
        (["shop.toml", "--lang", "fr"], "invalid choice"),
    ):
        assert command.main([*arguments, *([] if "--lang" in arguments else ["--lang", "en"])]) == 2
        said = capsys.readouterr().err
        assert told in said
        assert said.count("\n") == 1, said
    assert check("--list") == 0
    listed = capsys.readouterr().out
    assert [name for name in CASES if f"  {name} " not in listed] == []
    assert max(map(report.columns, listed.splitlines())) <= report.COLUMNS


STEPS = (Step("order", "POST /orders  {name: 커피}", "200 {}\x00"), Step("look", "GET /orders/1", "200", "not_paid"))
DEARER = {"price": 4500, "amount": 301}
UNHEARD = {"method": "GET", "path": "/" + "가" * 300, "error": "ReadTimeout"}
RESULTS = [
    Result(CASES["paid-by-callback"], OK, steps=STEPS),
    Result(CASES["duplicate-window"], OK, "second_kept", steps=STEPS),
    Result(CASES["price-in-the-order"], BROKEN, "price_believed", DEARER, STEPS, "$ x\n한글 \ud800" * 90),
    Result(CASES["all-lost"], NOT_DESCRIBED, "not_described", {"section": "[sweep]"}),
    Result(CASES["other-channel"], UNPLAYABLE, "no_answer", UNHEARD),
]


@pytest.mark.parametrize("language", ["ko", "en"])
def test_the_table_fits_into_a_hundred_columns(language: str) -> None:
    every = [Result(case, BROKEN, "not_paid", steps=STEPS) for case in CASES.values()]
    for results in (RESULTS, every):
        table = report.Report(language)
        lines = [line for result in results for line in table.row(result)]
        lines += table.ending(results, verbose=True)
        assert max(map(report.columns, lines)) <= report.COLUMNS
    assert {"ko": "  주고받은 것", "en": "  Requests and answers"}[language] in lines
    plain = list(report.Report(language).ending(RESULTS, verbose=False))
    assert not [line for line in plain if "POST /orders" in line]
    words = " ".join(" ".join(plain).split())
    assert case_text("price-in-the-order", language).loss in words
    assert case_text("other-channel", language).loss not in words  # the shop has not failed it
    assert {"ko": "두 번 낸 돈이 모두 남아", "en": "Both payments stay"}[language] in words


def test_what_to_do_when_everything_fails_is_told_only_then() -> None:
    broken = Result(CASES["declined"], BROKEN, "paid_for_nothing", steps=STEPS)
    for language, told, sign in (
        ("ko", "이 샌드박스를 부르는지", "→ 200 결제되지 않음"),
        ("en", "calls this sandbox", "→ 200 not paid"),
    ):
        table = report.Report(language)
        assert told in " ".join(table.ending([broken], verbose=False))
        assert told not in " ".join(table.ending([broken, *RESULTS], verbose=True))
        assert sign in "".join(table.ending([broken], verbose=True))
        assert told not in " ".join(" ".join(text) for text in CASE_TEXTS[language].values())


def test_colours_are_for_a_terminal() -> None:
    assert "\033[31m" in "".join(report.Report("en", coloured=True).row(RESULTS[2]))
    assert "\033" not in "".join(report.Report("en").row(RESULTS[2]))


def test_junit_has_failures_errors_and_what_was_skipped() -> None:
    suite = ElementTree.fromstring(report.junit(RESULTS, "shop\x01", "en"))[0]  # noqa: S314 - written just now
    numbers = [suite.get(name) for name in ("tests", "failures", "errors", "skipped")]
    assert numbers == ["5", "1", "1", "1"]
    assert [child.tag for case in suite for child in case if child.tag != "system-out"] == [
        "failure", "skipped", "error",
    ]  # fmt: skip
    assert suite[2][0].get("message") == "An order of 4,500 won became one of 301 won."


def test_every_case_says_in_two_sentences_what_a_merchant_loses() -> None:
    for language, texts in CASE_TEXTS.items():
        assert texts.keys() == CASES.keys()
        for name, text in texts.items():
            assert text.loss.count(". ") == 1, (language, name)
            assert text.loss.endswith("."), (language, name)
            assert all(text), (language, name)
    assert len(CASES) >= 20


@pytest.mark.slow
def test_a_reader_that_goes_away_and_a_terminal_without_hangul_bring_no_traceback() -> None:
    line = [sys.executable, "-m", "sandbox", "check", "--list", "--lang", "ko"]
    environ = os.environ | {"PYTHONIOENCODING": "ascii", "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(line, cwd=ROOT, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout and process.stderr
    assert b"?" in process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    process.wait(timeout=60)
