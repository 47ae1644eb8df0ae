"""This shop's answer to `payments/purchases.py`: the orders that payments pay for."""

import logging
from collections.abc import Set as AbstractSet

from flask import url_for
from sqlalchemy import select

from payments import clock
from payments.database import db, locked, reading, transaction
from payments.models import Cancellation, Payment
from payments.portone.error_codes import advice_for
from payments.purchases import Purchases, Standing

from . import messages, order_payments, orders
from .models import Order

CANCEL_TEXTS = {
    "order_paid": "이미 결제된 주문이라 자동 취소",
    "order_cancelled": "취소된 주문에 결제되어 자동 취소",
}

log = logging.getLogger(__name__)


class Orders(Purchases):
    """The orders of one kind, `once` or `monthly`. `purchase_id` is the order's id."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def lock(self, payment: Payment) -> Standing:
        """Lock the order, and the goods that an expired one must reserve again."""
        order = _order(payment, lock=True)
        if order.status == "pending":
            return Standing.open()
        if order.status == "expired":
            if orders.lock_goods_in_stock(order):
                return Standing.late()
            return Standing.closed("out_of_stock", "재고가 없어 자동 취소")
        reason = f"order_{order.status}"
        return Standing.closed(reason, CANCEL_TEXTS[reason])

    def paid(self, payment: Payment) -> None:
        """Mark the order as paid; the bought goods leave the cart."""
        order = _order(payment)
        orders.pay(order, payment.merchant_uid)
        messages.paid(order, payment)

    def failed(self, payment: Payment) -> None:
        """Expire the order if the buyer closed its window and nothing else can pay it: its goods can be sold again.

        After a decline the order stays pending: the buyer may try again. `lock` has locked it.
        """
        advice = advice_for(payment.fail_reason)
        if advice and advice.by_buyer and not order_payments.may_be_paid_otherwise(payment):
            orders.expire_unpaid(_order(payment))

    def cancelled(self, payment: Payment) -> None:
        """Cancel the order, and release its stock."""
        order = _order(payment)
        messages.returned(order, payment, was_paid=orders.cancel_paid(order, payment.merchant_uid))

    def returned(self, payment: Payment, held_reason: str | None) -> None:
        messages.returned(_order(payment), payment, was_paid=False, held_reason=held_reason)

    def duplicate_returned(self, payment: Payment, cancellation: Cancellation) -> None:
        messages.duplicate_returned(_order(payment), cancellation)

    def page(self, payment: Payment) -> str:
        return url_for("store.order", order_id=int(payment.purchase_id))

    def expire(self, unanswered: AbstractSet[str]) -> int:
        """Expire overdue pending orders, and release their stock."""
        overdue = select(Order.id).where(
            Order.kind == self.kind, Order.status == "pending", Order.expires_at <= clock.now()
        )
        with reading():
            ids = db.session.scalars(overdue.order_by(Order.id)).all()
        return sum(_expire(order_id) for order_id in ids if str(order_id) not in unanswered)


def _expire(order_id: int) -> bool:
    try:
        with transaction():
            return orders.expire(locked(Order, order_id))
    except Exception:  # one broken order stops no other
        log.exception("order %s could not expire", order_id)
        return False


def _order(payment: Payment, *, lock: bool = False) -> Order:
    order_id = int(payment.purchase_id)
    return locked(Order, order_id) if lock else db.session.get_one(Order, order_id)
