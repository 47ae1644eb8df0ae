"""What nobody told us is found by looking: lost payments, abandoned orders, half-done cancels, forgotten keys."""

from collections import Counter
from collections.abc import Set as AbstractSet
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from payments import sync
from payments.attempts import AlreadyPaid, look_up_earlier_attempts
from payments.cancel import cancel_payment
from payments.cancellations import CANCEL_LEASE
from payments.database import db, end_reading
from payments.events import Notification
from payments.models import Cancellation, Event, Payment
from payments.portone.report import OutcomeUnknown, PaymentReport, Refused
from payments.sweep import LOOK_AFTER, sweep
from payments.sync import sync_payment

from . import clocks
from .fakes import FakeProvider
from .host import ADMIN, COFFEE, PENDING_FOR, Order, Orders, new_order, order_window, paid, set_stock, states, stock

LATE = PENDING_FOR + timedelta(minutes=1)

Duplicate = tuple[Payment, PaymentReport]


@pytest.fixture
def duplicate(provider: FakeProvider) -> Duplicate:
    """A paid payment in the middle of a month, and what PortOne says of a second window of it that was paid too."""
    payment = paid(provider)
    return payment, provider.hears_of(payment.merchant_uid, amount=payment.amount)


def row_of_window(report: PaymentReport) -> tuple[str, str | None]:
    """State and answer of a window's cancellation, as the table says now."""
    db.session.expire_all()
    row = db.session.scalars(select(Cancellation).filter_by(imp_uid=report.imp_uid)).one()
    return row.status, row.answer


@pytest.fixture
def payment(provider: FakeProvider) -> Payment:
    """A window is open for two of a product."""
    return order_window(provider, new_order(2))


def test_a_payment_whose_every_message_was_lost_is_found(provider: FakeProvider, payment: Payment) -> None:
    provider.hears_of(payment.merchant_uid, amount=payment.amount)
    clocks.later(LOOK_AFTER)
    assert sweep(provider) == {"paid": 1}
    assert states(payment) == ("paid", "paid")
    assert sweep(provider) == {}


def test_a_buyer_who_is_still_typing_is_left_alone(provider: FakeProvider, payment: Payment) -> None:
    provider.asked.clear()
    assert sweep(provider) == {}
    assert provider.asked == []


def test_an_abandoned_order_expires_and_its_stock_returns(provider: FakeProvider, payment: Payment) -> None:
    reserved = stock()
    provider.hears_of(payment.merchant_uid, "ready", payment.amount)
    clocks.later(LATE)
    assert sweep(provider) == {"unchanged": 1, "expired": 1}
    assert states(payment) == ("ready", "expired")
    assert stock() == reserved + 2


def test_while_nobody_can_tell_nothing_expires(provider: FakeProvider, payment: Payment) -> None:
    clocks.later(LATE)
    provider.trouble = OutcomeUnknown("no answer")
    assert sweep(provider) == {"unknown": 1}
    assert states(payment) == ("ready", "pending")


def test_money_that_comes_after_the_order_expired_is_honoured_or_goes_back(
    provider: FakeProvider, payment: Payment
) -> None:
    clocks.later(LATE)
    sweep(provider)
    set_stock(1)
    provider.hears_of(payment.merchant_uid, amount=payment.amount)
    assert sync_payment(provider, Notification("webhook", merchant_uid=payment.merchant_uid)).outcome == "held"
    assert states(payment) == ("cancelled", "expired")


def test_a_look_that_changes_nothing_leaves_no_line(provider: FakeProvider, payment: Payment) -> None:
    before = db.session.query(Event).count()
    clocks.later(LOOK_AFTER)
    for _ in range(5):
        sweep(provider)
    assert db.session.query(Event).count() == before


def test_a_cancel_that_was_interrupted_is_finished(provider: FakeProvider) -> None:
    payment = paid(provider)
    provider.cancel_answers = ["dropped"]
    cancel_payment(provider, payment.id, "고객 변심", ADMIN)
    assert sweep(provider) == {}
    clocks.later(CANCEL_LEASE)
    assert sweep(provider) == {"given_back": 1}
    assert states(payment) == ("cancelled", "cancelled")


def test_a_give_back_that_was_never_begun_is_begun(provider: FakeProvider, payment: Payment) -> None:
    """As after a crash between our commit and the call."""
    report = provider.hears_of(payment.merchant_uid, amount=301)
    sync.record(report, Notification("webhook", merchant_uid=payment.merchant_uid))
    assert sweep(provider) == {"given_back": 1}
    assert states(payment) == ("cancelled", "pending")


