"""What buyers are told: one row for each message, which commits or rolls back with what it tells of."""

from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from payments import clock, sync
from payments.cancel import cancel_payment
from payments.cancellations import BankRefund, record_bank_refund
from payments.database import db, end_reading, transaction
from payments.events import Notification
from payments.models import Payment
from payments.monthly import charging, subscriptions
from payments.monthly.charge_days import charge_day
from payments.monthly.models import LATER_MONTH, Subscription
from payments.sync import sync_payment
from shop.orders import cart, messages, orders, shipping
from shop.orders.messages import Message
from shop.orders.models import User
from shop.orders.purchases import Orders
from tests import clocks
from tests.conftest import ADDRESSED_BUYER, BUYER, another_window, order_of, order_window, plan_window, product
from tests.payments.fakes import FakeProvider
from tests.payments.threads import at_once
from tests.shop.bought import ADMIN, paid, started, states

NEXT_MONTH = timedelta(days=40)


def told() -> list[tuple[str, dict[str, Any]]]:
    """The kinds and facts of all messages, oldest first."""
    rows = db.session.execute(select(Message.kind, Message.facts).order_by(Message.id)).all()
    end_reading()
    return [(kind, facts) for kind, facts in rows]


def kinds() -> list[str]:
    return [kind for kind, _ in told()]


def hear(provider: FakeProvider, payment: Payment, **facts: Any) -> str:
    provider.hears_of(payment.merchant_uid, **{"amount": payment.amount, **facts})
    return sync_payment(provider, Notification("webhook", merchant_uid=payment.merchant_uid)).outcome


# --- orders -----------------------------------------------------------------------------------------------------------


@pytest.mark.law
def test_paid_order_is_told_once_however_often_its_payment_is_reported(provider: FakeProvider, buyer: User) -> None:
    payment = paid(provider, buyer)
    for _ in range(2):
        sync_payment(provider, Notification("webhook", merchant_uid=payment.merchant_uid))
    [(kind, facts)] = told()
    assert (kind, facts["amount"]) == ("paid", payment.amount)
    message = db.session.query(Message).one()
    assert (message.order_id, message.subscription_id) == (int(payment.purchase_id), None)
    assert (message.language, message.tries, message.sent_at, message.error) == ("ko", 0, None, None)
    assert message.next_try_at == clock.now()


class Broken(Orders):
    """Orders of a shop in which something fails after the order was paid."""

    def paid(self, payment: Payment) -> None:
        super().paid(payment)
        db.session.flush()
        raise LookupError("after the message was written")


@pytest.mark.law
def test_payment_that_is_rolled_back_tells_nothing_and_the_next_look_up_tells_it(
    app: Flask, provider: FakeProvider, buyer: User
) -> None:
    cart.put_in_cart(buyer.id, product().id, 1)
    payment = order_window(provider, buyer.id, ADDRESSED_BUYER)
    app.extensions["payments"].purchases["once"] = Broken("once")
    with pytest.raises(LookupError):
        hear(provider, payment)
    assert (states(payment), kinds()) == (("ready", "pending"), [])
    app.extensions["payments"].purchases["once"] = Orders("once")
    sync_payment(provider, Notification("webhook", merchant_uid=payment.merchant_uid))
    assert (states(payment), kinds()) == (("paid", "paid"), ["paid"])


def test_cancelled_order_is_told_with_the_amount_that_went_back(provider: FakeProvider, buyer: User) -> None:
    payment = paid(provider, buyer)
    cancel_payment(provider, payment.id, "고객 변심", ADMIN)
    assert kinds() == ["paid", "cancelled"]
    assert told()[1][1]["amount"] == payment.amount


def test_buyer_is_told_when_the_order_was_sent_and_when_the_request_was_declined(
    provider: FakeProvider, buyer: User
) -> None:
    parcel, book = paid(provider, buyer, product(digital=False)), paid(provider, buyer)
    with transaction():
        assert shipping.send(order_of(parcel), parcel, "우체국택배", "6012") is None
        assert shipping.correct_parcel(order_of(parcel), "우체국택배", "6013")
        asked = order_of(book)
        asked.cancel_wanted_at = clock.now()
        assert orders.decline_cancel_request(asked, "이미 읽으셨습니다")
    told_of = [(kind, facts) for kind, facts in told() if kind != "paid"]
    assert told_of == [
        ("sent", {"carrier": "우체국택배", "tracking_number": "6012", "corrected": False}),
        ("sent", {"carrier": "우체국택배", "tracking_number": "6013", "corrected": True}),
        ("cancel_declined", {"reason": "이미 읽으셨습니다"}),
    ]


def test_cancel_without_an_answer_tells_nothing_until_portone_has_answered(provider: FakeProvider, buyer: User) -> None:
    payment = paid(provider, buyer)
    provider.cancel_answers = ["dropped"]
    assert cancel_payment(provider, payment.id, "고객 변심", ADMIN).outcome == "unknown"
    assert kinds() == ["paid"]


