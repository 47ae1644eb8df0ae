"""How is the monthly run carried out? Many charges at a time, each a unit of its own: one failure stops nobody else."""

import logging
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import datetime
from typing import NamedTuple

from flask import Flask

from . import billing
from .billing import Due, count_due, delete_ended_keys
from .provider import PaymentProvider

__all__ = ["Done", "Source", "charge_all", "count_due", "delete_ended_keys", "due_now"]

Source = Callable[[], datetime]
PAGE = 500

log = logging.getLogger(__name__)


class Done(NamedTuple):
    """What one charge came to, or `error` where a bug stopped it; and the won that it brought."""

    result: str
    won: int


def due_now() -> Iterator[Due]:
    """Every subscription that is due, page by page."""
    page = billing.due(limit=PAGE)
    while page:
        yield from page
        page = billing.due(after_id=page[-1].subscription_id, limit=PAGE)


def charge_all(app: Flask, provider: PaymentProvider, due: Iterable[Due], workers: int) -> Iterator[Done]:
    """Charge them all, `workers` at a time; yields each as it is done. Ten thousand take no more memory than a few."""

    def one(subscription_id: int, amount: int) -> Done:
        with app.app_context():
            try:
                result = billing.charge(provider, subscription_id)
            except Exception:
                log.exception("subscription %s could not be charged", subscription_id)
                return Done("error", 0)
        return Done(result, amount if result == "charged" else 0)

    running: set[Future[Done]] = set()
    with ThreadPoolExecutor(workers, thread_name_prefix="bill") as pool:
        for subscription in due:
            running.add(pool.submit(one, *subscription))
            if len(running) == 2 * workers:  # enough that nobody waits for work
                finished, running = wait(running, return_when=FIRST_COMPLETED)
                yield from (future.result() for future in finished)
        yield from (future.result() for future in running)
