"""The learn panel tells what really happened, hides secrets, and exists in sandbox mode only."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import requests
from flask import Flask
from flask.testing import FlaskClient

from app import close_app, create_app
from payments import sync
from payments.database import db, transaction
from payments.events import Notification
from payments.models import Event
from payments.portone.responses import Answer
from payments.signals import Call
from shop.config import load_settings
from shop.demo.learn_panel import Calls, panel_of_order
from shop.orders import cart
from shop.orders.models import User
from tests.conftest import BUYER, order_of, order_window, product, sign_in
from tests.payments.fakes import FakeProvider
from tests.shop.test_config import LIVE


@pytest.fixture
def paid(provider: FakeProvider, buyer: User) -> sync.Payment:
    cart.put_in_cart(buyer.id, product().id, 1)
    payment = order_window(provider, buyer.id, BUYER)
    report = provider.hears_of(payment.merchant_uid, amount=payment.amount)
    told = {"imp_uid": report.imp_uid, "merchant_uid": payment.merchant_uid}
    sync.sync_payment(provider, Notification("callback", **told, claimed=told))
    return payment


def test_the_order_page_tells_the_door_the_decision_and_the_function(client: FlaskClient, paid: sync.Payment) -> None:
    sign_in(client)
    page = client.get(f"/orders/{paid.purchase_id}").get_data(as_text=True)
    panel = page.split('<aside class="learn"', 1)[1]
    assert "결제창 콜백" in panel
    assert "상태, 금액, 통화, 수단, 채널, 번호가 모두 요청한 대로임" in panel
    assert "<code>payments/decision.py</code> <b><code>decide</code></b>" in panel
    lit = "".join(re.findall(r'<g class="step lit">.*?</g>', panel))
    assert "POST /checkout" in lit and "/payment/complete" in lit and "/payments/prepare" in lit
    assert "/payment/webhook" not in lit  # none came
    assert len(re.findall('<g class="step lit now">', panel)) == 1


def test_the_latest_attempt_comes_first_and_abandoned_windows_last(
    client: FlaskClient, paid: sync.Payment, provider: FakeProvider, buyer: User
) -> None:
    order = order_of(paid)
    with transaction():
        for number, facts in enumerate(({"status": "ready"}, {"status": "failed", "fail_reason": "한도 초과"})):
            row = sync.Payment(
                merchant_uid=f"later-{number}",
                kind="once",
                purchase_id=str(order.id),
                name="x",
                amount=paid.amount,
                is_test_channel=True,
                **facts,
            )
            db.session.add(row)
            db.session.flush()
            db.session.add(Event(source="checkout", outcome="ready", reason="opened", payment_id=row.id))
    sign_in(client)
    panel = client.get(f"/orders/{order.id}").get_data(as_text=True).split('id="learn-now"', 1)[1]
    shown = re.findall(r"<h3>결제 시도 <code>([^<]+)</code>", panel)
    assert shown == ["later-1", paid.merchant_uid, "later-0"]


def test_no_two_parts_of_the_panel_have_the_same_name(client: FlaskClient, paid: sync.Payment) -> None:
    sign_in(client)
    page = client.get(f"/orders/{paid.purchase_id}").get_data(as_text=True)
    panel = page.split('<aside class="learn"', 1)[1]
    names = re.findall(r'<section[^>]* aria-labelledby="([^"]+)"', panel)
    names += re.findall(r'role="region"[^>]* aria-labelledby="([^"]+)"', panel)
    assert len(names) == len(set(names)) == 4


def test_the_cart_shows_what_the_window_will_be_asked_for_and_writes_nothing(client: FlaskClient, buyer: User) -> None:
    sign_in(client)
    cart.put_in_cart(buyer.id, product().id, 2)
    page = client.get("/cart").get_data(as_text=True)
    asked = json.loads(re.search(r'id="learn-request".*?>(.*?)</pre>', page, re.DOTALL)[1].replace("&#34;", '"'))
    assert (asked["pay_method"], asked["amount"]) == ("phone", product().price * 2)
    assert "customer_uid" not in asked
    assert client.get("/orders").get_data(as_text=True).count("/orders/") == 0


@pytest.mark.parametrize("address", ["/cart", "/subscriptions"])
def test_an_empty_page_has_a_panel_too(address: str, client: FlaskClient, buyer: User) -> None:
    sign_in(client)
    assert '<aside class="learn"' in client.get(address).get_data(as_text=True)


@pytest.mark.parametrize(("cookie", "opened"), [("open", True), ("closed", False), (None, False)])
def test_the_reader_decides_whether_it_is_open(
    cookie: str | None, opened: bool, client: FlaskClient, buyer: User
) -> None:
    sign_in(client)
    if cookie:
        client.set_cookie("learn", cookie)
    assert ('<details id="learn" open>' in client.get("/cart").get_data(as_text=True)) == opened


def answered(path: str, body: dict[str, Any], answer: dict[str, Any]) -> Answer:
    asked = requests.Request("POST", f"http://sandbox.example{path}", json=body).prepare()
    return Answer(asked, 200, json.dumps(answer).encode())


def test_calls_are_kept_without_secrets_and_numbers() -> None:
    calls = Calls()
    answer = answered(
        "/users/getToken",
        {"imp_key": "imp_apikey", "imp_secret": "sandbox_secret", "merchant_uid": "m-1"},
        {"code": 0, "message": None, "response": {"access_token": "0123456789", "buyer_tel": "010-1234-5678"}},
    )
    calls.hear(None, Call("POST /users/getToken", 0.1, "200", answer))
    [call] = calls.about(["m-1"])
    told = call.body + call.answer
    assert "imp_apikey" not in told and "sandbox_secret" not in told and "0123456789" not in told
    assert "010-****-5678" in told and "1234-5678" not in told
    assert calls.about(["m-2", None]) == []


def test_with_live_settings_there_is_no_panel(tmp_path: Path, settings: Any) -> None:
    live = create_app(load_settings({**LIVE, "DATABASE_URL": settings.database_url}, tmp_path))
    client = live.test_client()
    with live.app_context():
        sign_in(client)
    page = client.get("/cart", base_url="https://shop.example").get_data(as_text=True)
    assert "learn" not in page
    assert "learn_cart" not in live.jinja_env.globals
    close_app(live)


def test_the_panel_can_be_drawn_without_any_event(app: Flask, paid: sync.Payment) -> None:
    with app.test_request_context():
        assert "step lit now" in panel_of_order(order_of(paid), [])
