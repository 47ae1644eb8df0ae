"""The monthly run: what is due, how is it charged exactly once, and what ends a subscription?

One attempt goes `due → row → (look up, if an earlier try may have gone out) → charge → record`. The row is the promise:
whoever finds it open later looks it up by its `merchant_uid` before asking again, so a lost answer, a killed process
or two runs at once never charge a month twice.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple

from sqlalchemy import Select, and_, func, insert, select

from . import clock, subscriptions
from .books import SyncResult, without_report
from .database import db, end_reading, transaction
from .events import News
from .models import BillingKey, Payment, Product, Subscription, move
from .months import Month, months_of
from .orders import fit_bytes
from .payments import sync_payment, take_all
from .provider import (
    ChargeRequest,
    OutcomeUnknown,
    PaymentProvider,
    PaymentReport,
    ProviderError,
    Refused,
    Unauthorized,
)

Result = Literal["charged", "declined", "held", "unknown", "ended", "skipped"]

RESULTS: dict[str, Result] = {"paid": "charged", "failed": "declined", "held": "held"}

# An attempt belongs to one worker for this long: longer than any HTTP time-out, and long enough for PortOne to have
# the payment on its books before anybody asks for it again.
LEASE = timedelta(minutes=10)
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
class Attempt:
    """An attempt claimed by this worker until `until`. `is_new`: nobody can have asked for it before.

    `window` is that of its month: only while it is open may PortOne be asked to charge.
    """

    subscription_id: int
    request: ChargeRequest
    is_new: bool
    window: Literal["early", "open", "closed"]
    until: datetime


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
    """How many subscriptions are due, and their sum in won."""
    count, won = db.session.execute(_due(func.count(), func.coalesce(func.sum(Subscription.amount), 0))).one()
    end_reading()
    return Total(count, won)


def charge(provider: PaymentProvider, subscription_id: int) -> Result:
    """Bring one due subscription as far as it can be brought now. Safe to call at any time, by anybody, at once."""
    [attempt] = claim([subscription_id])
    if not isinstance(attempt, Attempt):
        return attempt
    [result] = write_down(provider, [ask(provider, attempt)])
    return result


# --- the row first ----------------------------------------------------------------------------------------------------


def claim(subscription_ids: Sequence[int]) -> list[Attempt | Result]:
    """For each, in one transaction: the open attempt of the month that is due, made if there is none; or why there is
    nothing to do."""
    now = clock.now()  # before the transaction: a demo's clock has to be asked over the network
    with transaction():
        found = {row.Subscription.id: row for row in _with_their_keys(subscription_ids)}
        due = [row.Subscription for row in found.values() if _is_due(row.Subscription, now)]
        months = months_of(due)
        claimed = [_claim(found[each], months[each], now) if each in months else "skipped" for each in subscription_ids]
        fresh = [attempt for attempt in claimed if isinstance(attempt, Attempt) and attempt.is_new]
        if fresh:
            db.session.execute(insert(Payment), [_row(attempt, found, months) for attempt in fresh])
        return claimed


def _with_their_keys(subscription_ids: Sequence[int]) -> Iterable[Any]:
    """The subscriptions, locked, with what a charge repeats: the key's buyer data, the plan's name, the channel."""
    first = and_(Payment.order_id == Subscription.order_id, Payment.customer_uid == Subscription.customer_uid)
    query = (
        select(Subscription, BillingKey, Product.name_ko, Payment.is_test_channel)
        .join(Product)
        .outerjoin(BillingKey, BillingKey.customer_uid == Subscription.customer_uid)
        .outerjoin(Payment, first)  # the payment that issued the key
        .where(Subscription.id.in_(subscription_ids))
        .order_by(Subscription.id)  # one order of locks for everybody
    )
    return db.session.execute(query.with_for_update(of=Subscription))


def _claim(found: Any, month: Month, now: datetime) -> Attempt | Result:
    subscription = found.Subscription
    standing = month.standing(now)
    if standing == "closed":
        subscriptions.end(subscription, "missed", now)
        return "ended"
    if standing not in ("due", "unanswered"):
        return "held" if standing == "held" else "skipped"
    until = now + LEASE
    if month.open:
        month.open.claimed_until = until
        merchant_uid = month.open.merchant_uid
    else:  # a payment of its own for every attempt, with an id that follows from the saved rows (money law 6)
        merchant_uid = f"sub-{subscription.token}-{month.due_on:%Y%m}-{len(month.attempts) + 1}"
    request = ChargeRequest(
        customer_uid=found.BillingKey.customer_uid,
        merchant_uid=merchant_uid,
        amount=subscription.amount,
        name=f"{fit_bytes(found.name_ko, 24)} {month.due_on.month}월",
        buyer_name=found.BillingKey.buyer_name,
        buyer_tel=found.BillingKey.buyer_tel,
        buyer_email=found.BillingKey.buyer_email,
    )
    return Attempt(subscription.id, request, month.open is None, month.window.state_at(now), until)


def _row(attempt: Attempt, found: Mapping[int, Any], months: Mapping[int, Month]) -> dict[str, Any]:
    """A new attempt as a row of `payments`."""
    asked = attempt.request
    return {
        "merchant_uid": asked.merchant_uid,
        "subscription_id": attempt.subscription_id,
        "customer_uid": asked.customer_uid,
        "period": months[attempt.subscription_id].period,
        "name": asked.name,
        "amount": asked.amount,
        "is_test_channel": found[attempt.subscription_id].is_test_channel,
        "claimed_until": attempt.until,
    }


def _due(*columns: Any) -> Select[Any]:
    live = Subscription.status.in_(subscriptions.LIVE)
    return select(*columns).select_from(Subscription).where(live, Subscription.next_charge_on <= clock.today())


def _is_due(subscription: Subscription, now: datetime) -> bool:
    day = subscription.next_charge_on
    return subscription.status in subscriptions.LIVE and day is not None and day <= now.astimezone(clock.SEOUL).date()


# --- then the money, then the answer --------------------------------------------------------------------------------


def ask(provider: PaymentProvider, attempt: Attempt) -> Told | Result:
    """Have PortOne charge; look first, if an earlier try may have gone out."""
    if not attempt.is_new:
        found = _look_up(provider, attempt)
        if found:
            return found
        if attempt.window != "open":
            return _give_up(attempt) if attempt.window == "closed" else "skipped"
    if clock.now() > attempt.until - LONGEST_CALL:  # this worker was held up: the attempt may be another's by now
        return "unknown"
    try:
        return Told(attempt, provider.charge(attempt.request))
    except (OutcomeUnknown, Unauthorized) as error:
        # The attempt stays open; the next run looks it up first.
        without_report(_news(attempt), "unknown", f"no answer: {error}")
        return "unknown"
    except Refused as refusal:
        return _refused(provider, attempt, refusal.message)


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


def _refused(provider: PaymentProvider, attempt: Attempt, message: str) -> Result:
    """PortOne did not even ask KG. The month may be paid already, the key may be gone; else it counts as a decline."""
    found = _look_up(provider, attempt)
    if found:
        return found
    try:
        key = provider.get_billing_key(attempt.request.customer_uid)
    except ProviderError:
        return "unknown"
    with transaction():
        subscription = _failed(attempt, message)
        if key is None:
            subscriptions.end(subscription, "key_gone", clock.now())
            return "ended"
        subscriptions.month_declined(subscription)
    return "declined"


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
