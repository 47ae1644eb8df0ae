"""The rows of money that goes back: one for each window, whoever asks, and refunds by bank."""

from datetime import date, timedelta

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from payments import cancellations, clock, sync
from payments.cancel import CancelResult, cancel_again, cancel_payment, carry_out
from payments.cancellations import CANCEL_LEASE, BankRefund, cancellation_of, record_bank_refund
from payments.database import db, end_reading, transaction
from payments.events import Notification
from payments.models import Cancellation, Event, Payment
from payments.portone.report import OutcomeUnknown, PaymentReport, Refused
from payments.portone.responses import says_undone_at_kg
from payments.privacy import mask_account
from payments.reconcile import compare
from payments.sweep import sweep
from payments.sync import sync_payment

from . import clocks
from .fakes import FakeProvider
from .host import ADMIN, COFFEE, Orders, kept, order_window, paid, row_of, states
from .threads import all_at_once

pytestmark = pytest.mark.law

REFUND = BankRefund(date(2055, 1, 3), "국민 123-456-7890", "전화로 확인")
NEXT_MONTH = timedelta(days=40)


@pytest.fixture
def payment(provider: FakeProvider) -> Payment:
    return paid(provider)


def rows() -> list[Cancellation]:
    db.session.expire_all()
    found = list(db.session.scalars(select(Cancellation).order_by(Cancellation.id)))
    end_reading()
    return found


def second_window(provider: FakeProvider, payment: Payment, **facts: object) -> PaymentReport:
    """A second window of the same payment was paid, and its webhook arrived."""
    second = provider.hears_of(payment.merchant_uid, amount=payment.amount, **facts)
    sync_payment(provider, Notification("webhook", second.imp_uid, payment.merchant_uid))
    return second


# --- the rows ---------------------------------------------------------------------------------------------------------


def test_cancelled_payment_has_a_row_that_says_who_asked_and_why(provider: FakeProvider, payment: Payment) -> None:
    cancel_payment(provider, payment.id, "고객 변심", ADMIN)
    [row] = rows()
    assert (row.payment_id, row.imp_uid, row.amount) == (payment.id, payment.imp_uid, payment.amount)
    assert (row.status, row.reason, row.requested_by, row.answer) == ("done", "고객 변심", "admin@example.com", None)
    assert row.requested_at and row.answered_at and row.claimed_until is None


def test_cancel_in_portones_console_has_a_row_that_nobody_requested(provider: FakeProvider, payment: Payment) -> None:
    provider.console_cancels(payment.imp_uid)
    sync_payment(provider, Notification("webhook", payment.imp_uid, payment.merchant_uid))
    [row] = rows()
    assert (row.status, row.requested_at, row.requested_by, row.reason) == ("done", None, None, "관리자페이지취소")


@pytest.mark.parametrize("reason", [None, "고객 변심", "[샌드박스] 통신사가 되돌림"])
@pytest.mark.parametrize(
    ("days", "answer"), [(0, "undone_elsewhere"), (40, "undone_by_carrier")], ids=["same month", "later month"]
)
def test_only_what_no_merchant_could_cancel_any_more_counts_as_undone_by_the_carrier(
    days: int, answer: str, reason: str | None, provider: FakeProvider, payment: Payment
) -> None:
    clocks.later(timedelta(days=days))
    cancelled = {"imp_uid": payment.imp_uid, "cancel_reason": reason}
    provider.hears_of(payment.merchant_uid, "cancelled", payment.amount, **cancelled)
    sync_payment(provider, Notification("webhook", payment.imp_uid, payment.merchant_uid))
    [row] = rows()
    assert (row.status, row.requested_at, row.answer) == ("done", None, answer)
    assert cancellations.undone_by(payment) == answer


def test_a_cancel_of_the_same_month_that_is_noticed_later_is_not_taken_for_the_carriers(
    provider: FakeProvider, payment: Payment
) -> None:
    provider.hears_of(payment.merchant_uid, "cancelled", payment.amount, imp_uid=payment.imp_uid)
    clocks.later(NEXT_MONTH)
    sync_payment(provider, Notification("webhook", payment.imp_uid, payment.merchant_uid))
    assert cancellations.undone_by(payment) == "undone_elsewhere"


