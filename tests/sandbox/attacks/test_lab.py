"""The attack lab: it plays the cases of the check, and says how they ended."""

import ast
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from flask.testing import FlaskClient
from playwright.sync_api import Page, Route, expect

from sandbox import create_sandbox
from sandbox.check.cases import CASES
from sandbox.check.shopfile import read
from tests.clocks import start_sandbox
from tests.sandbox.conftest import served
from tests.sandbox.test_processes import wait_for
from tests.servers import Server, serving

ROOT = Path(__file__).parents[3]
SHOP_FILE = ROOT / "shop" / "demo" / "check.toml"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("attacked")) as server:
        yield server


def play(address: str, name: str, token: str = "") -> dict[str, Any]:
    headers = {"X-Controls-Token": token}
    answer = requests.post(f"{address}/controls/attacks/{name}?lang=en", headers=headers, timeout=60)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


IN_EVERY_RUN = ("changed-price", "replayed-payment", "forged-webhook")
OTHERS = ("all-lost", "portone-down", "second-month")  # tests/sandbox/check plays them all
ATTACKS = [name for name, case in CASES.items() if case.group == "attackers"]


@pytest.mark.parametrize(
    "name",
    [name if name in IN_EVERY_RUN else pytest.param(name, marks=pytest.mark.slow) for name in (*ATTACKS, *OTHERS)],
)
def test_the_shop_refuses(name: str, server: Server) -> None:
    told = play(f"{server.url}/sandbox", name)
    assert told["refused"], told
    assert bool(told["refused_by"]) == (name in ATTACKS)
    assert told["steps"]
    assert all(step["note"] and step["request"] for step in told["steps"])
    assert requests.get(f"{server.url}/sandbox/controls/faults", timeout=20).json() == {"faults": []}


def test_the_duplicates_were_of_a_payment_that_did_count(server: Server) -> None:
    steps = play(f"{server.url}/sandbox", "duplicate-webhooks")["steps"]
    answers = [step["answer"] for step in steps if "/payment/webhook" in step["request"]]
    assert sorted(answers) == ['200 {"outcome": "paid"}'] + ['200 {"outcome": "unchanged"}'] * 7
    assert steps[-1]["answer"] == "200 paid"


@pytest.mark.slow
def test_behind_https_the_lab_attacks_the_public_address_without_leaving_the_process(tmp_path: Path) -> None:
    token = "9a8b7c6d5e4f3a2b1c0d"
    with serving(tmp_path, PUBLIC_URL="https://demo.example", SANDBOX_CONTROLS_TOKEN=token) as shop:
        for name in ("replayed-payment", "strangers-order", "paid-by-webhook", "second-month"):
            assert play(f"{shop.url}/sandbox", name, token)["refused"]


@pytest.mark.slow
def test_a_sandbox_that_runs_alone_attacks_the_shop_that_it_was_told_of(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    with serving(tmp_path, PORTONE_API_URL=address) as shop:
        start_sandbox(tmp_path / "alone.sqlite3")
        options = ["--port", str(port), "--shop", shop.url, "--database", str(tmp_path / "alone.sqlite3")]
        command = [sys.executable, "-m", "sandbox", *options, "--shop-file", str(SHOP_FILE)]
        alone = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
        try:
            wait_for(address)
            assert "/controls/attacks" in requests.get(f"{address}/controls/", timeout=10).text
            for name in ("changed-price", "duplicate-webhooks"):
                assert play(address, name)["refused"]
        finally:
            alone.terminate()
            alone.wait(timeout=10)


def test_every_function_that_the_shops_file_names_exists() -> None:
    refused_by = read(SHOP_FILE, tuple(CASES)).refused_by
    assert refused_by.keys() == set(ATTACKS)
    for places in refused_by.values():
        for file, function in (place.split(" ", 1) for place in places):
            nodes = ast.walk(ast.parse((ROOT / file).read_text()))
            defined = {node.name for node in nodes if isinstance(node, ast.FunctionDef)}
            assert function in defined, f"{file} {function}"


def test_without_a_shop_that_answers_the_lab_says_so(anybody: FlaskClient, tmp_path: Path) -> None:
    assert anybody.post("/controls/attacks/no-such-attack").status_code == 404
    nobody = create_sandbox(tmp_path / "alone.sqlite3", shop_origin="http://127.0.0.1:9", start_worker=False)
    assert nobody.test_client().post("/controls/attacks/forged-webhook").status_code == 409
    assert b"disabled" in nobody.test_client().get("/controls/attacks").data
    nobody.extensions["sandbox"].close()
    away = create_sandbox(
        tmp_path / "away.sqlite3", shop_origin="http://127.0.0.1:9", start_worker=False, shop_file=SHOP_FILE
    )
    answer = away.test_client().post("/controls/attacks/forged-webhook?lang=en")
    assert answer.status_code == 502
    assert "ConnectionError" in answer.get_data(as_text=True)
    away.extensions["sandbox"].close()


@pytest.mark.slow
@pytest.mark.browser
def test_playing_all_counts_while_it_runs_and_tells_the_sum(page: Page, tmp_path: Path) -> None:
    app = create_sandbox(tmp_path / "alone.sqlite3", start_worker=False, shop_file=SHOP_FILE)
    counted: list[str] = []
    broken: list[str] = ["forged-webhook"]

    def answer(route: Route) -> None:
        counted.append(page.locator("#attack-total").inner_text())
        name = urlsplit(route.request.url).path.rpartition("/")[2]
        state = "broken" if name in broken else "ok"
        route.fulfill(json={"state": state, "head": "", "because": "", "refused_by": [], "steps": []})

    played = [name for name, case in CASES.items() if not case.moves_clock and not case.disturbs]
    with served(app) as url:
        page.route("**/controls/attacks/*", answer)
        page.goto(f"{url}/controls/attacks?lang=en")
        total, play_all = page.locator("#attack-total"), page.get_by_role("button", name="but clock and error cases")
        for told in (f"Of {len(played)}: {len(played) - 1} passed, 1 broken", f"All {len(played)} passed"):
            counted.clear()
            play_all.click()
            expect(total).to_contain_text(told)
            assert counted == [f"Playing {number}/{len(played)}…" for number in range(1, len(played) + 1)]
            broken.clear()
    app.extensions["sandbox"].close()


def test_a_case_for_which_the_file_describes_too_little_is_told_as_such(tmp_path: Path) -> None:
    file = tmp_path / "shop.toml"
    file.write_text(
        '[shop]\nurl = "http://127.0.0.1:9"\n[[order]]\nget = "/"\nrequest_pay = { amount = 301 }\n'
        '[paid]\nget = "/"\ntext = "paid"\n'
    )
    app = create_sandbox(tmp_path / "alone.sqlite3", start_worker=False, shop_file=file)
    told = app.test_client().post("/controls/attacks/all-lost?lang=en").json
    app.extensions["sandbox"].close()
    assert told
    assert (told["state"], told["seen"], told["refused"], told["steps"]) == ("not_described", "[sweep]", False, [])
