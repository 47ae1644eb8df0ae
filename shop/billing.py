"""The monthly run: what is due, how is it charged exactly once, and what ends a subscription?

One attempt goes `due → row → (look up, if an earlier try may have gone out) → charge → record`. The row is the promise:
whoever finds it open later looks it up by its `merchant_uid` before asking again, so a lost answer, a killed process
or two runs at once never charge a month twice.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple

from sqlalchemy import Select, and_, func, select

from . import clock, payments, subscriptions
from .database import db, end_reading, transaction
from .events import News
from .models import BillingKey, Payment, Product, Subscription, move
from .months import Month, month_of
from .orders import fit_bytes
from .payments import SyncResult, sync_payment
from .provider import ChargeRequest, OutcomeUnknown, PaymentProvider, ProviderError, Refused, Unauthorized

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
class Attempt:
    """An attempt claimed by this worker until `until`. `is_new`: nobody can have asked for it before.

    `window` is that of its month: only while it is open may PortOne be asked to charge.
    """

    request: ChargeRequest
    is_new: bool
    window: Literal["early", "open", "closed"]
    until: datetime


def due(after_id: int = 0, limit: int = 500) -> Sequence[Due]:
    """The subscriptions whose day has come, in pages by id."""
    query = _due(Subscription.id, Subscription.amount).where(Subscription.id > after_id)
    found = [Due(*row) for row in db.session.execute(query.order_by(Subscription.id).limit(limit))]
    end_reading()
    return found


def count_due() -> Due:
    """How many subscriptions are due, and their sum in won."""
    count, amount = db.session.execute(_due(func.count(), func.coalesce(func.sum(Subscription.amount), 0))).one()
    end_reading()
    return Due(count, amount)


def charge(provider: PaymentProvider, subscription_id: int) -> Result:
    """Bring one due subscription as far as it can be brought now. Safe to call at any time, by anybody, at once."""
    attempt = _claim(subscription_id)
    if not isinstance(attempt, Attempt):
        return attempt
    if not attempt.is_new:
        found = _look_up(provider, attempt)
        if found:
            return found
        if attempt.window != "open":
            return _give_up(subscription_id, attempt) if attempt.window == "closed" else "skipped"
    return _ask(provider, subscription_id, attempt)


# --- the row first ----------------------------------------------------------------------------------------------------


def _claim(subscription_id: int) -> Attempt | Result:
    """The open attempt of the month that is due, made if there is none; or why there is nothing to do."""
    with transaction():
        found = _with_its_key(subscription_id)
        subscription = found.Subscription if found else None
        if subscription is None or not _is_due(subscription):
            return "skipped"
        month, now = month_of(subscription), clock.now()
        standing = month.standing(now) if month else "early"
        if standing == "closed":
            subscriptions.end(subscription, "missed", now)
            return "ended"
        if month is None or standing not in ("due", "unanswered"):
            return "held" if standing == "held" else "skipped"
        payment = month.open or _new_attempt(subscription, month, found.name_ko, found.is_test_channel)
        payment.claimed_until = now + LEASE
        return Attempt(
            _request(found.BillingKey, payment), standing == "due", month.window.state_at(now), payment.claimed_until
        )


def _with_its_key(subscription_id: int) -> Any:
    """The subscription, locked, with what a charge repeats: its key's buyer data, its name, its channel."""
    first = and_(Payment.order_id == Subscription.order_id, Payment.customer_uid == Subscription.customer_uid)
    query = (
        select(Subscription, BillingKey, Product.name_ko, Payment.is_test_channel)
        .join(Product)
        .outerjoin(BillingKey, BillingKey.customer_uid == Subscription.customer_uid)
        .outerjoin(Payment, first)  # the payment that issued the key
        .where(Subscription.id == subscription_id)
    )
    return db.session.execute(query.with_for_update(of=Subscription)).one_or_none()


def _due(*columns: Any) -> Select[Any]:
    live = Subscription.status.in_(subscriptions.LIVE)
    return select(*columns).select_from(Subscription).where(live, Subscription.next_charge_on <= clock.today())


