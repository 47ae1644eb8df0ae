"""What buyer and staff read about a cancel that nobody requested here: who made it, or that this is not known."""

from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from payments import sync
from payments.events import Notification
from payments.models import Payment
from shop.orders.models import User
from tests import clocks
from tests.conftest import sign_in
from tests.payments.fakes import FakeProvider
from tests.shop.bought import paid

NEXT_MONTH = timedelta(days=30)
CARRIER, UNKNOWN = "판매자가 취소한 것이 아닙니다.", "어느 쪽인지는 이 화면에서 알 수 없습니다."
STAFF_CARRIER, STAFF_UNKNOWN = "통신사나 KG가 되돌린 결제입니다.", "포트원은 어느 쪽인지 알려 주지 않으니"


@pytest.fixture
def payment(provider: FakeProvider, buyer: User) -> Payment:
    return paid(provider, buyer)


def cancelled_at_portone(provider: FakeProvider, payment: Payment, reason: str) -> None:
    facts: dict[str, Any] = {"imp_uid": payment.imp_uid, "cancel_reason": reason}
    provider.hears_of(payment.merchant_uid, "cancelled", payment.amount, **facts)
    sync.sync_payment(provider, Notification("webhook", payment.imp_uid, payment.merchant_uid))


def pages(client: FlaskClient, payment: Payment) -> tuple[str, str]:
    """The order's page as its buyer sees it, without the demo's panel, and the payment's as staff do."""
    sign_in(client)
    order = client.get(f"/orders/{payment.purchase_id}").get_data(as_text=True).partition("</main>")[0]
    client.post("/logout")
    sign_in(client, "admin@example.com")
    return order, client.get(f"/admin/payments/{payment.merchant_uid}").get_data(as_text=True)


def test_a_reason_typed_in_the_console_is_not_shown_as_the_carriers_reversal(
    client: FlaskClient, provider: FakeProvider, payment: Payment
) -> None:
    cancelled_at_portone(provider, payment, "재고 착오로 취소")
    order, staff = pages(client, payment)
    assert UNKNOWN in order
    assert CARRIER not in order
    assert "재고 착오로 취소" not in order, "what staff typed is not for the buyer"
    assert STAFF_UNKNOWN in staff
    assert STAFF_CARRIER not in staff
    assert "재고 착오로 취소" in staff
    assert "다른 곳에서 취소됨" in staff


def test_a_cancel_after_the_month_in_which_a_merchant_can_is_shown_as_the_carriers(
    client: FlaskClient, provider: FakeProvider, payment: Payment
) -> None:
    clocks.later(NEXT_MONTH)
    cancelled_at_portone(provider, payment, "민원")
    order, staff = pages(client, payment)
    assert CARRIER in order
    assert UNKNOWN not in order
    assert STAFF_CARRIER in staff
    assert STAFF_UNKNOWN not in staff
    assert "통신사가 되돌림" in staff


def test_the_consoles_own_reason_is_shown_as_neither(
    client: FlaskClient, provider: FakeProvider, payment: Payment
) -> None:
    cancelled_at_portone(provider, payment, "관리자페이지취소")
    order, staff = pages(client, payment)
    assert not [text for text in (CARRIER, UNKNOWN) if text in order]
    assert not [text for text in (STAFF_CARRIER, STAFF_UNKNOWN) if text in staff]
