"""State changes of subscriptions and billing keys.

KG's rules for recurring payments (정기결제): exactly once every calendar month in Seoul, same amount, same buyer data.
Issuing the key charges the first month for real, so a subscription's first payment is that of the purchase that
starts it. Every function here that changes rows is called inside a transaction().
"""

from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import Select, or_, select, update

from .. import clock
from ..clock import SEOUL
from ..database import db, for_update
from ..extension import extension
from ..models import Payment, move
from .charge_days import charge_day
from .models import BillingKey, Subscription

LIVE = ("active", "past_due")


def is_subscribed(customer_ref: str, plan_ref: str) -> bool:
    """Return whether the customer has a live subscription to this plan."""
    live = _of(customer_ref, plan_ref).where(Subscription.status.in_(LIVE))
    return db.session.scalar(live.with_only_columns(Subscription.id).limit(1)) is not None


def lock_with_rivals(purchase_id: str) -> Subscription | None:
    """Lock the subscription that this purchase starts, with all of the same customer and plan, in id order.

    So two purchases of one plan that are paid at once are decided one after the other.
    """
    subscription = subscription_of(purchase_id)
    if subscription is None:
        return None
    rivals = _of(subscription.customer_ref, subscription.plan_ref).order_by(Subscription.id)
    db.session.scalars(for_update(rivals)).all()
    return subscription


def _of(customer_ref: str, plan_ref: str) -> Select[tuple[Subscription]]:
    return select(Subscription).where(Subscription.customer_ref == customer_ref, Subscription.plan_ref == plan_ref)


def start(subscription: Subscription, key: BillingKey, paid_at: datetime) -> None:
    """Activate the key and the subscription: the first month is paid and PortOne has the key."""
    anchor = paid_at.astimezone(SEOUL).date()
    move(
        Subscription,
        subscription.id,
        "active",
        customer_uid=key.customer_uid,
        anchor_day=anchor.day,
        next_charge_on=charge_day(anchor, anchor.day),
        started_at=paid_at,
    )
    move(BillingKey, key.id, "active", issued_at=paid_at)


def end(subscription: Subscription, reason: str, moment: datetime) -> None:
    """End the subscription and its key: no further charge."""
    if not move(Subscription, subscription.id, "ended", ended_at=moment, end_reason=reason, next_charge_on=None):
        return
    if subscription.billing_key:
        move(BillingKey, subscription.billing_key.id, "ended", ended_at=moment, end_reason=reason)
    extension().plan_changed(subscription, "ended", None)


def end_unstarted_key(customer_uid: str | None, reason: str) -> None:
    """End a key whose first month went back before the subscription started; the sweep then deletes it at PortOne."""
    unstarted = (*BillingKey.NOT_SEEN, "absent")
    query = select(BillingKey.id).where(BillingKey.customer_uid == customer_uid, BillingKey.status.in_(unstarted))
    for key_id in db.session.scalars(query):
        move(BillingKey, key_id, "ended", ended_at=clock.now(), end_reason=reason)


def month_paid(subscription: Subscription, period: str) -> None:
    """Record that a later month is paid: activate the subscription, set its next day."""
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
    """Mark the subscription past due after a decline; retries go on while the window is open."""
    if move(Subscription, subscription.id, "past_due"):
        extension().plan_changed(subscription, "declined", None)


def key_is_gone(subscription: Subscription) -> None:
    """Mark the key deleted, because PortOne says that it no longer has it."""
    if subscription.billing_key:
        move(BillingKey, subscription.billing_key.id, "deleted", ended_at=clock.now(), end_reason="key_gone")


def end_reason_of_missed(key: BillingKey) -> str:
    """Return why a subscription ends whose month was not paid in time (a label key of kind `ended`)."""
    return "key_gone" if key.status == "deleted" else "missed"


def subscription_of(purchase_id: object) -> Subscription | None:
    """Return the subscription that the host's purchase starts, or None if the purchase is not for a plan."""
    return db.session.scalar(select(Subscription).filter_by(purchase_id=str(purchase_id)))


def subscriptions_of(customer_ref: object) -> Sequence[Subscription]:
    """Return all subscriptions of a customer that were ever active, newest first."""
    mine = select(Subscription).filter_by(customer_ref=str(customer_ref))
    return db.session.scalars(mine.where(Subscription.started_at.is_not(None)).order_by(Subscription.id.desc())).all()


def months_of(subscription: Subscription) -> Sequence[Payment]:
    """Return the newest 60 payment attempts of this subscription, newest first, the first month's included."""
    later = (Payment.period != "") & (Payment.purchase_id == str(subscription.id))
    query = select(Payment).where(or_(later, Payment.customer_uid == subscription.customer_uid))
    return db.session.scalars(query.order_by(Payment.id.desc()).limit(60)).all()


def plans_of(customer_ref: object) -> set[str]:
    """Return the plans (`plan_ref`) that a customer is subscribed to now."""
    query = select(Subscription.plan_ref).where(
        Subscription.customer_ref == str(customer_ref), Subscription.status.in_(LIVE)
    )
    return set(db.session.scalars(query))