def test_a_cancel_whose_time_portone_does_not_tell_is_not_taken_for_the_carriers(
    provider: FakeProvider, payment: Payment
) -> None:
    clocks.later(NEXT_MONTH)
    provider.hears_of(payment.merchant_uid, "cancelled", payment.amount, imp_uid=payment.imp_uid, cancelled_at=None)
    sync_payment(provider, Notification("webhook", payment.imp_uid, payment.merchant_uid))
    assert cancellations.undone_by(payment) == "undone_elsewhere"


def test_neither_our_own_cancel_nor_the_consoles_was_undone_by_somebody_else(
    provider: FakeProvider, payment: Payment
) -> None:
    assert cancellations.undone_by(payment) is None
    second = second_window(provider, payment)
    assert [row.answer for row in rows() if row.imp_uid == second.imp_uid] == [None]
    provider.console_cancels(payment.imp_uid)
    sync_payment(provider, Notification("webhook", payment.imp_uid, payment.merchant_uid))
    assert cancellations.undone_by(payment) is None


def test_duplicate_window_has_a_row_of_its_own_amount_and_imp_uid(provider: FakeProvider, payment: Payment) -> None:
    second = second_window(provider, payment)
    [row] = rows()
    assert (row.payment_id, row.imp_uid, row.amount) == (payment.id, second.imp_uid, payment.amount)
    assert (row.status, row.requested_by) == ("done", None)
    assert states(payment) == ("paid", "paid")


class Listening(Orders):
    """Orders of a host that wants to know of duplicate payments that went back."""

    def __init__(self) -> None:
        super().__init__(COFFEE)
        self.told: list[tuple[str, str, int]] = []

    def duplicate_returned(self, payment: Payment, cancellation: Cancellation) -> None:
        self.told.append((payment.merchant_uid, cancellation.status, cancellation.amount))


def test_host_is_told_once_that_a_duplicate_windows_money_went_back(
    host_app: Flask, provider: FakeProvider, payment: Payment
) -> None:
    host_app.extensions["payments"].purchases["once"] = host = Listening()
    second = second_window(provider, payment)
    sync_payment(provider, Notification("webhook", second.imp_uid, payment.merchant_uid))
    assert host.told == [(payment.merchant_uid, "done", payment.amount)]


def test_host_is_told_of_a_duplicate_that_was_paid_back_by_bank(
    host_app: Flask, provider: FakeProvider, payment: Payment
) -> None:
    host_app.extensions["payments"].purchases["once"] = host = Listening()
    provider.cancel_answers = ["refused"]
    second = second_window(provider, payment)
    assert host.told == []
    clocks.later(NEXT_MONTH)
    assert refund(payment, second.imp_uid) is None
    assert host.told == [(payment.merchant_uid, "by_bank", payment.amount)]


@pytest.mark.parametrize(
    ("facts", "answer"),
    [
        ({"is_test_channel": False}, "channel"),
        ({"pay_method": "card"}, "method"),
        ({"customer_uid": "x"}, "customer_uid"),
    ],
)
def test_duplicate_that_is_not_as_asked_waits_for_a_person_as_a_refused_row(
    facts: dict[str, object], answer: str, provider: FakeProvider, payment: Payment
) -> None:
    for _ in range(2):
        second = second_window(provider, payment, imp_uid="imp_second", **facts)
    [row] = rows()
    assert (row.status, row.answer, row.requested_at) == ("refused", answer, None)
    assert provider.cancels == []
    assert cancel_again(provider, row.id, "확인함", ADMIN) == CancelResult("cancelled", "done")
    assert provider.cancels == [(second.imp_uid, payment.amount)]
    assert [row.status for row in rows()] == ["done"]


def test_refused_duplicate_of_a_month_that_is_over_is_not_requested_again(
    provider: FakeProvider, payment: Payment
) -> None:
    provider.cancel_answers = ["refused"]
    second_window(provider, payment)
    [row] = rows()
    clocks.later(NEXT_MONTH)
    assert cancel_again(provider, row.id, "다시", ADMIN) == CancelResult("refused", "month")
    assert len(provider.cancels) == 1


def test_window_has_one_row_however_often_its_cancel_is_requested(provider: FakeProvider, payment: Payment) -> None:
    imp_uid = payment.imp_uid or ""
    with transaction():
        first = cancellations.request(payment, imp_uid, payment.amount, "하나")
        assert cancellations.request(payment, imp_uid, payment.amount, "둘").id == first.id
    [row] = rows()
    assert row.reason == "하나"
    with pytest.raises(IntegrityError), transaction():
        db.session.add(Cancellation(payment_id=payment.id, imp_uid=imp_uid, amount=1, reason="", status="requested"))


