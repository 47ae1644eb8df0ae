"""What comes back from PortOne, as a buyer, a member of staff and the log see it."""

import json
import logging
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, Phase, given, settings
from werkzeug.test import TestResponse

from payments.database import db, transaction
from payments.models import Event, Payment
from payments.privacy import mask_report
from shop.operations.logs import LineFormatter, Redactor
from shop.orders import cart
from shop.orders.models import User
from tests.conftest import BUYER, order_window, product, sign_in
from tests.payments.fakes import FakeProvider
from tests.payments.test_notification import NOISE
from tests.payments.test_privacy import MIDDLE, digits_of, written_numbers

WEBHOOK, CALLBACK, REDIRECT = (f"/payment/{each}" for each in ("webhook", "complete", "redirect"))


@pytest.fixture
def payment(provider: FakeProvider, buyer: User) -> Payment:
    """An open attempt to buy one thing."""
    cart.put_in_cart(buyer.id, product().id, 1)
    return order_window(provider, buyer.id, BUYER)


def is_page(answer: TestResponse) -> bool:
    return answer.mimetype == "text/html" and "<h1>" in answer.get_data(as_text=True)


@pytest.mark.parametrize("body", [*NOISE, b'{"imp_uid": "undefined"}'], ids=lambda body: repr(body[:8]))
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_buyer_who_comes_back_with_anything_sees_a_page(
    method: str, body: bytes, client: FlaskClient, provider: FakeProvider
) -> None:
    for content_type in ("application/json", "application/x-www-form-urlencoded", None):
        answer = client.open(REDIRECT, method=method, data=body, content_type=content_type)
        assert (answer.status_code, is_page(answer)) == (400, True)


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "PROPFIND"])
@pytest.mark.parametrize("address", [REDIRECT, f"{REDIRECT}/"])
def test_buyer_who_comes_back_by_another_method_sees_a_page(
    address: str, method: str, client: FlaskClient, payment: Payment
) -> None:
    answer = client.open(address, method=method, json={"merchant_uid": payment.merchant_uid})
    assert (answer.status_code, is_page(answer)) == (405, True)


def test_buyer_who_comes_back_with_too_much_or_with_nobodys_ids_sees_a_page(client: FlaskClient, shop: Any) -> None:
    answer = client.post(REDIRECT, data=b"x" * 1_100_000, content_type="application/json")
    assert (answer.status_code, is_page(answer)) == (413, True)
    answer = client.post(REDIRECT, json={"imp_uid": "imp_1"})
    assert (answer.status_code, is_page(answer)) == (404, True)


@pytest.fixture
def admin(app: Flask, shop: Any) -> FlaskClient:
    admin = app.test_client()
    sign_in(admin, "admin@example.com")
    return admin


@pytest.mark.sqlite_only
@settings(
    max_examples=40,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(written_numbers())
def test_phone_number_in_any_spelling_is_neither_stored_nor_logged_nor_shown(
    admin: FlaskClient, client: FlaskClient, provider: FakeProvider, payment: Payment, number: str
) -> None:
    with transaction():
        db.session.query(Event).delete()
    lines = Lines()
    sent = {"merchant_uid": payment.merchant_uid, "error_msg": f"전화 {number} 번", "buyer_tel": number}
    report = mask_report({"buyer_tel": number, "custom_data": {number: [number]}})  # as responses.payment_report does
    provider.hears_of(payment.merchant_uid, "paid", payment.amount, imp_uid="imp_1", as_received=report)
    logging.getLogger().addHandler(lines)
    try:
        client.post(WEBHOOK, json=sent)
        client.post(WEBHOOK, data=sent)
        client.post(WEBHOOK, data=json.dumps(sent, ensure_ascii=False, indent=1), content_type="text/plain")
        client.post(WEBHOOK, data=json.dumps({"imp_uid": number, "merchant_uid": number, "status": number}))
        client.post(WEBHOOK, data=number)
        client.post(CALLBACK, json=sent)
        logging.getLogger("shop").warning("no answer: %s", number)
    finally:
        logging.getLogger().removeHandler(lines)
    events = db.session.query(Event).all()
    assert len(events) == 5
    kept = [[each.raw, each.claimed, each.report, each.reason, each.imp_uid, each.merchant_uid] for each in events]
    shown = admin.get("/admin/webhooks").get_data(as_text=True)
    for text in (json.dumps(kept, ensure_ascii=False), *lines.written, shown):
        assert MIDDLE not in digits_of(text), text


class Lines(logging.Handler):
    """Keeps what would have been written."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(LineFormatter(Redactor([]), as_json=False))
        self.written: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.written.append(self.format(record))