def test_two_sweeps_after_another_do_the_work_once(provider: FakeProvider, payment: Payment) -> None:
    provider.hears_of(payment.merchant_uid, amount=payment.amount)
    clocks.later(LATE)
    done = sweep(provider) + sweep(provider)
    assert done == Counter(paid=1)
    assert db.session.query(Order).filter_by(status="paid").count() == 1


def test_a_window_that_failed_does_not_hide_the_next_one_that_was_paid(
    provider: FakeProvider, payment: Payment
) -> None:
    failed = provider.hears_of(payment.merchant_uid, "failed", payment.amount)
    sync_payment(provider, Notification("callback", failed.imp_uid, payment.merchant_uid))
    provider.hears_of(payment.merchant_uid, amount=payment.amount)
    clocks.later(LOOK_AFTER)
    assert sweep(provider) == {"paid": 1}
    assert states(payment) == ("paid", "paid")


def test_what_breaks_at_one_payment_stops_none_of_the_others(
    provider: FakeProvider, caplog: pytest.LogCaptureFixture
) -> None:
    windows = [order_window(provider) for _ in range(2)]
    provider.hears_of(windows[0].merchant_uid, amount=windows[0].amount, as_received=5)
    provider.hears_of(windows[1].merchant_uid, amount=windows[1].amount)
    clocks.later(LOOK_AFTER)
    assert sweep(provider) == {"error": 1, "paid": 1}
    assert "one item of the sweep failed" in caplog.text


def test_duplicate_whose_cancel_got_no_answer_is_cancelled_after_its_lease(
    provider: FakeProvider, duplicate: Duplicate
) -> None:
    payment, second = duplicate
    provider.cancel_answers = ["dropped"]
    sync_payment(provider, Notification("webhook", second.imp_uid, payment.merchant_uid))
    assert sweep(provider) == Counter()  # its lease is not over
    sync_payment(provider, Notification("webhook", second.imp_uid, "nobodys"))  # what others say of it changes nothing
    for given_back in (1, 0):  # cancelled, and nothing left to do
        clocks.later(CANCEL_LEASE)
        assert sweep(provider)["given_back"] == given_back
        assert len(provider.cancels) == 2
    assert provider.reports[second.imp_uid].status == "cancelled"
    assert states(payment) == ("paid", "paid")


def test_refused_cancel_of_a_duplicate_waits_for_a_person(provider: FakeProvider, duplicate: Duplicate) -> None:
    payment, second = duplicate
    provider.cancel_answers = ["refused"]
    sync_payment(provider, Notification("webhook", second.imp_uid, payment.merchant_uid))
    clocks.later(timedelta(hours=1))
    assert sweep(provider) == Counter()
    assert len(provider.cancels) == 1
    assert row_of_window(second)[0] == "refused"


def test_duplicate_whose_process_died_before_the_cancel_goes_back_at_the_next_sweep(
    provider: FakeProvider, duplicate: Duplicate
) -> None:
    payment, second = duplicate
    sync.record(second, Notification("webhook", second.imp_uid, payment.merchant_uid))
    # and the process dies here
    assert provider.cancels == []
    for _ in range(2):  # the second finds nothing left to do
        sweep(provider)
        assert provider.cancels == [(second.imp_uid, payment.amount)]
    assert provider.reports[second.imp_uid].status == "cancelled"
    assert states(payment) == ("paid", "paid")


def test_unanswered_cancel_of_a_duplicate_is_not_asked_again_in_the_next_month(
    provider: FakeProvider, duplicate: Duplicate
) -> None:
    payment, second = duplicate
    provider.cancel_answers = ["dropped"]
    sync_payment(provider, Notification("webhook", second.imp_uid, payment.merchant_uid))
    clocks.later(timedelta(days=21))
    sweep(provider)
    assert len(provider.cancels) == 1
    assert row_of_window(second) == ("refused", "month")


def test_concurrent_cancel_of_a_duplicate_leaves_no_open_item(provider: FakeProvider, duplicate: Duplicate) -> None:
    payment, second = duplicate
    for endpoint in ("callback", "webhook"):  # both had read "paid" before either asked for the cancel
        sync.take_report(provider, second, Notification(endpoint, second.imp_uid, payment.merchant_uid))
    assert row_of_window(second) == ("done", None)
    provider.asked.clear()
    clocks.later(CANCEL_LEASE)
    sweep(provider)
    assert provider.asked == []


