"""Recording: carry out the decision on a report in one transaction, with all that follows from it.

`record` is the only function in which a report changes our rows. Nothing here calls PortOne: `sync.py` reads in the
result what has to be asked next.
"""

from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import select

from . import cancellations, clock
from .database import db, locked, transaction
from .decision import CANCEL_TEXTS, Decision, Outcome, decide, is_kept, month_is_over, refusal_to_cancel
from .events import Notification, log_event
from .extension import lock_purchase, purchases_of
from .models import REFUNDED_BY_BANK, Payment, move
from .portone.report import PaymentReport, UnreadableAnswer

# What PortOne may leave out at first, and say with a later report.
LATER_FACTS = ("pg_tid", "pg_provider", "fail_reason", "cancel_reason", "paid_at", "failed_at", "cancelled_at")


@dataclass(frozen=True)
class SyncResult:
    """The result of a look-up. `payment` is the one that PortOne reported on, or None if it is not ours.

    `cancellation_id`: the row of the money that this report made one that is cancelled automatically.
    """

    outcome: Outcome
    reason: str
    payment: Payment | None = None
    cancellation_id: int | None = None


def record(report: PaymentReport, notification: Notification) -> SyncResult:
    """Record what PortOne reported, once, with all that follows from it, in one transaction (money law 3).

    Raises UnreadableAnswer, and writes nothing, if the window is bound to another payment of ours.
    """
    with transaction():
        named = (Payment.merchant_uid == report.merchant_uid) | (Payment.imp_uid == report.imp_uid)
        rows = db.session.scalars(select(Payment).where(named)).all()
        found = next((row for row in rows if row.merchant_uid == report.merchant_uid), None)
        if found is None:
            log_event(notification, "mismatch", "PortOne says it is not one of our payments", None, report.as_received)
            return SyncResult("mismatch", "the payment is not ours")
        if len(rows) > 1:
            raise UnreadableAnswer("PortOne named another merchant_uid for this imp_uid before")
        # The lock order everywhere: purchase, what it changes, payment. The payment is read again under its lock.
        standing = lock_purchase(found)
        payment = locked(Payment, found.id)
        decision = decide(payment, report, standing, paid_by_another=is_paid_by_another(payment))
        if decision.status:
            _apply(decision, payment, report)
        elif decision.held_reason:
            _write(payment, held_reason=decision.held_reason, **_facts(decision, payment, report))
        elif report.imp_uid == payment.imp_uid and report.status in ("paid", payment.status):
            _write(payment, **{name: getattr(report, name) or getattr(payment, name) for name in LATER_FACTS})
        # A charge by billing key has a result at once, so `ready` is none: a person sees it.
        is_answer = not payment.period or report.status != "ready"
        payment.unanswered_since = None if is_answer else payment.unanswered_since or clock.now()
        to_cancel = _record_cancellation(decision, payment, report, notification)
        if not (notification.is_quiet and decision.outcome == "unchanged"):
            log_event(notification, decision.outcome, decision.reason, payment, report.as_received)
        if notification.merchant_uid and notification.merchant_uid != report.merchant_uid:
            return SyncResult("mismatch", "the payment belongs to another merchant_uid", payment, to_cancel)
        return SyncResult(decision.outcome, decision.reason, payment, to_cancel)


def without_report(
    notification: Notification, outcome: Outcome, reason: str, payment: Payment | None = None
) -> SyncResult:
    """Log that nothing was learned; no payment changes."""
    if not notification.is_quiet:
        with transaction():
            log_event(notification, outcome, reason, payment)
    return SyncResult(outcome, reason, payment)


def is_paid_by_another(payment: Payment) -> bool:
    """Return whether another payment has paid the same purchase, or the same later month of it.

    Call inside a transaction(), with the purchase locked.
    """
    paid = select(Payment.id).where(
        Payment.kind == payment.kind,
        Payment.purchase_id == payment.purchase_id,
        Payment.period == payment.period,
        Payment.status == "paid",
        Payment.held_reason.is_(None),
        Payment.id != payment.id,
    )
    return db.session.scalar(paid.limit(1)) is not None


