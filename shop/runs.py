"""How is the monthly run carried out? Many charges at a time, each a unit of its own: one failure stops nobody else."""

import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import datetime

from flask import Flask
from sqlalchemy import func, select

from . import billing, clock
from .billing import delete_ended_keys
from .database import db, end_reading
from .models import Payment
from .provider import PaymentProvider

__all__ = ["Source", "charge_all", "delete_ended_keys", "due_now", "won_charged_today"]

Source = Callable[[], datetime]
PAGE = 500

log = logging.getLogger(__name__)


def due_now() -> Iterator[int]:
    """The ids of every subscription that is due, page by page."""
    page: Sequence[int] = billing.due(limit=PAGE)
    while page:
        yield from page
        page = billing.due(after_id=page[-1], limit=PAGE)


def charge_all(app: Flask, provider: PaymentProvider, due: Sequence[int], workers: int) -> Iterator[str]:
    """Charge them all, `workers` at a time; yields each result as it comes, `error` where a bug stopped one."""

    def one(subscription_id: int) -> str:
        with app.app_context():
            try:
                return billing.charge(provider, subscription_id)
            except Exception:
                log.exception("subscription %s could not be charged", subscription_id)
                return "error"

    with ThreadPoolExecutor(workers, thread_name_prefix="bill") as pool:
        for finished in as_completed([pool.submit(one, subscription_id) for subscription_id in due]):
            yield finished.result()


def won_charged_today() -> int:
    """The sum of later months that were paid on this day in Seoul, in won."""
    midnight = clock.now().astimezone(clock.SEOUL).replace(hour=0, minute=0, second=0, microsecond=0)
    paid = select(func.coalesce(func.sum(Payment.amount), 0)).where(
        Payment.subscription_id.is_not(None), Payment.status == "paid", Payment.paid_at >= midnight
    )
    total = db.session.scalar(paid) or 0
    end_reading()
    return total