def test_codes_are_read_from_kgs_words_at_the_border() -> None:
    assert says_undone_at_kg(Refused("결제취소에 실패하였습니다.(선택하신 내역은 이미 취소가 완료 되었습니다.)"))
    assert not says_undone_at_kg(Refused("이미 전액취소된 주문입니다."))


# --- crashes and races ------------------------------------------------------------------------------------------------


def test_crash_between_the_row_and_portone_is_finished_by_the_sweep(provider: FakeProvider, payment: Payment) -> None:
    with transaction():
        cancellations.request(payment, payment.imp_uid or "", payment.amount, "고객 변심")
    # and the process dies here
    assert sweep(provider) == {"given_back": 1}
    assert states(payment) == ("cancelled", "cancelled")
    assert sweep(provider) == {}


def test_crash_between_portone_and_the_answer_is_finished_without_a_second_cancel(
    provider: FakeProvider, payment: Payment
) -> None:
    with transaction():
        row = cancellations.request(payment, payment.imp_uid or "", payment.amount, "고객 변심")
        cancellations.lease(row)
    provider.console_cancels(payment.imp_uid)
    # and the process dies here: PortOne has carried it out, our row still says `requested`
    assert sweep(provider) == {}  # the lease of the process that died
    clocks.later(CANCEL_LEASE)
    assert sweep(provider) == {"given_back": 1}
    assert states(payment) == ("cancelled", "cancelled")
    assert [row.status for row in rows()] == ["done"]


def test_two_admins_a_double_click_and_a_webhook_at_once_cancel_once(
    app: Flask, provider: FakeProvider, payment: Payment
) -> None:
    payment_id, imp_uid, merchant_uid = payment.id, payment.imp_uid, payment.merchant_uid
    end_reading()
    all_at_once(
        app,
        *[lambda: cancel_payment(provider, payment_id, "고객 변심", ADMIN)] * 4,
        *[lambda: sync_payment(provider, Notification("webhook", imp_uid, merchant_uid))] * 2,
        lambda: sweep(provider),
    )
    assert len(provider.cancels) == 1
    assert states(payment) == ("cancelled", "cancelled")
    assert [row.status for row in rows()] == ["done"]


def test_concurrent_cancel_of_a_duplicate_leaves_no_open_item(
    app: Flask, provider: FakeProvider, payment: Payment
) -> None:
    second = provider.hears_of(payment.merchant_uid, amount=payment.amount)
    merchant_uid = payment.merchant_uid
    end_reading()
    all_at_once(
        app,
        *[lambda: sync.take_report(provider, second, Notification("webhook", second.imp_uid, merchant_uid))] * 4,
        lambda: sweep(provider),
    )
    sweep(provider)
    assert provider.cancels == [(second.imp_uid, payment.amount)]
    assert [row.status for row in rows()] == ["done"]
    assert states(payment) == ("paid", "paid")


def test_refusal_that_arrives_after_the_cancel_was_recorded_changes_nothing(
    provider: FakeProvider, payment: Payment
) -> None:
    cancel_payment(provider, payment.id, "고객 변심", ADMIN)
    assert carry_out(provider, row_of(payment).id, ADMIN) == CancelResult("cancelled", "already")
    with transaction():
        row = cancellation_of(payment)
        assert row and not cancellations.refuse(row, "too late")
    assert row_of(payment).status == "done"


# --- refund by bank ---------------------------------------------------------------------------------------------------


def refund(payment: Payment, imp_uid: str | None = None) -> str | None:
    return record_bank_refund(payment.id, REFUND, "지난달 결제", ADMIN, imp_uid)


def test_bank_refund_of_a_payment_of_another_month_cancels_its_order_and_is_no_difference(
    provider: FakeProvider, payment: Payment
) -> None:
    day = clock.today()
    assert refund(payment) == "cancellable"
    clocks.later(NEXT_MONTH)
    assert refund(payment) is None
    assert states(payment) == ("paid", "cancelled")
    assert payment.held_reason == "refunded_by_bank"
    row = row_of(payment)
    assert (row.status, row.refunded_at, row.refunded_by) == ("by_bank", date(2055, 1, 3), "admin@example.com")
    assert (row.account, row.note) == ("국민 ***-***-7890", "전화로 확인")
    assert [event.actor for event in db.session.query(Event).filter_by(outcome="bank_refund")] == ["admin@example.com"]
    end_reading()
    assert compare(provider, day, clock.today()) == []
    assert provider.cancels == []


