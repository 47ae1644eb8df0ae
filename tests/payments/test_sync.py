"""What becomes of a payment, told by a provider that the test controls."""

from typing import Any

import pytest
from flask import Flask

from payments.cancellations import is_requested
from payments.database import db, transaction
from payments.events import Notification
from payments.models import Event, Payment, move
from payments.monthly.first_month import NO_KEY_TEXT
from payments.monthly.models import BillingKey, Subscription
from payments.portone.report import OutcomeUnknown, Refused
from payments.sync import LOOK_UP_SECONDS, sync_payment
from shop.orders import cart, orders
from shop.orders.models import CartItem, Order, Product, User
from tests import conftest
from tests.conftest import ADDRESSED_BUYER, BUYER, new_order, order_window, plan_window, product
from tests.fakes import FakeProvider


def goods_payment(provider: FakeProvider, buyer: User, item: Product | None = None) -> Payment:
    cart.put_in_cart(buyer.id, (item or product()).id, 1)
    return order_window(provider, buyer.id, ADDRESSED_BUYER)


def plan_payment(provider: FakeProvider, buyer: User) -> Payment:
    return plan_window(provider, buyer.id, product("monthly").id, BUYER)


def order_of(payment: Payment) -> Order:
    db.session.expire_all()
    return conftest.order_of(payment)


# --- opening ---


def test_the_row_is_there_before_portone_hears_of_it(provider: FakeProvider, buyer: User) -> None:
    provider.trouble = OutcomeUnknown("no answer")
    with pytest.raises(OutcomeUnknown):
        goods_payment(provider, buyer)
    payment = db.session.query(Payment).one()
    assert payment.status == "ready"
    assert provider.asked == [("prepare", payment.merchant_uid)]


def test_the_amount_that_is_registered_is_the_orders(provider: FakeProvider, buyer: User) -> None:
    payment = goods_payment(provider, buyer)
    assert provider.prepared == {payment.merchant_uid: order_of(payment).amount}
    assert payment.is_test_channel
    assert payment.customer_uid is None


def test_every_attempt_has_an_id_of_its_own_that_kg_can_take(provider: FakeProvider, buyer: User) -> None:
    ids = {goods_payment(provider, buyer).merchant_uid for _ in range(3)}
    assert len(ids) == 3
    assert all(uid.isascii() and len(uid) <= 40 for uid in ids)
    assert db.session.query(Order).count() == 1  # the same goods: three attempts to pay one order


def test_a_plans_payment_names_a_new_key_with_the_buyers_data(provider: FakeProvider, buyer: User) -> None:
    payment = plan_payment(provider, buyer)
    key = db.session.query(BillingKey).one()
    assert payment.customer_uid == key.customer_uid
    assert (key.status, key.buyer_tel) == ("issuing", BUYER.tel)


# --- paid ---


def test_a_paid_report_pays_the_order_once_with_its_consequences(provider: FakeProvider, buyer: User) -> None:
    payment = goods_payment(provider, buyer)
    report = provider.hears_of(payment.merchant_uid, amount=payment.amount)
    result = sync_payment(provider, Notification("callback", report.imp_uid, payment.merchant_uid))
    assert result.outcome == "paid"
    assert order_of(payment).status == "paid"
    assert (payment.status, payment.imp_uid, payment.reported_amount) == ("paid", report.imp_uid, payment.amount)
    assert db.session.query(CartItem).count() == 0


def test_with_our_id_alone_the_payment_is_found(provider: FakeProvider, buyer: User) -> None:
    payment = goods_payment(provider, buyer)
    provider.hears_of(payment.merchant_uid, status="failed", amount=payment.amount)
    provider.hears_of(payment.merchant_uid, amount=payment.amount)
    assert sync_payment(provider, Notification("redirect", merchant_uid=payment.merchant_uid)).outcome == "paid"


def test_with_portones_id_alone_a_known_payment_is_found(provider: FakeProvider, buyer: User) -> None:
    payment = goods_payment(provider, buyer)
    failed = provider.hears_of(payment.merchant_uid, status="failed", amount=payment.amount)
    sync_payment(provider, Notification("callback", failed.imp_uid, payment.merchant_uid))
    provider.hears_of(payment.merchant_uid, amount=payment.amount, imp_uid=failed.imp_uid)
    assert sync_payment(provider, Notification("webhook", failed.imp_uid)).outcome == "paid"


