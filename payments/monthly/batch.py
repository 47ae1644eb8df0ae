"""The monthly run: charges all due subscriptions, several at a time.

Each charge stands alone, so that a bug in one subscription does not stop the others.
"""

import logging
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import NamedTuple

from flask import Flask

from ..portone.report import PaymentProvider
from .charging import Due, charge, due

PAGE = 500

log = logging.getLogger(__name__)


class Done(NamedTuple):
    """The result of one charge (`error` if it raised an exception), and the won that it collected."""

    result: str
    won: int


def due_now() -> Iterator[Due]:
    """Yield every subscription that is due, page by page."""
    page = due(limit=PAGE)
    while page:
        yield from page
        page = due(after_id=page[-1].subscription_id, limit=PAGE)


def charge_all(app: Flask, provider: PaymentProvider, due: Iterable[Due], workers: int) -> Iterator[Done]:
    """Charge all, `workers` at a time; yield each result as it arrives. Memory use does not grow with their number."""

    def charge_one(one: Due) -> Done:
        with app.app_context():
            try:
                result = charge(provider, one.subscription_id)
            except Exception:
                log.exception("subscription %s could not be charged", one.subscription_id)
                return Done("error", 0)
        return Done(result, one.amount if result == "charged" else 0)

    running: set[Future[Done]] = set()
    with ThreadPoolExecutor(workers, thread_name_prefix="bill") as pool:
        for one in due:
            running.add(pool.submit(charge_one, one))
            if len(running) >= 2 * workers:  # enough in the queue that no worker is idle
                yield from _finished(running)
        while running:
            yield from _finished(running)


def _finished(running: set[Future[Done]]) -> Iterator[Done]:
    """Wait for at least one charge; yield those that are finished, and remove them from `running`."""
    done, _ = wait(running, return_when=FIRST_COMPLETED)
    running -= done
    for future in done:
        yield future.result()
