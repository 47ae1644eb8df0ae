"""Giving money back: once, by KG's rules, found again after any crash; and never anybody else's."""

import threading
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from payments import clock, sync
from payments.attempts import refusal_to_approve
from payments.cancel import CancelResult, cancel_again, cancel_payment, carry_out
from payments.cancellations import CANCEL_LEASE
from payments.database import db
from payments.events import Notification
from payments.models import Cancellation, Event, Payment
from payments.portone.report import OutcomeUnknown
from payments.sync import sync_payment

from . import clocks
from .fakes import FakeProvider
from .host import ADMIN, another_window, cancel_order, order_window, paid, row_of, states, stock


def resume_cancel(provider: FakeProvider, payment: Payment) -> CancelResult:
    """What the sweep does."""
    return carry_out(provider, row_of(payment).id, ADMIN)


def test_a_cancel_gives_the_whole_amount_back_and_returns_the_stock(provider: FakeProvider) -> None:
    before = stock()
    payment = paid(provider)
    assert cancel_payment(provider, payment.id, "고객 변심", ADMIN) == CancelResult("cancelled", "done")
    assert states(payment) == ("cancelled", "cancelled")
    assert (payment.cancelled_amount, payment.cancel_reason) == (payment.amount, "고객 변심")
    assert provider.cancels == [(payment.imp_uid, payment.amount)]
    assert stock() == before


def test_cancelled_is_cancelled_however_often_it_is_asked_for(provider: FakeProvider) -> None:
    payment = paid(provider)
    results = [cancel_payment(provider, payment.id, "고객 변심", ADMIN) for _ in range(3)]
    assert [result.outcome for result in results] == ["cancelled"] * 3
    assert len(provider.cancels) == 1