def test_order_that_was_paid_back_by_bank_is_told_as_refunded(provider: FakeProvider, buyer: User) -> None:
    payment = paid(provider, buyer)
    clocks.later(NEXT_MONTH)
    refund = BankRefund(date(2055, 1, 3), "국민 123-456-7890")
    assert record_bank_refund(payment.id, refund, "고객 변심", ADMIN) is None
    assert kinds() == ["paid", "refunded"]
    assert told()[1][1] | {"amount": payment.amount, "by_bank": True, "duplicate": False} == told()[1][1]


def test_held_money_that_went_back_is_told_as_refunded(provider: FakeProvider, buyer: User) -> None:
    cart.put_in_cart(buyer.id, product().id, 1)
    payment = order_window(provider, buyer.id, ADDRESSED_BUYER)
    assert hear(provider, payment, amount=301) == "held"
    assert states(payment) == ("cancelled", "pending")
    [(kind, facts)] = told()
    assert (kind, facts["amount"], facts["by_bank"], facts["duplicate"]) == ("refunded", 301, False, False)


def test_another_payment_of_a_paid_order_that_went_back_is_told_as_a_duplicate(
    provider: FakeProvider, buyer: User
) -> None:
    cart.put_in_cart(buyer.id, product().id, 1)
    first = order_window(provider, buyer.id, ADDRESSED_BUYER)
    second = another_window(provider, first)
    assert (hear(provider, first), hear(provider, second)) == ("paid", "held")
    assert kinds() == ["paid", "refunded"]
    assert told()[1][1]["duplicate"] is True


def test_second_window_of_a_payment_that_went_back_is_told_as_a_duplicate(provider: FakeProvider, buyer: User) -> None:
    payment = paid(provider, buyer)
    second = provider.hears_of(payment.merchant_uid, amount=payment.amount)
    sync_payment(provider, Notification("webhook", second.imp_uid, payment.merchant_uid))
    assert kinds() == ["paid", "refunded"]
    assert told()[1][1] | {"amount": payment.amount, "duplicate": True, "by_bank": False} == told()[1][1]


def test_held_money_that_a_person_keeps_is_told_as_paid(provider: FakeProvider, buyer: User) -> None:
    cart.put_in_cart(buyer.id, product().id, 1)
    payment = order_window(provider, buyer.id, ADDRESSED_BUYER)
    assert hear(provider, payment, is_test_channel=False) == "held"
    assert kinds() == []
    assert sync.release(provider, payment.id, ADMIN, "확인함") is None
    assert kinds() == ["paid"]


def test_declined_payment_and_a_cart_that_changed_before_it_was_paid_tell_nothing(
    provider: FakeProvider, buyer: User
) -> None:
    cart.put_in_cart(buyer.id, product().id, 1)
    payment = order_window(provider, buyer.id, ADDRESSED_BUYER)
    assert hear(provider, payment, status="failed") == "failed"
    cart.put_in_cart(buyer.id, product().id, 1, add=True)
    order_window(provider, buyer.id, ADDRESSED_BUYER)
    assert kinds() == []


def test_message_is_in_the_language_that_the_buyer_used_last(provider: FakeProvider, buyer: User) -> None:
    payment = paid(provider, buyer)
    with transaction():
        messages.use_language(buyer.id, "en")
    cancel_payment(provider, payment.id, "고객 변심", ADMIN)
    assert [one.language for one in db.session.query(Message).order_by(Message.id)] == ["ko", "en"]


# --- plans ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def subscription(provider: FakeProvider, buyer: User) -> Subscription:
    """A plan whose first month was paid at noon on the day of `business_clock`; its order's message is gone."""
    running = started(provider, buyer)
    assert kinds() == ["paid"]
    with transaction():
        db.session.query(Message).delete()
    found = db.session.get_one(Subscription, running.id)
    end_reading()
    return found


def charge(provider: FakeProvider) -> list[str]:
    return [charging.charge(provider, one.subscription_id) for one in charging.due()]


def go_to_charge_day(subscription: Subscription, days_before: int = 0) -> date:
    db.session.expire_all()
    day = subscription.next_charge_on
    end_reading()
    assert day
    clocks.stand_at(clocks.NOON + (day - clocks.NOON.date()) - timedelta(days=days_before))
    return day


def test_declined_month_is_told_once_with_its_reason_however_often_it_is_tried(
    provider: FakeProvider, subscription: Subscription
) -> None:
    day = go_to_charge_day(subscription)
    provider.answers = ["declined"] * 3
    for _ in range(3):
        assert charge(provider) == ["declined"]
        clocks.later(timedelta(hours=4))
    [(kind, facts)] = told()
    assert (kind, facts["month"], facts["amount"]) == ("declined", day.month, subscription.amount)
    assert "한도 초과" in facts["why"]
    assert day.isoformat() <= facts["last"]


