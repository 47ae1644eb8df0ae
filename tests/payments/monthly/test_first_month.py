"""The first month: its payment issues the key and starts the subscription, or goes back."""

from collections import Counter
from datetime import date, timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from payments.cancel import cancel_payment
from payments.cancellations import BankRefund, record_bank_refund
from payments.database import db
from payments.events import Notification
from payments.models import Payment
from payments.monthly import charging
from payments.monthly.first_month import NO_KEY_TEXT
from payments.monthly.models import BillingKey, Subscription
from payments.portone.report import OutcomeUnknown
from payments.sync import sync_payment

from .. import clocks
from ..fakes import FakeProvider
from ..host import ADMIN, order_of
from ..threads import at_once
from .host import BUYER, plan_order, plan_window

NEXT_MONTH = timedelta(days=40)
REFUND = BankRefund(date(2055, 1, 3), "국민 123-456-7890", "전화로 확인")


def test_a_plans_payment_names_a_new_key_with_the_buyers_data(provider: FakeProvider) -> None:
    payment = plan_window(provider)
    key = db.session.query(BillingKey).one()
    assert payment.customer_uid == key.customer_uid
    assert (key.status, key.buyer_tel) == ("issuing", BUYER.tel)


def test_a_paid_first_month_starts_the_subscription_and_its_key(provider: FakeProvider) -> None:
    payment = plan_window(provider)
    provider.issues_key(payment.customer_uid or "")
    provider.hears_of(payment.merchant_uid, amount=payment.amount, customer_uid=payment.customer_uid)
    assert sync_payment(provider, Notification("callback", merchant_uid=payment.merchant_uid)).outcome == "paid"
    subscription = db.session.query(Subscription).one()
    assert (subscription.status, subscription.customer_uid) == ("active", payment.customer_uid)
    assert db.session.query(BillingKey).one().status == "active"


def test_a_contract_that_pays_but_makes_no_key_gives_the_money_back(provider: FakeProvider) -> None:
    payment = plan_window(provider)
    provider.hears_of(payment.merchant_uid, amount=payment.amount, customer_uid=payment.customer_uid)
    assert sync_payment(provider, Notification("callback", merchant_uid=payment.merchant_uid)).outcome == "held"
    assert (order_of(payment).status, payment.status) == ("pending", "cancelled")
    assert payment.cancel_reason == NO_KEY_TEXT
    assert db.session.query(Subscription).one().status == "pending"


def test_when_the_key_cannot_be_asked_for_the_next_look_finishes(provider: FakeProvider) -> None:
    payment = plan_window(provider)
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


def test_when_the_key_turns_out_to_be_missing_later_the_money_goes_back(provider: FakeProvider) -> None:
    payment = plan_window(provider)
    provider.hears_of(payment.merchant_uid, amount=payment.amount, customer_uid=payment.customer_uid)
    provider.key_trouble = OutcomeUnknown("no answer")
    sync_payment(provider, Notification("callback", merchant_uid=payment.merchant_uid))
    provider.key_trouble = None
    assert sync_payment(provider, Notification("webhook", merchant_uid=payment.merchant_uid)).outcome == "held"
    db.session.expire_all()
    assert (payment.status, payment.cancel_reason) == ("cancelled", NO_KEY_TEXT)


def test_a_second_subscription_to_the_same_plan_is_given_back(provider: FakeProvider) -> None:
    """Two windows for the same plan, both paid: one subscription, one payment to give back."""
    first = plan_window(provider)
    attempts = [first, plan_window(provider, order=order_of(first))]
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


def test_a_cancelled_first_month_ends_the_subscription(provider: FakeProvider) -> None:
    payment = plan_window(provider)
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


def test_a_cancelled_first_month_ends_the_subscription_at_once(provider: FakeProvider) -> None:
    payment = plan_window(provider)
    provider.issues_key(payment.customer_uid or "")
    provider.hears_of(payment.merchant_uid, amount=payment.amount, customer_uid=payment.customer_uid)
    sync_payment(provider, Notification("callback", merchant_uid=payment.merchant_uid))
    assert cancel_payment(provider, payment.id, "고객 변심", ADMIN).outcome == "cancelled"
    subscription = db.session.query(Subscription).one()
    assert (subscription.status, subscription.end_reason) == ("ended", "cancelled")


def test_the_key_that_a_given_back_first_month_issued_is_deleted_at_portone(provider: FakeProvider) -> None:
    windows = [plan_window(provider) for _ in range(2)]
    for window in windows:
        provider.issues_key(window.customer_uid or "")
        provider.hears_of(window.merchant_uid, amount=window.amount, customer_uid=window.customer_uid)
        sync_payment(provider, Notification("webhook", merchant_uid=window.merchant_uid))
    db.session.expire_all()
    assert [window.status for window in windows] == ["paid", "cancelled"]
    charging.delete_ended_keys(provider)
    assert set(provider.keys) == {windows[0].customer_uid}


def test_bank_refund_of_a_subscription_month_ends_the_subscription(provider: FakeProvider) -> None:
    first = plan_window(provider)
    provider.issues_key(first.customer_uid or "")
    provider.hears_of(first.merchant_uid, amount=first.amount, customer_uid=first.customer_uid)
    sync_payment(provider, Notification("callback", merchant_uid=first.merchant_uid))
    clocks.later(NEXT_MONTH)
    assert record_bank_refund(first.id, REFUND, "지난달 결제", ADMIN) is None
    db.session.expire_all()
    subscription = db.session.scalars(select(Subscription)).one()
    assert (subscription.status, subscription.end_reason) == ("ended", "cancelled")
    assert db.session.scalars(select(BillingKey)).one().status == "ended"


@pytest.mark.law
def test_law_3_two_paid_windows_of_one_plan_at_once_start_one_subscription(app: Flask, provider: FakeProvider) -> None:
    uids, order = [], plan_order()
    for _ in range(2):
        payment = plan_window(provider, order=order)
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
