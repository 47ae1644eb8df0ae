"""The money laws, by number: here with threads on both databases, elsewhere by HTTP and with processes."""

from collections import Counter
from typing import Any

import pytest
from flask import Flask

from payments.database import db, end_reading, transaction
from payments.events import Notification
from payments.models import Event, Payment
from payments.monthly.models import Subscription
from payments.sync import sync_payment
from shop.orders import cart
from shop.orders.models import Order, Product, User
from tests.conftest import ADDRESSED_BUYER, BUYER, new_order, order_of, order_window, plan_window, product
from tests.payments.fakes import FakeProvider
from tests.payments.threads import at_once

pytestmark = pytest.mark.law


@pytest.fixture
def paid_parcel(provider: FakeProvider, buyer: User) -> Payment:
    """An attempt to buy one parcel of five; PortOne already knows that it is paid."""
    parcel = product(digital=False)
    with transaction():
        db.session.get_one(Product, parcel.id).stock = 5
    cart.put_in_cart(buyer.id, parcel.id, 1)
    payment = order_window(provider, buyer.id, ADDRESSED_BUYER)
    provider.hears_of(payment.merchant_uid, amount=payment.amount, imp_uid="imp_1")
    return payment


@pytest.mark.parametrize(
    "claim", [{"status": "paid"}, {"imp_success": "true", "success": "true"}, {"status": "cancelled"}]
)
def test_law_1_what_a_caller_claims_changes_no_book(claim: dict[str, str], provider: FakeProvider, buyer: User) -> None:
    cart.put_in_cart(buyer.id, product().id, 1)
    payment = order_window(provider, buyer.id, BUYER)
    window = provider.hears_of(payment.merchant_uid, status="ready", amount=payment.amount)
    sync_payment(provider, Notification("webhook", window.imp_uid, payment.merchant_uid, claim))
    db.session.expire_all()
    assert (payment.status, order_of(payment).status) == ("ready", "pending")


def test_law_2_a_paid_payment_of_another_order_completes_nothing_but_its_own(
    paid_parcel: Payment, provider: FakeProvider, other_buyer: User
) -> None:
    cart.put_in_cart(other_buyer.id, product(digital=False).id, 1)
    thiefs = order_window(provider, other_buyer.id, ADDRESSED_BUYER)
    assert thiefs.amount == paid_parcel.amount
    result = sync_payment(provider, Notification("callback", "imp_1", thiefs.merchant_uid))
    assert (result.outcome, result.payment and result.payment.id) == ("mismatch", paid_parcel.id)
    db.session.expire_all()
    assert (thiefs.status, order_of(thiefs).status) == ("ready", "pending")
    assert (paid_parcel.status, order_of(paid_parcel).status) == ("paid", "paid")


def test_law_3_many_deliveries_at_once_have_one_winner_and_one_outcome(
    app: Flask, paid_parcel: Payment, provider: FakeProvider
) -> None:
    uid = paid_parcel.merchant_uid

    def deliver() -> str:
        return sync_payment(provider, Notification("webhook", "imp_1", uid)).outcome

    assert Counter(at_once(app, deliver, 12)) == {"paid": 1, "unchanged": 11}
    db.session.expire_all()
    assert (paid_parcel.status, order_of(paid_parcel).status) == ("paid", "paid")
    assert product(digital=False).stock == 4
    assert db.session.query(Event).filter_by(payment_id=paid_parcel.id, outcome="paid").count() == 1


def test_law_3_two_paid_windows_of_one_plan_at_once_start_one_subscription(
    app: Flask, provider: FakeProvider, buyer: User
) -> None:
    uids = []
    for _ in range(2):
        payment = plan_window(provider, buyer.id, product("monthly").id, BUYER)
        provider.issues_key(payment.customer_uid or "")
        provider.hears_of(payment.merchant_uid, amount=payment.amount, customer_uid=payment.customer_uid)
        uids.append(payment.merchant_uid)
    waiting = iter([*uids, *uids])
    outcomes = at_once(
        app, lambda: sync_payment(provider, Notification("webhook", merchant_uid=next(waiting))).outcome, 4
    )
    assert Counter(outcomes) == {"paid": 1, "held": 1, "unchanged": 2}
    db.session.expire_all()
    assert db.session.query(Subscription).filter_by(status="active").count() == 1
    assert sorted(one.status for one in db.session.query(Payment)) == ["cancelled", "paid"]


def test_law_3_stock_is_not_oversold_by_many_buyers_at_once(app: Flask, shop: Any) -> None:
    parcel = product(digital=False)
    with transaction():
        db.session.get_one(Product, parcel.id).stock = 3
        buyers = [User(email=f"b{n}@example.com", password_hash="x") for n in range(8)]
        db.session.add_all(buyers)
    for buyer in buyers:
        cart.put_in_cart(buyer.id, parcel.id, 1)
    waiting = iter([buyer.id for buyer in buyers])

    def buy() -> str:
        try:
            new_order(next(waiting), ADDRESSED_BUYER)
        except cart.OutOfStock:
            return "too late"
        return "placed"

    assert Counter(at_once(app, buy, 8)) == {"placed": 3, "too late": 5}
    end_reading()
    db.session.expire_all()
    assert parcel.stock == 0
    assert db.session.query(Order).count() == 3


@pytest.mark.parametrize("late", ["failed", "ready"])
def test_law_3_late_news_never_downgrades_a_paid_payment(
    late: str, paid_parcel: Payment, provider: FakeProvider
) -> None:
    uid = paid_parcel.merchant_uid
    sync_payment(provider, Notification("callback", merchant_uid=uid))
    provider.hears_of(uid, status=late, amount=paid_parcel.amount, imp_uid="imp_1")
    assert sync_payment(provider, Notification("webhook", "imp_1", uid)).outcome == "unchanged"
    db.session.expire_all()
    assert (paid_parcel.status, order_of(paid_parcel).status) == ("paid", "paid")


def test_law_5_the_provider_is_never_asked_inside_a_transaction(
    app: Flask, provider: FakeProvider, buyer: User
) -> None:
    """The provider itself fails in an open transaction; here it is shown that it would."""
    with transaction(), pytest.raises(AssertionError, match="open transaction"):
        provider.find_payment("m-1")
    db.session.query(User).first()  # even a plain read opens one
    with pytest.raises(AssertionError, match="open transaction"):
        provider.find_payment("m-1")


def test_law_9_amounts_are_integers_of_won(provider: FakeProvider, buyer: User) -> None:
    cart.put_in_cart(buyer.id, product().id, 3)
    payment = order_window(provider, buyer.id, BUYER)
    assert type(product().price) is int
    assert type(payment.amount) is int
    assert type(provider.prepared[payment.merchant_uid]) is int
    assert all(
        str(table_column.type) == "INTEGER"
        for table in (Payment, Order, Product, Subscription)
        for table_column in table.__table__.columns
        if "amount" in table_column.name or "price" in table_column.name
    )
