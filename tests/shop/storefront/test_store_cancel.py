"""A buyer asks for the money back on the order page."""

from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from payments import cancellations, sync
from payments.database import db, transaction
from payments.events import Notification
from payments.models import Event, Payment
from shop.orders import cart
from shop.orders.models import Order, User
from tests import clocks
from tests.conftest import BUYER, csrf_of, order_window, product, sign_in
from tests.payments.fakes import FakeProvider
from tests.shop.bought import paid, states


@pytest.fixture
def payment(client: FlaskClient, provider: FakeProvider, buyer: User) -> Payment:
    sign_in(client)
    return paid(provider, buyer)


def act(client: FlaskClient, payment: Payment, what: str, **fields: Any) -> str:
    answer = client.post(
        f"/orders/{payment.purchase_id}/{what}", data=fields, headers=csrf_of(client), follow_redirects=True
    )
    return answer.get_data(as_text=True)


def test_unused_digital_goods_are_cancelled_at_once(
    client: FlaskClient, payment: Payment, provider: FakeProvider
) -> None:
    page = client.get(f"/orders/{payment.purchase_id}").get_data(as_text=True)
    assert "결제한 달에만, 전액으로만" in page
    page = act(client, payment, "cancel", reason="잘못 샀어요")
    assert "취소했습니다. 휴대폰 요금에서 빠집니다." in page
    assert states(payment) == ("cancelled", "cancelled")
    assert payment.cancel_reason == "잘못 샀어요"
    assert db.session.query(Event).filter_by(source="buyer", actor="buyer@example.com", outcome="requested").count()


def test_used_digital_goods_wait_for_the_shop(client: FlaskClient, payment: Payment, provider: FakeProvider) -> None:
    assert "이용을 시작했습니다" in act(client, payment, "use")
    page = act(client, payment, "cancel", reason="마음이 바뀜")
    assert "취소를 신청했습니다" in page
    assert "취소를 신청하셨습니다" in page
    assert states(payment) == ("paid", "paid")
    assert provider.cancels == []
    assert db.session.get_one(Order, int(payment.purchase_id)).cancel_wanted_reason == "마음이 바뀜"


def test_parcels_wait_for_the_shop(client: FlaskClient, provider: FakeProvider, buyer: User) -> None:
    sign_in(client)
    payment = paid(provider, buyer, product(digital=False))
    act(client, payment, "cancel", reason="마음이 바뀜")
    assert states(payment) == ("paid", "paid")
    assert db.session.query(Event).filter_by(outcome="wanted").count() == 1


def test_in_another_month_the_rule_is_said_and_a_person_is_asked(
    client: FlaskClient, payment: Payment, provider: FakeProvider
) -> None:
    clocks.later(timedelta(days=40))
    page = client.get(f"/orders/{payment.purchase_id}").get_data(as_text=True)
    assert "휴대폰 결제는 결제한 달에만 취소할 수 있습니다." in page
    act(client, payment, "cancel", reason="마음이 바뀜")
    assert provider.cancels == []
    assert states(payment) == ("paid", "paid")


@pytest.mark.parametrize("nothing", ["  ", "\x00", "\u200b\u3164"])
def test_a_cancel_needs_a_reason(nothing: str, client: FlaskClient, payment: Payment, provider: FakeProvider) -> None:
    assert "이유를 적어 주세요" in act(client, payment, "cancel", reason=nothing)
    assert states(payment) == ("paid", "paid")


def test_what_is_not_paid_cannot_be_cancelled_nor_used(
    client: FlaskClient, payment: Payment, provider: FakeProvider
) -> None:
    for _ in range(2):
        act(client, payment, "cancel", reason="한 번 더")
    assert len(provider.cancels) == 1
    assert client.post(f"/orders/{payment.purchase_id}/use", headers=csrf_of(client)).status_code == 409


@pytest.mark.parametrize("what", ["cancel", "use"])
def test_nobody_acts_on_somebody_elses_order(
    what: str, client: FlaskClient, payment: Payment, other_buyer: User, provider: FakeProvider
) -> None:
    sign_in(client, "other@example.com")
    answer = client.post(f"/orders/{payment.purchase_id}/{what}", data={"reason": "x"}, headers=csrf_of(client))
    assert answer.status_code == 404
    assert states(payment) == ("paid", "paid")


