"""Pure functions that decide how a payment changes when PortOne reports on it.

They only read their arguments. `payments.record` carries out the decision.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from .clock import period_of
from .models import REFUNDED_BY_BANK, Payment
from .portone.report import PaymentReport

Outcome = Literal["paid", "failed", "cancelled", "held", "unchanged", "mismatch", "unknown", "not_found"]

LONGEST_REASON = 32  # characters of a hold reason, as the column has it

# What PortOne's console and the buyer read about a payment that is cancelled automatically, by hold reason. The host's
# own reasons bring their text with them (`Standing.closed`).
CANCEL_TEXTS = {
    "amount": "주문 금액과 결제 금액이 달라 자동 취소",
    "currency": "통화가 달라 자동 취소",
    "duplicate": "이미 결제된 건에 중복 결제되어 자동 취소",
}


@dataclass(frozen=True)
class Standing:
    """Whether the money of a payment may be kept for its purchase.

    `open`: yes. `late`: yes, but the purchase has expired, so a window that is still open may no longer be approved.
    `closed`: no; the payment is held with `reason` (a code of at most 32 characters) and cancelled automatically, and
    `cancel_text` is what PortOne's console and the buyer read about that. `held`: no, and a person decides about it.
    """

    state: Literal["open", "late", "closed", "held"]
    reason: str = ""
    cancel_text: str = ""

    def __post_init__(self) -> None:
        if self.state not in ("open", "late", "closed", "held"):
            raise ValueError(f"a Standing is open, late, closed or held, not {self.state!r}")
        if self.state in ("closed", "held") and not 1 <= len(self.reason) <= LONGEST_REASON:
            raise ValueError(f"a {self.state} Standing needs a reason of at most {LONGEST_REASON} characters")
        if self.state == "closed" and not self.cancel_text:
            raise ValueError("a closed Standing needs a text for its cancel")

    @classmethod
    def open(cls) -> "Standing":
        return cls("open")

    @classmethod
    def late(cls) -> "Standing":
        return cls("late")

    @classmethod
    def closed(cls, reason: str, cancel_text: str) -> "Standing":
        return cls("closed", reason, cancel_text)

    @classmethod
    def held(cls, reason: str) -> "Standing":
        return cls("held", reason)


@dataclass(frozen=True)
class Decision:
    """The outcome to report, the payment's next status (None: no change), and why its money is held.

    `cancel_text`: the money is cancelled automatically, with this text, when KG's rules allow; without it, held money
    waits for a person. `is_duplicate`: the report is about a second window of a payment that is already paid. Our row
    does not change, and the second window is cancelled by its own `imp_uid`. `unexpected`: such a second window is not
    as we asked, and this says in what; a person decides about it.
    """

    outcome: Outcome
    reason: str
    status: Literal["paid", "failed", "cancelled"] | None = None
    held_reason: str | None = None
    cancel_text: str | None = None
    is_duplicate: bool = False
    unexpected: str | None = None


def decide(payment: Payment, report: PaymentReport, standing: Standing, *, paid_by_another: bool) -> Decision:
    """Decide what a report with the `merchant_uid` of `payment` changes. The answer is final.

    `standing` is what the host says of the purchase. `paid_by_another` says whether another payment has paid the
    purchase (for a later month: that month).
    """
    if report.status == "paid":
        return _decide_paid(payment, report, standing, paid_by_another)
    if report.status == "cancelled":
        return _decide_cancelled(payment, report)
    if report.status == "failed" and payment.status == "ready" and not _has_money(payment):
        return Decision("failed", report.fail_reason or "declined", status="failed")
    return Decision("unchanged", f"a report of {report.status} does not change a payment that is {payment.status}")


def _decide_paid(payment: Payment, report: PaymentReport, standing: Standing, paid_by_another: bool) -> Decision:
    if _has_money(payment) and report.imp_uid == payment.imp_uid:
        return Decision("unchanged", "already recorded")
    unexpected = _unexpected_kind(payment, report)
    if _has_money(payment):
        why = "another window of the same merchant_uid is paid too"
        if unexpected:
            why = f"{why}, and not as asked: {unexpected}"
        return Decision("held", why, is_duplicate=not unexpected, unexpected=unexpected)
    if unexpected:
        return Decision("held", f"paid, but not as asked: {unexpected}", held_reason=unexpected)
    reason = _wrong_amount(payment, report) or ("duplicate" if paid_by_another else None)
    if reason:
        return _held(reason, CANCEL_TEXTS[reason])
    if standing.state in ("closed", "held"):
        return _held(standing.reason, standing.cancel_text)
    return Decision("paid", "status, amount, currency, method, channel and ids are what we asked for", status="paid")


def _held(reason: str, cancel_text: str) -> Decision:
    why = f"paid, but cannot be honoured: {reason}"
    return Decision("held", why, status="paid", held_reason=reason, cancel_text=cancel_text or None)


def _has_money(payment: Payment) -> bool:
    """Return whether the window that the row is bound to was paid, even if the money is held or was cancelled since.

    Such a row is never rebound to another window of the same `merchant_uid`: we would lose track of the first payment.
    """
    return payment.status in ("paid", "cancelled") or payment.held_reason is not None


def _unexpected_kind(payment: Payment, report: PaymentReport) -> str | None:
    """Return which property of the payment differs from our request, so that a person must decide, or None."""
    if report.is_test_channel != payment.is_test_channel:
        return "channel"
    if report.pay_method != "phone":
        return "method"
    if report.customer_uid != payment.customer_uid:
        return "customer_uid"
    return None


def _wrong_amount(payment: Payment, report: PaymentReport) -> str | None:
    """Return the hold reason for a wrong currency or amount, or None."""
    if report.currency != "KRW":
        return "currency"
    if report.amount != payment.amount:
        return "amount"
    return None


def _decide_cancelled(payment: Payment, report: PaymentReport) -> Decision:
    if payment.status == "cancelled":
        return Decision("unchanged", "already recorded")
    if _has_money(payment) and report.imp_uid != payment.imp_uid:
        return Decision("unchanged", "another payment of the same merchant_uid was cancelled")
    if report.cancelled_amount != report.amount:
        # Other PGs report a partly cancelled payment as `cancelled` too; KG cancels phone bills only as a whole.
        reason = payment.held_reason or "partly_cancelled"
        return Decision("held", "only a part was cancelled", held_reason=reason)
    return Decision("cancelled", report.cancel_reason or "cancelled at PortOne", status="cancelled")


def is_kept(payment: Payment) -> bool:
    """Return whether `Purchases.paid` was called for the payment, and its money has not gone back."""
    return payment.status == "paid" and payment.held_reason in (None, "partly_cancelled")


# --- before the payment: approval of a window ---


def refusal_to_approve(
    payment: Payment, standing: Standing, amount: int | None, *, paid_by_another: bool
) -> str | None:
    """Return why KG must not approve the window's payment (a key of `texts.CONFIRM_REASONS`); None: it may.

    `amount` in won is what the buyer is about to pay, as PortOne reports it. A late purchase could still be paid, but
    no new approval starts for it.
    """
    if amount != payment.amount:
        return "amount"
    if _has_money(payment) or paid_by_another:
        return "paid"
    return None if standing.state == "open" else "order_gone"


# --- after the payment: cancel ---


def refusal_to_cancel(payment: Payment, moment: datetime) -> str | None:
    """Return why KG would refuse to cancel the payment at `moment` (a label key of kind `cancel`); None: it would not.

    KG Mobilians cancels only the whole amount, and only in the calendar month (Asia/Seoul) of the payment.
    Source: PortOne's cancel guide.
    """
    if payment.status == "cancelled":
        return "already"
    if payment.held_reason == REFUNDED_BY_BANK:
        return REFUNDED_BY_BANK
    if payment.paid_at is None or payment.imp_uid is None or not (payment.status == "paid" or payment.held_reason):
        return "not_paid"
    return "month" if month_is_over(payment.paid_at, moment) else None


def month_is_over(paid_at: datetime, moment: datetime) -> bool:
    """Return whether the calendar month (Asia/Seoul) of the payment is over; after it KG cancels nothing."""
    return period_of(paid_at) != period_of(moment)
