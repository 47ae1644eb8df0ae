"""The payments of an order: open an attempt to pay it, list its attempts, find the order of a payment."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol

from sqlalchemy import ColumnElement, String, cast, exists, or_, select

from payments import clock
from payments.attempts import start_payment
from payments.database import db, locked
from payments.models import Payment
from payments.monthly import start_first_month
from payments.monthly.models import FIRST_MONTH, LATER_MONTH
from payments.portone.report import PaymentProvider
from payments.portone.request_pay import Buyer

from . import orders
from .models import Order

PAYMENT_KINDS = {"once": "once", "monthly": FIRST_MONTH}  # by the order's kind
KINDS = (*PAYMENT_KINDS.values(), LATER_MONTH)


class Attempt(Protocol):
    """The columns of a payment that lead to its order and its buyer: a `Payment`, or a row of its table."""

    id: Any
    kind: Any
    purchase_id: Any
    customer_uid: Any


def start(provider: PaymentProvider, order: Order, buyer: Buyer, claimed: Mapping[str, str] | None = None) -> Payment:
    """Open an attempt to pay a committed order; for a plan, one that also issues the billing key.

    Raises PurchaseClosed, AlreadySubscribed, and ProviderError: the payment window must then not be opened.
    """
    name = orders.title(order)
    if order.kind == "once":
        return start_payment(provider, PAYMENT_KINDS["once"], order.id, amount=order.amount, name=name, claimed=claimed)
    plan = order.lines[0]
    return start_first_month(
        provider,
        order.id,
        customer_ref=order.user_id,
        plan_ref=plan.product_id,
        plan_name=plan.name_ko,
        amount=order.amount,
        name=name,
        buyer=buyer,
        claimed=claimed,
    )


def orders_with_ready_attempt(user_id: int, kind: str) -> Sequence[str]:
    """Return those of a buyer's latest hundred orders of this kind, as `purchase_id`, of which an attempt is `ready`.

    Orders that a changed cart replaced are among them.
    """
    latest = select(cast(Order.id, String)).where(Order.user_id == user_id, Order.kind == kind)
    latest = latest.order_by(Order.id.desc()).limit(100)
    ready = select(Payment.purchase_id).where(
        Payment.kind == PAYMENT_KINDS[kind], Payment.purchase_id.in_(latest), Payment.status == "ready"
    )
    return db.session.scalars(ready.distinct()).all()


def payments_of(order: Order) -> Sequence[Payment]:
    """Return the attempts to pay an order, newest first."""
    query = select(Payment).filter_by(kind=PAYMENT_KINDS[order.kind], purchase_id=str(order.id))
    return db.session.scalars(query.order_by(Payment.id.desc())).all()


def may_be_paid_otherwise(payment: Payment) -> bool:
    """Return whether another attempt at the same purchase is open, or its money is held."""
    query = select(Payment.id).where(
        Payment.kind == payment.kind,
        Payment.purchase_id == payment.purchase_id,
        Payment.id != payment.id,
        or_(Payment.status == "ready", Payment.held_reason.is_not(None) & (Payment.status != "cancelled")),
    )
    return db.session.scalar(query.limit(1)) is not None


def is_window_open(order: Order) -> bool:
    """Return whether a payment window of this order may still be open: news of it can arrive at any moment."""
    return order.id in _with_open_window(Order.id == order.id)


def with_open_window(user_id: int) -> Sequence[int]:
    """Return the ids of a buyer's orders of which a payment window may still be open."""
    return _with_open_window(Order.user_id == user_id)


def _with_open_window(condition: ColumnElement[bool]) -> Sequence[int]:
    open_attempt = exists().where(
        Payment.kind.in_(PAYMENT_KINDS.values()),
        Payment.purchase_id == cast(Order.id, String),
        Payment.status == "ready",
        Payment.held_reason.is_(None),
    )
    query = select(Order.id).where(condition, Order.status == "pending", Order.expires_at > clock.now(), open_attempt)
    return db.session.scalars(query.order_by(Order.id)).all()


def numbers_of(payments: Collection[Attempt]) -> dict[int, str]:
    """Return the order numbers of these payments by the payment's id; a later month has none."""
    order_ids = {one.id: int(one.purchase_id) for one in payments if one.kind in PAYMENT_KINDS.values()}
    query = select(Order.id, Order.number).where(Order.id.in_(set(order_ids.values())))
    numbers = dict(db.session.execute(query).tuples().all()) if order_ids else {}
    return {one: numbers[order_id] for one, order_id in order_ids.items() if order_id in numbers}


def held_reasons(found: Collection[Order]) -> dict[int, str]:
    """Return why the money of these orders is held, or that it was refunded by bank, by the order's id.

    Money of a duplicate payment is not among it: what the order's payer has paid counts.
    """
    payers = {str(order.id): order.paid_by for order in found}
    held = select(Payment.purchase_id, Payment.merchant_uid, Payment.held_reason).where(
        Payment.kind.in_(PAYMENT_KINDS.values()),
        Payment.purchase_id.in_(payers),
        Payment.held_reason.is_not(None),
        Payment.status != "cancelled",
    )
    rows = db.session.execute(held.order_by(Payment.id)).all() if payers else []
    return {int(order_id): reason for order_id, uid, reason in rows if payers[order_id] in (None, uid)}


def is_of_order(order: ColumnElement[bool]) -> ColumnElement[bool]:
    """Select the attempts to pay the orders that fulfil this condition."""
    ids = select(cast(Order.id, String)).where(order)
    attempts = select(Payment.id).where(Payment.kind.in_(PAYMENT_KINDS.values()), Payment.purchase_id.in_(ids))
    # By id: else SQLite would rather read all payments in the order of the list.
    return Payment.id.in_(attempts.correlate(None))


def order_of(payment: Payment, *, lock: bool = False) -> Order | None:
    """Return the order that a payment pays for, or None if it pays for a later month."""
    if payment.kind not in PAYMENT_KINDS.values():
        return None
    order_id = int(payment.purchase_id)
    return locked(Order, order_id) if lock else db.session.get(Order, order_id)


def just_paid(user_id: int, kind: str) -> Order | None:
    """Return the buyer's order of this kind that was paid last, if that was a moment ago."""
    query = select(Order).where(
        Order.user_id == user_id,
        Order.kind == kind,
        Order.status == "paid",
        Order.paid_at > clock.now() - orders.PENDING_FOR,
    )
    return db.session.scalars(query.order_by(Order.paid_at.desc()).limit(1)).first()


def orders_with_request(user_id: int) -> set[str]:
    """Return the ids, as `purchase_id` has them, of a buyer's paid orders with a cancellation request."""
    query = select(Order.id).where(
        Order.user_id == user_id, Order.status == "paid", Order.cancel_wanted_at.is_not(None)
    )
    return {str(order_id) for order_id in db.session.scalars(query)}