def test_duplicate_that_is_heard_of_in_the_next_month_is_not_cancelled_but_shown_to_a_person(
    provider: FakeProvider, duplicate: Duplicate
) -> None:
    payment, second = duplicate
    clocks.later(timedelta(days=20))  # the next month
    for _ in range(3):
        sync_payment(provider, Notification("webhook", second.imp_uid, payment.merchant_uid))
        clocks.later(CANCEL_LEASE)
        sweep(provider)
    assert provider.cancels == []
    assert row_of_window(second) == ("refused", "month")


def test_duplicate_that_was_cancelled_after_a_refusal_leaves_the_to_do(
    provider: FakeProvider, duplicate: Duplicate
) -> None:
    payment, second = duplicate
    provider.cancel_answers = ["refused"]
    sync_payment(provider, Notification("webhook", second.imp_uid, payment.merchant_uid))
    assert row_of_window(second)[0] == "refused"
    end_reading()
    provider.cancel(second.imp_uid, second.amount, "관리자페이지취소")
    sync_payment(provider, Notification("webhook", second.imp_uid, payment.merchant_uid))
    assert row_of_window(second)[0] == "done"
    told = db.session.scalars(select(Event.outcome).where(Event.imp_uid == second.imp_uid)).all()
    assert "cancelled" in told


def test_cancel_of_a_duplicate_whose_answer_was_lost_is_found_in_the_next_month(
    provider: FakeProvider, duplicate: Duplicate
) -> None:
    payment, second = duplicate
    provider.cancel_answers, provider.trouble_after_cancel = ["lost"], OutcomeUnknown("no answer")
    sync_payment(provider, Notification("webhook", second.imp_uid, payment.merchant_uid))
    assert row_of_window(second) == ("requested", None)
    provider.trouble = None
    clocks.later(timedelta(days=20))  # the next month
    for _ in range(2):
        sweep(provider)
    assert len(provider.cancels) == 1
    assert row_of_window(second) == ("done", None)
    asked = len(provider.asked)
    sweep(provider)
    assert len(provider.asked) == asked  # it is settled, so nobody asks again


# --- looked at until answered ---


@pytest.mark.parametrize("answer", ["ready", "failed", "not_found"])
def test_an_attempt_is_looked_up_until_an_answer_comes_after_its_windows_life(
    answer: str, provider: FakeProvider, payment: Payment
) -> None:
    if answer != "not_found":
        provider.hears_of(payment.merchant_uid, answer, payment.amount)

    def looks_it_up() -> bool:
        provider.asked.clear()
        sweep(provider)
        return ("find_payment", payment.merchant_uid) in provider.asked

    for hours, trouble in ((1, None), (22, None), (5, OutcomeUnknown("no answer")), (72, Refused("busy")), (1, None)):
        clocks.later(timedelta(hours=hours))
        provider.trouble = trouble
        assert looks_it_up()
    assert not looks_it_up()
    provider.trouble = OutcomeUnknown("no answer")
    sync_payment(provider, Notification("webhook", merchant_uid=payment.merchant_uid))
    assert looks_it_up(), "somebody mentioned it since, and PortOne did not answer"


def test_an_old_attempt_that_nobody_looked_up_keeps_the_next_window_closed(
    provider: FakeProvider, payment: Payment
) -> None:
    provider.hears_of(payment.merchant_uid, amount=payment.amount)
    clocks.later(timedelta(days=3))
    with pytest.raises(AlreadyPaid):
        look_up_earlier_attempts(provider, payment.kind, [payment.purchase_id])


class OtherOrders(Orders):
    """A second kind whose purchases stand in the same table."""

    def expire(self, unanswered: AbstractSet[str]) -> int:
        self.spared = set(unanswered)
        return 0


def test_purchases_whose_look_up_got_no_answer_are_named_to_every_kind(
    provider: FakeProvider, payment: Payment, host_app: Flask
) -> None:
    others = host_app.extensions["payments"].purchases["other"] = OtherOrders(COFFEE)
    clocks.later(LATE)
    provider.trouble = OutcomeUnknown("no answer")
    sweep(provider)
    assert others.spared == {payment.purchase_id}