def _record_cancellation(
    decision: Decision, payment: Payment, report: PaymentReport, notification: Notification
) -> int | None:
    """Write the cancellation that follows from the report; return its id if PortOne has to be asked for it now.

    The row is committed with the decision, so the sweep finishes it after a crash.
    """
    if report.status == "cancelled" and report.cancelled_amount == report.amount:
        closed = cancellations.close(payment, report)
        if closed and decision.outcome == "unchanged":
            log_event(
                replace(notification, imp_uid=report.imp_uid), "cancelled", "duplicate", payment, report.as_received
            )
            purchases_of(payment).duplicate_returned(payment, closed)
        return None
    if decision.outcome == "paid":  # kept a moment ago: nobody has asked for a cancel yet
        return None
    known = cancellations.locked_row(report.imp_uid)
    if known:  # a refused one waits for a person, whoever mentions it again
        return known.id if known.status == "requested" else None
    if decision.is_duplicate or decision.unexpected:
        is_over = report.paid_at is not None and month_is_over(report.paid_at, clock.now())
        refusal = "month" if is_over else decision.unexpected
        row = cancellations.request(payment, report.imp_uid, report.amount, CANCEL_TEXTS["duplicate"], refusal=refusal)
    elif decision.cancel_text and payment.imp_uid:
        refusal = refusal_to_cancel(payment, clock.now())
        row = cancellations.request(
            payment, payment.imp_uid, cancellations.remaining(payment), decision.cancel_text, refusal=refusal
        )
    else:
        return None
    return row.id if row.status == "requested" else None


def _apply(decision: Decision, payment: Payment, report: PaymentReport) -> None:
    """Move the payment to its next status, and tell the host."""
    held_reason, was_kept = payment.held_reason, is_kept(payment)
    is_refunded = held_reason == REFUNDED_BY_BANK  # the host has heard of it; the second refund stays visible
    facts = _facts(decision, payment, report) | {"held_reason": decision.held_reason, "claimed_until": None}
    if is_refunded:
        facts["held_reason"] = held_reason
    if not move(Payment, payment.id, decision.status or "", **facts):
        raise RuntimeError(f"payment {payment.merchant_uid} changed although it was locked")
    purchases = purchases_of(payment)
    if decision.outcome == "paid":
        purchases.paid(payment)
    elif decision.outcome == "failed":
        purchases.failed(payment)
    elif decision.outcome == "cancelled" and was_kept:
        purchases.cancelled(payment)
    elif decision.outcome == "cancelled" and not is_refunded:
        purchases.returned(payment, held_reason)


def _facts(decision: Decision, payment: Payment, report: PaymentReport) -> dict[str, Any]:
    """Return the columns that a report fills.

    A later report of the same window fills what an earlier one left out, and empties nothing. Money that is in has a
    `paid_at`, since cancels, months and lists go by it: until PortOne says when, it is when we learned of it.
    """
    facts = {name: getattr(report, name) for name in LATER_FACTS}
    if report.imp_uid == payment.imp_uid:
        facts |= {name: facts[name] or getattr(payment, name) for name in ("pg_tid", "pg_provider", "paid_at")}
    if facts["paid_at"] is None and (decision.status == "paid" or decision.held_reason):
        facts["paid_at"] = clock.now()
    return facts | {
        "imp_uid": report.imp_uid,
        "reported_amount": report.amount,
        "cancelled_amount": report.cancelled_amount,
    }


def _write(payment: Payment, **values: Any) -> None:
    for name, value in values.items():
        setattr(payment, name, value)


# --- a person keeps held money ----------------------------------------------------------------------------------------


def keep(payment_id: int) -> str | None:
    """Keep the money of a held payment, because a person decided so. None: done; else why it cannot be kept.

    The reason is one of `why_not_keep`, or the host's own (`Standing.closed`). Nothing has changed then. Call inside a
    transaction().
    """
    found = db.session.get_one(Payment, payment_id)
    standing = lock_purchase(found)
    payment = locked(Payment, payment_id)
    refusal = why_not_keep(payment)
    if refusal:
        return refusal
    if is_kept(payment):  # only a part of it was cancelled
        payment.held_reason = None
        return None
    if is_paid_by_another(payment):
        return "duplicate"
    if standing.state in ("closed", "held"):
        return standing.reason
    if payment.status == "paid":
        payment.held_reason = None
    else:
        move(Payment, payment.id, "paid", held_reason=None)
    purchases_of(payment).paid(payment)
    return None


def why_not_keep(payment: Payment) -> str | None:
    """Return why nobody can keep this payment's money (a label key of kind `release`), whatever its purchase is; or
    None."""
    if payment.held_reason is None or payment.status == "cancelled":
        return "not_held"
    if payment.held_reason == REFUNDED_BY_BANK:
        return REFUNDED_BY_BANK
    if cancellations.is_requested(payment):
        return "cancel_in_progress"
    if payment.customer_uid:  # KG compares every later month with this one, so a wrong first month starts nothing
        return "no_subscription"
    return None
