"""The monthly run: what is due, and how it is charged exactly once.

One attempt goes `due → row → (look up, if an earlier try may have gone out) → charge → record`. The row is inserted
first: whoever finds it open later looks it up by its `merchant_uid` before asking again, so a lost answer, a killed
process or two runs at once never charge a month twice.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Select, func, select

from payments.models import BillingKey, Payment, Subscription, move

from .. import clock
from ..database import db, end_reading, transaction
from ..events import News
from ..portone.report import NotFound, PaymentProvider, PaymentReport, ProviderError, Refused, Unauthorized
from ..record import SyncResult, without_report
from ..sync import sync_payment, take_all
from . import subscriptions
from .billing_month import PAUSE_AFTER_DECLINE
from .claims import Attempt, Result, claim

RESULTS: dict[str, Result] = {"paid": "charged", "failed": "declined", "held": "held"}

LONGEST_CALL = timedelta(minutes=1)


class Due(NamedTuple):
    """A subscription whose day has come, and what a month of it costs in won."""

    subscription_id: int
    amount: int


@dataclass(frozen=True)
class Total:
    """How many, and how much."""

    count: int
    won: int


@dataclass(frozen=True)
class Paused(Total):
    """Those that wait after a decline, the first of them until then."""

    until: datetime | None


@dataclass(frozen=True)
class Told:
    """What PortOne said to a charge, not yet in our books."""

    attempt: Attempt
    report: PaymentReport


def due(after_id: int = 0, limit: int = 500) -> Sequence[Due]:
    """The subscriptions whose day has come, in pages by id."""
    query = _due(Subscription.id, Subscription.amount).where(Subscription.id > after_id)
    found = [Due(*row) for row in db.session.execute(query.order_by(Subscription.id).limit(limit))]
    end_reading()
    return found


def count_due() -> Total:
    """How many subscriptions may be charged now, and their sum in won."""
    paused = _paused().with_only_columns(Subscription.id)
    query = _due(func.count(), func.coalesce(func.sum(Subscription.amount), 0)).where(Subscription.id.not_in(paused))
    count, won = db.session.execute(query).one()
    end_reading()
    return Total(count, won)


def count_paused() -> Paused:
    """How many are due but wait, declined a short while ago; and when the first of them is asked for again."""
    waiting = _paused().group_by(Subscription.id, Subscription.amount).subquery()
    columns = (func.count(), func.coalesce(func.sum(waiting.c.amount), 0), func.min(waiting.c.failed_at))
    count, won, failed_at = db.session.execute(select(*columns)).one()
    end_reading()
    return Paused(count, won, failed_at + PAUSE_AFTER_DECLINE if failed_at else None)


def charge(provider: PaymentProvider, subscription_id: int) -> Result:
    """Bring one due subscription as far as it can be brought now. Safe to call at any time, by anybody, at once."""
    [attempt] = claim([subscription_id])
    if not isinstance(attempt, Attempt):
        return attempt
    [result] = write_down(provider, [ask(provider, attempt)])
    return result


def _due(*columns: Any) -> Select[Any]:
    live = Subscription.status.in_(subscriptions.LIVE)
    return select(*columns).select_from(Subscription).where(live, Subscription.next_charge_on <= clock.today())


def _paused() -> Select[Any]:
    columns = (Subscription.id, Subscription.amount, func.max(Payment.failed_at).label("failed_at"))
    return (
        _due(*columns)
        .join(Payment, Payment.subscription_id == Subscription.id)
        .where(Payment.status == "failed", Payment.failed_at > clock.now() - PAUSE_AFTER_DECLINE)
    )


# --- the money, then the answer ---------------------------------------------------------------------------------------


def ask(provider: PaymentProvider, attempt: Attempt) -> Told | Result:
    """Have PortOne charge; look first, if an earlier try may have gone out."""
    if not attempt.is_new:
        found = _look_up(provider, attempt)
        if found:
            return found
        if not attempt.may_ask:
            return _give_up(attempt)
    if clock.now() > attempt.until - LONGEST_CALL:  # this worker was held up: the attempt may be another's by now
        return "unknown"
    try:
        return Told(attempt, provider.charge(attempt.request))
    except ProviderError as error:
        return _not_charged(provider, attempt, error)


def write_down(provider: PaymentProvider, answers: Sequence[Told | Result]) -> list[Result]:
    """Record what PortOne said, all in one transaction; what each attempt came to."""
    told = [answer for answer in answers if isinstance(answer, Told)]
    told.sort(key=lambda answer: answer.attempt.subscription_id)  # one order of locks for everybody
    recorded = take_all(provider, [(answer.report, _news(answer.attempt)) for answer in told]) if told else []
    results = {answer.attempt.subscription_id: _came_to(one) for answer, one in zip(told, recorded, strict=True)}
    return [results[answer.attempt.subscription_id] if isinstance(answer, Told) else answer for answer in answers]


def _news(attempt: Attempt) -> News:
    return News("charge", merchant_uid=attempt.request.merchant_uid)


def _look_up(provider: PaymentProvider, attempt: Attempt) -> Result | None:
    """What became of an attempt that may have gone out before; None: PortOne has never heard of it."""
    result = sync_payment(provider, _news(attempt))
    return None if result.outcome == "not_found" else _came_to(result)


def _came_to(result: SyncResult) -> Result:
    """What our books say once the answer is in them; a webhook may have brought it first."""
    if result.outcome == "unchanged" and result.payment:
        return RESULTS.get("held" if result.payment.held_reason else result.payment.status, "unknown")
    return RESULTS.get(result.outcome, "unknown")


def _not_charged(provider: PaymentProvider, attempt: Attempt, error: ProviderError) -> Result:
    """PortOne did not charge, or we do not know whether it did.

    The attempt stays open, and the next run looks it up before it asks again with the same id. Only PortOne's own
    words that it has no such key close it.
    """
    if isinstance(error, Refused) and not isinstance(error, Unauthorized):  # the month may be paid already
        found = _look_up(provider, attempt)
        if found:
            return found
        if isinstance(error, NotFound) and _key_is_gone(provider, attempt):
            return _close_without_key(attempt, error.message)
    without_report(_news(attempt), "unknown", f"no answer: {error}")
    return "unknown"


def _key_is_gone(provider: PaymentProvider, attempt: Attempt) -> bool:
    """Whether a look-up of the key says so too; no answer is no "gone"."""
    try:
        return provider.get_billing_key(attempt.request.customer_uid) is None
    except ProviderError:
        return False


def _close_without_key(attempt: Attempt, message: str) -> Result:
    """PortOne has no such key. The plan becomes past due and a person sees it; it ends when its window closes."""
    with transaction():
        subscription = _failed(attempt, message)
        subscriptions.month_declined(subscription)
        subscriptions.key_is_gone(subscription)
    return "key_gone"


def _give_up(attempt: Attempt) -> Result:
    """The window has closed and PortOne has never heard of the attempt: the month was missed, and with it the key."""
    with transaction():
        subscriptions.end(_failed(attempt, "결제 기간이 지났습니다."), "missed", clock.now())
    return "ended"


def _failed(attempt: Attempt, reason: str) -> Subscription:
    """The attempt failed; its subscription, locked."""
    subscription = db.session.get_one(Subscription, attempt.subscription_id, with_for_update=True)
    payment = db.session.scalars(select(Payment).filter_by(merchant_uid=attempt.request.merchant_uid)).one()
    move(Payment, payment.id, "failed", failed_at=clock.now(), fail_reason=reason)
    return subscription


# --- keys whose subscription has ended --------------------------------------------------------------------------------


def delete_ended_keys(provider: PaymentProvider) -> int:
    """Delete at PortOne the keys that are no longer charged; those that cannot be reached stay for the next run.

    Answers how many were deleted. A key with a charge in flight waits for its answer.
    """
    in_flight = select(Payment.customer_uid).where(Payment.status == "ready", Payment.subscription_id.is_not(None))
    ended = select(BillingKey).where(BillingKey.status == "ended", BillingKey.customer_uid.not_in(in_flight))
    keys = [(key.id, key.customer_uid) for key in db.session.scalars(ended.limit(500))]
    end_reading()
    deleted = 0
    for key_id, customer_uid in keys:
        try:
            provider.delete_billing_key(customer_uid)
        except ProviderError:
            continue
        with transaction():
            deleted += move(BillingKey, key_id, "deleted")
    return deleted
