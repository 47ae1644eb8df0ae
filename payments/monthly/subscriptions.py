"""State changes of subscriptions and billing keys, and the date of the next charge.

KG's rules for recurring payments (정기결제): exactly once every calendar month in Seoul, same amount, same buyer data.
Issuing the key charges the first month for real, so a subscription's first payment is its order's payment.
"""

import calendar
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Literal

from sqlalchemy import Select, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import joinedload

from shop.orders import cart, orders
from shop.orders.cart import NotOnSale, OrderError
from shop.orders.models import Order, Product
from shop.orders.orders import Buyer

from .. import clock
from ..clock import SEOUL
from ..database import db
from ..models import BillingKey, Payment, Subscription, move
from ..portone.report import BillingKeyReport

LIVE = ("active", "past_due")

KG_TOLERANCE = timedelta(days=5)  # PortOne's help pages: within five days of the day of last month's payment
RETRY_FOR = timedelta(days=5)
LAST_START = time(23, 50)


class AlreadySubscribed(OrderError):
    """The buyer already has a live subscription to this plan; a second one would be charged as well."""


def subscribe(user_id: int, plan_id: int, buyer: Buyer) -> Order:
    """Create a pending order for one monthly plan, and the subscription that its payment will start.

    Raises NotOnSale, AlreadySubscribed, InvalidBuyer. Call inside a transaction().
    """
    cart.lock_buyer(user_id)
    plan = db.session.get(Product, plan_id)
    if plan is None or plan.kind != "monthly":
        raise NotOnSale
    if not plan.on_sale:
        raise NotOnSale(plan)
    if db.session.scalar(_live(user_id, plan_id)) or db.session.scalar(_paid_for(user_id, plan_id)):
        raise AlreadySubscribed
    order = orders.open_order(user_id, "monthly", [(plan, 1)], buyer)
    db.session.flush()
    _end_replaced(user_id)
    if not subscription_of(order):
        db.session.add(Subscription(user_id=user_id, product_id=plan_id, order_id=order.id, amount=order.amount))
    return order


def _end_replaced(user_id: int) -> None:
    """End pending subscriptions whose order was cancelled before it was paid: they can never start."""
    waiting = select(Subscription).join(Order).where(Subscription.user_id == user_id, Subscription.status == "pending")
    for subscription in db.session.scalars(waiting.where(Order.status == "cancelled")):
        move(Subscription, subscription.id, "ended", ended_at=clock.now(), end_reason="replaced")


def open_key(order: Order) -> BillingKey:
    """Insert the billing key to be issued for this order, with the buyer data that every later month must repeat.

    Each attempt gets a new one: reusing a `customer_uid` would overwrite a key that an earlier window may have issued.
    """
    key = BillingKey(
        customer_uid=f"key-{secrets.token_hex(12)}",
        user_id=order.user_id,
        buyer_name=order.buyer_name,
        buyer_tel=order.buyer_tel,
        buyer_email=order.buyer_email,
    )
    db.session.add(key)
    db.session.flush()
    return key


def key_not_seen(customer_uid: str | None) -> Select[tuple[int]]:
    """Select the id of this billing key if PortOne has not yet confirmed that the window issued it."""
    return select(BillingKey.id).where(
        BillingKey.customer_uid == customer_uid, BillingKey.status.in_(BillingKey.NOT_SEEN)
    )


def start(order: Order, key: BillingKeyReport, paid_at: datetime) -> bool:
    """Activate the key and the subscription: the first month is paid and PortOne has the key.

    Return False if the buyer has another live subscription to this plan (this payment is then a duplicate).
    Call inside the payment's transaction.
    """
    subscription = subscription_of(order)
    if subscription is None:
        return False
    anchor = paid_at.astimezone(SEOUL).date()
    try:
        with db.session.begin_nested():  # the unique index lets only one of two concurrent starts succeed
            started = move(
                Subscription,
                subscription.id,
                "active",
                customer_uid=key.customer_uid,
                anchor_day=anchor.day,
                next_charge_on=charge_day(anchor, anchor.day),
                started_at=paid_at,
            )
    except IntegrityError:
        return False
    if not started:
        return False
    issued = db.session.scalars(select(BillingKey).filter_by(customer_uid=key.customer_uid)).one()
    move(BillingKey, issued.id, "active", issued_at=paid_at, pg_provider=key.pg_provider, pg_id=key.pg_id)
    return True


def end(subscription: Subscription, reason: str, moment: datetime) -> None:
    """End the subscription and its key: no further charge. Call inside a transaction()."""
    if not move(Subscription, subscription.id, "ended", ended_at=moment, end_reason=reason, next_charge_on=None):
        return
    if subscription.billing_key:
        move(BillingKey, subscription.billing_key.id, "ended", ended_at=moment, end_reason=reason)


def end_of_order(order: Order, reason: str) -> None:
    """End the subscription of an order, if it has one."""
    subscription = subscription_of(order)
    if subscription:
        end(subscription, reason, clock.now())


