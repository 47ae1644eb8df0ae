"""The monthly run, against a provider that can lose its answers."""

import itertools
import threading
from collections import Counter
from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event
from sqlalchemy.orm import Session

from payments import clock, sweep
from payments.clock import SEOUL
from payments.database import TransactionSession, db, end_reading, transaction
from payments.events import Notification
from payments.models import Event, Payment
from payments.monthly import charging, claims, subscriptions
from payments.monthly.charge_days import charge_day
from payments.monthly.models import LATER_MONTH, BillingKey, Subscription
from payments.portone.report import NotFound, OutcomeUnknown, PaymentReport, ProviderError, Refused, Unauthorized
from payments.sync import sync_payment

from ..fakes import FakeProvider
from ..host import TEA, Product
from .conftest import Time
from .host import BUYER, plan_window, started


def run(provider: FakeProvider) -> list[str]:
    """One monthly run, as the command does it."""
    return [charging.charge(provider, subscription_id) for subscription_id, _ in charging.due()]


def paid_months(subscription: Subscription) -> list[str | None]:
    db.session.commit()
    db.session.expire_all()
    paid = db.session.query(Payment).filter_by(status="paid", held_reason=None).order_by(Payment.paid_at)
    return [one.billing_month for one in paid if one.customer_uid == subscription.customer_uid]


def test_the_month_of_issue_is_never_charged_again(
    time: Time, subscription: Subscription, provider: FakeProvider
) -> None:
    time.goes_to(2055, 1, 31, 23, 0)
    assert run(provider) == []
    assert charging.charge(provider, subscription.id) == "skipped"
    assert provider.charges == []


def test_a_due_month_is_charged_once_with_last_months_amount_and_buyer(
    time: Time, subscription: Subscription, provider: FakeProvider
) -> None:
    time.goes_to(2055, 2, 27, 12)
    assert run(provider) == []
    time.goes_to(2055, 2, 28, 0, 5)
    assert run(provider) == ["charged"]
    assert run(provider) == []
    [asked] = provider.charges
    assert (asked.amount, asked.customer_uid) == (subscription.amount, subscription.customer_uid)
    assert (asked.buyer_name, asked.buyer_tel, asked.buyer_email) == (BUYER.name, BUYER.tel, BUYER.email)
    assert asked.merchant_uid == f"sub-{subscription.token}-205502-1"
    assert len(asked.merchant_uid) <= 40
    assert len(asked.name.encode("cp949")) <= 30
    assert paid_months(subscription) == ["2055-01", "2055-02"]
    assert (subscription.status, subscription.next_charge_on.isoformat()) == ("active", "2055-03-31")


def test_a_price_change_does_not_touch_a_running_subscription(
    time: Time, subscription: Subscription, provider: FakeProvider
) -> None:
    with transaction():
        db.session.get_one(Product, TEA).price += 5000
    time.goes_to(2055, 2, 28, 9)
    assert run(provider) == ["charged"]
    assert provider.charges[0].amount == subscription.amount


# --- declines ---


def test_a_decline_is_tried_again_after_four_hours_as_a_new_attempt(
    time: Time, subscription: Subscription, provider: FakeProvider
) -> None:
    time.goes_to(2055, 2, 28, 9)
    provider.answers = ["declined", "paid"]
    assert run(provider) == ["declined"]
    db.session.expire_all()
    assert subscription.status == "past_due"
    time.passes(hours=3)
    assert run(provider) == ["skipped"]
    time.passes(hours=1)
    assert run(provider) == ["charged"]
    assert [one.merchant_uid[-2:] for one in provider.charges] == ["-1", "-2"]
    assert paid_months(subscription) == ["2055-01", "2055-02"]
    assert subscription.status == "active"
    declined = db.session.query(Payment).filter_by(status="failed").one()
    assert declined.fail_reason == "당월 한도 초과로 결제 불가합니다."


