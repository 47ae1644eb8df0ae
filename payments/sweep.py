"""The sweep (`flask sync`): looks up every open payment and finishes what was interrupted.

Buyers close windows, webhooks get lost, processes die. The sweep handles every row that is unfinished, with the same
look-up, record and cancel functions as the endpoints. It may run at any time, also twice at once.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from functools import partial

from sqlalchemy import ColumnElement, Row, or_, select
from sqlalchemy.orm import aliased

from shop.orders import orders
from shop.orders.models import Order

from . import clock, sync
from .cancel import NOT_GIVEN_BACK, resume_cancel
from .database import db, end_reading, transaction
from .events import News, note
from .models import BillingKey, Event, Payment, Subscription, move
from .monthly import charging
from .portone.report import PaymentProvider

PAGE = 200
LOOK_AFTER = timedelta(minutes=3)  # lifetime of KG's approval number: until then the buyer may still be typing it
LOOK_FOR = timedelta(days=1)  # a payment that is paid later still is found by its webhook or by reconciliation
ABANDON_AFTER = timedelta(days=1)
SURPLUS_AGAIN_AFTER = timedelta(hours=1)  # each try writes events

SWEEP = News("sweep")

log = logging.getLogger(__name__)


def sweep(provider: PaymentProvider) -> Counter[str]:
    """Look up and finish everything that is open; return the number of each outcome.

    Besides the outcomes of `sync_payment` it counts `expired` orders, `given_back` payments, `deleted` and `abandoned`
    keys, and `error` for each item that raised an exception. Items are independent, so one error stops no other.
    """
    done: Counter[str] = Counter()
    silent = _look_up_open_payments(provider, done)
    done["expired"] += _expire_orders(silent)
    for payment_id in _pages(_cancels_under_way()):
        resumed = _alone(partial(_resume_cancel, provider, payment_id))
        done["given_back"] += resumed == "cancelled"
        done["error"] += resumed == "error"
    for imp_uid, merchant_uid in _surpluses_owed():
        news = News("sweep", imp_uid, merchant_uid)
        done[_alone(partial(_look_at_surplus, provider, news))] += 1
    done["abandoned"] += _abandon_keys()
    done["deleted"] += charging.delete_ended_keys(provider)
    return +done


def _look_up_open_payments(provider: PaymentProvider, done: Counter[str]) -> set[int]:
    """Look up every payment that may still change; return the ids of those whose look-up gave no result."""
    silent = set()
    for payment_id in _pages(_may_still_change()):
        outcome = _alone(partial(_look_up, provider, payment_id))
        done[outcome] += 1
        if outcome in ("unknown", "error"):
            silent.add(payment_id)
    return silent


def _look_up(provider: PaymentProvider, payment_id: int) -> str:
    merchant_uid = db.session.get_one(Payment, payment_id).merchant_uid
    end_reading()
    outcome = sync.sync_payment(provider, News("sweep", merchant_uid=merchant_uid)).outcome
    if outcome == "not_found":
        _close_a_charge_that_never_went_out(payment_id)
    return outcome


def _resume_cancel(provider: PaymentProvider, payment_id: int) -> str:
    return resume_cancel(provider, payment_id, SWEEP).outcome


def _surpluses_owed() -> Sequence[Row[tuple[str | None, str]]]:
    """Return `imp_uid` and our `merchant_uid` of duplicate payments whose last cancel failed some time ago.

    Last month's are included: KG cancels them no longer, but an earlier cancel may have succeeded.
    """
    later = aliased(Event)
    tried = or_(later.outcome == "cancelled", later.reason.contains(NOT_GIVEN_BACK))
    tried_last = ~select(later.id).where(later.imp_uid == Event.imp_uid, later.id > Event.id, tried).exists()
    stays = (Event.outcome == "unknown") & Event.reason.contains(NOT_GIVEN_BACK)
    stays &= ~Event.reason.endswith(": month")  # KG's month is over: a person handles it
    seen = (Event.outcome == "held") & Event.reason.endswith("paid too, surplus")  # the process died before the cancel
    owed = (
        select(Event.imp_uid, Payment.merchant_uid)
        .join(Payment, Payment.id == Event.payment_id)
        .where(or_(stays, seen), tried_last, Event.imp_uid.is_not(None))
        .distinct()
        .where(Event.at >= clock.month_before_began(), Event.at <= clock.now() - SURPLUS_AGAIN_AFTER)
    )
    found = db.session.execute(owed).all()
    end_reading()
    return found


def _look_at_surplus(provider: PaymentProvider, news: News) -> str:
    result = sync.sync_payment(provider, news)
    if result.outcome == "unchanged":  # no longer paid: it was cancelled, and the response to that cancel was lost
        with transaction():
            note(news, "cancelled", f"surplus {news.imp_uid} was given back", result.payment)
    return result.outcome


def _alone(work: Callable[[], str]) -> str:
    """Run `work` and return its outcome, or log the exception and return `error`, so that the other items continue."""
    try:
        return work()
    except Exception:
        db.session.rollback()
        log.exception("one of the sweep's looks failed")
        return "error"


def _may_still_change() -> ColumnElement[bool]:
    now = clock.now()
    window = Payment.order_id.is_not(None) & Payment.held_reason.is_(None) & (Payment.created_at <= now - LOOK_AFTER)
    waiting = Payment.order_id.in_(select(Order.id).where(Order.status == "pending"))
    key_not_seen = Payment.customer_uid.in_(
        select(BillingKey.customer_uid).where(BillingKey.status.in_(BillingKey.NOT_SEEN))
    )
    return or_(
        # A failed window does not end the attempt: another window of the same `merchant_uid` may be paid since.
        Payment.status.in_(("ready", "failed")) & window & (waiting | (Payment.created_at >= now - LOOK_FOR)),
        (Payment.status == "ready") & Payment.subscription_id.is_not(None),
        (Payment.status == "paid") & Payment.held_reason.is_(None) & key_not_seen,
    )


def _cancels_under_way() -> ColumnElement[bool]:
    return Payment.cancel_requested_at.is_not(None) & Payment.status.in_(("ready", "failed", "paid"))


def _pages(condition: ColumnElement[bool]) -> Iterator[int]:
    """Yield the ids of the matching payments, page by page; no transaction is open while the caller works."""
    last = 0
    while True:
        query = select(Payment.id).where(condition, Payment.id > last).order_by(Payment.id).limit(PAGE)
        page = db.session.scalars(query).all()
        end_reading()
        if not page:
            return
        yield from page
        last = page[-1]


def _close_a_charge_that_never_went_out(payment_id: int) -> None:
    """Mark a charge as failed that PortOne does not know, if its month is already paid or its subscription has ended.

    Nothing will send such a charge any more.
    """
    with transaction():
        owner = select(Subscription).join(Payment, Payment.subscription_id == Subscription.id)
        subscription = db.session.scalar(owner.where(Payment.id == payment_id).with_for_update(of=Subscription))
        payment = db.session.get_one(Payment, payment_id, with_for_update=True)
        claimed = payment.claimed_until is not None and payment.claimed_until > clock.now()
        if subscription is None or payment.status != "ready" or claimed:
            return
        if subscription.status == "ended":
            why, reason = "not charged: the subscription has ended", "구독이 끝나 청구하지 않았습니다."
        elif subscription.next_charge_on and (payment.period or "") < f"{subscription.next_charge_on:%Y-%m}":
            why, reason = "not charged: that month is paid already", "그달은 이미 결제되어 청구하지 않았습니다."
        else:
            return
        if move(Payment, payment.id, "failed", failed_at=clock.now(), fail_reason=reason):
            note(SWEEP, "failed", why, payment)


def _expire_orders(silent: set[int]) -> int:
    """Expire overdue pending orders, except those in `silent`: their payment's look-up gave no result."""
    late = select(Order.id).where(Order.status == "pending", Order.expires_at <= clock.now()).order_by(Order.id)
    unheard = select(Payment.order_id).where(Payment.id.in_(silent), Payment.order_id.is_not(None))
    ids = set(db.session.scalars(late)) - set(db.session.scalars(unheard))
    end_reading()
    expired = 0
    for order_id in sorted(ids):
        expired += _alone(partial(_expire, order_id)) == "expired"
    return expired


def _expire(order_id: int) -> str:
    with transaction():
        return "expired" if orders.expire(db.session.get_one(Order, order_id, with_for_update=True)) else "unchanged"


def _abandon_keys() -> int:
    """Mark keys abandoned that no window issued within `ABANDON_AFTER`. A late payment would still issue the key."""
    never = select(Payment.customer_uid).where(
        Payment.status.in_(("ready", "failed")), Payment.customer_uid.is_not(None), Payment.order_id.is_not(None)
    )
    old = (BillingKey.status == "issuing") & (BillingKey.created_at <= clock.now() - ABANDON_AFTER)
    with transaction():
        ids = db.session.scalars(select(BillingKey.id).where(old, BillingKey.customer_uid.in_(never))).all()
        return sum(move(BillingKey, key_id, "abandoned") for key_id in ids)