def test_two_admins_and_a_double_click_cancel_once(app: Flask, provider: FakeProvider) -> None:
    payment = paid(provider)
    payment_id, results, gate = payment.id, [], threading.Barrier(6)

    def press() -> None:
        gate.wait()
        with app.app_context():
            results.append(cancel_payment(provider, payment_id, "고객 변심", ADMIN).outcome)

    threads = [threading.Thread(target=press) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(provider.cancels) == 1
    assert set(results) <= {"cancelled", "unknown"}
    assert states(payment) == ("cancelled", "cancelled")


@pytest.mark.parametrize(("days", "outcome"), [(0, "cancelled"), (40, "refused"), (365, "refused")])
def test_another_month_is_refused_before_portone_is_asked(days: int, outcome: str, provider: FakeProvider) -> None:
    payment = paid(provider)
    clocks.stand_at((payment.paid_at or clock.now()) + timedelta(days=days))
    result = cancel_payment(provider, payment.id, "고객 변심", ADMIN)
    assert result.outcome == outcome
    if days:
        assert (result.reason, provider.cancels, states(payment)) == ("month", [], ("paid", "paid"))


def test_what_was_never_paid_is_not_asked_for(provider: FakeProvider) -> None:
    payment = order_window(provider)
    assert cancel_payment(provider, payment.id, "고객 변심", ADMIN) == CancelResult("refused", "not_paid")
    assert provider.cancels == []


def test_a_lost_answer_is_looked_up_at_once(provider: FakeProvider) -> None:
    payment = paid(provider)
    provider.cancel_answers = ["lost"]
    assert cancel_payment(provider, payment.id, "고객 변심", ADMIN).outcome == "cancelled"
    assert states(payment) == ("cancelled", "cancelled")


def test_an_unknown_outcome_keeps_its_mark_and_is_taken_up_again_later(provider: FakeProvider) -> None:
    payment = paid(provider)
    provider.cancel_answers = ["dropped"]
    assert cancel_payment(provider, payment.id, "고객 변심", ADMIN).outcome == "unknown"
    assert states(payment) == ("paid", "paid")
    assert row_of(payment).status == "requested"
    assert resume_cancel(provider, payment).reason == "in_progress"  # its time is not over yet
    clocks.later(CANCEL_LEASE)
    assert resume_cancel(provider, payment).outcome == "cancelled"
    assert len(provider.cancels) == 2


def test_cancel_whose_credentials_portone_refuses_keeps_its_mark_and_is_taken_up_again_later(
    provider: FakeProvider,
) -> None:
    """Wrong keys or a missing IP address say nothing about the payment: PortOne has not answered the cancel."""
    payment = paid(provider)
    provider.cancel_answers = ["unauthorized"]
    assert cancel_payment(provider, payment.id, "고객 변심", ADMIN).outcome == "unknown"
    assert (states(payment), row_of(payment).status) == (("paid", "paid"), "requested")
    clocks.later(CANCEL_LEASE)
    assert resume_cancel(provider, payment).outcome == "cancelled"


def test_a_refusal_of_kgs_is_kept_in_its_own_words_and_nobody_asks_again_by_himself(provider: FakeProvider) -> None:
    payment = paid(provider)
    provider.cancel_answers = ["refused"]
    result = cancel_payment(provider, payment.id, "고객 변심", ADMIN)
    assert result.outcome == "refused"
    assert result.reason.startswith("결제취소에 실패하였습니다.(")
    assert states(payment) == ("paid", "paid")
    assert (row_of(payment).status, row_of(payment).answer) == ("refused", result.reason)
    assert payment.cancel_reason is None
    assert cancel_payment(provider, payment.id, "다시", ADMIN).outcome == "cancelled"


# --- what goes back by itself ---


def test_a_second_window_of_a_paid_payment_is_given_back_by_its_own_id(provider: FakeProvider) -> None:
    payment = paid(provider)
    second = provider.hears_of(payment.merchant_uid, amount=payment.amount)
    for _ in range(2):
        sync_payment(provider, Notification("webhook", second.imp_uid, payment.merchant_uid))
    assert provider.cancels == [(second.imp_uid, payment.amount)]
    assert states(payment) == ("paid", "paid")


def test_a_second_window_of_another_kind_is_never_cancelled_by_itself(provider: FakeProvider) -> None:
    payment = paid(provider)
    second = provider.hears_of(payment.merchant_uid, amount=payment.amount, is_test_channel=False)
    assert sync_payment(provider, Notification("webhook", second.imp_uid, payment.merchant_uid)).outcome == "held"
    assert provider.cancels == []


@pytest.mark.parametrize("facts", [{"is_test_channel": False}, {"pay_method": "card"}, {"customer_uid": "somebodys"}])
def test_money_of_another_kind_waits_for_a_person(facts: dict[str, Any], provider: FakeProvider) -> None:
    payment = order_window(provider)
    provider.hears_of(payment.merchant_uid, amount=payment.amount, **facts)
    assert sync_payment(provider, Notification("webhook", merchant_uid=payment.merchant_uid)).outcome == "held"
    assert provider.cancels == []
    assert states(payment) == ("ready", "pending")


def test_a_strangers_payment_is_never_cancelled(provider: FakeProvider) -> None:
    """The aimed cancel: our merchant_uid beside a stranger's imp_uid must not give the stranger's money back."""
    payment = order_window(provider)
    stranger = provider.hears_of("somebody-elses-order", amount=1)
    result = sync_payment(provider, Notification("callback", stranger.imp_uid, payment.merchant_uid))
    assert result.outcome == "mismatch"
    assert provider.cancels == []
    assert states(payment) == ("ready", "pending")


def test_when_kgs_month_is_over_held_money_waits_for_a_person(provider: FakeProvider) -> None:
    payment = order_window(provider)
    long_ago = clock.now() - timedelta(days=40)
    provider.hears_of(payment.merchant_uid, amount=301, paid_at=long_ago)
    assert sync_payment(provider, Notification("webhook", merchant_uid=payment.merchant_uid)).outcome == "held"
    assert provider.cancels == []
    db.session.expire_all()
    assert payment.held_reason == "amount"
    assert (row_of(payment).status, row_of(payment).answer) == ("refused", "month")


# --- a person keeps it ---


def held(provider: FakeProvider, **facts: Any) -> Payment:
    payment = order_window(provider)
    provider.cancel_answers = ["refused"]
    provider.hears_of(payment.merchant_uid, **({"amount": payment.amount} | facts))
    sync_payment(provider, Notification("webhook", merchant_uid=payment.merchant_uid))
    return payment


@pytest.mark.parametrize("facts", [{"amount": 301}, {"is_test_channel": False}])
def test_a_person_may_keep_held_money_and_the_order_is_honoured(facts: dict[str, Any], provider: FakeProvider) -> None:
    payment = held(provider, **facts)
    assert sync.release(provider, payment.id, ADMIN, "확인함") is None
    assert states(payment) == ("paid", "paid")
    assert payment.held_reason is None
    assert sync.release(provider, payment.id, ADMIN, "확인함") == "not_held"
    assert db.session.query(Event).filter_by(outcome="released", actor="admin@example.com").count() == 1


def test_held_money_of_a_cancelled_order_cannot_be_kept(provider: FakeProvider) -> None:
    payment = held(provider, amount=301)
    cancel_order(payment)
    assert sync.release(provider, payment.id, ADMIN, "확인함") == "order_cancelled"
    assert states(payment) == ("paid", "cancelled")


def test_money_that_went_back_meanwhile_cannot_be_kept(provider: FakeProvider) -> None:
    """PortOne's console gave it back and the webhook was lost: our row still says that it is held."""
    payment = held(provider, amount=301)
    provider.console_cancels(payment.imp_uid)
    assert sync.release(provider, payment.id, ADMIN, "확인함") == "not_held"
    assert states(payment) == ("cancelled", "pending")


@pytest.mark.parametrize("lost", [True, False])
def test_held_money_is_kept_only_when_portone_says_that_it_is_there(lost: bool, provider: FakeProvider) -> None:
    payment = held(provider, amount=301)
    if lost:
        provider.reports.clear()
    else:
        provider.trouble = OutcomeUnknown("no answer")
    assert sync.release(provider, payment.id, ADMIN, "확인함") == "unknown"
    assert states(payment) == ("paid", "pending")


# --- before the money ---


@pytest.mark.parametrize(("amount", "refusal"), [(None, "amount"), (0, "amount"), (301, "amount"), ("asked", None)])
def test_a_window_may_go_on_only_at_our_price(amount: Any, refusal: str | None, provider: FakeProvider) -> None:
    payment = order_window(provider)
    told = payment.amount if amount == "asked" else amount
    assert refusal_to_approve(payment.merchant_uid, told, Notification("confirm")) == refusal


def test_a_window_may_not_go_on_for_an_order_that_is_over(provider: FakeProvider) -> None:
    payment = order_window(provider)
    again = another_window(provider, payment)
    provider.hears_of(payment.merchant_uid, amount=payment.amount)
    sync.sync_payment(provider, Notification("callback", merchant_uid=payment.merchant_uid))
    assert refusal_to_approve(again.merchant_uid, again.amount, Notification("confirm")) == "paid"
    old = order_window(provider)
    cancel_order(old)
    assert refusal_to_approve(old.merchant_uid, old.amount, Notification("confirm")) == "order_gone"
    assert refusal_to_approve("nobodys", 1000, Notification("confirm")) == "not_a_window"


def test_every_answer_to_a_cancel_leaves_its_line(provider: FakeProvider) -> None:
    payment = paid(provider)
    provider.cancel_answers = ["refused", "dropped"]
    for _ in range(2):
        cancel_payment(provider, payment.id, "고객 변심", ADMIN)
    told = Counter(event.outcome for event in db.session.query(Event).filter_by(source="admin"))
    assert told == {"requested": 2, "refused": 1, "unknown": 1}


def test_duplicate_whose_cancel_was_refused_waits_for_a_person_whoever_reports_it_again(provider: FakeProvider) -> None:
    payment = paid(provider)
    second = provider.hears_of(payment.merchant_uid, amount=payment.amount)
    provider.cancel_answers = ["refused"]
    for _ in range(3):
        sync_payment(provider, Notification("webhook", second.imp_uid, payment.merchant_uid))
    assert provider.cancels == [(second.imp_uid, payment.amount)], "asked once"
    [row] = db.session.query(Cancellation).all()
    assert row.status == "refused"
    assert cancel_again(provider, row.id, "사람이 다시 요청", ADMIN).outcome == "cancelled"
    assert provider.reports[second.imp_uid].status == "cancelled"


def test_no_answer_to_the_look_up_after_a_refusal_is_unknown(provider: FakeProvider) -> None:
    payment = paid(provider)
    provider.trouble = OutcomeUnknown("no answer")
    assert cancel_payment(provider, payment.id, "고객 변심", ADMIN).outcome == "unknown"
    assert row_of(payment).status == "requested"


def test_a_cancel_of_a_payment_that_portone_has_lost_is_refused_and_not_asked_for_for_ever(
    provider: FakeProvider,
) -> None:
    payment = paid(provider)
    provider.reports.clear()
    provider.cancel_answers = ["refused"]
    assert cancel_payment(provider, payment.id, "고객 변심", ADMIN).outcome == "refused"
    assert states(payment) == ("paid", "paid")
    assert row_of(payment).status == "refused"


def test_a_part_that_went_back_elsewhere_is_not_told_as_a_whole_cancel(provider: FakeProvider) -> None:
    """KG gives back whole payments only; somebody in PortOne's console may have tried otherwise."""
    payment = paid(provider)
    assert payment.imp_uid
    provider.reports[payment.imp_uid] = replace(
        provider.reports[payment.imp_uid], status="cancelled", cancelled_amount=1000, cancelled_at=clock.now()
    )
    result = cancel_payment(provider, payment.id, "고객 변심", ADMIN)
    assert result == CancelResult("refused", "partly_cancelled")
    assert states(payment)[0] == "paid"
    assert (row_of(payment).status, row_of(payment).answer) == ("refused", "partly_cancelled")


def test_a_cancel_left_open_at_the_months_end_is_not_asked_of_portone_in_the_next(provider: FakeProvider) -> None:
    payment = paid(provider)
    provider.cancel_answers = ["dropped"]
    assert cancel_payment(provider, payment.id, "고객 변심", ADMIN).outcome == "unknown"
    clocks.later(timedelta(days=40))
    assert resume_cancel(provider, payment) == CancelResult("refused", "month")
    assert len(provider.cancels) == 1
    row = row_of(payment)
    assert (payment.status, row.status, row.answer, row.claimed_until) == ("paid", "refused", "month", None)


def test_a_cancel_that_portone_carried_out_is_found_though_its_answer_was_lost_and_the_month_is_over(
    provider: FakeProvider,
) -> None:
    payment = paid(provider)
    provider.cancel_answers, provider.trouble_after_cancel = ["lost"], OutcomeUnknown("no answer")
    assert cancel_payment(provider, payment.id, "고객 변심", ADMIN).outcome == "unknown"
    provider.trouble = None
    clocks.later(timedelta(days=40))
    assert resume_cancel(provider, payment).outcome == "cancelled"
    assert len(provider.cancels) == 1
    assert states(payment) == ("cancelled", "cancelled")


def test_a_cancel_of_last_month_stays_marked_while_portone_does_not_answer(provider: FakeProvider) -> None:
    payment = paid(provider)
    provider.cancel_answers = ["dropped"]
    cancel_payment(provider, payment.id, "고객 변심", ADMIN)
    clocks.later(timedelta(days=40))
    provider.trouble = OutcomeUnknown("no answer")
    assert resume_cancel(provider, payment).outcome == "unknown"
    assert row_of(payment).status == "requested"


def test_a_person_who_asks_again_after_the_month_finds_the_cancel_that_was_carried_out(provider: FakeProvider) -> None:
    payment = paid(provider)
    provider.cancel_answers, provider.trouble_after_cancel = ["lost"], OutcomeUnknown("no answer")
    cancel_payment(provider, payment.id, "고객 변심", ADMIN)
    provider.trouble = None
    clocks.later(timedelta(days=40))
    assert cancel_payment(provider, payment.id, "다시", ADMIN).outcome == "cancelled"
    assert len(provider.cancels) == 1
