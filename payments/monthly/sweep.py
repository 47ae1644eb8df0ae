"""What the sweep (`flask sync`) does for subscriptions: later months without a result, and keys that nobody needs."""

from collections import Counter
from datetime import timedelta
from functools import partial

from sqlalchemy import and_, select, text

from .. import clock
from ..database import db, locked, transaction
from ..events import log_event
from ..models import OPEN, Payment, move
from ..portone.report import PaymentProvider
from ..sweep import SWEEP, alone, look_up, pages
from .charging import delete_ended_keys
from .models import LATER_MONTH, BillingKey, Subscription

ABANDON_AFTER = timedelta(days=1)


def sweep_subscriptions(provider: PaymentProvider) -> Counter[str]:
    """Look up the charges whose result is not known; then count the keys that were `abandoned` or `deleted`."""
    done: Counter[str] = Counter()
    for payment in pages(Payment, and_(text(OPEN), Payment.status == "ready", Payment.kind == LATER_MONTH)):
        done[alone(partial(_look_up, provider, payment))] += 1
    done["abandoned"] += _abandon_keys()
    done["deleted"] += delete_ended_keys(provider)
    return done


def _look_up(provider: PaymentProvider, payment: Payment) -> str:
    outcome = look_up(provider, payment)
    if outcome == "not_found":
        _close_a_charge_that_never_went_out(payment.id, int(payment.purchase_id))
    return outcome


def _close_a_charge_that_never_went_out(payment_id: int, subscription_id: int) -> None:
    """Mark a charge as failed that PortOne does not know, if its month is already paid or its subscription has ended.

    Nothing will send such a charge any more.
    """
    with transaction():
        subscription = locked(Subscription, subscription_id)
        payment = locked(Payment, payment_id)
        claimed = payment.claimed_until is not None and payment.claimed_until > clock.now()
        if payment.status != "ready" or claimed:
            return
        if subscription.status == "ended":
            why, reason = "not charged: the subscription has ended", "구독이 끝나 청구하지 않았습니다."
        elif subscription.next_charge_on and payment.period < f"{subscription.next_charge_on:%Y-%m}":
            why, reason = "not charged: that month is paid already", "그달은 이미 결제되어 청구하지 않았습니다."
        else:
            return
        if move(Payment, payment.id, "failed", failed_at=clock.now(), fail_reason=reason):
            log_event(SWEEP, "failed", why, payment)


def _abandon_keys() -> int:
    """Mark keys abandoned that no window issued within `ABANDON_AFTER`. A late payment would still issue the key."""
    never = select(Payment.customer_uid).where(
        Payment.status.in_(("ready", "failed")), Payment.period == "", Payment.customer_uid.is_not(None)
    )
    old = (BillingKey.status == "issuing") & (BillingKey.created_at <= clock.now() - ABANDON_AFTER)
    with transaction():
        ids = db.session.scalars(select(BillingKey.id).where(old, BillingKey.customer_uid.in_(never))).all()
        return sum(move(BillingKey, key_id, "abandoned") for key_id in ids)
