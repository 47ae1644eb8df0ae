"""Creates the attempts of due months, and leases each to one worker at a time.

Insert the attempt before calling PortOne. A retry that finds it open looks it up by its `merchant_uid` first, so a lost
response, a killed process or two runs at once never charge a month twice. This module does not call PortOne.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import select

from .. import clock
from ..database import db, find_locked, transaction
from ..models import Payment
from ..portone.kg_text import fit_bytes
from ..portone.report import ChargeRequest
from . import subscriptions
from .billing_month import Month, month_of
from .models import LATER_MONTH, BillingKey, Subscription

Result = Literal["charged", "declined", "held", "unknown", "key_gone", "ended", "in_flight", "skipped"]

# How long one worker holds an attempt: longer than any HTTP time-out, and long enough that PortOne's look-up finds the
# payment before another worker may charge it.
LEASE = timedelta(minutes=10)


@dataclass(frozen=True)
class Attempt:
    """An attempt leased to this worker until `until`. `is_new`: no charge can have been sent for it yet.

    `payment`: its row as it was claimed. `may_ask`: its window is open. An attempt whose window has closed is looked
    up, but never charged again.
    """

    subscription_id: int
    payment: Payment
    request: ChargeRequest
    is_new: bool
    may_ask: bool
    until: datetime


def claim(subscription_id: int) -> Attempt | Result:
    """Claim the open attempt of the subscription's due month, inserting it if there is none; in one transaction.

    If there is nothing to charge, return the result that says why.
    """
    now = clock.now()  # before the transaction: reading the demo's clock is a network call
    with transaction():
        found = _lock_with_key(subscription_id)
        month = month_of(found.subscription) if found and _is_due(found.subscription, now) else None
        if found is None or month is None:
            return "skipped"
        claimed = _claim(found, month, now)
        if isinstance(claimed, Attempt):
            db.session.add(claimed.payment)
        return claimed


def reserve(subscription_id: int, at: datetime) -> ChargeRequest | None:
    """Insert the month's attempt for a charge that PortOne's own schedule will make at `at` (docs/monthly.md).

    Return what to schedule; None if the rules allow no charge at that time. The monthly run skips the month until
    `at` plus the lease, and then looks it up like any attempt whose outcome is unknown.
    """
    now = clock.now()
    with transaction():
        found = _lock_with_key(subscription_id)
        month = month_of(found.subscription) if found and found.subscription.status in subscriptions.LIVE else None
        if found is None or month is None or at <= now or month.standing(at) != "due":
            return None
        attempt = _attempt(found, month, now, at + LEASE)
        db.session.add(attempt.payment)
        return attempt.request


@dataclass(frozen=True)
class _Found:
    """A locked subscription with its key, and whether the key was issued on a test channel."""

    subscription: Subscription
    key: BillingKey
    is_test_channel: bool


def _lock_with_key(subscription_id: int) -> _Found | None:
    """Lock the subscription; return it with what a charge needs. None: it has no key, so it has not started."""
    subscription = find_locked(Subscription, subscription_id)
    if subscription is None or subscription.billing_key is None:
        return None
    first = select(Payment.is_test_channel).filter_by(customer_uid=subscription.customer_uid, period="")
    is_test_channel = db.session.scalars(first).one()
    return _Found(subscription, subscription.billing_key, is_test_channel)


def _claim(found: _Found, month: Month, now: datetime) -> Attempt | Result:
    standing = month.standing(now)
    if standing == "closed":
        subscriptions.end(found.subscription, subscriptions.end_reason_of_missed(found.key), now)
        return "ended"
    if standing == "in_flight" and month.open:  # without an answer nobody is charging it, although the lease runs
        return "unknown" if month.open.unanswered_since else "in_flight"
    if standing not in ("due", "unanswered"):
        return "held" if standing == "held" else "skipped"
    if month.open:
        month.open.claimed_until = now + LEASE
    return _attempt(found, month, now, now + LEASE)


def _attempt(found: _Found, month: Month, now: datetime, until: datetime) -> Attempt:
    payment = month.open or _new_payment(found, month, until)
    request = ChargeRequest(
        customer_uid=found.key.customer_uid,
        merchant_uid=payment.merchant_uid,
        amount=payment.amount,
        name=payment.name,
        buyer_name=found.key.buyer_name,
        buyer_tel=found.key.buyer_tel,
        buyer_email=found.key.buyer_email,
    )
    may_ask = month.window.state_at(now) == "open"
    return Attempt(found.subscription.id, payment, request, month.open is None, may_ask, until)


def _new_payment(found: _Found, month: Month, until: datetime) -> Payment:
    """Return the row of a new attempt. Its id is derived from the stored rows (money law 6)."""
    subscription = found.subscription
    return Payment(
        merchant_uid=f"sub-{subscription.token}-{month.due_on:%Y%m}-{len(month.attempts) + 1}",
        kind=LATER_MONTH,
        purchase_id=str(subscription.id),
        period=month.period,
        customer_uid=found.key.customer_uid,
        name=f"{fit_bytes(subscription.name, 24)} {month.due_on.month}월",
        amount=subscription.amount,
        is_test_channel=found.is_test_channel,
        claimed_until=until,
    )


def _is_due(subscription: Subscription, now: datetime) -> bool:
    day = subscription.next_charge_on
    return subscription.status in subscriptions.LIVE and day is not None and day <= now.astimezone(clock.SEOUL).date()
