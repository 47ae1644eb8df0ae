"""Pure functions that decide how a payment changes when PortOne reports on it.

They only read their arguments. `payments.record` carries out the decision.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from .clock import period_of
from .models import Payment
from .portone.report import BillingKeyReport, PaymentReport

Outcome = Literal["paid", "failed", "cancelled", "held", "unchanged", "mismatch", "unknown", "not_found"]

# Result of looking up the billing key: the key, "absent" if PortOne says there is none, "unknown" without a response.
KeyLookup = BillingKeyReport | Literal["absent", "unknown"]

# Hold reasons that are cancelled automatically when KG's rules allow: the payment is verified, but its purchase can
# no longer be fulfilled. Other held payments (another channel, method or key; partly cancelled) wait for a person.
GIVEN_BACK = frozenset(
    {"amount", "currency", "surplus", "order_cancelled", "out_of_stock", "already_subscribed", "no_billing_key"}
)


@dataclass(frozen=True)
class Decision:
    """The outcome to report, the payment's next status (None: no change), and why its money is held.

    `surplus`: the report is about a second window of a payment that is already paid. Our row does not change, and the
    second window is cancelled by its own `imp_uid`.
    """

    outcome: Outcome
    reason: str
    status: Literal["paid", "failed", "cancelled"] | None = None
    held_reason: str | None = None
    surplus: bool = False


def decide(
    payment: Payment, order_status: str | None, plan_taken: bool, report: PaymentReport, key: KeyLookup
) -> Decision:
    """Decide what a report with the `merchant_uid` of `payment` changes.

    `order_status` is the status of its order (None for a later month's charge). `plan_taken` says whether the buyer
    already has a live subscription to the plan that the payment would start.
    """
    if report.status == "paid":
        return _decide_paid(payment, order_status, plan_taken, report, key)
    if report.status == "cancelled":
        return _decide_cancelled(payment, report)
    if report.status == "failed" and payment.status == "ready" and not _has_money(payment):
        return Decision("failed", report.fail_reason or "declined", status="failed")
    return Decision("unchanged", f"a report of {report.status} does not change a payment that is {payment.status}")


def _decide_paid(
    payment: Payment, order_status: str | None, plan_taken: bool, report: PaymentReport, key: KeyLookup
) -> Decision:
    if _has_money(payment) and report.imp_uid == payment.imp_uid:
        return Decision("unchanged", "already recorded")
    unexpected = _unexpected_kind(payment, report)
    if _has_money(payment):
        why = f"and not as asked: {unexpected}" if unexpected else "surplus"
        return Decision("held", f"another window of the same merchant_uid is paid too, {why}", surplus=not unexpected)
    if unexpected:
        return Decision("held", f"paid, but not as asked: {unexpected}", held_reason=unexpected)
    objection = _wrong_amount(payment, report) or _order_refuses(payment, order_status, plan_taken, key)
    if objection:
        return Decision("held", f"paid, but cannot be honoured: {objection}", status="paid", held_reason=objection)
    return Decision("paid", "status, amount, currency, method, channel and ids are what we asked for", status="paid")


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


def _order_refuses(payment: Payment, order_status: str | None, plan_taken: bool, key: KeyLookup) -> str | None:
    """Return the hold reason if the order of a correct payment can no longer be fulfilled, or None."""
    if order_status == "paid":
        return "surplus"
    if order_status == "cancelled":
        return "order_cancelled"
    if payment.customer_uid and plan_taken:
        return "already_subscribed"
    if payment.customer_uid and key == "absent":
        return "no_billing_key"
    return None


def _decide_cancelled(payment: Payment, report: PaymentReport) -> Decision:
    if payment.status == "cancelled":
        return Decision("unchanged", "already recorded")
    if _has_money(payment) and report.imp_uid != payment.imp_uid:
        return Decision("unchanged", "another payment of the same merchant_uid was cancelled")
    if report.cancelled_amount != report.amount:
        # Other PGs report a partly cancelled payment as `cancelled` too; KG cancels phone bills only as a whole.
        return Decision("held", "only a part was cancelled", held_reason="partly_cancelled")
    return Decision("cancelled", report.cancel_reason or "cancelled at PortOne", status="cancelled")


# --- before the payment: approval of a window ---


def refusal_to_approve(payment: Payment, order_status: str, amount: int | None) -> str | None:
    """Return why KG must not approve the window's payment (a key of `endpoints.CONFIRM_REASONS`); None: it may.

    `amount` in won is what the buyer is about to pay, as PortOne reports it. Stock is reserved while the order is
    pending, so it is not checked again.
    """
    if amount != payment.amount:
        return "amount"
    if order_status == "paid" or payment.status in ("paid", "cancelled"):
        return "paid"
    return None if order_status == "pending" else "order_gone"


# --- after the payment: cancel ---


def refusal_to_cancel(payment: Payment, moment: datetime) -> str | None:
    """Return why KG would refuse to cancel the payment at `moment` (a label key of kind `cancel`); None: it would not.

    KG Mobilians cancels only the whole amount, and only in the calendar month (Asia/Seoul) of the payment.
    Source: PortOne's cancel guide.
    """
    if payment.status == "cancelled":
        return "already"
    if payment.paid_at is None or payment.imp_uid is None or not (payment.status == "paid" or payment.held_reason):
        return "not_paid"
    return "month" if month_is_over(payment.paid_at, moment) else None


def month_is_over(paid_at: datetime, moment: datetime) -> bool:
    """Return whether the calendar month (Asia/Seoul) of the payment is over; after it KG cancels nothing."""
    return period_of(paid_at) != period_of(moment)
