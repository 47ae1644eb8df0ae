"""Cancels: ask PortOne to cancel the payment of a cancellation's row, and find out whether it did."""

from dataclasses import dataclass, replace
from typing import Literal

from . import cancellations, clock
from .database import db, locked, transaction
from .decision import month_is_over, refusal_to_cancel
from .events import Notification, log_event
from .models import REFUNDED_BY_BANK, Cancellation, Payment
from .portone.report import (
    NotFound,
    OutcomeUnknown,
    PaymentProvider,
    PaymentReport,
    ProviderError,
    Refused,
    Unauthorized,
)
from .portone.responses import says_undone_at_kg
from .record import record


@dataclass(frozen=True)
class CancelResult:
    """How a cancel (결제취소) ended. `reason` is a label key of kind `cancel`, or KG's own words when it refused.

    `cancelled`: the money went back, now or earlier. `refused`: it did not. `unknown`: no answer; the sweep asks again.
    """

    outcome: Literal["cancelled", "refused", "unknown"]
    reason: str


def cancel_payment(provider: PaymentProvider, payment_id: int, reason: str, notification: Notification) -> CancelResult:
    """Give a payment's whole amount back, once, however many ask at once.

    Refused before PortOne is asked when KG's rules forbid it. The row comes first (money law 5): after a crash the
    sweep goes on from it.
    """
    with transaction():
        payment = locked(Payment, payment_id)
        row = cancellations.locked_row(payment.imp_uid)
        refusal = refusal_to_cancel(payment, clock.now())
        if refusal == "already":
            return CancelResult("cancelled", refusal)
        if refusal == "month" and row and row.status == "requested":
            refusal = None  # it was asked for in time and may have been carried out: that is looked up below
        if refusal:
            log_event(notification, "refused", refusal, payment)
            return CancelResult("refused", refusal)
        if row and cancellations.is_leased(row):
            return CancelResult("unknown", "in_progress")
        amount, actor = cancellations.remaining(payment), notification.actor
        row = cancellations.request(payment, payment.imp_uid or "", amount, reason, requested_by=actor)
        log_event(notification, "requested", reason, payment)
    return carry_out(provider, row.id, notification)


def cancel_again(
    provider: PaymentProvider, cancellation_id: int, reason: str, notification: Notification
) -> CancelResult:
    """Ask PortOne once more for a row that was refused, such as a duplicate payment's, because a person decided so."""
    with transaction():
        found = db.session.get_one(Cancellation, cancellation_id)
        payment = locked(Payment, found.payment_id)
        row = locked(Cancellation, cancellation_id)
        if row.status == "refused":
            since = row.requested_at or row.answered_at
            if row.answer == "month" or (since and month_is_over(since, clock.now())):
                log_event(notification, "refused", "month", payment)
                return CancelResult("refused", "month")
            cancellations.request(payment, row.imp_uid, row.amount, reason, requested_by=notification.actor)
            log_event(replace(notification, imp_uid=row.imp_uid), "requested", reason, payment)
    return carry_out(provider, cancellation_id, notification)


def carry_out(provider: PaymentProvider, cancellation_id: int, notification: Notification) -> CancelResult:
    """Ask PortOne for the money of a row that is `requested`; safe to call at any time, by anybody, at once.

    Every cancel ends here: a person's, those of held money and of duplicate payments, and the sweep's.
    """
    with transaction():
        row = locked(Cancellation, cancellation_id)
        if row.status != "requested":
            return _answered(row)
        if not cancellations.lease(row):
            return CancelResult("unknown", "in_progress")
    notification = replace(notification, imp_uid=row.imp_uid)
    if row.requested_at and month_is_over(row.requested_at, clock.now()):
        # Too late to ask, not too late to look: it may have been asked for in time, and its answer lost.
        return _look_after_cancel(provider, row, notification, Refused("month"))
    try:
        report = provider.cancel(row.imp_uid, row.amount, row.reason)
    except Unauthorized as error:
        return _unknown(row, notification, str(error))
    except (Refused, OutcomeUnknown) as error:
        return _look_after_cancel(provider, row, notification, error)
    return _cancelled(row, report, notification)


def _look_after_cancel(
    provider: PaymentProvider, row: Cancellation, notification: Notification, error: ProviderError
) -> CancelResult:
    """PortOne did not confirm the cancel: look up whether the money went back all the same."""
    try:
        report = provider.get_payment(row.imp_uid)
    except NotFound:
        return _refused(row, notification, f"{error}; PortOne knows no such payment")
    except ProviderError as silence:
        return _unknown(row, notification, f"{error}; and then: {silence}")
    if report.status == "cancelled":
        return _cancelled(row, report, notification)
    if isinstance(error, Refused):
        code = "undone_at_kg" if says_undone_at_kg(error) else None
        return _refused(row, notification, str(error), code)
    return _unknown(row, notification, str(error))


def _cancelled(row: Cancellation, report: PaymentReport, notification: Notification) -> CancelResult:
    """Record the report, which closes the row; if it stays open, only a part of the money went back."""
    try:
        payment = record(report, notification).payment
    except ProviderError as error:
        return _unknown(row, notification, str(error))
    if payment is None or payment.id != row.payment_id:
        return _unknown(row, notification, "PortOne's answer is about another payment")
    return _refused(row, notification, "partly_cancelled")


def _unknown(row: Cancellation, notification: Notification, why: str) -> CancelResult:
    """The row stays `requested`, so the sweep asks again when its lease is over."""
    if not notification.is_quiet:
        with transaction():
            payment = db.session.get_one(Payment, row.payment_id)
            log_event(notification, "unknown", f"no answer to the cancel: {why}", payment)
    return CancelResult("unknown", "unknown")


def _refused(row: Cancellation, notification: Notification, why: str, code: str | None = None) -> CancelResult:
    """Record a definite refusal, unless the row was answered meanwhile. `why` is for people, `code` for programs."""
    with transaction():
        row = locked(Cancellation, row.id)
        if row.status != "requested":
            return _answered(row, "done")
        cancellations.refuse(row, code or why)
        log_event(notification, "refused", why, db.session.get_one(Payment, row.payment_id))
    return CancelResult("refused", why)


def _answered(row: Cancellation, done: str = "already") -> CancelResult:
    """Return the result of a row that is not open."""
    if row.status == "done":
        return CancelResult("cancelled", done)
    return CancelResult("refused", REFUNDED_BY_BANK if row.status == "by_bank" else row.answer or "")