def test_bank_refund_is_recorded_once_and_ends_what_else_could_be_done(
    provider: FakeProvider, payment: Payment
) -> None:
    clocks.later(NEXT_MONTH)
    assert [refund(payment), refund(payment)] == [None, "refunded_by_bank"]
    assert cancel_payment(provider, payment.id, "또", ADMIN) == CancelResult("refused", "refunded_by_bank")
    assert sync.release(provider, payment.id, ADMIN, "또") == "refunded_by_bank"
    assert sweep(provider) == {}
    assert provider.cancels == []
    assert row_of(payment).status == "by_bank"


def test_bank_refund_is_allowed_in_the_month_once_kg_has_refused(provider: FakeProvider, payment: Payment) -> None:
    provider.cancel_answers = ["dropped", "refused"]
    cancel_payment(provider, payment.id, "고객 변심", ADMIN)
    assert refund(payment) == "in_progress"
    clocks.later(CANCEL_LEASE)
    sweep(provider)
    assert refund(payment) is None
    assert states(payment) == ("paid", "cancelled")


def test_bank_refund_after_a_part_was_cancelled_is_of_the_rest(provider: FakeProvider, payment: Payment) -> None:
    facts = {"imp_uid": payment.imp_uid, "cancelled_amount": 1000, "paid_at": payment.paid_at}
    provider.hears_of(payment.merchant_uid, "cancelled", payment.amount, **facts)
    provider.cancel_answers = ["refused"]
    cancel_payment(provider, payment.id, "고객 변심", ADMIN)
    assert row_of(payment).answer == "partly_cancelled"
    assert refund(payment) is None
    assert row_of(payment).amount == payment.amount - 1000


def test_bank_refund_of_money_that_went_back_or_never_came_is_refused(provider: FakeProvider) -> None:
    window = order_window(provider)
    assert refund(window) == "not_paid"
    cancelled = paid(provider)
    cancel_payment(provider, cancelled.id, "고객 변심", ADMIN)
    assert refund(cancelled) == "already"


def test_bank_refund_of_held_money_leaves_its_open_order_alone(provider: FakeProvider) -> None:
    held = order_window(provider)
    provider.hears_of(held.merchant_uid, amount=held.amount, is_test_channel=False)
    sync_payment(provider, Notification("webhook", merchant_uid=held.merchant_uid))
    clocks.later(NEXT_MONTH)
    assert refund(held) is None
    assert states(held) == ("paid", "pending")
    assert held.held_reason == "refunded_by_bank"


def test_bank_refund_of_a_duplicate_leaves_the_paid_order_alone(provider: FakeProvider, payment: Payment) -> None:
    day = clock.today()
    provider.cancel_answers = ["refused"]
    second = second_window(provider, payment)
    clocks.later(NEXT_MONTH)
    assert [one.kind for one in compare(provider, day, clock.today())] == ["duplicate"]
    assert refund(payment, second.imp_uid) is None
    assert states(payment) == ("paid", "paid")
    assert payment.held_reason is None
    assert [row.status for row in rows()] == ["by_bank"]
    assert compare(provider, day, clock.today()) == []


def test_bank_refund_names_a_window_of_this_payment_only(provider: FakeProvider, payment: Payment) -> None:
    clocks.later(NEXT_MONTH)
    assert refund(payment, "imp_of_somebody_else") == "not_paid"


@pytest.mark.parametrize(
    ("account", "shown"),
    [
        ("국민 123-456-7890", "국민 ***-***-7890"),
        ("110 123 456789", "*** *** **6789"),
        ("7890", "7890"),
        ("없음", "없음"),
    ],
)
def test_account_is_masked_but_for_its_last_four_digits(account: str, shown: str) -> None:
    assert mask_account(account) == shown


# --- unanswered -------------------------------------------------------------------------------------------------------


def test_look_up_without_an_answer_is_marked_until_portone_answers(provider: FakeProvider) -> None:
    window = order_window(provider)
    about = Notification("webhook", merchant_uid=window.merchant_uid)
    provider.trouble = OutcomeUnknown("no answer")
    sync_payment(provider, about)
    clocks.later(timedelta(minutes=11))
    assert kept(window).unanswered_since == clock.now() - timedelta(minutes=11)
    provider.trouble = None
    sync_payment(provider, about)  # PortOne knows no such payment: that is an answer
    assert kept(window).unanswered_since is None
