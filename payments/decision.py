"""What does a report mean for the payment that it names? Pure: it reads its arguments and touches nothing.

This is the table on which money turns; `payments.record` carries out what it says.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from .clock import period_of
from .models import Payment
from .portone.report import BillingKeyReport, PaymentReport

Outcome = Literal["paid", "failed", "cancelled", "held", "unchanged", "mismatch", "unknown", "not_found"]

# What a look-up of the billing key gave: the key itself, a sure "there is none", or no answer.
KeyLookup = BillingKeyReport | Literal["absent", "unknown"]


# Money that is ours by every sign, for something that cannot be had: it goes back by itself when KG's rules allow.
# Whatever else is held (another kind of channel, method or key; a part cancelled) waits for a person.
GIVEN_BACK = frozenset(
    {"amount", "currency", "surplus", "order_cancelled", "out_of_stock", "already_subscribed", "no_billing_key"}
)


@dataclass(frozen=True)
class Decision:
    """The outcome to tell, the state that the payment moves to (None: it stays), and why its money is held.

    `surplus`: the report is of a second window of a payment that has been paid already; our row stays as it is, and
    the second window's money goes back by its own `imp_uid`.
    """

    outcome: Outcome
    reason: str
    status: Literal["paid", "failed", "cancelled"] | None = None
    held_reason: str | None = None
    surplus: bool = False


def decide(
    payment: Payment, order_status: str | None, plan_taken: bool, report: PaymentReport, key: KeyLookup
) -> Decision:
    """Decide about `payment` by a report that bears its `merchant_uid`.

    `order_status` is its order's state (None for a later month's charge), `plan_taken` whether the buyer already has
    a live subscription to the plan that it would start.
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
    """Whether money has come in by the window that the row is bound to, be it held or given back since.

    From then on no other window of the same `merchant_uid` may take that window's place, or the money were forgotten.
    """
    return payment.status in ("paid", "cancelled") or payment.held_reason is not None


def _unexpected_kind(payment: Payment, report: PaymentReport) -> str | None:
    """Why this may not be the payment that we asked for at all (a person decides), or None."""
    if report.is_test_channel != payment.is_test_channel:
        return "channel"
    if report.pay_method != "phone":
        return "method"
    if report.customer_uid != payment.customer_uid:
        return "customer_uid"
    return None


def _wrong_amount(payment: Payment, report: PaymentReport) -> str | None:
    if report.currency != "KRW":
        return "currency"
    if report.amount != payment.amount:
        return "amount"
    return None


def _order_refuses(payment: Payment, order_status: str | None, plan_taken: bool, key: KeyLookup) -> str | None:
    """Why the right money came for something that it can no longer buy, or None."""
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
        # Other PGs call a partly cancelled payment `cancelled` too; KG phone bills know whole amounts only.
        return Decision("held", "only a part was cancelled", held_reason="partly_cancelled")
    return Decision("cancelled", report.cancel_reason or "cancelled at PortOne", status="cancelled")


# --- before the money: may a window's payment be approved? ---


def refusal_to_approve(payment: Payment, order_status: str, amount: int | None) -> str | None:
    """Why KG must not approve what a window asks for now (`endpoints.CONFIRM_REASONS` has the words); None: it may.

    `amount` in won is what PortOne says the buyer is about to pay. The stock is reserved while the order is pending.
    """
    if amount != payment.amount:
        return "amount"
    if order_status == "paid" or payment.status in ("paid", "cancelled"):
        return "paid"
    return None if order_status == "pending" else "order_gone"


# --- after the money: may it go back? ---


def refusal_to_cancel(payment: Payment, moment: datetime) -> str | None:
    """Why KG would not give this payment's money back at `moment` (a label key of kind `cancel`); None: it would.

    KG Mobilians cancels the whole amount, in the calendar month (Asia/Seoul) of the payment: PortOne's cancel guide.
    """
    if payment.status == "cancelled":
        return "already"
    if payment.paid_at is None or payment.imp_uid is None or not (payment.status == "paid" or payment.held_reason):
        return "not_paid"
    return "month" if month_is_over(payment.paid_at, moment) else None


def month_is_over(paid_at: datetime, moment: datetime) -> bool:
    """Whether KG's time to give money back has run out: the calendar month (Asia/Seoul) in which it was paid."""
    return period_of(paid_at) != period_of(moment)