def test_later_month_that_is_paid_is_told_once_with_its_next_day(
    provider: FakeProvider, subscription: Subscription
) -> None:
    day = go_to_charge_day(subscription)
    assert charge(provider) == ["charged"]
    month = db.session.query(Payment).filter_by(kind=LATER_MONTH).one()
    sync_payment(provider, Notification("webhook", merchant_uid=month.merchant_uid))
    [(kind, facts)] = told()
    told_facts = (kind, facts["month"], facts["amount"], facts["next"])
    assert told_facts == ("paid", day.month, subscription.amount, charge_day(day, day.day).isoformat())
    message = db.session.query(Message).one()
    assert (message.subscription_id, message.order_id) == (subscription.id, int(subscription.purchase_id))


def test_plan_that_its_buyer_ends_is_told_once(provider: FakeProvider, subscription: Subscription) -> None:
    for _ in range(2):
        with transaction():
            subscriptions.end(db.session.get_one(Subscription, subscription.id), "by_buyer", clock.now())
    [(kind, facts)] = told()
    assert (kind, facts["reason"]) == ("ended", "by_buyer")


def test_plan_whose_month_was_not_paid_in_time_is_told_to_have_ended(
    provider: FakeProvider, subscription: Subscription
) -> None:
    go_to_charge_day(subscription, days_before=-8)
    assert charge(provider) == ["ended"]
    [(kind, facts)] = told()
    assert (kind, facts["reason"]) == ("ended", "missed")


def test_later_month_that_was_cancelled_is_told_with_the_end_of_its_plan(
    provider: FakeProvider, subscription: Subscription
) -> None:
    day = go_to_charge_day(subscription)
    assert charge(provider) == ["charged"]
    month = db.session.query(Payment).filter_by(kind=LATER_MONTH).one()
    end_reading()
    cancel_payment(provider, month.id, "고객 변심", ADMIN)
    assert kinds() == ["paid", "refunded", "ended"]
    assert told()[1][1] | {"amount": subscription.amount, "month": day.month, "by_bank": False} == told()[1][1]


def test_subscription_that_no_order_of_this_shop_started_ends_and_tells_nobody(
    provider: FakeProvider, subscription: Subscription
) -> None:
    with transaction():
        db.session.get_one(Subscription, subscription.id).purchase_id = "imported-1"
    with transaction():
        subscriptions.end(db.session.get_one(Subscription, subscription.id), "by_admin", clock.now())
    assert (subscription.status, kinds()) == ("ended", [])


# --- three days before a charge ---------------------------------------------------------------------------------------


def test_charge_is_announced_three_days_before_and_once_a_month(
    provider: FakeProvider, subscription: Subscription
) -> None:
    for _month in range(2):
        day = go_to_charge_day(subscription, days_before=4)
        assert messages.announce_charges() == 0
        clocks.later(timedelta(days=1))
        assert [messages.announce_charges() for _ in range(2)] == [1, 0]
        clocks.later(timedelta(days=1))
        assert messages.announce_charges() == 0
        kind, facts = told()[-1]
        assert (kind, facts["day"], facts["amount"]) == ("charge_soon", day.isoformat(), subscription.amount)
        go_to_charge_day(subscription)
        assert charge(provider) == ["charged"]
    assert kinds() == ["charge_soon", "paid", "charge_soon", "paid"]


def test_charge_is_still_announced_the_day_before_and_no_longer_on_its_day(
    provider: FakeProvider, subscription: Subscription
) -> None:
    go_to_charge_day(subscription)
    assert messages.announce_charges() == 0
    go_to_charge_day(subscription, days_before=1)
    assert messages.announce_charges() == 1


def test_plan_that_has_ended_is_not_announced(provider: FakeProvider, subscription: Subscription) -> None:
    with transaction():
        subscriptions.end(db.session.get_one(Subscription, subscription.id), "by_buyer", clock.now())
    clocks.later(timedelta(days=27))
    assert messages.announce_charges() == 0
    assert kinds() == ["ended"]


@pytest.mark.law
def test_two_processes_at_once_announce_a_charge_once(
    app: Flask, provider: FakeProvider, subscription: Subscription
) -> None:
    go_to_charge_day(subscription, days_before=3)
    assert sorted(at_once(app, messages.announce_charges, 4)) == [0, 0, 0, 1]
    assert kinds() == ["charge_soon"]


@pytest.mark.law
def test_database_itself_refuses_a_second_notice_of_one_charge(
    provider: FakeProvider, subscription: Subscription
) -> None:
    day = go_to_charge_day(subscription, days_before=2)
    messages.announce_charges()
    facts = {"order_id": int(subscription.purchase_id), "subscription_id": subscription.id, "facts": {}}
    with pytest.raises(IntegrityError), transaction():
        db.session.add(Message(kind="charge_soon", language="ko", charge_on=day, **facts))
        db.session.flush()


def test_pending_plan_is_not_announced(provider: FakeProvider, buyer: User) -> None:
    plan_window(provider, buyer.id, product("monthly").id, BUYER)
    clocks.later(timedelta(days=28))
    assert messages.announce_charges() == 0
