"""Sending (발송): which paid orders wait for it, and the record that an order was sent.

A sent order has `fulfilled_at`: from then on a person decides about its cancel.
"""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.orm import selectinload

from payments import cancellations
from payments.database import db
from payments.models import Payment
from payments.privacy import one_line

from . import messages, orders
from .models import Order

LONGEST_CARRIER = LONGEST_TRACKING = 40
MOST_LISTED = 100


def waits() -> ColumnElement[bool]:
    """Select the orders that wait to be sent: paid, with something physical, and not sent."""
    return and_(Order.status == "paid", Order.fulfilled_at.is_(None), Order.digital.is_(False))


def waiting(most: int = MOST_LISTED) -> Sequence[Order]:
    """Return the orders that wait to be sent, those that were paid first at the top."""
    query = select(Order).where(waits()).order_by(Order.paid_at, Order.id).options(selectinload(Order.lines))
    return db.session.scalars(query.limit(most)).all()


def count_waiting(most: int) -> int:
    """Count the orders that wait to be sent, at most `most` of them."""
    some = select(Order.id).where(waits()).limit(most)
    return db.session.scalar(select(func.count()).select_from(some.subquery())) or 0


def why_not_send(order: Order) -> str | None:
    """Return why the order is not to be sent (a label key of kind `send`); None: it is."""
    if order.status != "paid":
        return "not_paid"
    if order.digital:
        return "digital"
    if order.fulfilled_at:
        return "sent"
    return "wanted" if order.cancel_wanted_at else None


def send(order: Order, payer: Payment, carrier: str, tracking: str) -> str | None:
    """Mark the order as sent, and tell the buyer.

    None: done; else why not, as `why_not_send`, or `cancelling`: its money is going back.

    Call inside a transaction(), with the order and then the payment locked.
    """
    refusal = why_not_send(order) or ("cancelling" if cancellations.is_requested(payer) else None)
    if refusal:
        return refusal
    orders.fulfil(order)
    _write_parcel(order, carrier, tracking)
    messages.sent(order)
    return None


def correct_parcel(order: Order, carrier: str, tracking: str) -> bool:
    """Correct carrier and tracking number of an order that was sent, and tell the buyer. False: nothing to correct."""
    if order.digital or order.fulfilled_at is None:
        return False
    before = order.carrier, order.tracking_number
    _write_parcel(order, carrier, tracking)
    if before == (order.carrier, order.tracking_number):
        return False
    messages.sent(order, corrected=True)
    return True


def _write_parcel(order: Order, carrier: str, tracking: str) -> None:
    order.carrier = one_line(carrier, LONGEST_CARRIER) or None
    order.tracking_number = one_line(tracking, LONGEST_TRACKING) or None
