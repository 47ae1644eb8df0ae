"""Facts that a first report leaves out are filled in later; a report that contradicts an earlier one is no answer."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from payments import clock
from payments.cancel import cancel_payment
from payments.cancellations import cancellation_of
from payments.database import db
from payments.decision import refusal_to_cancel
from payments.events import Notification
from payments.models import Event, Payment
from payments.sync import sync_payment

from . import clocks
from .fakes import FakeProvider
from .host import ADMIN, order_window, paid, states

BARE: dict[str, Any] = {"pg_tid": None, "pg_provider": None, "paid_at": None}


def heard(provider: FakeProvider, payment: Payment, source: str = "webhook", **facts: Any) -> str:
    """A notification arrives, and PortOne says these facts of the payment's window."""
    report = next((one for one in provider.reports.values() if one.merchant_uid == payment.merchant_uid), None)
    if report is None:
        provider.hears_of(payment.merchant_uid, amount=payment.amount, customer_uid=payment.customer_uid, **facts)
    else:
        provider.reports[report.imp_uid] = replace(report, **facts)
    outcome = sync_payment(provider, Notification(source, merchant_uid=payment.merchant_uid)).outcome
    db.session.expire_all()
    return outcome


def test_a_payment_without_its_later_facts_is_paid_and_can_be_cancelled(provider: FakeProvider) -> None:
    payment = order_window(provider)
    assert heard(provider, payment, **BARE) == "paid"
    assert (payment.pg_tid, payment.pg_provider, payment.paid_at) == (None, None, clock.now())
    assert refusal_to_cancel(payment, clock.now()) is None
    assert cancel_payment(provider, payment.id, "고객 변심", ADMIN).outcome == "cancelled"
    assert states(payment) == ("cancelled", "cancelled")


def test_a_later_report_of_the_same_window_fills_in_what_the_first_left_out(
    provider: FakeProvider,
) -> None:
    payment = order_window(provider)
    heard(provider, payment, **BARE)
    approved = clock.now() - timedelta(seconds=40)
    clocks.later(timedelta(minutes=5))
    assert heard(provider, payment, pg_tid="tid-1", pg_provider="mobilians", paid_at=approved) == "unchanged"
    assert (payment.pg_tid, payment.pg_provider, payment.paid_at) == ("tid-1", "mobilians", approved)
    assert states(payment) == ("paid", "paid")


@pytest.mark.parametrize("facts", [{"amount": 301}, {"pay_method": "card"}, {"pay_method": None}])
def test_held_money_whose_report_left_facts_out_can_go_back(
    facts: dict[str, Any],
    provider: FakeProvider,
) -> None:
    payment = order_window(provider)
    provider.cancel_answers = ["refused"] if "amount" in facts else []  # that one is cancelled automatically
    provider.hears_of(payment.merchant_uid, **({"amount": payment.amount} | facts | BARE))
    assert heard(provider, payment) == "held"
    assert payment.held_reason
    approved = clock.now() - timedelta(seconds=40)
    assert heard(provider, payment, pg_tid="tid-1", paid_at=approved) == "unchanged"
    assert (payment.pg_tid, payment.paid_at) == ("tid-1", approved)
    assert cancel_payment(provider, payment.id, "고객 변심", ADMIN).outcome == "cancelled"


def test_a_later_report_that_leaves_facts_out_empties_nothing(provider: FakeProvider) -> None:
    payment = paid(provider)
    heard(provider, payment, pg_tid="tid-1")
    paid_at = payment.paid_at
    assert heard(provider, payment, **BARE) == "unchanged"
    assert (payment.pg_tid, payment.pg_provider, payment.paid_at) == ("tid-1", "mobilians", paid_at)
    cancelled = {"status": "cancelled", "cancelled_amount": payment.amount, "cancelled_at": clock.now()}
    assert heard(provider, payment, **cancelled) == "cancelled"
    assert (payment.pg_tid, payment.pg_provider, payment.paid_at) == ("tid-1", "mobilians", paid_at)


def test_a_failed_window_leaves_nothing_of_itself_to_the_paid_one(provider: FakeProvider) -> None:
    payment = order_window(provider)
    heard(provider, payment, status="failed", pg_tid="tid-1", fail_reason="당월 한도 초과로 결제 불가합니다.")
    provider.hears_of(payment.merchant_uid, amount=payment.amount)
    assert sync_payment(provider, Notification("webhook", merchant_uid=payment.merchant_uid)).outcome == "paid"
    assert (payment.pg_tid, payment.fail_reason, payment.failed_at) == (None, None, None)


def test_late_news_of_a_failure_tells_a_paid_payment_nothing(provider: FakeProvider) -> None:
    payment = paid(provider)
    assert heard(provider, payment, status="failed", failed_at=clock.now(), fail_reason="시스템 오류") == "unchanged"
    assert (payment.status, payment.failed_at, payment.fail_reason) == ("paid", None, None)


def test_a_window_that_portone_gives_to_another_of_our_payments_changes_nothing(
    provider: FakeProvider,
) -> None:
    payment = paid(provider)
    other = order_window(provider)
    imp_uid = payment.imp_uid or ""
    for status in ("paid", "failed", "cancelled"):
        provider.reports[imp_uid] = replace(provider.reports[imp_uid], merchant_uid=other.merchant_uid, status=status)
        for ids in ({"imp_uid": imp_uid}, {"merchant_uid": other.merchant_uid}):
            assert sync_payment(provider, Notification("webhook", **ids)).outcome == "unknown"
    db.session.expire_all()
    assert (payment.status, payment.imp_uid, other.status, other.imp_uid) == ("paid", imp_uid, "ready", None)
    assert other.unanswered_since
    assert provider.cancels == []


def test_a_cancel_that_is_answered_with_another_payment_is_not_known(provider: FakeProvider) -> None:
    payment = paid(provider)
    imp_uid = payment.imp_uid or ""
    for merchant_uid in (order_window(provider).merchant_uid, "a-strangers-order"):
        provider.reports[imp_uid] = replace(provider.reports[imp_uid], merchant_uid=merchant_uid, status="paid")
        assert cancel_payment(provider, payment.id, "고객 변심", ADMIN).outcome == "unknown"
        clocks.later(timedelta(minutes=5))
    row = cancellation_of(payment)
    assert row
    assert (row.status, payment.status) == ("requested", "paid")


def test_an_event_of_a_filled_in_fact_tells_that_nothing_else_changed(provider: FakeProvider) -> None:
    payment = order_window(provider)
    heard(provider, payment, **BARE)
    heard(provider, payment, pg_tid="tid-1")
    told = [event.outcome for event in db.session.query(Event).filter_by(payment_id=payment.id).order_by(Event.id)]
    assert told == ["ready", "paid", "unchanged"]
