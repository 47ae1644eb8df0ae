"""The attack lab: a real shop withstands every attack, and the functions that are said to refuse exist."""

import ast
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from flask import Flask
from flask.testing import FlaskClient

from sandbox import create_sandbox
from sandbox.attacks.attacks import ATTACKS
from tests.clocks import start_sandbox
from tests.sandbox.conftest import served
from tests.sandbox.test_processes import wait_for
from tests.servers import Server, serving

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("attacked")) as server:
        yield server


def play(address: str, name: str, token: str = "") -> dict[str, Any]:
    headers = {"X-Controls-Token": token}
    answer = requests.post(f"{address}/controls/attacks/{name}?lang=en", headers=headers, timeout=20)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


IN_EVERY_RUN = ("changed-price", "replayed-payment", "forged-webhook")


@pytest.mark.parametrize(
    "name", [name if name in IN_EVERY_RUN else pytest.param(name, marks=pytest.mark.slow) for name in ATTACKS]
)
def test_the_shop_refuses(name: str, server: Server) -> None:
    told = play(f"{server.url}/sandbox", name)
    assert told["refused"], told
    assert told["refused_by"]
    assert told["steps"]
    assert all(step["note"] and step["request"] and step["answer"] for step in told["steps"])


def test_the_duplicates_were_of_a_payment_that_did_count(server: Server) -> None:
    steps = play(f"{server.url}/sandbox", "duplicate-webhooks")["steps"]
    answers = [step["answer"] for step in steps if "/payment/webhook" in step["request"]]
    assert sorted(answers) == ['200 {"outcome": "paid"}'] + ['200 {"outcome": "unchanged"}'] * 7
    assert steps[-1]["answer"] == "200 paid"


@pytest.mark.slow
def test_behind_https_the_lab_attacks_the_public_address_without_leaving_the_process(tmp_path: Path) -> None:
    token = "9a8b7c6d5e4f3a2b1c0d"
    with serving(tmp_path, PUBLIC_URL="https://demo.example", SANDBOX_CONTROLS_TOKEN=token) as shop:
        for name in ("replayed-payment", "strangers-order"):
            assert play(f"{shop.url}/sandbox", name, token)["refused"]


@pytest.mark.slow
def test_a_sandbox_that_runs_alone_attacks_the_shop_that_it_was_told_of(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    with serving(tmp_path, PORTONE_API_URL=address) as shop:
        start_sandbox(tmp_path / "alone.sqlite3")
        options = ["--port", str(port), "--shop", shop.url, "--database", str(tmp_path / "alone.sqlite3")]
        alone = subprocess.Popen([sys.executable, "-m", "sandbox", *options], cwd=ROOT, stderr=subprocess.DEVNULL)
        try:
            wait_for(address)
            assert "/controls/attacks" in requests.get(f"{address}/controls/", timeout=10).text
            for name in ("changed-price", "duplicate-webhooks"):
                assert play(address, name)["refused"]
        finally:
            alone.terminate()
            alone.wait(timeout=10)


@pytest.mark.parametrize("name", ATTACKS)
def test_every_function_that_is_named_exists(name: str) -> None:
    for file, function in ATTACKS[name].refused_by:
        nodes = ast.walk(ast.parse((ROOT / file).read_text()))
        defined = {node.name for node in nodes if isinstance(node, ast.FunctionDef)}
        assert function in defined, f"{file} {function}"


GULLIBLE_FORM = """<meta name="csrf-token" content="x"><a href="/products/thing">thing</a> <a href="/orders/7">7</a>
<form><input name="email"><input name="password"><input type="checkbox" name="terms" required></form>
<article data-kind="once" data-order-status="paid"><form><input name="product_id" value="1"></form></article>"""


def gullible_shop() -> Flask:
    """A shop that believes everything."""
    app = Flask("gullible")
    pay = {"pay_method": "phone", "name": "x", "amount": 301, "buyer_tel": "01012345678", "digital": True}

    @app.get("/", defaults={"path": ""})
    @app.get("/<path:path>")
    def page(path: str) -> str:
        return GULLIBLE_FORM

    @app.post("/checkout")
    def checkout() -> dict[str, Any]:
        return {"request_pay": pay | {"merchant_uid": "order-of-the-gullible"}}

    @app.post("/signup", endpoint="signup")
    @app.post("/cart/items", endpoint="items")
    def sent_on() -> tuple[str, int, dict[str, str]]:
        return "", 302, {"Location": "/"}

    @app.post("/payment/<door>")
    def door(door: str) -> dict[str, str]:
        return {"outcome": "paid"}

    return app


@pytest.mark.parametrize("name", ATTACKS)
def test_a_gullible_shop_is_broken_into(name: str, tmp_path: Path) -> None:
    with served(gullible_shop()) as shop_url:
        start_sandbox(tmp_path / "sandbox.sqlite3")
        sandbox = create_sandbox(tmp_path / "sandbox.sqlite3", shop_origin=shop_url, start_worker=False)
        told = sandbox.test_client().post(f"/controls/attacks/{name}").json
        sandbox.extensions["sandbox"].close()
    assert told
    if name != "replayed-payment":  # its second order is one with the first
        assert told["refused"] is False, told
        assert told["refused_by"] == []


def test_without_a_shop_that_answers_the_lab_says_so(anybody: FlaskClient, tmp_path: Path) -> None:
    assert anybody.post("/controls/attacks/no-such-attack").status_code == 404
    nobody = create_sandbox(tmp_path / "alone.sqlite3", start_worker=False)
    assert nobody.test_client().post("/controls/attacks/forged-webhook").status_code == 409
    assert b"disabled" in nobody.test_client().get("/controls/attacks").data
    nobody.extensions["sandbox"].close()
    away = create_sandbox(tmp_path / "away.sqlite3", shop_origin="http://127.0.0.1:9", start_worker=False)
    answer = away.test_client().post("/controls/attacks/forged-webhook?lang=en")
    assert answer.status_code == 502
    assert "ConnectionError" in answer.get_data(as_text=True)
    away.extensions["sandbox"].close()