def test_when_the_window_closes_unpaid_the_subscription_ends_and_nothing_more_is_asked(
    time: Time, subscription: Subscription, provider: FakeProvider
) -> None:
    provider.answers = ["declined"] * 99
    time.goes_to(2055, 2, 28, 9)
    for _ in range(24):
        run(provider)
        time.passes(hours=1)
    db.session.expire_all()
    assert (subscription.status, subscription.end_reason) == ("ended", "missed")
    assert all(asked.merchant_uid.startswith(f"sub-{subscription.token}-205502") for asked in provider.charges)
    assert paid_months(subscription) == ["2055-01"]


def test_nothing_starts_in_the_last_ten_minutes_of_a_month(
    time: Time, subscription: Subscription, provider: FakeProvider
) -> None:
    time.goes_to(2055, 2, 28, 23, 51)
    assert run(provider) == ["ended"]
    assert provider.charges == []


# --- lost answers ---


@pytest.mark.parametrize("trouble", ["lost", "dropped"])
def test_an_unknown_outcome_stays_open_and_is_looked_up_before_anything_is_asked_again(
    trouble: str, time: Time, subscription: Subscription, provider: FakeProvider
) -> None:
    time.goes_to(2055, 2, 28, 9)
    provider.answers = [trouble]
    assert run(provider) == ["unknown"]
    assert run(provider) == ["unknown"], "nobody is at it"
    time.passes(minutes=11)
    provider.asked.clear()
    assert run(provider) == ["charged"]
    questions = [question for question, _ in provider.asked]
    assert questions == (["find_payment"] if trouble == "lost" else ["find_payment", "charge"])
    assert len({asked.merchant_uid for asked in provider.charges}) == 1
    assert paid_months(subscription) == ["2055-01", "2055-02"]


def test_an_unknown_outcome_whose_window_has_closed_is_looked_up_and_never_asked_again(
    time: Time, subscription: Subscription, provider: FakeProvider
) -> None:
    time.goes_to(2055, 2, 28, 23, 45)
    provider.answers = ["dropped"]
    assert run(provider) == ["unknown"]
    time.goes_to(2055, 3, 1, 9)
    assert run(provider) == ["ended"]
    assert len(provider.charges) == 1
    db.session.expire_all()
    assert (subscription.status, subscription.end_reason) == ("ended", "missed")


def test_a_lost_answer_of_the_last_day_is_still_found_in_the_next_month(
    time: Time, subscription: Subscription, provider: FakeProvider
) -> None:
    time.goes_to(2055, 2, 28, 23, 45)
    provider.answers = ["lost"]
    assert run(provider) == ["unknown"]
    time.goes_to(2055, 3, 1, 9)
    assert run(provider) == ["charged"]
    assert paid_months(subscription) == ["2055-01", "2055-02"]
    assert subscription.next_charge_on.isoformat() == "2055-03-31"


def test_while_portone_is_silent_nothing_is_asked_and_nothing_ends(
    time: Time, subscription: Subscription, provider: FakeProvider
) -> None:
    time.goes_to(2055, 2, 28, 9)
    provider.answers = ["dropped"]
    run(provider)
    provider.trouble = OutcomeUnknown("no answer")
    time.goes_to(2055, 3, 2, 9)
    assert run(provider) == ["unknown"]
    db.session.expire_all()
    assert subscription.status == "active"
    assert len(provider.charges) == 1


def test_a_row_whose_worker_died_before_asking_is_taken_over(
    time: Time, subscription: Subscription, provider: FakeProvider
) -> None:
    time.goes_to(2055, 2, 28, 9)
    attempt = claims.claim(subscription.id)
    assert isinstance(attempt, claims.Attempt)
    assert run(provider) == ["in_flight"]
    time.passes(minutes=11)
    assert run(provider) == ["charged"]
    assert [asked.merchant_uid for asked in provider.charges] == [attempt.request.merchant_uid]


