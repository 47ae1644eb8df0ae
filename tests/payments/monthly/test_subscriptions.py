"""What starts and ends a subscription, and that there is one of a plan."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from payments.attempts import AlreadyPaid, EarlierUnknown, look_up_earlier_attempts
from payments.cancel import cancel_payment
from payments.database import db, transaction
from payments.events import Notification
from payments.models import Cancellation
from payments.monthly import AlreadySubscribed, subscriptions
from payments.monthly.models import FIRST_MONTH, BillingKey, Subscription
from payments.portone.report import OutcomeUnknown
from payments.sync import sync_payment

from ..fakes import FakeProvider
from ..host import close_order
from .host import BUYER, pays, plan_order, plan_window, started

NOON = datetime(2055, 1, 31, 3, tzinfo=UTC)


def test_every_attempt_gets_a_key_of_its_own(provider: FakeProvider) -> None:
    order = plan_order()
    attempts = [plan_window(provider, order=order) for _ in range(2)]
    assert len({one.purchase_id for one in attempts}) == 1
    keys = {one.customer_uid for one in attempts}
    assert len(keys) == 2
    assert all(uid and len(uid) <= 80 for uid in keys)


def test_a_window_for_a_plan_makes_a_subscription_that_waits(provider: FakeProvider) -> None:
    payment = plan_window(provider)
    subscription = subscriptions.subscription_of(payment.purchase_id)
    assert subscription
    assert (subscription.status, subscription.amount, subscription.customer_uid) == ("pending", payment.amount, None)
    assert subscriptions.subscriptions_of(1) == []


def test_the_first_month_activates_the_key_and_freezes_day_amount_and_buyer(provider: FakeProvider) -> None:
    subscription = started(provider, paid_at=NOON)
    key = db.session.query(BillingKey).one()
    assert (subscription.status, subscription.anchor_day) == ("active", 31)
    assert subscription.next_charge_on == date(2055, 2, 28)
    assert (key.status, key.issued_at, key.buyer_tel) == ("active", NOON, BUYER.tel)
    assert subscription.customer_uid == key.customer_uid
    assert [row.id for row in subscriptions.subscriptions_of(1)] == [subscription.id]


def test_the_anchor_day_is_the_day_in_seoul(provider: FakeProvider) -> None:
    late_evening_in_utc = datetime(2055, 3, 9, 20, tzinfo=UTC)
    assert started(provider, paid_at=late_evening_in_utc).anchor_day == 10


def test_nobody_subscribes_to_a_plan_twice(provider: FakeProvider) -> None:
    started(provider)
    with pytest.raises(AlreadySubscribed):
        plan_window(provider)
    assert plan_window(provider, customer=2).status == "ready"


def test_of_two_orders_for_one_plan_the_second_one_paid_does_not_start(provider: FakeProvider) -> None:
    late = plan_window(provider)
    with transaction():
        close_order(int(late.purchase_id), "expired")
    assert pays(provider, plan_window(provider)) == "paid"
    assert pays(provider, late) == "held"
    db.session.expire_all()
    assert (late.status, late.cancel_reason) == ("cancelled", "이미 이용 중인 구독이라 자동 취소")
    assert db.session.query(Subscription).filter_by(status="active").count() == 1


def test_an_ended_subscription_takes_its_key_along_and_may_be_started_anew(provider: FakeProvider) -> None:
    subscription = started(provider, paid_at=NOON)
    with transaction():
        subscriptions.end(db.session.get_one(Subscription, subscription.id), "cancelled", NOON)
    db.session.expire_all()
    assert (subscription.status, subscription.end_reason, subscription.next_charge_on) == ("ended", "cancelled", None)
    assert db.session.query(BillingKey).one().status == "ended"
    assert plan_window(provider).status == "ready"


def test_a_plan_is_not_begun_again_while_the_key_of_its_paid_first_month_is_unknown(provider: FakeProvider) -> None:
    payment = plan_window(provider)
    provider.key_trouble = OutcomeUnknown("no answer")
    assert pays(provider, payment) == "unknown"
    with pytest.raises(EarlierUnknown):
        look_up_earlier_attempts(provider, FIRST_MONTH, [payment.purchase_id])
    provider.key_trouble = None
    with pytest.raises(AlreadyPaid):
        look_up_earlier_attempts(provider, FIRST_MONTH, [payment.purchase_id])
    with pytest.raises(AlreadySubscribed):
        plan_window(provider)


def test_a_key_of_the_other_kind_of_channel_starts_nothing_and_waits_for_a_person(provider: FakeProvider) -> None:
    payment = plan_window(provider)
    key = payment.customer_uid or ""
    provider.issues_key(key)
    provider.keys[key] = replace(provider.keys[key], is_test_channel=False)
    provider.hears_of(payment.merchant_uid, amount=payment.amount, customer_uid=key)
    notification = Notification("callback", merchant_uid=payment.merchant_uid)
    found = sync_payment(provider, notification).payment
    assert found
    assert (found.status, found.held_reason) == ("paid", "key_channel")
    assert db.session.query(Cancellation).count() == 0
    subscription = subscriptions.subscription_of(payment.purchase_id)
    assert subscription
    assert subscription.status == "pending"
    assert cancel_payment(provider, found.id, "설정이 틀림", notification).outcome == "cancelled"
    assert [row.status for row in db.session.query(BillingKey)] == ["ended"]


@pytest.mark.parametrize("told", [True, None])
def test_a_key_of_our_kind_of_channel_or_of_an_untold_one_starts_the_plan(
    told: bool | None, provider: FakeProvider
) -> None:
    payment = plan_window(provider)
    key = payment.customer_uid or ""
    provider.issues_key(key)
    provider.keys[key] = replace(provider.keys[key], is_test_channel=told)
    provider.hears_of(payment.merchant_uid, amount=payment.amount, customer_uid=key)
    assert sync_payment(provider, Notification("callback", merchant_uid=payment.merchant_uid)).outcome == "paid"
    assert [row.is_test_channel for row in db.session.query(BillingKey)] == [told]
