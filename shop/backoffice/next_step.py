"""What staff should do now about one payment: one sentence, so that no two on the page contradict each other."""

from collections.abc import Sequence
from dataclasses import dataclass

from payments import clock, record
from payments.cancellations import why_not_refund_by_bank
from payments.decision import refusal_to_cancel
from payments.models import REFUNDED_BY_BANK, Cancellation, Event, Payment
from shop.orders import shipping
from shop.orders.models import Order


@dataclass(frozen=True)
class Allowed:
    """Which of the actions that move money the payment's page offers."""

    cancel: bool
    release: bool
    bank_refund: bool


def allowed(payment: Payment, own: Cancellation | None, order: Order | None) -> Allowed:
    """Return what may be done. `own` is the cancellation of the payment's own window."""
    return Allowed(
        cancel=refusal_to_cancel(payment, clock.now()) is None,
        release=_may_release(payment, order),
        bank_refund=why_not_refund_by_bank(payment, own) is None,
    )


def _may_release(payment: Payment, order: Order | None) -> bool:
    """Return whether `record.keep` would keep the money, as far as that can be seen without locks."""
    if record.why_not_keep(payment):
        return False
    if payment.held_reason == "partly_cancelled" and payment.status == "paid":
        return True
    is_open = order is None or order.status in ("pending", "expired")
    return is_open and not record.is_paid_by_another(payment)


def next_step(
    payment: Payment, cancellations: Sequence[Cancellation], order: Order | None, events: Sequence[Event]
) -> str:
    """Return the label key (of kind `next`) of what to do now. `cancellations` are the rows of all its windows."""
    own = next((row for row in cancellations if row.imp_uid == payment.imp_uid), None)
    if own and own.status == "requested":
        return "wait"
    if any(row.status == "refused" and row is not own for row in cancellations):
        return "duplicate"
    if payment.held_reason == REFUNDED_BY_BANK:
        return REFUNDED_BY_BANK
    if payment.status == "cancelled":
        return "cancelled"
    if payment.paid_at is None:
        return _without_money(payment, events)
    return _with_money(payment, allowed(payment, own, order), order)


def _without_money(payment: Payment, events: Sequence[Event]) -> str:
    if payment.unanswered_since:
        return "unanswered"
    return "not_paid" if was_asked(payment, events) else "not_asked"


def was_asked(payment: Payment, events: Sequence[Event]) -> bool:
    """Return whether PortOne has ever answered about the payment. Scheduled look-ups log nothing, but give up."""
    answered = any(one.payment_id == payment.id and (one.report or one.outcome == "not_found") for one in events)
    return answered or payment.status != "ready" or payment.given_up_at is not None


def _with_money(payment: Payment, may: Allowed, order: Order | None) -> str:
    if payment.held_reason:
        if may.release:
            return "decide" if may.cancel else "decide_by_bank"
        return "cancel" if may.cancel else "refund"
    if order and order.status == "paid" and order.paid_by == payment.merchant_uid:
        if order.cancel_wanted_at:
            return "wanted" if may.cancel else "wanted_by_bank"
        if shipping.why_not_send(order) is None:
            return "send"
    return "nothing" if may.cancel else "nothing_by_bank"
