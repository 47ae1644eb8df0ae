"""What a host is told of a subscription, inside the transaction that changes it."""

import pytest
from flask import Flask

from payments import clock, monthly
from payments.database import TransactionSession, db, transaction
from payments.events import Notification
from payments.models import Payment
from payments.monthly import charging, subscriptions
from payments.monthly.models import LATER_MONTH, Subscription
from payments.sync import sync_payment

from ..fakes import FakeProvider
from ..host import TEA, Orders
from .conftest import Time

Told = list[tuple[str, str]]


@pytest.fixture
def told(app: Flask) -> Told:
    """What the host was told: the change, and the subscription's state in that moment."""
    heard: Told = []

    def changed(subscription: Subscription, change: str, payment: Payment | None) -> None:
        assert isinstance(db.session(), TransactionSession), "told outside of a transaction"
        assert (payment is None) == (change not in ("paid", "returned"))
        heard.append((change, subscription.status))

    monthly.init_app(app, Orders(TEA), subscriptions_page=lambda: "/subscriptions", changed=changed)
    return heard


def run(provider: FakeProvider) -> list[str]:
    return [charging.charge(provider, one.subscription_id) for one in charging.due()]


def test_host_is_told_of_a_months_first_decline_and_not_of_the_tries_after_it(
    time: Time, subscription: Subscription, provider: FakeProvider, told: Told
) -> None:
    time.goes_to(2055, 2, 28, 10)
    provider.answers = ["declined"] * 3
    for _ in range(3):
        assert run(provider) == ["declined"]
        time.passes(hours=4)
    assert told == [("declined", "past_due")]


def test_host_is_told_once_when_a_subscription_ends_because_a_month_was_not_paid(
    time: Time, subscription: Subscription, provider: FakeProvider, told: Told
) -> None:
    time.goes_to(2055, 3, 8, 10)
    assert (run(provider), run(provider)) == (["ended"], [])
    assert told == [("ended", "ended")]


def test_host_is_told_of_the_end_that_a_buyer_asked_for_once_however_often_it_is_asked(
    subscription: Subscription, told: Told
) -> None:
    for _ in range(2):
        with transaction():
            subscriptions.end(db.session.get_one(Subscription, subscription.id), "by_buyer", clock.now())
    assert told == [("ended", "ended")]


def test_host_is_told_of_each_later_month_that_is_paid_once_and_with_its_next_day(
    time: Time, subscription: Subscription, provider: FakeProvider, told: Told
) -> None:
    time.goes_to(2055, 2, 28, 10)
    assert run(provider) == ["charged"]
    month = db.session.query(Payment).filter_by(kind=LATER_MONTH).one()
    sync_payment(provider, Notification("webhook", month.imp_uid))
    assert told == [("paid", "active")]


def test_host_is_told_that_a_later_months_money_went_back_and_that_the_plan_is_over(
    time: Time, subscription: Subscription, provider: FakeProvider, told: Told
) -> None:
    time.goes_to(2055, 2, 28, 10)
    assert run(provider) == ["charged"]
    month = db.session.query(Payment).filter_by(kind=LATER_MONTH).one()
    provider.console_cancels(month.imp_uid)
    sync_payment(provider, Notification("webhook", month.imp_uid))
    assert told == [("paid", "active"), ("returned", "active"), ("ended", "ended")]


def test_host_is_told_of_a_duplicate_month_that_went_back_while_the_plan_goes_on(
    time: Time, subscription: Subscription, provider: FakeProvider, told: Told
) -> None:
    time.goes_to(2055, 2, 28, 10)
    run(provider)
    month = db.session.query(Payment).filter_by(kind=LATER_MONTH).one()
    second = provider.hears_of(month.merchant_uid, amount=month.amount, customer_uid=month.customer_uid)
    sync_payment(provider, Notification("webhook", second.imp_uid, month.merchant_uid))
    assert told == [("paid", "active"), ("returned", "active")]


def test_what_the_host_raises_undoes_the_change_that_it_was_told_of(
    app: Flask, subscription: Subscription, provider: FakeProvider
) -> None:
    def broken(subscription: Subscription, change: str, payment: Payment | None) -> None:
        raise LookupError(change)

    monthly.init_app(app, Orders(TEA), subscriptions_page=lambda: "/subscriptions", changed=broken)
    with pytest.raises(LookupError, match="ended"), transaction():
        subscriptions.end(db.session.get_one(Subscription, subscription.id), "by_buyer", clock.now())
    db.session.expire_all()
    assert db.session.get_one(Subscription, subscription.id).status == "active"
