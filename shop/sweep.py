"""What is still open, and what becomes of it? `flask sync`: the look-up that needs nobody's call.

Windows close, webhooks get lost, processes die. Whatever our rows say is unfinished is taken up here: by the same
look-up, the same record and the same cancel as everything else. Safe to run at any time, and twice at once.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

from sqlalchemy import ColumnElement, or_, select

from . import billing, clock, orders, payments
from .database import db, end_reading, transaction
from .events import News, note
from .models import BillingKey, Order, Payment, Subscription, move
from .provider import PaymentProvider

PAGE = 200
LOOK_AFTER = timedelta(minutes=3)  # as long as KG's approval number lives: before that the buyer is still typing
LOOK_FOR = timedelta(days=1)  # later news of a payment that nobody finished comes by webhook or reconciliation
ABANDON_AFTER = timedelta(days=1)

SWEEP = News("sweep")


def sweep(provider: PaymentProvider) -> Counter[str]:
    """Bring everything that is open as far as it can be brought now; how often each outcome came.

    Beside the outcomes of `sync_payment`: `expired` orders, `given_back` payments, `deleted` and `abandoned` keys.
    """
    done: Counter[str] = Counter()
    silent = _look_up_open_payments(provider, done)
    done["expired"] += _expire_orders(silent)
    for payment_id in _pages(_cancels_under_way()):
        done["given_back"] += payments.resume_cancel(provider, payment_id, SWEEP).outcome == "cancelled"
    done["abandoned"] += _abandon_keys()
    done["deleted"] += billing.delete_ended_keys(provider)
    return +done


def _look_up_open_payments(provider: PaymentProvider, done: Counter[str]) -> set[int]:
    """Ask what became of every payment that may still change; the ids of those for which no answer came."""
    silent = set()
    for payment_id in _pages(_may_still_change()):
        merchant_uid = db.session.get_one(Payment, payment_id).merchant_uid
        end_reading()
        outcome = payments.sync_payment(provider, News("sweep", merchant_uid=merchant_uid)).outcome
        done[outcome] += 1
        if outcome == "unknown":
            silent.add(payment_id)
        if outcome == "not_found":
            _close_a_charge_that_never_went_out(payment_id)
    return silent


def _may_still_change() -> ColumnElement[bool]:
    now = clock.now()
    window = Payment.order_id.is_not(None) & Payment.held_reason.is_(None) & (Payment.created_at <= now - LOOK_AFTER)
    waiting = Payment.order_id.in_(select(Order.id).where(Order.status == "pending"))
    charge_of_an_ended = Payment.subscription_id.in_(select(Subscription.id).where(Subscription.status == "ended"))
    unclaimed = or_(Payment.claimed_until.is_(None), Payment.claimed_until <= now)
    key_not_seen = Payment.customer_uid.in_(select(BillingKey.customer_uid).where(BillingKey.status == "issuing"))
    return or_(
        (Payment.status == "ready") & window & (waiting | (Payment.created_at >= now - LOOK_FOR)),
        (Payment.status == "ready") & charge_of_an_ended & unclaimed,
        (Payment.status == "paid") & Payment.held_reason.is_(None) & key_not_seen,
    )


def _cancels_under_way() -> ColumnElement[bool]:
    return Payment.cancel_requested_at.is_not(None) & Payment.status.in_(("ready", "failed", "paid"))


def _pages(condition: ColumnElement[bool]) -> Iterator[int]:
    """The ids of the payments that meet a condition, in pages; no reading stays open while the caller works."""
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
    """PortOne has never heard of a month whose subscription has ended: nobody will ask for it any more."""
    with transaction():
        payment = db.session.get_one(Payment, payment_id, with_for_update=True)
        if payment.subscription_id is None or payment.status != "ready":
            return
        reason = "구독이 끝나 청구하지 않았습니다."
        if move(Payment, payment.id, "failed", failed_at=clock.now(), fail_reason=reason):
            note(SWEEP, "failed", reason, payment)


def _expire_orders(silent: set[int]) -> int:
    """Orders that nobody paid in time give their stock back; not those about whose payment nobody could tell us."""
    late = select(Order.id).where(Order.status == "pending", Order.expires_at <= clock.now()).order_by(Order.id)
    unheard = select(Payment.order_id).where(Payment.id.in_(silent), Payment.order_id.is_not(None))
    ids = set(db.session.scalars(late)) - set(db.session.scalars(unheard))
    end_reading()
    expired = 0
    for order_id in sorted(ids):
        with transaction():
            expired += orders.expire(db.session.get_one(Order, order_id, with_for_update=True))
    return expired


def _abandon_keys() -> int:
    """Keys that no window ever issued; late money would issue one after all."""
    never = select(Payment.customer_uid).where(
        Payment.status.in_(("ready", "failed")), Payment.customer_uid.is_not(None), Payment.order_id.is_not(None)
    )
    old = (BillingKey.status == "issuing") & (BillingKey.created_at <= clock.now() - ABANDON_AFTER)
    with transaction():
        ids = db.session.scalars(select(BillingKey.id).where(old, BillingKey.customer_uid.in_(never))).all()
        return sum(move(BillingKey, key_id, "abandoned") for key_id in ids)
