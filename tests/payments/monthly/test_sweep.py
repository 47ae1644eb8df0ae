"""What the sweep finishes of subscriptions: keys that could not be read, windows that issued none, lost charges."""

from datetime import timedelta

from sqlalchemy import select

from payments.database import db
from payments.events import Notification
from payments.models import Payment
from payments.monthly import charging
from payments.monthly.models import BillingKey, Subscription
from payments.monthly.sweep import ABANDON_AFTER
from payments.portone.report import OutcomeUnknown
from payments.sweep import LOOK_AFTER, sweep
from payments.sync import sync_payment

from .. import clocks
from ..fakes import FakeProvider
from ..host import states
from .host import plan_window


def test_a_key_that_could_not_be_read_back_is_finished_later(provider: FakeProvider) -> None:
    payment = plan_window(provider)
    provider.issues_key(payment.customer_uid or "")
    provider.hears_of(payment.merchant_uid, amount=payment.amount, customer_uid=payment.customer_uid)
    provider.key_trouble = OutcomeUnknown("no answer")
    sync_payment(provider, Notification("callback", merchant_uid=payment.merchant_uid))
    assert db.session.query(Subscription).one().status == "pending"
    provider.key_trouble = None
    clocks.later(LOOK_AFTER)
    sweep(provider)
    db.session.expire_all()
    assert db.session.query(Subscription).one().status == "active"


def test_a_key_that_no_window_issued_is_abandoned_and_late_money_still_issues_it(provider: FakeProvider) -> None:
    payment = plan_window(provider)
    clocks.later(ABANDON_AFTER)
    assert sweep(provider) == {"not_found": 1, "expired": 1, "abandoned": 1}
    assert db.session.query(BillingKey).one().status == "abandoned"
    provider.issues_key(payment.customer_uid or "")
    provider.hears_of(payment.merchant_uid, amount=payment.amount, customer_uid=payment.customer_uid)
    assert sync_payment(provider, Notification("webhook", merchant_uid=payment.merchant_uid)).outcome == "paid"
    db.session.expire_all()
    assert (db.session.query(BillingKey).one().status, db.session.query(Subscription).one().status) == (
        "active",
        "active",
    )


def test_a_month_that_was_charged_before_a_crash_is_found_without_waiting_for_the_next_run(
    provider: FakeProvider,
) -> None:
    first = plan_window(provider)
    provider.issues_key(first.customer_uid or "")
    provider.hears_of(first.merchant_uid, amount=first.amount, customer_uid=first.customer_uid)
    sync_payment(provider, Notification("callback", merchant_uid=first.merchant_uid))
    clocks.later(timedelta(days=31))
    provider.answers = ["lost"]
    assert [charging.charge(provider, one.subscription_id) for one in charging.due()] == ["unknown"]
    assert sweep(provider) == {"paid": 1}
    assert charging.due() == []


def test_a_charge_that_nobody_has_heard_of_stays_open_while_its_subscription_runs(provider: FakeProvider) -> None:
    first = plan_window(provider)
    provider.issues_key(first.customer_uid or "")
    provider.hears_of(first.merchant_uid, amount=first.amount, customer_uid=first.customer_uid)
    sync_payment(provider, Notification("callback", merchant_uid=first.merchant_uid))
    clocks.later(timedelta(days=31))
    provider.answers = ["dropped"]
    assert [charging.charge(provider, one.subscription_id) for one in charging.due()] == ["unknown"]
    assert sweep(provider) == {"not_found": 1}
    assert db.session.query(Payment).filter_by(status="ready").count() == 1


def test_money_that_comes_after_its_key_was_given_up_still_starts_the_plan(provider: FakeProvider) -> None:
    """PortOne could not say in that moment whether the window had made the key."""
    payment = plan_window(provider)
    clocks.later(ABANDON_AFTER + timedelta(hours=1))
    sweep(provider)
    key = db.session.scalars(select(BillingKey)).one()
    assert key.status == "abandoned"
    provider.issues_key(key.customer_uid)
    provider.hears_of(payment.merchant_uid, amount=payment.amount, customer_uid=key.customer_uid)
    provider.key_trouble = OutcomeUnknown("no answer")
    sync_payment(provider, Notification("webhook", merchant_uid=payment.merchant_uid))
    provider.key_trouble = None
    clocks.later(LOOK_AFTER)
    sweep(provider)
    db.session.expire_all()
    assert states(payment) == ("paid", "paid")
    assert (key.status, db.session.scalars(select(Subscription)).one().status) == ("active", "active")