def test_a_charge_that_answered_but_was_not_recorded_is_found(
    time: Time, subscription: Subscription, provider: FakeProvider
) -> None:
    time.goes_to(2055, 2, 28, 9)
    attempt = claims.claim(subscription.id)
    assert isinstance(attempt, claims.Attempt)
    provider.charge(attempt.request)  # and the worker dies here
    time.passes(minutes=11)
    assert run(provider) == ["charged"]
    assert len(provider.charges) == 1
    assert paid_months(subscription) == ["2055-01", "2055-02"]


def test_a_webhook_that_arrives_before_our_own_answer_pays_the_month_once(
    time: Time, subscription: Subscription, provider: FakeProvider
) -> None:
    time.goes_to(2055, 2, 28, 9)
    provider.answers = ["lost"]
    run(provider)
    uid = provider.charges[0].merchant_uid
    assert sync_payment(provider, Notification("webhook", merchant_uid=uid)).outcome == "paid"
    time.passes(minutes=11)
    assert run(provider) == []
    assert paid_months(subscription) == ["2055-01", "2055-02"]


def test_a_webhook_that_overtakes_the_answer_leaves_the_result_charged(
    time: Time, subscription: Subscription, provider: FakeProvider
) -> None:
    time.goes_to(2055, 2, 28, 9)
    outcomes = []

    def webhook() -> None:
        notification = Notification("webhook", merchant_uid=provider.charges[-1].merchant_uid)
        outcomes.append(sync_payment(provider, notification).outcome)

    provider.charged = webhook
    assert run(provider) == ["charged"]
    assert outcomes == ["paid"]
    assert paid_months(subscription) == ["2055-01", "2055-02"]


def test_a_charge_whose_process_died_before_its_commit_is_found(
    time: Time, subscription: Subscription, provider: FakeProvider
) -> None:
    time.goes_to(2055, 2, 28, 9)
    subscription_id = subscription.id

    class Died(BaseException):
        pass

    def die(_session: Session) -> None:
        if provider.charges:
            raise Died

    event.listen(TransactionSession, "before_commit", die)
    try:
        with pytest.raises(Died):
            charging.charge(provider, subscription_id)
    finally:
        event.remove(TransactionSession, "before_commit", die)
    attempts = db.session.query(Payment).filter_by(kind=LATER_MONTH, purchase_id=str(subscription_id))
    assert [one.status for one in attempts] == ["ready"]
    time.passes(minutes=11)
    assert run(provider) == ["charged"]
    assert len(provider.charges) == 1


def test_a_worker_that_was_held_up_past_its_lease_asks_for_nothing(
    time: Time, subscription: Subscription, provider: FakeProvider
) -> None:
    time.goes_to(2055, 2, 28, 9)
    attempt = claims.claim(subscription.id)
    assert isinstance(attempt, claims.Attempt)
    time.passes(minutes=10)
    assert charging.charge_claimed(provider, attempt) == "unknown"
    assert provider.charges == []


# --- many at once ---


