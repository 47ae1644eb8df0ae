"""The sweep (`flask sync`): looks up every open payment and finishes what was interrupted.

Buyers close windows, webhooks get lost, processes die. The sweep handles every row that is unfinished, with the same
look-up, record and cancel functions as the endpoints. It may run at any time, also twice at once.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import TypeVar

from sqlalchemy import ColumnElement, and_, select, text, update

from . import clock, sync
from .cancel import carry_out
from .database import db, reading, transaction
from .events import Notification, delete_old_events_of_nobody
from .extension import extension
from .models import OPEN, Cancellation, Payment
from .portone.report import PaymentProvider

PAGE = 200
LOOK_AFTER = timedelta(minutes=3)  # lifetime of KG's approval number: until then the buyer may still be typing it
LOOK_FOR = timedelta(days=1)  # a payment that is paid later still is found by its webhook or by reconciliation

SWEEP = Notification("sweep")

log = logging.getLogger(__name__)

Row = TypeVar("Row", Payment, Cancellation)


def sweep(provider: PaymentProvider) -> Counter[str]:
    """Look up and finish everything that is open; return the number of each outcome.

    Besides the outcomes of `sync_payment` it counts `given_back` payments, `expired` purchases, deleted `old_events`,
    what `monthly/` adds, and `error` for each item that raised an exception. Items are independent, so one error stops
    no other.
    """
    done: Counter[str] = Counter()
    unanswered = _look_up_windows(provider, done)
    for kind, purchases in extension().purchases.items():
        try:
            done["expired"] += purchases.expire(unanswered) or 0
        except Exception:
            log.exception("purchases of kind %s could not expire", kind)
            done["error"] += 1
    for cancellation in pages(Cancellation, Cancellation.status == "requested"):
        carried_out = alone(partial(_carry_out, provider, cancellation.id))
        done["given_back"] += carried_out == "cancelled"
        done["error"] += carried_out == "error"
    for step in extension().more_sweeps:
        done += step(provider)
    done["old_events"] = delete_old_events_of_nobody()  # last: no payment waits for it
    return +done


def _look_up_windows(provider: PaymentProvider, done: Counter[str]) -> set[str]:
    """Look up every window that may still be paid; return the purchases, of all kinds, whose look-up gave no result."""
    unanswered: set[str] = set()
    for payment in pages(Payment, _windows_that_may_be_paid()):
        outcome = alone(partial(_look_up_window, provider, payment))
        done[outcome] += 1
        if outcome in ("unknown", "error"):
            unanswered.add(payment.purchase_id)
    return unanswered


def _look_up_window(provider: PaymentProvider, payment: Payment) -> str:
    outcome = look_up(provider, payment)
    now = clock.now()
    if payment.created_at <= now - LOOK_FOR:
        answered = (Payment.id == payment.id) & Payment.unanswered_since.is_(None)  # also by everybody who asked since
        with transaction():
            db.session.execute(update(Payment).where(answered).values(given_up_at=now))
    return outcome


def look_up(provider: PaymentProvider, payment: Payment) -> str:
    """Look up one payment for a sweep; return the outcome."""
    return sync.sync_payment(provider, Notification("sweep", merchant_uid=payment.merchant_uid)).outcome


def _carry_out(provider: PaymentProvider, cancellation_id: int) -> str:
    return carry_out(provider, cancellation_id, SWEEP).outcome


def alone(work: Callable[[], str]) -> str:
    """Run `work` and return its outcome, or log the exception and return `error`, so that the other items continue."""
    try:
        return work()
    except Exception:
        log.exception("one item of the sweep failed")
        return "error"


def _windows_that_may_be_paid() -> ColumnElement[bool]:
    # A failed window does not end the attempt: another window of the same `merchant_uid` may be paid since. An attempt
    # is looked up until PortOne has answered once, a day after it was opened or later.
    return and_(
        text(OPEN),
        Payment.period == "",
        Payment.held_reason.is_(None),
        Payment.created_at <= clock.now() - LOOK_AFTER,
    )


def pages(model: type[Row], condition: ColumnElement[bool]) -> Iterator[Row]:
    """Yield the matching rows in the order of their ids, page by page; nothing is open while the caller works.

    A row is as it was when its page was read: lock it before you change it.
    """
    last = 0
    while True:
        query = select(model).where(condition, model.id > last).order_by(model.id).limit(PAGE)
        with reading():
            page = db.session.scalars(query).all()
        if not page:
            return
        yield from page
        last = page[-1].id