def charge_day(last: date, anchor_day: int) -> date:
    """Return the charge day in the month after `last`: the anchor day, or the last day of a shorter month.

    It is always computed from the anchor day, so an anchor of 31 is 31 again after February.

    >>> charge_day(date(2027, 1, 31), 31), charge_day(date(2027, 2, 28), 31)
    (datetime.date(2027, 2, 28), datetime.date(2027, 3, 31))
    """
    year, month = (last.year + 1, 1) if last.month == 12 else (last.year, last.month + 1)
    return date(year, month, min(anchor_day, calendar.monthrange(year, month)[1]))


def plan_taken(order: Order) -> bool:
    """Return whether the buyer already has a live subscription to the plan of this order."""
    subscription = subscription_of(order)
    if subscription is None:
        return False
    return db.session.scalar(_live(subscription.user_id, subscription.product_id)) is not None


@dataclass(frozen=True)
class ChargeWindow:
    """The days in Seoul on which one month may be charged, both included."""

    first: date
    last: date

    def state_at(self, moment: datetime) -> Literal["early", "open", "closed"]:
        """Return whether `moment` is before, in or after the window.

        The window closes at 23:50 on the last day: a later charge could be approved on the next day, or in the next
        month.
        """
        local = moment.astimezone(SEOUL)
        if local.date() < self.first:
            return "early"
        return "open" if local <= datetime.combine(self.last, LAST_START, SEOUL) else "closed"


def charge_window(due: date, last_paid: date) -> ChargeWindow:
    """Return the days on which the month of `due` may be charged.

    From the due day to five days later, inside the calendar month, and within KG's five days of the day of last month's
    payment.
    """
    month_end = due.replace(day=calendar.monthrange(due.year, due.month)[1])
    around = charge_day(last_paid, last_paid.day)
    return ChargeWindow(
        first=max(due, around - KG_TOLERANCE), last=min(due + RETRY_FOR, month_end, around + KG_TOLERANCE)
    )


def month_paid(subscription: Subscription, period: str) -> None:
    """Record that a later month is paid: activate the subscription, set its next day. Call inside a transaction()."""
    year, month = map(int, period.split("-"))
    next_day = charge_day(date(year, month, 1), subscription.anchor_day or 1)
    if subscription.status == "past_due":
        key = subscription.billing_key
        if key and key.status == "deleted":  # PortOne had said that there is none
            move(BillingKey, key.id, "active", ended_at=None, end_reason=None)
        move(Subscription, subscription.id, "active")
    db.session.execute(
        update(Subscription)
        .where(Subscription.id == subscription.id, Subscription.status == "active")
        .values(next_charge_on=next_day)
    )


def month_declined(subscription: Subscription) -> None:
    """Mark the subscription past due after a decline; retries go on while the window is open.

    Call inside a transaction().
    """
    move(Subscription, subscription.id, "past_due")


def key_is_gone(subscription: Subscription) -> None:
    """Mark the key deleted, because PortOne says that it no longer has it. Call inside a transaction()."""
    if subscription.billing_key:
        move(BillingKey, subscription.billing_key.id, "deleted", ended_at=clock.now(), end_reason="key_gone")


def end_reason_of_missed(key: BillingKey) -> str:
    """Return why a subscription ends whose month was not paid in time (a label key of kind `ended`)."""
    return "key_gone" if key.status == "deleted" else "missed"


def subscription_of(order: Order) -> Subscription | None:
    """Return the subscription of an order, or None if the order is not for a plan."""
    return db.session.scalar(select(Subscription).filter_by(order_id=order.id))


def subscriptions_of(user_id: int) -> Sequence[Subscription]:
    """Return all subscriptions of a buyer that were ever active, newest first."""
    query = select(Subscription).where(Subscription.user_id == user_id, Subscription.started_at.is_not(None))
    return db.session.scalars(query.options(joinedload(Subscription.product)).order_by(Subscription.id.desc())).all()


def months_of(subscription: Subscription) -> Sequence[Payment]:
    """Return the newest 60 payment attempts of this subscription, newest first, the first month's included."""
    query = select(Payment).where(
        or_(Payment.subscription_id == subscription.id, Payment.customer_uid == subscription.customer_uid)
    )
    return db.session.scalars(query.order_by(Payment.id.desc()).limit(60)).all()


def plans_of(user_id: int) -> set[int]:
    """Return the ids of the plans that a buyer is subscribed to now."""
    query = select(Subscription.product_id).where(Subscription.user_id == user_id, Subscription.status.in_(LIVE))
    return set(db.session.scalars(query))


def _paid_for(user_id: int, plan_id: int) -> Select[tuple[int]]:
    """Select pending subscriptions whose first month is paid, but whose key PortOne has not confirmed yet."""
    mine = (Subscription.user_id == user_id) & (Subscription.product_id == plan_id)
    return select(Subscription.id).join(Order).where(mine, Subscription.status == "pending", Order.status == "paid")


def _live(user_id: int, plan_id: int) -> Select[tuple[int]]:
    return select(Subscription.id).where(
        Subscription.user_id == user_id, Subscription.product_id == plan_id, Subscription.status.in_(LIVE)
    )
