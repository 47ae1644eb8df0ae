"""What does a report mean for the payment that it names? Pure: it reads its arguments and touches nothing.

This is the table on which money turns; `payments.record` carries out what it says.
"""

from dataclasses import dataclass
from typing import Literal

from .models import Payment
from .provider import BillingKeyReport, PaymentReport

Outcome = Literal["paid", "failed", "cancelled", "held", "unchanged", "mismatch", "unknown", "not_found"]

# What a look-up of the billing key gave: the key itself, a sure "there is none", or no answer.
KeyLookup = BillingKeyReport | Literal["absent", "unknown"]


@dataclass(frozen=True)
class Decision:
    """The outcome to tell, the state that the payment moves to (None: it stays), and why its money is held."""

    outcome: Outcome
    reason: str
    status: Literal["paid", "failed", "cancelled"] | None = None
    held_reason: str | None = None


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
    if report.status == "failed" and payment.status == "ready":
        return Decision("failed", report.fail_reason or "declined", status="failed")
    return Decision("unchanged", f"a report of {report.status} does not change a payment that is {payment.status}")


def _decide_paid(
    payment: Payment, order_status: str | None, plan_taken: bool, report: PaymentReport, key: KeyLookup
) -> Decision:
    if payment.status in ("paid", "cancelled"):
        if report.imp_uid == payment.imp_uid:
            return Decision("unchanged", "already recorded")
        return Decision("held", "surplus: another payment of the same merchant_uid is paid too")
    unexpected = _unexpected_kind(payment, report)
    if unexpected:
        return Decision("held", f"paid, but not as asked: {unexpected}", held_reason=unexpected)
    objection = _wrong_amount(payment, report) or _order_refuses(payment, order_status, plan_taken, key)
    if objection:
        return Decision("held", f"paid, but cannot be honoured: {objection}", status="paid", held_reason=objection)
    return Decision("paid", "status, amount, currency, method, channel and ids are what we asked for", status="paid")


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
    if payment.status == "paid" and report.imp_uid != payment.imp_uid:
        return Decision("unchanged", "another payment of the same merchant_uid was cancelled")
    if report.cancelled_amount != report.amount:
        # Other PGs call a partly cancelled payment `cancelled` too; KG phone bills know whole amounts only.
        return Decision("held", "only a part was cancelled", held_reason="partly_cancelled")
    return Decision("cancelled", report.cancel_reason or "cancelled at PortOne", status="cancelled")