def test_a_failed_attempt_can_still_be_paid_in_its_second_window(provider: FakeProvider, buyer: User) -> None:
    payment = goods_payment(provider, buyer)
    failed = provider.hears_of(payment.merchant_uid, status="failed", amount=payment.amount, fail_reason="한도 초과")
    result = sync_payment(provider, Notification("callback", failed.imp_uid, payment.merchant_uid))
    assert result.outcome == "failed"
    assert order_of(payment).status == "pending"
    assert payment.fail_reason == "한도 초과"
    paid = provider.hears_of(payment.merchant_uid, amount=payment.amount)
    sync_payment(provider, Notification("callback", paid.imp_uid, payment.merchant_uid))
    assert order_of(payment).status == "paid"
    assert (payment.imp_uid, payment.fail_reason) == (paid.imp_uid, None)


def test_a_window_that_is_still_open_changes_nothing(provider: FakeProvider, buyer: User) -> None:
    payment = goods_payment(provider, buyer)
    provider.hears_of(payment.merchant_uid, status="ready", amount=payment.amount)
    assert sync_payment(provider, Notification("callback", merchant_uid=payment.merchant_uid)).outcome == "unchanged"
    assert (order_of(payment).status, payment.status, payment.imp_uid) == ("pending", "ready", None)


# --- plans ---


def test_a_paid_first_month_starts_the_subscription_and_its_key(provider: FakeProvider, buyer: User) -> None:
    payment = plan_payment(provider, buyer)
    provider.issues_key(payment.customer_uid or "")
    provider.hears_of(payment.merchant_uid, amount=payment.amount, customer_uid=payment.customer_uid)
    assert sync_payment(provider, Notification("callback", merchant_uid=payment.merchant_uid)).outcome == "paid"
    subscription = db.session.query(Subscription).one()
    assert (subscription.status, subscription.customer_uid) == ("active", payment.customer_uid)
    assert db.session.query(BillingKey).one().status == "active"


def test_a_contract_that_pays_but_makes_no_key_gives_the_money_back(provider: FakeProvider, buyer: User) -> None:
    payment = plan_payment(provider, buyer)
    provider.hears_of(payment.merchant_uid, amount=payment.amount, customer_uid=payment.customer_uid)
    assert sync_payment(provider, Notification("callback", merchant_uid=payment.merchant_uid)).outcome == "held"
    assert (order_of(payment).status, payment.status) == ("pending", "cancelled")
    assert payment.cancel_reason == NO_KEY_TEXT
    assert db.session.query(Subscription).one().status == "pending"


def test_when_the_key_cannot_be_asked_for_the_next_look_finishes(provider: FakeProvider, buyer: User) -> None:
    payment = plan_payment(provider, buyer)
    provider.hears_of(payment.merchant_uid, amount=payment.amount, customer_uid=payment.customer_uid)
    provider.key_trouble = OutcomeUnknown("no answer")
    assert sync_payment(provider, Notification("callback", merchant_uid=payment.merchant_uid)).outcome == "unknown"
    assert (order_of(payment).status, payment.status) == ("pending", "ready")
    assert db.session.query(BillingKey).one().status == "issuing"

    provider.key_trouble = None
    provider.issues_key(payment.customer_uid or "")
    assert sync_payment(provider, Notification("webhook", merchant_uid=payment.merchant_uid)).outcome == "paid"
    assert order_of(payment).status == "paid"
    assert db.session.query(BillingKey).one().status == "active"
    assert db.session.query(Subscription).one().status == "active"


def test_when_the_key_turns_out_to_be_missing_later_the_money_goes_back(provider: FakeProvider, buyer: User) -> None:
    payment = plan_payment(provider, buyer)
    provider.hears_of(payment.merchant_uid, amount=payment.amount, customer_uid=payment.customer_uid)
    provider.key_trouble = OutcomeUnknown("no answer")
    sync_payment(provider, Notification("callback", merchant_uid=payment.merchant_uid))
    provider.key_trouble = None
    assert sync_payment(provider, Notification("webhook", merchant_uid=payment.merchant_uid)).outcome == "held"
    db.session.expire_all()
    assert (payment.status, payment.cancel_reason) == ("cancelled", NO_KEY_TEXT)


def test_a_second_subscription_to_the_same_plan_is_given_back(provider: FakeProvider, buyer: User) -> None:
    """Two windows for the same plan, both paid: one subscription, one payment to give back."""
    attempts = [plan_payment(provider, buyer) for _ in range(2)]
    for payment in attempts:
        provider.issues_key(payment.customer_uid or "")
        provider.hears_of(payment.merchant_uid, amount=payment.amount, customer_uid=payment.customer_uid)
    outcomes = [
        sync_payment(provider, Notification("callback", merchant_uid=one.merchant_uid)).outcome for one in attempts
    ]
    assert outcomes == ["paid", "held"]
    db.session.expire_all()
    assert [payment.status for payment in attempts] == ["paid", "cancelled"]
    assert db.session.query(Subscription).filter_by(status="active").count() == 1


