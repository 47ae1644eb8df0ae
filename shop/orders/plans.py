"""Orders for a monthly plan."""

from collections.abc import Iterable
from datetime import date, timedelta

from sqlalchemy import String, cast, select

from payments import clock
from payments.database import db
from payments.models import move
from payments.monthly import AlreadySubscribed
from payments.monthly.charge_days import charge_day
from payments.monthly.models import BillingKey, Subscription
from payments.monthly.subscriptions import LIVE, is_subscribed, months_of

from . import cart, orders
from .cart import NotOnSale
from .delivery import Buyer
from .models import Order, Product, User


def place(user_id: int, plan_id: int, buyer: Buyer) -> Order:
    """Create a pending order for one monthly plan, or return the one that there is.

    Raises NotOnSale, AlreadySubscribed, InvalidBuyer. Call inside a transaction().
    """
    cart.lock_buyer(user_id)
    plan = db.session.get(Product, plan_id)
    if plan is None or plan.kind != "monthly":
        raise NotOnSale
    if not plan.on_sale:
        raise NotOnSale(plan)
    if is_subscribed(str(user_id), str(plan_id)):
        raise AlreadySubscribed
    order = orders.open_order(user_id, "monthly", [(plan, 1)], buyer)
    db.session.flush()
    end_unstarted(user_id, "replaced")
    return order


def end_unstarted(user_id: int, reason: str) -> None:
    """End pending subscriptions whose order was cancelled before it was paid: they can never start.

    `reason` is a label key of kind `ended`. Call inside a transaction().
    """
    cancelled = select(cast(Order.id, String)).where(
        Order.user_id == user_id, Order.kind == "monthly", Order.status == "cancelled"
    )
    waiting = select(Subscription.id).where(
        Subscription.customer_ref == str(user_id),
        Subscription.status == "pending",
        Subscription.purchase_id.in_(cancelled),
    )
    for subscription_id in db.session.scalars(waiting):
        move(Subscription, subscription_id, "ended", ended_at=clock.now(), end_reason=reason)


def usable_until(subscription: Subscription) -> date | None:
    """Return the last day (in Seoul) that the paid months cover, the one before the next charge day; None: no month is.

    A month whose money went back covers nothing.
    """
    months = [
        payment.billing_month
        for payment in months_of(subscription)
        if payment.status == "paid" and payment.held_reason is None and payment.billing_month
    ]
    if not months or subscription.anchor_day is None:
        return None
    year, month = map(int, max(months).split("-"))
    return charge_day(date(year, month, 1), subscription.anchor_day) - timedelta(days=1)


def is_usable(subscription: Subscription) -> bool:
    """Return whether the plan's content may be used now: it runs, or it has ended and its paid months have not."""
    if subscription.status in LIVE:
        return True
    until = usable_until(subscription)
    return until is not None and clock.today() <= until


def plans_by_ref() -> dict[str, Product]:
    """Return the monthly plans by their `plan_ref`."""
    plans = select(Product).where(Product.kind == "monthly").order_by(Product.position)
    return {str(plan.id): plan for plan in db.session.scalars(plans)}


def subscribers_of(*lists: Iterable[Subscription | BillingKey]) -> dict[str, User]:
    """Return the customers of these subscriptions or billing keys by their `customer_ref`."""
    ids = {int(one.customer_ref) for rows in lists for one in rows}
    return {str(user.id): user for user in db.session.scalars(select(User).where(User.id.in_(ids)))}
