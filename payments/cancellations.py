"""The rows of money that goes back: requested, leased to one worker, answered, or paid back by bank.

Nothing here calls PortOne: `cancel.py` asks it for the rows that are `requested`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import select

from . import clock
from .database import db, for_update, locked, transaction
from .decision import is_kept, month_is_over, refusal_to_cancel
from .events import Notification, log_event
from .extension import lock_purchase, purchases_of
from .models import REFUNDED_BY_BANK, UNDONE_BY_CARRIER, UNDONE_ELSEWHERE, Cancellation, Payment, move
from .portone.report import PaymentReport
from .privacy import mask_account, mask_text, printable

# One worker asks for a cancel at a time: longer than any call to the provider takes.
CANCEL_LEASE = timedelta(minutes=2)
LONGEST_ACCOUNT = 100
LONGEST_NOTE = 200
LONGEST_ANSWER = 300


# --- reading ----------------------------------------------------------------------------------------------------------


def cancellation_of(payment: Payment) -> Cancellation | None:
    """Return the row of the payment's own window, or None."""
    return db.session.scalar(select(Cancellation).filter_by(imp_uid=payment.imp_uid)) if payment.imp_uid else None


def cancellations_of(payment: Payment) -> Sequence[Cancellation]:
    """Return the rows of all windows of a payment, duplicates included, oldest first."""
    return db.session.scalars(select(Cancellation).filter_by(payment_id=payment.id).order_by(Cancellation.id)).all()


def is_requested(payment: Payment) -> bool:
    """Return whether the cancel of the payment's own window was requested and has no answer yet."""
    row = cancellation_of(payment)
    return row is not None and row.status == "requested"


def undone_by(payment: Payment) -> str | None:
    """Return UNDONE_BY_CARRIER or UNDONE_ELSEWHERE for a payment whose cancel was not requested here, else None.

    None too when the reason is the one that PortOne's console gives by itself.
    """
    row = cancellation_of(payment)
    return row.answer if row is not None and row.status == "done" else None


def remaining(payment: Payment) -> int:
    """Return what the buyer paid minus what was cancelled, in won."""
    return (payment.reported_amount or payment.amount) - payment.cancelled_amount


# --- request, lease, answer; call inside a transaction(), with the payment locked -------------------------------------


def locked_row(imp_uid: str | None) -> Cancellation | None:
    """Lock the row of a window, and return it as it is now; None: there is none."""
    query = for_update(select(Cancellation).filter_by(imp_uid=imp_uid))
    return db.session.scalar(query) if imp_uid else None


def request(
    payment: Payment,
    imp_uid: str,
    amount: int,
    reason: str,
    *,
    requested_by: str | None = None,
    refusal: str | None = None,
) -> Cancellation:
    """Request that the money of a window goes back; return its row, which exists once however often this is called.

    `refusal`: a code that says why PortOne must not be asked; the row then starts as `refused`, for a person. A row
    that was refused before is requested again.
    """
    now = clock.now()
    row = locked_row(imp_uid)
    if row is None:
        row = Cancellation(
            payment_id=payment.id,
            imp_uid=imp_uid,
            amount=amount,
            reason=reason[:LONGEST_ANSWER],
            requested_by=requested_by,
            status="refused" if refusal else "requested",
            answer=refusal,
            requested_at=None if refusal else now,
            answered_at=now if refusal else None,
        )
        db.session.add(row)
        db.session.flush()
    elif row.status == "refused" and not refusal:
        again = {"amount": amount, "reason": reason[:LONGEST_ANSWER], "requested_by": requested_by}
        move(Cancellation, row.id, "requested", requested_at=now, answer=None, answered_at=None, **again)
    return row


def lease(row: Cancellation) -> bool:
    """Lease a locked row to this worker. False: another worker is asking PortOne about it right now."""
    if is_leased(row):
        return False
    row.claimed_until = clock.now() + CANCEL_LEASE
    return True


def is_leased(row: Cancellation) -> bool:
    """Return whether a worker is asking PortOne about this row right now."""
    return row.claimed_until is not None and row.claimed_until > clock.now()


