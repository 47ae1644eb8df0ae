"""Creates the attempts of due months, and leases each to one worker at a time.

Insert the attempt before calling PortOne. A retry that finds it open looks it up by its `merchant_uid` first, so a lost
response, a killed process or two runs at once never charge a month twice. This module does not call PortOne.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import and_, insert, select

from shop.orders.models import Product
from shop.orders.orders import fit_bytes

from .. import clock
from ..database import db, transaction
from ..models import BillingKey, Payment, Subscription
from ..portone.report import ChargeRequest
from ..privacy import listed_buyer
from . import subscriptions
from .billing_month import Month, month_of, months_of

Result = Literal["charged", "declined", "held", "unknown", "key_gone", "ended", "skipped"]

# How long one worker holds an attempt: longer than any HTTP time-out, and long enough that PortOne's look-up finds the
# payment before another worker may charge it.
LEASE = timedelta(minutes=10)


@dataclass(frozen=True)
class Attempt:
    """An attempt leased to this worker until `until`. `is_new`: no charge can have been sent for it yet.

    `may_ask`: its window is open. An attempt whose window has closed is looked up, but never charged again.
    """

    subscription_id: int
    request: ChargeRequest
    is_new: bool
    may_ask: bool
    until: datetime


def claim(subscription_ids: Sequence[int]) -> list[Attempt | Result]:
    """Claim the open attempt of each subscription's due month, inserting it if there is none; all in one transaction.

    Where there is nothing to charge, the item is the result that says why.
    """
    now = clock.now()  # before the transaction: reading the demo's clock is a network call
    with transaction():
        found = {row.Subscription.id: row for row in _with_their_keys(subscription_ids)}
        due = [row.Subscription for row in found.values() if _is_due(row.Subscription, now)]
        months = months_of(due)
        claimed = [_claim(found[each], months[each], now) if each in months else "skipped" for each in subscription_ids]
        fresh = [one for one in claimed if isinstance(one, Attempt) and one.is_new]
        rows = [_row(one, found[one.subscription_id], months[one.subscription_id]) for one in fresh]
        if rows:
            db.session.execute(insert(Payment), rows)
        return claimed


def reserve(subscription_id: int, at: datetime) -> ChargeRequest | None:
    """Insert the month's attempt for a charge that PortOne's own schedule will make at `at` (docs/monthly.md).

    Return what to schedule; None if the rules allow no charge at that time. The monthly run skips the month until
    `at` plus the lease, and then looks it up like any attempt whose outcome is unknown.
    """
    now = clock.now()
    with transaction():
        found = next(iter(_with_their_keys([subscription_id])), None)
        month = month_of(found.Subscription) if found and found.Subscription.status in subscriptions.LIVE else None
        if month is None or at <= now or month.standing(at) != "due":
            return None
        attempt = _attempt(found, month, now, at + LEASE)
        db.session.execute(insert(Payment), [_row(attempt, found, month)])
        return attempt.request


def _with_their_keys(subscription_ids: Sequence[int]) -> Iterable[Any]:
    """Lock the subscriptions; return them with what a charge needs: the key's buyer data, plan name and channel."""
    first = and_(Payment.order_id == Subscription.order_id, Payment.customer_uid == Subscription.customer_uid)
    query = (
        select(Subscription, BillingKey, Product.name_ko, Payment.is_test_channel)
        .join(Product)
        .outerjoin(BillingKey, BillingKey.customer_uid == Subscription.customer_uid)
        .outerjoin(Payment, first)  # the payment that issued the key
        .where(Subscription.id.in_(subscription_ids))
        .order_by(Subscription.id)  # lock in id order everywhere, to prevent deadlocks
    )
    return db.session.execute(query.with_for_update(of=Subscription))


def _claim(found: Any, month: Month, now: datetime) -> Attempt | Result:
    standing = month.standing(now)
    if standing == "closed":
        subscriptions.end(found.Subscription, subscriptions.end_reason_of_missed(found.BillingKey), now)
        return "ended"
    if standing not in ("due", "unanswered"):
        return "held" if standing == "held" else "skipped"
    if month.open:
        month.open.claimed_until = now + LEASE
    return _attempt(found, month, now, now + LEASE)


def _attempt(found: Any, month: Month, now: datetime, until: datetime) -> Attempt:
    subscription, key = found.Subscription, found.BillingKey
    # Every attempt is a separate payment, whose id is derived from the stored rows (money law 6).
    new_uid = f"sub-{subscription.token}-{month.due_on:%Y%m}-{len(month.attempts) + 1}"
    request = ChargeRequest(
        customer_uid=key.customer_uid,
        merchant_uid=month.open.merchant_uid if month.open else new_uid,
        amount=subscription.amount,
        name=f"{fit_bytes(found.name_ko, 24)} {month.due_on.month}월",
        buyer_name=key.buyer_name,
        buyer_tel=key.buyer_tel,
        buyer_email=key.buyer_email,
    )
    return Attempt(subscription.id, request, month.open is None, month.window.state_at(now) == "open", until)


def _row(attempt: Attempt, found: Any, month: Month) -> dict[str, Any]:
    """Return the `payments` row of a new attempt."""
    asked = attempt.request
    return {
        "merchant_uid": asked.merchant_uid,
        "subscription_id": attempt.subscription_id,
        "customer_uid": asked.customer_uid,
        "period": month.period,
        "name": asked.name,
        "amount": asked.amount,
        "is_test_channel": found.is_test_channel,
        "claimed_until": attempt.until,
        "kind": "renewal",
        "plan_id": found.Subscription.product_id,
        **listed_buyer(asked.buyer_name, asked.buyer_tel, asked.buyer_email),
    }


def _is_due(subscription: Subscription, now: datetime) -> bool:
    day = subscription.next_charge_on
    return subscription.status in subscriptions.LIVE and day is not None and day <= now.astimezone(clock.SEOUL).date()