# --- cancelled ---


def test_a_cancel_made_elsewhere_cancels_the_order_and_returns_its_stock(provider: FakeProvider, buyer: User) -> None:
    parcel = product(digital=False)
    payment = goods_payment(provider, buyer, parcel)
    report = provider.hears_of(payment.merchant_uid, amount=payment.amount)
    sync_payment(provider, Notification("callback", merchant_uid=payment.merchant_uid))
    db.session.expire_all()
    left = parcel.stock
    provider.hears_of(
        payment.merchant_uid, "cancelled", payment.amount, imp_uid=report.imp_uid, cancel_reason="고객 변심"
    )
    assert sync_payment(provider, Notification("webhook", report.imp_uid)).outcome == "cancelled"
    assert order_of(payment).status == "cancelled"
    assert (payment.cancelled_amount, payment.cancel_reason) == (payment.amount, "고객 변심")
    assert parcel.stock == (left or 0) + 1


def test_a_cancelled_first_month_ends_the_subscription(provider: FakeProvider, buyer: User) -> None:
    payment = plan_payment(provider, buyer)
    provider.issues_key(payment.customer_uid or "")
    facts = {"amount": payment.amount, "customer_uid": payment.customer_uid}
    report = provider.hears_of(payment.merchant_uid, **facts)
    sync_payment(provider, Notification("callback", merchant_uid=payment.merchant_uid))
    provider.hears_of(payment.merchant_uid, "cancelled", imp_uid=report.imp_uid, **facts)
    sync_payment(provider, Notification("webhook", merchant_uid=payment.merchant_uid))
    db.session.expire_all()
    assert (db.session.query(Subscription).one().status, db.session.query(BillingKey).one().status) == (
        "ended",
        "ended",
    )


def test_cancelled_duplicate_leaves_the_paid_order_alone(provider: FakeProvider, buyer: User) -> None:
    first = goods_payment(provider, buyer)
    second = goods_payment(provider, buyer)  # the same cart: another attempt to pay the same order
    provider.cancel_answers = ["refused"]
    for payment in (first, second):
        provider.hears_of(payment.merchant_uid, amount=payment.amount)
        sync_payment(provider, Notification("callback", merchant_uid=payment.merchant_uid))
    db.session.expire_all()
    assert (second.held_reason, is_requested(second)) == ("duplicate", False)
    provider.hears_of(second.merchant_uid, "cancelled", second.amount, imp_uid=second.imp_uid)
    assert sync_payment(provider, Notification("webhook", second.imp_uid)).outcome == "cancelled"
    assert order_of(first).status == "paid"
    assert (first.status, second.status) == ("paid", "cancelled")


# --- money that comes too late or for nothing ---


def test_money_for_an_order_that_was_replaced_goes_back(provider: FakeProvider, buyer: User) -> None:
    old = goods_payment(provider, buyer)
    cart.put_in_cart(buyer.id, product().id, 1, add=True)
    new_order(buyer.id, BUYER)
    provider.hears_of(old.merchant_uid, amount=old.amount)
    assert sync_payment(provider, Notification("webhook", merchant_uid=old.merchant_uid)).outcome == "held"
    assert (order_of(old).status, old.status) == ("cancelled", "cancelled")
    assert provider.cancels == [(old.imp_uid, old.amount)]


def test_late_money_is_honoured_while_the_goods_last_and_goes_back_when_they_are_gone(
    provider: FakeProvider, buyer: User
) -> None:
    parcel = product(digital=False)
    for left, outcome in ((3, "paid"), (0, "held")):
        payment = goods_payment(provider, buyer, parcel)
        with transaction():
            order = db.session.get_one(Order, int(payment.purchase_id))
            move(Order, order.id, "expired")
            orders.give_back(order)
            db.session.flush()
            db.session.get_one(Product, parcel.id, populate_existing=True).stock = left
        provider.hears_of(payment.merchant_uid, amount=payment.amount)
        assert sync_payment(provider, Notification("webhook", merchant_uid=payment.merchant_uid)).outcome == outcome
    db.session.expire_all()
    assert (payment.status, payment.cancel_reason) == ("cancelled", "재고가 없어 자동 취소")


# --- what is not ours, and silence ---


