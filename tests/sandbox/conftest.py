"""A sandbox of its own for every test, and a client that already holds a token."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import requests
from flask import Flask
from flask.testing import FlaskClient
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response
from werkzeug.serving import make_server

from sandbox import Sandbox, create_sandbox
from sandbox.adapter import WSGIAdapter
from sandbox.ledger.clock import SEOUL
from sandbox.ledger.merchant import API_KEY, API_SECRET, IMP_CODE
from sandbox.testing import portone_sandbox as portone_sandbox  # a fixture
from tests.clocks import start_sandbox
from tests.sandbox.driver import driven, travel

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
    start_sandbox(tmp_path / "sandbox.sqlite3")
    app = create_sandbox(tmp_path / "sandbox.sqlite3", shop_origin="http://127.0.0.1:5000", start_worker=False)
    yield app
    app.extensions["sandbox"].close()


@pytest.fixture
def sandbox(sandbox_app: Flask) -> Sandbox:
    return driven(sandbox_app)


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


def go_to(sandbox: Sandbox, moment: str) -> None:
    """Move the business clock to a moment in Seoul, doing what falls due on the way: `2055-01-31` or with a time."""
    travel(sandbox.ledger, datetime.fromisoformat(moment if "T" in moment else f"{moment}T12:00").replace(tzinfo=SEOUL))


def issue_key(
    sandbox: Sandbox, phone: str = "01012345678", customer_uid: str = "key-1", **asked: Any
) -> dict[str, Any]:
    """A billing key by paying its first month; the payment."""
    return pay(sandbox, phone, **{"merchant_uid": f"first-of-{customer_uid}", "customer_uid": customer_uid} | asked)


@pytest.fixture
def heard(httpserver: HTTPServer) -> list[dict[str, str]]:
    """What a shop on this machine hears at /hook, as JSON."""
    bodies: list[dict[str, str]] = []

    def listen(request: Request) -> Response:
        bodies.append(json.loads(request.get_data()))
        return Response("ok")

    httpserver.expect_request("/hook", method="POST").respond_with_handler(listen)
    return bodies


class PortOneClient:
    """Calls a sandbox through `requests`, in-process or at an address, as a shop's server does."""

    def __init__(self, session: requests.Session, address: str) -> None:
        self._session, self._address = session, address
        granted = self.post("/users/getToken", {"imp_key": API_KEY, "imp_secret": API_SECRET})
        session.headers["Authorization"] = granted.json()["response"]["access_token"]

    def get(self, path: str, timeout: float = 5) -> requests.Response:
        return self._session.get(self._address + path, timeout=timeout)

    def post(self, path: str, body: dict[str, Any], timeout: float = 5) -> requests.Response:
        return self._session.post(self._address + path, json=body, timeout=timeout)


@contextmanager
def portone_client(app: Flask) -> Iterator[PortOneClient]:
    """A client in the sandbox's own process, as when the shop and the sandbox share one."""
    with requests.Session() as session:
        session.mount("http://sandbox.example/", WSGIAdapter(app, "http://sandbox.example"))
        yield PortOneClient(session, "http://sandbox.example")


@contextmanager
def served(app: Flask) -> Iterator[str]:
    """The app on a free port of this machine, a thread for every connection; its address."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
