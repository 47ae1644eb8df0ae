"""Cancels: ask PortOne to give back the money of a payment or of a duplicate window, and find out whether it did."""

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Literal

from sqlalchemy import select

from . import clock
from .database import db, locked, transaction
from .decision import CANCEL_TEXTS, month_is_over, refusal_to_cancel
from .events import Notification, log_event
from .models import Payment
from .portone.report import (
    NotFound,
    OutcomeUnknown,
    PaymentProvider,
    PaymentReport,
    ProviderError,
    Refused,
    Unauthorized,
)
from .record import record, request_cancel, without_report

# One asks for a cancel at a time: longer than any call to the provider takes.
CANCEL_LEASE = timedelta(minutes=2)
NOT_GIVEN_BACK = "was not given back"  # in events of duplicate windows; the sweep searches for it


@dataclass(frozen=True)
class CancelResult:
    """How a cancel (결제취소) ended. `reason` is a label key of kind `cancel`, or KG's own words when it refused.

    `cancelled`: the money went back, now or earlier. `refused`: it did not. `unknown`: no answer; the sweep asks again.
    """

    outcome: Literal["cancelled", "refused", "unknown"]
    reason: str


def cancel_payment(provider: PaymentProvider, payment_id: int, reason: str, notification: Notification) -> CancelResult:
    """Give a payment's whole amount back, once, however many ask at once.

    Refused before PortOne is asked when KG's rules forbid it. The mark in our row comes first (money law 5): after a
    crash the sweep goes on from it.
    """
    with transaction():
        payment = locked(Payment, payment_id)
        refusal = refusal_to_cancel(payment, clock.now())
        if refusal == "already":
            return CancelResult("cancelled", refusal)
        if refusal == "month" and payment.cancel_requested_at:
            refusal = None  # it was asked for in time and may have been carried out: that is looked up below
        if refusal:
            log_event(notification, "refused", refusal, payment)
            return CancelResult("refused", refusal)
        if not _is_free(payment):
            return CancelResult("unknown", "in_progress")
        if not payment.cancel_requested_at:
            request_cancel(payment, reason)
        log_event(notification, "requested", reason, payment)
    return resume_cancel(provider, payment_id, notification)


def resume_cancel(provider: PaymentProvider, payment_id: int, notification: Notification) -> CancelResult:
    """Carry out a cancel that a row asks for; safe to call at any time, by anybody, at once."""
    with transaction():
        payment = locked(Payment, payment_id)
        if payment.status == "cancelled":
            return CancelResult("cancelled", "already")
        if payment.cancel_requested_at is None or payment.imp_uid is None or not _is_free(payment):
            return CancelResult("unknown", "in_progress")
        in_time = refusal_to_cancel(payment, clock.now()) != "month"
        payment.claimed_until = clock.now() + CANCEL_LEASE
        imp_uid, reason = payment.imp_uid, payment.cancel_reason or ""
        amount = (payment.reported_amount or payment.amount) - payment.cancelled_amount
    if not in_time:
        # Too late to ask, not too late to look: it may have been asked for in time, and its answer lost.
        return _look_after_cancel(provider, payment, imp_uid, notification, Refused("month"))
    try:
        report = provider.cancel(imp_uid, amount, reason)
    except Unauthorized as error:
        return _cancel_unknown(payment, notification, str(error))
    except (Refused, OutcomeUnknown) as error:
        return _look_after_cancel(provider, payment, imp_uid, notification, error)
    return _cancelled(payment.id, report, notification)


def _look_after_cancel(
    provider: PaymentProvider, payment: Payment, imp_uid: str, notification: Notification, error: ProviderError
) -> CancelResult:
    """PortOne did not confirm the cancel: look up whether the money went back all the same."""
    try:
        report = provider.get_payment(imp_uid)
    except NotFound:
        return _cancel_refused(payment.id, notification, f"{error}; PortOne knows no such payment")
    except ProviderError as silence:
        return _cancel_unknown(payment, notification, f"{error}; and then: {silence}")
    if report.status == "cancelled":
        return _cancelled(payment.id, report, notification)
    if isinstance(error, OutcomeUnknown):
        return _cancel_unknown(payment, notification, str(error))
    return _cancel_refused(payment.id, notification, str(error))


def _cancelled(payment_id: int, report: PaymentReport, notification: Notification) -> CancelResult:
    payment = record(report, notification).payment
    if payment and payment.status != "cancelled":
        return _cancel_refused(payment_id, notification, "only a part was cancelled")
    return CancelResult("cancelled", "done")


def _cancel_unknown(payment: Payment, notification: Notification, why: str) -> CancelResult:
    """The mark stays in the row, so the sweep asks again."""
    without_report(notification, "unknown", f"no answer to the cancel: {why}", payment)
    return CancelResult("unknown", "unknown")


def _cancel_refused(payment_id: int, notification: Notification, why: str) -> CancelResult:
    """Record a definite refusal: the sweep does not ask again, a person decides."""
    with transaction():
        payment = locked(Payment, payment_id)
        payment.cancel_requested_at, payment.claimed_until, payment.cancel_reason = None, None, None
        log_event(notification, "refused", why, payment)
    return CancelResult("refused", why)


def cancel_duplicate(provider: PaymentProvider, report: PaymentReport, notification: Notification) -> None:
    """Give back the money of a second paid window of one payment. It has no row of its own; its event is the mark.

    If this fails, the next notification of it, the sweep or the reconciliation comes here again.
    """
    trouble = _cancel_window(provider, report)
    if trouble:
        outcome, reason = "unknown", f"surplus {report.imp_uid} {NOT_GIVEN_BACK}: {trouble}"
    else:
        outcome, reason = "cancelled", f"surplus {report.imp_uid} was given back"
    with transaction():
        payment = db.session.scalar(select(Payment).filter_by(merchant_uid=report.merchant_uid))
        log_event(replace(notification, imp_uid=report.imp_uid), outcome, reason, payment)


def _cancel_window(provider: PaymentProvider, report: PaymentReport) -> str | None:
    """Return None if the money went back, perhaps by a request at the same moment; else why it did not."""
    if report.paid_at and month_is_over(report.paid_at, clock.now()):
        return "month"  # the report says that it is still paid, and KG would refuse; the back office's to-do names it
    try:
        provider.cancel(report.imp_uid, report.amount, CANCEL_TEXTS["duplicate"])
    except ProviderError as error:
        with suppress(ProviderError):
            if provider.get_payment(report.imp_uid).status == "cancelled":
                return None
        return str(error)
    return None


def _is_free(payment: Payment) -> bool:
    """Whether nobody is asking PortOne about this payment right now."""
    return payment.claimed_until is None or payment.claimed_until <= clock.now()