def test_many_runs_at_once_charge_a_month_once(
    app: Flask, time: Time, subscription: Subscription, provider: FakeProvider
) -> None:
    time.goes_to(2055, 2, 28, 9)
    subscription_id = subscription.id
    results: list[str] = []
    gate = threading.Barrier(8)

    def work() -> None:
        with app.app_context():
            gate.wait()
            results.append(charging.charge(provider, subscription_id))

    workers = [threading.Thread(target=work) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    counts = Counter(results)  # skipped: the month was charged before this one looked
    assert (counts["charged"], counts["in_flight"] + counts["skipped"]) == (1, 7)
    assert len(provider.charges) == 1


# --- keys and money that are not as they should be ---


def test_a_subscription_whose_key_is_gone_is_past_due_and_ends_only_when_its_window_closes(
    time: Time, subscription: Subscription, provider: FakeProvider
) -> None:
    provider.keys.clear()
    time.goes_to(2055, 2, 28, 9)  # the month's last day, so its window is that day alone
    assert run(provider) == ["key_gone"]
    db.session.expire_all()
    assert (subscription.status, subscription.end_reason) == ("past_due", None)
    assert subscription.billing_key and subscription.billing_key.status == "deleted"  # a person can see it in time
    end_reading()
    assert not [asked for asked, _ in provider.asked if asked == "delete_billing_key"]
    time.passes(hours=4)
    assert run(provider) == ["key_gone"]  # asked for again, in case PortOne was wrong
    time.goes_to(2055, 3, 1, 9)
    assert run(provider) == ["ended"]
    db.session.expire_all()
    assert (subscription.status, subscription.end_reason) == ("ended", "key_gone")


def test_a_key_that_was_called_gone_and_then_pays_a_month_is_in_use_again_and_deleted_at_the_end(
    time: Time, subscription: Subscription, provider: FakeProvider
) -> None:
    keys = dict(provider.keys)
    provider.keys.clear()
    time.goes_to(2055, 2, 28, 9)
    assert run(provider) == ["key_gone"]
    provider.keys.update(keys)
    time.passes(hours=5)
    assert run(provider) == ["charged"]
    db.session.expire_all()
    key = subscription.billing_key
    assert key and (key.status, key.ended_at, key.end_reason) == ("active", None, None)
    with transaction():
        subscriptions.end(subscription, "by_buyer", clock.now())
    assert charging.delete_ended_keys(provider) == 1


REFUSALS = [
    Refused("요청이 너무 많습니다.", 1),
    Refused("잘못된 요청입니다.", -1),
    Unauthorized("Unauthorized", -1),
    OutcomeUnknown("PortOne answered HTTP 429"),
]


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda error: type(error).__name__)
def test_a_refused_charge_that_speaks_of_no_key_ends_nothing_and_is_asked_again_with_the_same_id(
    refusal: ProviderError, time: Time, subscription: Subscription, provider: FakeProvider
) -> None:
    time.goes_to(2055, 2, 28, 9)
    provider.answers = [refusal]
    assert run(provider) == ["unknown"]
    db.session.expire_all()
    assert subscription.status == "active"
    assert charging.delete_ended_keys(provider) == 0
    time.passes(minutes=11)
    assert run(provider) == ["charged"]
    assert len({asked.merchant_uid for asked in provider.charges}) == 1
    assert paid_months(subscription) == ["2055-01", "2055-02"]


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda error: type(error).__name__)
def test_while_the_look_up_of_a_key_gets_no_plain_answer_the_key_is_not_gone(
    refusal: ProviderError, time: Time, subscription: Subscription, provider: FakeProvider
) -> None:
    time.goes_to(2055, 2, 28, 9)
    provider.answers, provider.key_trouble = [NotFound("등록되지 않은 구매자입니다.")], refusal
    assert run(provider) == ["unknown"]
    db.session.expire_all()
    assert (subscription.status, subscription.billing_key and subscription.billing_key.status) == ("active", "active")


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda error: type(error).__name__)
def test_a_first_month_whose_key_look_up_is_refused_keeps_its_money(
    refusal: ProviderError, time: Time, provider: FakeProvider
) -> None:
    payment = plan_window(provider)
    provider.hears_of(payment.merchant_uid, amount=payment.amount, customer_uid=payment.customer_uid)
    provider.key_trouble = refusal
    assert sync_payment(provider, Notification("callback", merchant_uid=payment.merchant_uid)).outcome == "unknown"
    db.session.expire_all()
    assert (payment.status, payment.held_reason, provider.cancels) == ("ready", None, [])


def test_a_month_charged_with_a_wrong_amount_is_given_back_and_ends_the_subscription(
    time: Time, subscription: Subscription, provider: FakeProvider
) -> None:
    """KG compares the next month with this one, and a cancelled month is the end of a key."""
    time.goes_to(2055, 2, 28, 9)
    provider.answers = ["wrong amount"]
    assert run(provider) == ["held"]
    assert [won for _, won in provider.cancels] == [301]
    time.passes(hours=5)
    assert run(provider) == []
    db.session.expire_all()
    assert (subscription.status, subscription.end_reason) == ("ended", "cancelled")


