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
from payments.monthly import charging
from payments.monthly.billing_month import month_of
from payments.monthly.models import Subscription
from payments.sync import sync_payment
from shop.orders.models import User
from tests import clocks
from tests.conftest import BUYER, plan_window, product
from tests.fakes import FakeProvider
from tests.payments.test_cancel import ADMIN, paid, states
from tests.payments.test_sync import goods_payment

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


def test_a_payment_without_its_later_facts_is_paid_and_can_be_cancelled(provider: FakeProvider, buyer: User) -> None:
    payment = goods_payment(provider, buyer)
    assert heard(provider, payment, **BARE) == "paid"
    assert (payment.pg_tid, payment.pg_provider, payment.paid_at) == (None, None, clock.now())
    assert refusal_to_cancel(payment, clock.now()) is None
    assert cancel_payment(provider, payment.id, "고객 변심", ADMIN).outcome == "cancelled"
    assert states(payment) == ("cancelled", "cancelled")


def test_a_later_report_of_the_same_window_fills_in_what_the_first_left_out(
    provider: FakeProvider, buyer: User
) -> None:
    payment = goods_payment(provider, buyer)
    heard(provider, payment, **BARE)
    approved = clock.now() - timedelta(seconds=40)
    clocks.later(timedelta(minutes=5))
    assert heard(provider, payment, pg_tid="tid-1", pg_provider="mobilians", paid_at=approved) == "unchanged"
    assert (payment.pg_tid, payment.pg_provider, payment.paid_at) == ("tid-1", "mobilians", approved)
    assert states(payment) == ("paid", "paid")


@pytest.mark.parametrize("facts", [{"amount": 301}, {"pay_method": "card"}, {"pay_method": None}])
def test_held_money_whose_report_left_facts_out_can_go_back(
    facts: dict[str, Any], provider: FakeProvider, buyer: User
) -> None:
    payment = goods_payment(provider, buyer)
    provider.cancel_answers = ["refused"] if "amount" in facts else []  # that one is cancelled automatically
    provider.hears_of(payment.merchant_uid, **({"amount": payment.amount} | facts | BARE))
    assert heard(provider, payment) == "held"
    assert payment.held_reason
    approved = clock.now() - timedelta(seconds=40)
    assert heard(provider, payment, pg_tid="tid-1", paid_at=approved) == "unchanged"
    assert (payment.pg_tid, payment.paid_at) == ("tid-1", approved)
    assert cancel_payment(provider, payment.id, "고객 변심", ADMIN).outcome == "cancelled"


def test_a_later_report_that_leaves_facts_out_empties_nothing(provider: FakeProvider, buyer: User) -> None:
    payment = paid(provider, buyer)
    heard(provider, payment, pg_tid="tid-1")
    paid_at = payment.paid_at
    assert heard(provider, payment, **BARE) == "unchanged"
    assert (payment.pg_tid, payment.pg_provider, payment.paid_at) == ("tid-1", "mobilians", paid_at)
    cancelled = {"status": "cancelled", "cancelled_amount": payment.amount, "cancelled_at": clock.now()}
    assert heard(provider, payment, **cancelled) == "cancelled"
    assert (payment.pg_tid, payment.pg_provider, payment.paid_at) == ("tid-1", "mobilians", paid_at)


def test_a_failed_window_leaves_nothing_of_itself_to_the_paid_one(provider: FakeProvider, buyer: User) -> None:
    payment = goods_payment(provider, buyer)
    heard(provider, payment, status="failed", pg_tid="tid-1", fail_reason="당월 한도 초과로 결제 불가합니다.")
    provider.hears_of(payment.merchant_uid, amount=payment.amount)
    assert sync_payment(provider, Notification("webhook", merchant_uid=payment.merchant_uid)).outcome == "paid"
    assert (payment.pg_tid, payment.fail_reason, payment.failed_at) == (None, None, None)


def test_late_news_of_a_failure_tells_a_paid_payment_nothing(provider: FakeProvider, buyer: User) -> None:
    payment = paid(provider, buyer)
    assert heard(provider, payment, status="failed", failed_at=clock.now(), fail_reason="시스템 오류") == "unchanged"
    assert (payment.status, payment.failed_at, payment.fail_reason) == ("paid", None, None)


def test_a_plan_whose_reports_name_no_time_goes_on_month_by_month(provider: FakeProvider, buyer: User) -> None:
    first = plan_window(provider, buyer.id, product("monthly").id, BUYER)
    provider.issues_key(first.customer_uid or "")
    assert heard(provider, first, **BARE) == "paid"
    assert first.billing_month == f"{clock.now().astimezone(clock.SEOUL):%Y-%m}"
    for _ in range(3):
        clocks.later(timedelta(days=31))
        later = charge_without_a_time(provider)
        subscription = db.session.query(Subscription).one()
        month = month_of(subscription)
        assert (subscription.status, later.status, later.paid_at) == ("active", "paid", clock.now())
        assert month is not None
        assert month.standing(clock.now()) == "early"
        assert month.window.last >= month.due_on


def charge_without_a_time(provider: FakeProvider) -> Payment:
    """Charge what is due; PortOne says that it is paid, but not when."""
    provider.answers = ["lost"]
    assert [charging.charge(provider, one.subscription_id) for one in charging.due()] == ["unknown"]
    payment = db.session.query(Payment).order_by(Payment.id.desc()).first()
    assert payment
    assert heard(provider, payment, **BARE) == "paid"
    return payment


def test_a_window_that_portone_gives_to_another_of_our_payments_changes_nothing(
    provider: FakeProvider, buyer: User
) -> None:
    payment = paid(provider, buyer)
    other = goods_payment(provider, buyer)
    imp_uid = payment.imp_uid or ""
    for status in ("paid", "failed", "cancelled"):
        provider.reports[imp_uid] = replace(provider.reports[imp_uid], merchant_uid=other.merchant_uid, status=status)
        for ids in ({"imp_uid": imp_uid}, {"merchant_uid": other.merchant_uid}):
            assert sync_payment(provider, Notification("webhook", **ids)).outcome == "unknown"
    db.session.expire_all()
    assert (payment.status, payment.imp_uid, other.status, other.imp_uid) == ("paid", imp_uid, "ready", None)
    assert other.unanswered_since
    assert provider.cancels == []


def test_a_cancel_that_is_answered_with_another_payment_is_not_known(provider: FakeProvider, buyer: User) -> None:
    payment = paid(provider, buyer)
    imp_uid = payment.imp_uid or ""
    for merchant_uid in (goods_payment(provider, buyer).merchant_uid, "a-strangers-order"):
        provider.reports[imp_uid] = replace(provider.reports[imp_uid], merchant_uid=merchant_uid, status="paid")
        assert cancel_payment(provider, payment.id, "고객 변심", ADMIN).outcome == "unknown"
        clocks.later(timedelta(minutes=5))
    row = cancellation_of(payment)
    assert row
    assert (row.status, payment.status) == ("requested", "paid")


def test_an_event_of_a_filled_in_fact_tells_that_nothing_else_changed(provider: FakeProvider, buyer: User) -> None:
    payment = goods_payment(provider, buyer)
    heard(provider, payment, **BARE)
    heard(provider, payment, pg_tid="tid-1")
    told = [event.outcome for event in db.session.query(Event).filter_by(payment_id=payment.id).order_by(Event.id)]
    assert told == ["ready", "paid", "unchanged"]
