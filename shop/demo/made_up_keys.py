"""Registers the billing keys of made-up subscriptions in the sandbox, so that the monthly run can charge them.

They were never issued in a window: without this, the sandbox answers that it has no such key, and the plans end.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import requests
from sqlalchemy import String, cast, select

from payments.database import db, reading
from payments.models import Payment
from payments.monthly import subscriptions
from payments.monthly.models import BillingKey, Subscription
from shop.orders.models import User

from .fake_history import NO_PASSWORD

KEYS_AT_ONCE = 100
TIMEOUT_SECONDS = 30.0


def register(session: requests.Session, api_url: str) -> int:
    """Tell the sandbox the keys of all running made-up subscriptions; return how many are running.

    Those that it knows stay as they are, so it may be called again, also after the sandbox was reset. Raises
    requests.RequestException.
    """
    count = 0
    for keys in _pages():
        told = [told_of(key, payments) for key, payments in _with_payments(keys)]
        answer = session.post(f"{api_url}/controls/billing-keys", json={"keys": told}, timeout=TIMEOUT_SECONDS)
        answer.raise_for_status()
        count += len(told)
    return count


def _pages() -> Iterator[Sequence[BillingKey]]:
    """Yield the keys of running made-up subscriptions, page by page; nothing is open while the caller works."""
    made_up = select(cast(User.id, String)).where(User.password_hash == NO_PASSWORD)
    running = (
        select(BillingKey)
        .join(Subscription, Subscription.customer_uid == BillingKey.customer_uid)
        .where(Subscription.status.in_(subscriptions.LIVE), Subscription.customer_ref.in_(made_up))
        .order_by(BillingKey.id)
        .limit(KEYS_AT_ONCE)
    )
    last = 0
    while True:
        with reading():
            page = db.session.scalars(running.where(BillingKey.id > last)).all()
        if not page:
            return
        yield page
        last = page[-1].id


def _with_payments(keys: Sequence[BillingKey]) -> Iterator[tuple[BillingKey, list[Payment]]]:
    """Yield each key with its paid months, oldest first."""
    named = Payment.customer_uid.in_([key.customer_uid for key in keys])
    paid = select(Payment).where(named, Payment.status == "paid").order_by(Payment.paid_at)
    of_key: dict[str | None, list[Payment]] = defaultdict(list)
    with reading():
        for payment in db.session.scalars(paid):
            of_key[payment.customer_uid].append(payment)
    return ((key, of_key[key.customer_uid]) for key in keys)


def told_of(key: BillingKey, payments: Sequence[Payment]) -> dict[str, Any]:
    """Return what the sandbox is told of a key: the first and the latest of its payments are what KG compares with."""
    buyer = {"buyer_name": key.buyer_name, "buyer_tel": key.buyer_tel, "buyer_email": key.buyer_email}
    months = [payments[0], *payments[-1:]] if len(payments) > 1 else payments
    return {
        "customer_uid": key.customer_uid,
        "phone": key.buyer_tel,
        "payments": [
            {
                **buyer,
                "imp_uid": payment.imp_uid,
                "merchant_uid": payment.merchant_uid,
                "pg_tid": payment.pg_tid,
                "name": payment.name,
                "amount": payment.amount,
                "paid_at": int(payment.paid_at.timestamp()) if payment.paid_at else 0,
            }
            for payment in months
        ],
    }