def close(payment: Payment, report: PaymentReport) -> Cancellation | None:
    """Record that PortOne reports a window as cancelled; return the row that this closed.

    None: that was known, or nobody here had asked for it.

    Only the display depends on `answer`: who undid what was not requested here.
    """
    now = clock.now()
    row = locked_row(report.imp_uid)
    answer = None if report.is_cancelled_in_console or (row and row.status == "requested") else _undone(payment, report)
    if row:
        is_closed = move(Cancellation, row.id, "done", answered_at=now, answer=answer, claimed_until=None)
        return row if is_closed else None
    if report.imp_uid == payment.imp_uid:
        cancelled = Cancellation(
            payment_id=payment.id,
            imp_uid=report.imp_uid,
            amount=report.cancelled_amount,
            reason=(report.cancel_reason or "")[:LONGEST_ANSWER],
            status="done",
            answer=answer,
            answered_at=report.cancelled_at or now,
        )
        db.session.add(cancelled)
    return None


def _undone(payment: Payment, report: PaymentReport) -> str:
    """Return UNDONE_BY_CARRIER if the month in which KG takes a merchant's cancel was over, else UNDONE_ELSEWHERE."""
    paid_at, cancelled_at = payment.paid_at or report.paid_at, report.cancelled_at
    is_late = paid_at is not None and cancelled_at is not None and month_is_over(paid_at, cancelled_at)
    return UNDONE_BY_CARRIER if is_late else UNDONE_ELSEWHERE


def refuse(row: Cancellation, answer: str) -> bool:
    """Record a definite refusal: PortOne is not asked again, a person decides. False: it was answered meanwhile."""
    answer = printable(answer, LONGEST_ANSWER)
    return move(Cancellation, row.id, "refused", answer=answer, answered_at=clock.now(), claimed_until=None)


# --- refund by bank ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class BankRefund:
    """A refund that a person made by bank transfer (계좌 환불). The account is stored masked."""

    refunded_at: date
    account: str
    note: str = ""


def why_not_refund_by_bank(payment: Payment, row: Cancellation | None) -> str | None:
    """Return why no refund by bank may be recorded for a window (a label key of kind `cancel`); None: it may.

    It may when KG can no longer cancel the payment, or has refused to.
    """
    if row is None:
        refusal = refusal_to_cancel(payment, clock.now())
        return None if refusal == "month" else refusal or "cancellable"
    return {"refused": None, "requested": "in_progress", "done": "already", "by_bank": REFUNDED_BY_BANK}[row.status]


def record_bank_refund(
    payment_id: int, refund: BankRefund, reason: str, notification: Notification, imp_uid: str | None = None
) -> str | None:
    """Record that a person paid a window's money back by bank. None: done; else why not (`why_not_refund_by_bank`).

    `imp_uid` names a duplicate payment's window; without it the payment's own is meant. The payment stays `paid`, held
    as `refunded_by_bank`, and its purchase is cancelled. Another window's refund leaves payment and purchase alone.
    """
    with transaction():
        found = db.session.get_one(Payment, payment_id)
        lock_purchase(found)
        payment = locked(Payment, payment_id)
        row = locked_row(imp_uid or payment.imp_uid)
        if imp_uid not in (None, payment.imp_uid) and (row is None or row.payment_id != payment_id):
            return "not_paid"
        refusal = why_not_refund_by_bank(payment, row)
        if refusal:
            return refusal
        row = row or request(payment, payment.imp_uid or "", remaining(payment), reason, refusal="month")
        is_own = row.imp_uid == payment.imp_uid
        move(
            Cancellation,
            row.id,
            "by_bank",
            amount=remaining(payment) if is_own else row.amount,  # a part may have been cancelled since
            refunded_at=refund.refunded_at,
            refunded_by=notification.actor,
            account=mask_account(printable(refund.account, LONGEST_ACCOUNT)),
            note=mask_text(printable(refund.note, LONGEST_NOTE)),
        )
        if is_own:
            _take_back(payment)
        else:
            purchases_of(payment).duplicate_returned(payment, row)
        log_event(notification, "bank_refund", reason, payment)
    return None


def _take_back(payment: Payment) -> None:
    """Hold the payment as refunded, and tell the host that its money went back."""
    was_kept, held_reason = is_kept(payment), payment.held_reason
    if payment.status == "paid":
        payment.held_reason = REFUNDED_BY_BANK
    else:  # held since it was not as we asked; its row never became `paid`
        move(Payment, payment.id, "paid", held_reason=REFUNDED_BY_BANK)
    if was_kept:
        purchases_of(payment).cancelled(payment)
    else:
        purchases_of(payment).returned(payment, held_reason)
