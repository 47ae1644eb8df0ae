"""The monthly run in batches: insert the attempts in groups, charge many at a time, record the results in groups.

A group shares one transaction, because the commit is the most expensive part of a charge. If a group fails, each item
is processed alone, so that a bug in one subscription does not stop the others.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import datetime
from itertools import islice
from typing import Any, NamedTuple, TypeVar

from flask import Flask

from ..portone.report import PaymentProvider
from . import charging, claims
from .charging import Due, Told, count_due, count_paused, delete_ended_keys
from .claims import Attempt

__all__ = ["Done", "Source", "charge_all", "count_due", "count_paused", "delete_ended_keys", "due_now"]

Source = Callable[[], datetime]
PAGE = 500

Item = TypeVar("Item")

log = logging.getLogger(__name__)


class Done(NamedTuple):
    """The result of one charge (`error` if it raised an exception), and the won that it collected."""

    result: str
    won: int


def due_now() -> Iterator[Due]:
    """Yield every subscription that is due, page by page."""
    page = charging.due(limit=PAGE)
    while page:
        yield from page
        page = charging.due(after_id=page[-1].subscription_id, limit=PAGE)


def charge_all(app: Flask, provider: PaymentProvider, due: Iterable[Due], workers: int) -> Iterator[Done]:
    """Charge all, `workers` at a time; yield each result as it arrives. Memory use does not grow with their number."""

    def ask(attempt: Attempt) -> Any:
        with app.app_context():
            [answer] = apart(lambda each: [charging.ask(provider, one) for one in each], [attempt])
        return answer

    waiting, asked = iter(due), {}
    with ThreadPoolExecutor(workers, thread_name_prefix="bill") as pool:
        while group := list(islice(waiting, workers)):
            for one, claimed in zip(group, apart(claims.claim, [one.subscription_id for one in group]), strict=True):
                if isinstance(claimed, Attempt):
                    asked[pool.submit(ask, claimed)] = one
                else:
                    yield Done(claimed, 0)
            while len(asked) > 2 * workers:  # enough queued attempts that no worker is idle
                yield from _written_down(provider, asked)
        while asked:
            yield from _written_down(provider, asked)


def _written_down(provider: PaymentProvider, asked: dict[Future[Any], Due]) -> Iterator[Done]:
    """Wait for at least one response and record all that have arrived."""
    answered = list(wait(asked, return_when=FIRST_COMPLETED).done)
    results = apart(lambda each: charging.write_down(provider, each), [future.result() for future in answered])
    for future, result in zip(answered, results, strict=True):
        won = asked.pop(future).amount
        yield Done(result, won if result == "charged" else 0)


def apart(work: Callable[[Sequence[Item]], Sequence[Any]], items: Sequence[Item]) -> Sequence[Any]:
    """Run `work` on all items together; if that fails, on each alone, with the result `error` for those that fail."""
    try:
        return work(items)
    except Exception:
        if len(items) == 1:
            log.exception("subscription %s could not be charged", _whose(items[0]))
            return ["error"]
    return [result for item in items for result in apart(work, [item])]


def _whose(item: Any) -> int:
    """Return the subscription's id for the log. The item itself is not logged: it holds the buyer's phone number."""
    attempt = item.attempt if isinstance(item, Told) else item
    return attempt.subscription_id if isinstance(attempt, Attempt) else int(attempt)