def test_while_a_wrong_amount_waits_for_a_person_the_month_is_not_asked_for_again(
    time: Time, subscription: Subscription, provider: FakeProvider
) -> None:
    time.goes_to(2055, 2, 28, 9)
    provider.answers, provider.cancel_answers = ["wrong amount"], ["refused"]
    assert run(provider) == ["held"]
    time.passes(hours=5)
    assert run(provider) == ["held"]
    assert len(provider.charges) == 1


def test_a_cancelled_month_ends_the_subscription(
    time: Time, subscription: Subscription, provider: FakeProvider
) -> None:
    time.goes_to(2055, 2, 28, 9)
    run(provider)
    payment = db.session.query(Payment).filter_by(period="2055-02").one()
    provider.hears_of(
        payment.merchant_uid, "cancelled", payment.amount, imp_uid=payment.imp_uid, customer_uid=payment.customer_uid
    )
    assert sync_payment(provider, Notification("webhook", payment.imp_uid)).outcome == "cancelled"
    db.session.expire_all()
    assert (subscription.status, subscription.end_reason) == ("ended", "cancelled")
    time.goes_to(2055, 3, 31, 9)
    assert run(provider) == []


@pytest.fixture
def declined(time: Time, subscription: Subscription, provider: FakeProvider) -> PaymentReport:
    """February's first attempt was declined, and its second one was paid on the 28th."""
    time.goes_to(2055, 2, 28, 9)
    provider.answers = ["declined", "paid"]
    assert run(provider) == ["declined"]
    time.passes(hours=5)
    assert run(provider) == ["charged"]
    return next(one for one in provider.reports.values() if one.status == "failed")


def test_cancelled_duplicate_of_a_month_leaves_the_subscription_running(
    time: Time, subscription: Subscription, provider: FakeProvider, declined: PaymentReport
) -> None:
    provider.reports[declined.imp_uid] = replace(declined, status="paid", paid_at=clock.now(), failed_at=None)
    assert sync_payment(provider, Notification("webhook", merchant_uid=declined.merchant_uid)).outcome == "held"
    assert [imp_uid for imp_uid, _ in provider.cancels] == [declined.imp_uid]
    db.session.expire_all()
    assert db.session.query(Payment).filter_by(merchant_uid=declined.merchant_uid).one().status == "cancelled"
    assert (subscription.status, subscription.next_charge_on) == ("active", date(2055, 3, 31))
    time.goes_to(2055, 3, 31, 9)
    assert run(provider) == ["charged"]


def test_held_money_does_not_count_as_last_months_payment(
    time: Time, subscription: Subscription, provider: FakeProvider, declined: PaymentReport
) -> None:
    """KG's five days count from the payment that was kept, not from a duplicate of another day that waits."""
    provider.cancel_answers = ["refused"]
    early = datetime(2055, 2, 10, 9, tzinfo=SEOUL)
    provider.reports[declined.imp_uid] = replace(declined, status="paid", paid_at=early, failed_at=None)
    sync_payment(provider, Notification("webhook", merchant_uid=declined.merchant_uid))
    db.session.expire_all()
    assert db.session.query(Payment).filter_by(merchant_uid=declined.merchant_uid).one().held_reason == "duplicate"
    time.goes_to(2055, 3, 31, 9)
    assert run(provider) == ["charged"]


def test_an_ended_subscriptions_key_is_deleted_at_portone_once_nothing_is_in_flight(
    time: Time, subscription: Subscription, provider: FakeProvider
) -> None:
    time.goes_to(2055, 2, 28, 9)
    provider.answers = ["lost"]
    run(provider)
    with transaction():
        subscriptions.end(db.session.get_one(Subscription, subscription.id), "by_buyer", clock.now())
    assert charging.delete_ended_keys(provider) == 0
    uid = provider.charges[0].merchant_uid
    assert (
        sync_payment(provider, Notification("sweep", merchant_uid=uid)).outcome == "paid"
    )  # the charge in flight is honoured
    db.session.expire_all()
    assert subscription.status == "ended"
    provider.trouble = OutcomeUnknown("no answer")
    assert charging.delete_ended_keys(provider) == 0
    provider.trouble = None
    assert charging.delete_ended_keys(provider) == 1
    assert db.session.query(BillingKey).one().status == "deleted"
    assert provider.keys == {}


