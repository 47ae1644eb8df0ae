"""The monthly run: what is due, how is it charged exactly once, and what ends a subscription?

One attempt goes `due → row → (look up, if an earlier try may have gone out) → charge → record`. The row is the promise:
whoever finds it open later looks it up by its `merchant_uid` before asking again, so a lost answer, a killed process
or two runs at once never charge a month twice.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from sqlalchemy import func, select

from . import clock, payments, subscriptions
from .books import without_report
from .database import db, end_reading, transaction
from .events import News
from .models import BillingKey, Payment, Subscription, move
from .orders import fit_bytes
from .payments import sync_payment
from .privacy import listed_buyer
from .provider import ChargeRequest, OutcomeUnknown, PaymentProvider, ProviderError, Refused, Unauthorized

Result = Literal["charged", "declined", "held", "unknown", "ended", "skipped"]

RESULTS: dict[str, Result] = {"paid": "charged", "failed": "declined", "held": "held"}

# An attempt belongs to one worker for this long: longer than any HTTP time-out, and long enough for PortOne to have
# the payment on its books before anybody asks for it again.
LEASE = timedelta(minutes=10)
PAUSE_AFTER_DECLINE = timedelta(hours=4)


@dataclass(frozen=True)
class Attempt:
    """An attempt claimed by this worker. `is_new`: nobody can have asked for it. `may_ask`: its window is open."""

    request: ChargeRequest
    is_new: bool
    may_ask: bool


def due(after_id: int = 0, limit: int = 500) -> Sequence[int]:
    """The ids of subscriptions whose day has come, in pages by id."""
    query = select(Subscription.id).where(
        Subscription.status.in_(subscriptions.LIVE),
        Subscription.next_charge_on <= clock.today(),
        Subscription.id > after_id,
    )
    found = db.session.scalars(query.order_by(Subscription.id).limit(limit)).all()
    end_reading()
    return found


def charge(provider: PaymentProvider, subscription_id: int) -> Result:
    """Bring one due subscription as far as it can be brought now. Safe to call at any time, by anybody, at once."""
    attempt = _claim(subscription_id)
    if not isinstance(attempt, Attempt):
        return attempt
    if not attempt.is_new:
        found = _look_up(provider, attempt)
        if found:
            return found
        if not attempt.may_ask:
            return _give_up(subscription_id, attempt)
    return _ask(provider, subscription_id, attempt)


# --- the row first ----------------------------------------------------------------------------------------------------


def _claim(subscription_id: int) -> Attempt | Result:
    """The open attempt of the month that is due, made if there is none; or why there is nothing to do."""
    with transaction():
        subscription = db.session.get(Subscription, subscription_id, with_for_update=True)
        if subscription is None or not _is_due(subscription):
            return "skipped"
        period = f"{subscription.next_charge_on:%Y-%m}"
        state = _window_of(subscription).state_at(clock.now())
        payment = db.session.scalar(
            select(Payment).filter_by(subscription_id=subscription.id, period=period, status="ready")
        )
        is_new = payment is None
        if payment is None:
            if _has_money(subscription, period):
                return "held"
            if state == "closed":
                subscriptions.end(subscription, "missed", clock.now())
                return "ended"
            if state == "early" or _declined_just_now(subscription, period):
                return "skipped"
            payment = _new_attempt(subscription, period)
        elif payment.claimed_until and payment.claimed_until > clock.now():
            return "skipped"
        payment.claimed_until = clock.now() + LEASE
        db.session.flush()
        return Attempt(_request(subscription, payment), is_new, may_ask=state == "open")


def _is_due(subscription: Subscription) -> bool:
    day = subscription.next_charge_on
    return subscription.status in subscriptions.LIVE and day is not None and day <= clock.today()


def _window_of(subscription: Subscription) -> subscriptions.ChargeWindow:
    day = subscription.next_charge_on or clock.today()
    return subscriptions.charge_window(day, subscriptions.last_paid_on(subscription))


def _declined_just_now(subscription: Subscription, period: str) -> bool:
    latest = select(func.max(Payment.failed_at)).filter_by(subscription_id=subscription.id, period=period)
    declined_at = db.session.scalar(latest)
    return declined_at is not None and clock.now() < declined_at + PAUSE_AFTER_DECLINE


def _has_money(subscription: Subscription, period: str) -> bool:
    """Whether money for this month has come in and is held: then nobody asks for more until a person has decided."""
    paid = select(Payment.id).filter_by(subscription_id=subscription.id, period=period, status="paid").limit(1)
    return db.session.scalar(paid) is not None


def _new_attempt(subscription: Subscription, period: str) -> Payment:
    """A payment of its own for every attempt, with an id that follows from the saved rows (money law 6)."""
    earlier = select(func.count()).select_from(Payment).filter_by(subscription_id=subscription.id, period=period)
    number = (db.session.scalar(earlier) or 0) + 1
    plan_name = subscription.product.name_ko
    key = db.session.scalars(select(BillingKey).filter_by(customer_uid=subscription.customer_uid)).one()
    payment = Payment(
        merchant_uid=f"sub-{subscription.token}-{period.replace('-', '')}-{number}",
        subscription_id=subscription.id,
        customer_uid=subscription.customer_uid,
        period=period,
        name=f"{fit_bytes(plan_name, 24)} {int(period[-2:])}월",
        amount=subscription.amount,
        is_test_channel=_first_payment(subscription).is_test_channel,
        kind="renewal",
        plan_id=subscription.product_id,
        **listed_buyer(key.buyer_name, key.buyer_tel, key.buyer_email),
    )
    db.session.add(payment)
    return payment


def _first_payment(subscription: Subscription) -> Payment:
    """The payment that issued the key: later months go through the same channel."""
    first = select(Payment).filter_by(order_id=subscription.order_id, customer_uid=subscription.customer_uid)
    return db.session.scalars(first).one()


def _request(subscription: Subscription, payment: Payment) -> ChargeRequest:
    key = db.session.scalars(select(BillingKey).filter_by(customer_uid=subscription.customer_uid)).one()
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
    result = sync_payment(provider, News("charge", merchant_uid=attempt.request.merchant_uid))
    if result.outcome == "not_found":
        return None
    return RESULTS.get(result.outcome, "unknown")


def _ask(provider: PaymentProvider, subscription_id: int, attempt: Attempt) -> Result:
    news = News("charge", merchant_uid=attempt.request.merchant_uid)
    try:
        report = provider.charge(attempt.request)
    except (OutcomeUnknown, Unauthorized) as error:
        # The attempt stays open; the next run looks it up first.
        without_report(news, "unknown", f"no answer: {error}")
        return "unknown"
    except Refused as refusal:
        return _refused(provider, subscription_id, attempt, refusal.message)
    result = payments.take(provider, report, "unknown", news)
    return RESULTS.get(result.outcome, "unknown")


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