def _is_due(subscription: Subscription) -> bool:
    day = subscription.next_charge_on
    return subscription.status in subscriptions.LIVE and day is not None and day <= clock.today()


def _new_attempt(subscription: Subscription, month: Month, plan_name: str, is_test_channel: bool) -> Payment:
    """A payment of its own for every attempt, with an id that follows from the saved rows (money law 6)."""
    payment = Payment(
        merchant_uid=f"sub-{subscription.token}-{month.due_on:%Y%m}-{len(month.attempts) + 1}",
        subscription_id=subscription.id,
        customer_uid=subscription.customer_uid,
        period=month.period,
        name=f"{fit_bytes(plan_name, 24)} {month.due_on.month}월",
        amount=subscription.amount,
        is_test_channel=is_test_channel,
    )
    db.session.add(payment)
    return payment


def _request(key: BillingKey, payment: Payment) -> ChargeRequest:
    return ChargeRequest(
        customer_uid=key.customer_uid,
        merchant_uid=payment.merchant_uid,
        amount=payment.amount,
        name=payment.name,
        buyer_name=key.buyer_name,
        buyer_tel=key.buyer_tel,
        buyer_email=key.buyer_email,
    )


# --- then the money, then the answer --------------------------------------------------------------------------------


def _look_up(provider: PaymentProvider, attempt: Attempt) -> Result | None:
    """What became of an attempt that may have gone out before; None: PortOne has never heard of it."""
    result = sync_payment(provider, merchant_uid=attempt.request.merchant_uid, source="charge")
    return None if result.outcome == "not_found" else _what_it_came_to(result)


def _what_it_came_to(result: SyncResult) -> Result:
    """What our books say once the answer is in them; a webhook may have brought it first."""
    if result.outcome == "unchanged" and result.payment:
        return RESULTS.get("held" if result.payment.held_reason else result.payment.status, "unknown")
    return RESULTS.get(result.outcome, "unknown")


def _ask(provider: PaymentProvider, subscription_id: int, attempt: Attempt) -> Result:
    news = News("charge", merchant_uid=attempt.request.merchant_uid)
    if clock.now() > attempt.until - LONGEST_CALL:  # this worker was held up: the attempt may be another's by now
        return "unknown"
    try:
        report = provider.charge(attempt.request)
    except (OutcomeUnknown, Unauthorized) as error:
        # The attempt stays open; the next run looks it up first.
        payments.without_report(news, "unknown", f"no answer: {error}")
        return "unknown"
    except Refused as refusal:
        return _refused(provider, subscription_id, attempt, refusal.message)
    return _what_it_came_to(payments.record(report, "unknown", news))


def _refused(provider: PaymentProvider, subscription_id: int, attempt: Attempt, message: str) -> Result:
    """PortOne did not even ask KG. The month may be paid already, the key may be gone; else it counts as a decline."""
    found = _look_up(provider, attempt)
    if found:
        return found
    try:
        key = provider.get_billing_key(attempt.request.customer_uid)
    except ProviderError:
        return "unknown"
    with transaction():
        subscription = db.session.get_one(Subscription, subscription_id, with_for_update=True)
        _fail(attempt, message)
        if key is None:
            subscriptions.end(subscription, "key_gone", clock.now())
            return "ended"
        subscriptions.month_declined(subscription)
    return "declined"


def _give_up(subscription_id: int, attempt: Attempt) -> Result:
    """The window has closed and PortOne has never heard of the attempt: the month was missed, and with it the key."""
    with transaction():
        subscription = db.session.get_one(Subscription, subscription_id, with_for_update=True)
        _fail(attempt, "결제 기간이 지났습니다.")
        subscriptions.end(subscription, "missed", clock.now())
    return "ended"


def _fail(attempt: Attempt, reason: str) -> None:
    payment = db.session.scalars(select(Payment).filter_by(merchant_uid=attempt.request.merchant_uid)).one()
    move(Payment, payment.id, "failed", failed_at=clock.now(), fail_reason=reason)


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