def test_every_try_leaves_a_line_in_the_book_of_events(
    time: Time, subscription: Subscription, provider: FakeProvider
) -> None:
    time.goes_to(2055, 2, 28, 9)
    provider.answers = ["dropped"]
    run(provider)
    time.passes(minutes=11)
    run(provider)
    told = [event.outcome for event in db.session.query(Event).filter_by(source="charge").order_by(Event.id)]
    assert told == ["unknown", "not_found", "paid"]


# --- a year ---


@pytest.mark.slow
@pytest.mark.parametrize("year", [2055, 2056])
@pytest.mark.parametrize("anchor", [1, 15, 28, 29, 30, 31])
def test_a_year_of_hourly_runs_pays_every_month_once_within_kgs_five_days(
    anchor: int, year: int, time: Time, provider: FakeProvider
) -> None:
    time.goes_to(year, 1, anchor, 23, 30)
    subscription = started(provider)
    provider.answers = ["declined", "paid", "lost", "paid", "dropped"]
    for _ in range(13 * 31 * 2):
        time.passes(hours=12)
        run(provider)
    days = [
        one.paid_at.astimezone(SEOUL).date()
        for one in db.session.query(Payment).filter_by(status="paid").order_by(Payment.paid_at)
        if one.paid_at
    ]
    months = [day.year * 12 + day.month for day in days]
    assert months == list(range(months[0], months[0] + len(months)))
    assert len(months) >= 13
    for before, after in itertools.pairwise(days):
        assert abs(after - charge_day(before, before.day)) <= timedelta(days=5)
    assert subscription.status == "active"


customers = itertools.count(1)
Answers = st.lists(st.sampled_from(["paid", "declined", "lost", "dropped"]), max_size=8)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(answers=Answers, steps=st.lists(st.integers(1, 30), min_size=10, max_size=40))
def test_whatever_the_answers_and_the_hours_no_month_is_paid_twice(
    answers: list[str], steps: list[int], app: Flask, time: Time, provider: FakeProvider
) -> None:
    with app.app_context():
        time.goes_to(2055, 1, 30, 12)
        subscription = started(provider, next(customers))
        provider.answers = list(answers)
        for hours in steps:
            time.passes(hours=hours)
            charging.charge(provider, subscription.id)
        mine = [one for one in provider.reports.values() if one.customer_uid == subscription.customer_uid]
        paid = Counter(clock.period_of(one.paid_at) for one in mine if one.status == "paid" and one.paid_at)
        assert all(count == 1 for count in paid.values())


def test_a_try_that_never_went_out_is_closed_once_its_month_is_paid_by_an_earlier_one(
    time: Time, subscription: Subscription, provider: FakeProvider
) -> None:
    time.goes_to(2055, 2, 28, 9)
    provider.answers = ["declined", "dropped"]
    assert run(provider) == ["declined"]
    time.passes(hours=5)
    assert run(provider) == ["unknown"]
    declined = db.session.query(Payment).filter_by(status="failed").one()
    known = next(one for one in provider.reports.values() if one.merchant_uid == declined.merchant_uid)
    provider.reports[known.imp_uid] = replace(known, status="paid", paid_at=clock.now(), failed_at=None)
    assert sync_payment(provider, Notification("webhook", merchant_uid=declined.merchant_uid)).outcome == "paid"
    time.passes(hours=5)
    sweep.sweep(provider)
    assert db.session.query(Payment).filter_by(status="ready").count() == 0
    provider.asked.clear()
    sweep.sweep(provider)
    assert provider.asked == []
    assert paid_months(subscription) == ["2055-01", "2055-02"]