@pytest.mark.parametrize(
    "ids", [{"imp_uid": "imp_9"}, {"merchant_uid": "m-9"}, {"imp_uid": "i", "merchant_uid": "m"}, {}]
)
def test_ids_that_are_nobodys_cost_portone_no_call(ids: dict[str, str], provider: FakeProvider, buyer: User) -> None:
    goods_payment(provider, buyer)  # a row without an imp_uid must not answer for "no imp_uid given"
    provider.asked.clear()
    result = sync_payment(provider, Notification("webhook", **ids))
    assert (result.outcome, result.payment) == ("not_found", None)
    assert provider.asked == []


def test_imp_uid_that_portone_does_not_know_is_followed_by_a_look_up_by_our_own_id(
    provider: FakeProvider, buyer: User
) -> None:
    payment = goods_payment(provider, buyer)
    provider.hears_of(payment.merchant_uid, amount=payment.amount)
    provider.asked.clear()
    result = sync_payment(provider, Notification("webhook", "imp_of_another_shop", payment.merchant_uid))
    assert result.outcome == "paid"
    assert provider.asked == [("get_payment", "imp_of_another_shop"), ("find_payment", payment.merchant_uid)]


class BoundedProvider(FakeProvider):
    """Remembers the bounds that it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.bounds: list[float] = []

    def within(self, seconds: float) -> FakeProvider:
        self.bounds.append(seconds)
        return self


def test_both_calls_of_a_look_up_share_one_bound(app: Flask, buyer: User) -> None:
    app.extensions["payments"].provider = provider = BoundedProvider()
    payment = goods_payment(provider, buyer)
    provider.bounds.clear()
    assert sync_payment(provider, Notification("webhook", "imp_1", payment.merchant_uid)).outcome == "not_found"
    assert provider.bounds == [LOOK_UP_SECONDS]
    assert LOOK_UP_SECONDS <= 10


def test_silence_writes_nothing_and_says_so(provider: FakeProvider, buyer: User) -> None:
    payment = goods_payment(provider, buyer)
    provider.trouble = OutcomeUnknown("no answer")
    result = sync_payment(provider, Notification("callback", "imp_1", payment.merchant_uid))
    assert (result.outcome, result.payment and result.payment.id) == ("unknown", payment.id)
    assert (order_of(payment).status, payment.status, payment.imp_uid) == ("pending", "ready", None)


def test_refused_credentials_are_no_verdict_on_the_payment(provider: FakeProvider, buyer: User) -> None:
    payment = goods_payment(provider, buyer)
    provider.trouble = Refused("Unauthorized", -1)
    assert sync_payment(provider, Notification("callback", merchant_uid=payment.merchant_uid)).outcome == "unknown"


def test_a_payment_that_is_not_ours_is_neither_recorded_nor_touched(provider: FakeProvider, buyer: User) -> None:
    payment = goods_payment(provider, buyer)
    strangers = provider.hears_of("a-strangers-order", amount=payment.amount)
    result = sync_payment(provider, Notification("callback", strangers.imp_uid, payment.merchant_uid))
    assert (result.outcome, result.payment) == ("mismatch", None)
    assert (order_of(payment).status, payment.status, payment.imp_uid) == ("pending", "ready", None)
    assert ("cancel", strangers.imp_uid) not in provider.asked


# --- the book of events ---


def test_every_piece_of_news_leaves_one_line(provider: FakeProvider, buyer: User, shop: Any) -> None:
    payment = goods_payment(provider, buyer)
    claim = {"imp_uid": "imp_000000000001", "imp_success": "true"}
    sync_payment(provider, Notification("redirect", "imp_000000000001", payment.merchant_uid, claim))
    provider.hears_of(payment.merchant_uid, amount=payment.amount)
    for source in ("callback", "webhook"):
        sync_payment(provider, Notification(source, merchant_uid=payment.merchant_uid))
    sync_payment(provider, Notification("webhook", merchant_uid="nobodys"))
    lines = [(event.source, event.outcome, event.payment_id) for event in db.session.query(Event).order_by(Event.id)]
    assert lines == [
        ("checkout", "ready", payment.id),
        ("redirect", "not_found", payment.id),
        ("callback", "paid", payment.id),
        ("webhook", "unchanged", payment.id),
        ("webhook", "not_found", None),
    ]
    claimed = db.session.query(Event).filter_by(source="redirect").one()
    assert claimed.claimed == claim
    assert claimed.report is None
    assert db.session.query(Event).filter_by(outcome="paid").one().report["status"] == "paid"
