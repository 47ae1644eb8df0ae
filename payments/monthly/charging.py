"""The monthly run: selects the due subscriptions and charges each exactly once.

Steps of one attempt: due → insert the row → look up (if an earlier charge may have been sent) → charge → record.
The row is inserted before the charge. A retry that finds it open looks it up by its `merchant_uid` first, so a lost
response, a killed process or two runs at once never charge a month twice.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Select, String, cast, func, select, text

from .. import clock
from ..database import db, locked, reading, transaction
from ..events import Notification
from ..models import OPEN, Payment, move
from ..portone.report import NotFound, PaymentProvider, ProviderError, Refused, Unauthorized
from ..record import SyncResult
from ..sync import no_answer, sync_payment, take_report
from . import subscriptions
from .billing_month import PAUSE_AFTER_DECLINE
from .claims import Attempt, Result, claim
from .models import LATER_MONTH, BillingKey, Subscription

RESULTS: dict[str, Result] = {"paid": "charged", "failed": "declined", "held": "held"}

LONGEST_CALL = timedelta(minutes=1)


class Due(NamedTuple):
    """A subscription that is due, and its monthly amount in won."""

    subscription_id: int
    amount: int


@dataclass(frozen=True)
class Total:
    """A number of subscriptions, and their sum in won."""

    count: int
    won: int


@dataclass(frozen=True)
class Paused(Total):
    """The due subscriptions that wait after a decline; `until`: when the first of them may be charged again."""

    until: datetime | None


def due(after_id: int = 0, limit: int = 500) -> Sequence[Due]:
    """Return one page of the due subscriptions, in id order."""
    query = _due(Subscription.id, Subscription.amount).where(Subscription.id > after_id)
    with reading():
        return [Due(*row) for row in db.session.execute(query.order_by(Subscription.id).limit(limit))]


def count_due() -> Total:
    """Count the subscriptions that may be charged now, and their sum in won."""
    paused = _paused().with_only_columns(Subscription.id)
    query = _due(func.count(), func.coalesce(func.sum(Subscription.amount), 0)).where(Subscription.id.not_in(paused))
    with reading():
        count, won = db.session.execute(query).one()
    return Total(count, won)


def count_paused() -> Paused:
    """Count the due subscriptions that wait after a recent decline; and when the first may be charged again."""
    waiting = _paused().group_by(Subscription.id, Subscription.amount).subquery()
    columns = (func.count(), func.coalesce(func.sum(waiting.c.amount), 0), func.min(waiting.c.failed_at))
    with reading():
        count, won, failed_at = db.session.execute(select(*columns)).one()
    return Paused(count, won, failed_at + PAUSE_AFTER_DECLINE if failed_at else None)


def charge(provider: PaymentProvider, subscription_id: int) -> Result:
    """Charge one due subscription, if its month may be charged now. Safe to call repeatedly and concurrently."""
    attempt = claim(subscription_id)
    return charge_claimed(provider, attempt) if isinstance(attempt, Attempt) else attempt


def _due(*columns: Any) -> Select[Any]:
    live = Subscription.status.in_(subscriptions.LIVE)
    return select(*columns).select_from(Subscription).where(live, Subscription.next_charge_on <= clock.today())


def _paused() -> Select[Any]:
    columns = (Subscription.id, Subscription.amount, func.max(Payment.failed_at).label("failed_at"))
    return (
        _due(*columns)
        .join(Payment, (Payment.kind == LATER_MONTH) & (Payment.purchase_id == cast(Subscription.id, String)))
        .where(Payment.status == "failed", Payment.failed_at > clock.now() - PAUSE_AFTER_DECLINE)
    )


# --- charge, then record ----------------------------------------------------------------------------------------------


def charge_claimed(provider: PaymentProvider, attempt: Attempt) -> Result:
    """Charge the attempt through PortOne; look it up first if an earlier charge may have been sent."""
    if not attempt.is_new:
        found = _look_up(provider, attempt)
        if found:
            return found
        if not attempt.may_ask:
            return _give_up(attempt)
    if clock.now() > attempt.until - LONGEST_CALL:  # the lease could expire during the call, and another worker charge
        return "unknown"
    try:
        report = provider.charge(attempt.request)
    except ProviderError as error:
        return _not_charged(provider, attempt, error)
    return _came_to(take_report(provider, report, _notification(attempt), attempt.payment))


def _notification(attempt: Attempt) -> Notification:
    return Notification("charge", merchant_uid=attempt.request.merchant_uid)


def _look_up(provider: PaymentProvider, attempt: Attempt) -> Result | None:
    """Look up an attempt whose charge may have been sent; None: PortOne does not know it."""
    result = sync_payment(provider, _notification(attempt))
    return None if result.outcome == "not_found" else _came_to(result)


def _came_to(result: SyncResult) -> Result:
    """Return the result after recording. `unchanged`: a webhook may have recorded it first, so read the row."""
    if result.outcome == "unchanged" and result.payment:
        return RESULTS.get("held" if result.payment.held_reason else result.payment.status, "unknown")
    return RESULTS.get(result.outcome, "unknown")


def _not_charged(provider: PaymentProvider, attempt: Attempt, error: ProviderError) -> Result:
    """Handle a failed charge call: PortOne did not charge, or we do not know whether it did.

    The attempt stays open, and the next run looks it up before it charges again with the same id. The attempt is closed
    only if PortOne says that it has no such key.
    """
    if isinstance(error, Refused) and not isinstance(error, Unauthorized):  # the month may be paid already
        found = _look_up(provider, attempt)
        if found:
            return found
        if isinstance(error, NotFound) and _key_is_gone(provider, attempt):
            return _close_without_key(attempt, error.message)
    no_answer(_notification(attempt), error, attempt.payment)
    return "unknown"


def _key_is_gone(provider: PaymentProvider, attempt: Attempt) -> bool:
    """Return whether a look-up confirms that the key does not exist; a failed look-up confirms nothing."""
    try:
        return provider.get_billing_key(attempt.request.customer_uid) is None
    except ProviderError:
        return False


def _close_without_key(attempt: Attempt, message: str) -> Result:
    """Close the attempt, because PortOne has no such key.

    The subscription becomes past due, which the back office shows, and ends when its window closes.
    """
    with transaction():
        subscription = _failed(attempt, message)
        subscriptions.month_declined(subscription)
        subscriptions.key_is_gone(subscription)
    return "key_gone"


def _give_up(attempt: Attempt) -> Result:
    """End the subscription: its window has closed and PortOne does not know the attempt, so the month is not paid."""
    with transaction():
        subscriptions.end(_failed(attempt, "결제 기간이 지났습니다."), "missed", clock.now())
    return "ended"


def _failed(attempt: Attempt, reason: str) -> Subscription:
    """Mark the attempt as failed; return its subscription, locked."""
    subscription = locked(Subscription, attempt.subscription_id)
    move(Payment, attempt.payment.id, "failed", failed_at=clock.now(), fail_reason=reason)
    return subscription


# --- keys whose subscription has ended --------------------------------------------------------------------------------


def delete_ended_keys(provider: PaymentProvider) -> int:
    """Delete at PortOne the keys of ended subscriptions; return how many were deleted.

    A key with a charge in flight is skipped until its result is known. A failed deletion is retried by the next run.
    """
    in_flight = select(Payment.customer_uid).where(text(OPEN), Payment.status == "ready", Payment.kind == LATER_MONTH)
    ended = select(BillingKey).where(BillingKey.status == "ended", BillingKey.customer_uid.not_in(in_flight))
    with reading():
        keys = [(key.id, key.customer_uid) for key in db.session.scalars(ended.order_by(BillingKey.id).limit(500))]
    deleted = 0
    for key_id, customer_uid in keys:
        try:
            provider.delete_billing_key(customer_uid)
        except ProviderError:
            continue
        with transaction():
            deleted += move(BillingKey, key_id, "deleted")
    return deleted
