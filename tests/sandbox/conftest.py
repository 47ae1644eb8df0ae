"""A sandbox of its own for every test, and a client that already holds a token."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from sandbox import Sandbox, create_sandbox
from sandbox.settings import API_KEY, API_SECRET, IMP_CODE

ASKED = {
    "pay_method": "phone",
    "merchant_uid": "order-1",
    "name": "디지털 이용권",
    "amount": 9900,
    "buyer_name": "홍길동",
    "buyer_tel": "01012345678",
    "buyer_email": "buyer@example.com",
    "digital": True,
}


@pytest.fixture
def sandbox_app(tmp_path: Path) -> Iterator[Flask]:
    app = create_sandbox(tmp_path / "sandbox.sqlite3", shop_origin="http://shop.example", start_worker=False)
    yield app
    app.extensions["sandbox"].close()


@pytest.fixture
def sandbox(sandbox_app: Flask) -> Sandbox:
    found: Sandbox = sandbox_app.extensions["sandbox"]
    return found


@pytest.fixture
def anybody(sandbox_app: Flask) -> FlaskClient:
    """Calls without a token."""
    return sandbox_app.test_client()


class Merchant:
    """Calls the REST API as a shop's server does."""

    def __init__(self, client: FlaskClient) -> None:
        self._client = client
        granted = client.post("/users/getToken", json={"imp_key": API_KEY, "imp_secret": API_SECRET}).json
        assert granted
        self.token = granted["response"]["access_token"]

    def __call__(self, method: str, path: str, **options: Any) -> tuple[int, int, Any, Any]:
        """(HTTP status, code, message, response)."""
        answer = self._client.open(path, method=method, headers={"Authorization": f"Bearer {self.token}"}, **options)
        body = answer.json
        assert body, answer.data
        assert set(body) == {"code", "message", "response"}
        return answer.status_code, body["code"], body["message"], body["response"]


@pytest.fixture
def merchant(anybody: FlaskClient) -> Merchant:
    return Merchant(anybody)


def pay(sandbox: Sandbox, phone: str = "01012345678", **asked: Any) -> dict[str, Any]:
    """Go through a window to its end; what the ledger then says."""
    window_id = open_window(sandbox, **asked)
    view = sandbox.ledger.send_code(window_id, carrier="SKT", phone=phone, birth="900101", gender="1")
    sandbox.ledger.confirm_code(window_id, view.sms_code or "")
    payment = sandbox.ledger.payment(view.imp_uid)
    assert payment
    return payment


def payments_of(sandbox: Sandbox, merchant_uid: str) -> list[dict[str, Any]]:
    """All windows and charges of an order id, the newest first."""
    page = sandbox.ledger.lookups.of_order(merchant_uid, "", "-started", 1, 1000)
    return [json.loads(text) for text in page.texts]


def open_window(sandbox: Sandbox, device: str = "pc", **asked: Any) -> str:
    return sandbox.ledger.open_window(
        IMP_CODE, ASKED | asked, device=device, page_url="http://shop.example/cart", user_agent="test", callback=True
    )
