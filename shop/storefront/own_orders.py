"""A signed-in buyer's own orders, for the pages that show or change one."""

from flask import abort

from payments.database import db, find_locked
from payments.models import Payment
from shop.orders import order_payments
from shop.orders.models import Order


def own_order(order_id: int, user_id: int, *, lock: bool = False) -> Order:
    """Return the buyer's own order; 404 for a missing one and for somebody else's."""
    found = find_locked(Order, order_id) if lock else db.session.get(Order, order_id)
    if found is None or found.user_id != user_id:
        abort(404)
    return found


def payment_that_matters(order: Order) -> Payment | None:
    """Return the attempt that paid the order, else one for which money came in, else the newest.

    A duplicate payment that was cancelled automatically must not hide the one that paid.
    """
    attempts = order_payments.payments_of(order)
    payer = [payment for payment in attempts if payment.merchant_uid == order.paid_by]
    with_money = [payment for payment in attempts if payment.status in ("paid", "cancelled") or payment.held_reason]
    return next(iter([*payer, *with_money, *attempts]), None)