def test_money_that_went_back_by_itself_is_explained(
    client: FlaskClient, provider: FakeProvider, buyer: User, payment: Payment
) -> None:
    wrong = paid_wrongly(provider, buyer)
    page = client.get(f"/orders/{wrong.purchase_id}").get_data(as_text=True)
    assert "결제를 되돌려드렸습니다" in page
    assert "주문 금액과 결제 금액이 달라 자동 취소" in page


def paid_wrongly(provider: FakeProvider, buyer: User) -> Payment:
    cart.put_in_cart(buyer.id, product().id, 3)
    payment = order_window(provider, buyer.id, BUYER)
    provider.hears_of(payment.merchant_uid, amount=301)
    sync.sync_payment(provider, Notification("webhook", merchant_uid=payment.merchant_uid))
    return payment


def test_a_duplicate_that_was_cancelled_does_not_hide_the_payment_that_paid(
    client: FlaskClient, buyer: User, provider: FakeProvider
) -> None:
    sign_in(client)
    cart.put_in_cart(buyer.id, product().id, 1)
    payment, again = (order_window(provider, buyer.id, BUYER) for _ in range(2))
    for one in (payment, again):
        provider.hears_of(one.merchant_uid, amount=one.amount)
        sync.sync_payment(provider, Notification("webhook", merchant_uid=one.merchant_uid))
    assert states(again) == ("cancelled", "paid")
    assert "취소했습니다. 휴대폰 요금에서 빠집니다." in act(client, payment, "cancel", reason="잘못 샀어요")
    assert states(payment) == ("cancelled", "cancelled")


def test_goods_whose_money_is_on_its_way_back_cannot_be_used(
    client: FlaskClient, payment: Payment, provider: FakeProvider
) -> None:
    provider.cancel_answers = ["dropped"]
    act(client, payment, "cancel", reason="잘못 샀어요")
    assert client.post(f"/orders/{payment.purchase_id}/use", headers=csrf_of(client)).status_code == 409
    assert db.session.get_one(Order, int(payment.purchase_id)).fulfilled_at is None


def test_a_declined_cancellation_request_is_explained_to_the_buyer_and_the_goods_may_be_used_again(
    client: FlaskClient, payment: Payment, provider: FakeProvider
) -> None:
    clocks.later(timedelta(days=40))  # KG gives nothing back any more
    act(client, payment, "cancel", reason="마음이 바뀜")
    assert client.post(f"/orders/{payment.purchase_id}/use", headers=csrf_of(client)).status_code == 409
    sign_in(client, "admin@example.com")
    admin_page = f"/admin/payments/{payment.merchant_uid}"
    assert "취소 신청 거절" in client.get(admin_page).get_data(as_text=True)
    reason = {"reason": "지난달 결제라 계좌로 돌려드림"}
    statuses = [client.post(f"{admin_page}/decline", data=reason, headers=csrf_of(client)) for _ in range(2)]
    assert [answer.status_code for answer in statuses] == [302, 409]
    assert "취소 신청을 거절함" in client.get("/admin/audit").get_data(as_text=True)
    sign_in(client)
    page = client.get(f"/orders/{payment.purchase_id}").get_data(as_text=True)
    assert "받아들이지 않았습니다" in page
    assert "지난달 결제라 계좌로 돌려드림" in page
    assert "이용을 시작했습니다" in act(client, payment, "use")
    assert states(payment) == ("paid", "paid")


@pytest.mark.parametrize("is_held", [False, True])
def test_goods_whose_money_is_going_back_cannot_be_used(is_held: bool, client: FlaskClient, payment: Payment) -> None:
    with transaction():
        row = db.session.get_one(Payment, payment.id)
        if is_held:
            row.held_reason = "channel"
        else:
            cancellations.request(row, row.imp_uid or "", row.amount, "고객 변심")
    assert client.post(f"/orders/{payment.purchase_id}/use", headers=csrf_of(client)).status_code == 409
