"""How is the monthly run carried out? Rows first in groups, then many charges at a time, then the answers in groups.

A group shares one transaction, because a commit is what a charge costs most. Where a group fails, each of it is done
by itself, so that a bug in one subscription stops nobody else.
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
    """What one charge came to, or `error` where a bug stopped it; and the won that it brought."""

    result: str
    won: int


def due_now() -> Iterator[Due]:
    """Every subscription that is due, page by page."""
    page = charging.due(limit=PAGE)
    while page:
        yield from page
        page = charging.due(after_id=page[-1].subscription_id, limit=PAGE)


def charge_all(app: Flask, provider: PaymentProvider, due: Iterable[Due], workers: int) -> Iterator[Done]:
    """Charge them all, `workers` at a time; yields each as it is done. Ten thousand take no more memory than a few."""

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
            while len(asked) > 2 * workers:  # enough that no worker waits for rows
                yield from _written_down(provider, asked)
        while asked:
            yield from _written_down(provider, asked)


def _written_down(provider: PaymentProvider, asked: dict[Future[Any], Due]) -> Iterator[Done]:
    """Wait for answers and write down all that are there."""
    answered = list(wait(asked, return_when=FIRST_COMPLETED).done)
    results = apart(lambda each: charging.write_down(provider, each), [future.result() for future in answered])
    for future, result in zip(answered, results, strict=True):
        won = asked.pop(future).amount
        yield Done(result, won if result == "charged" else 0)


def apart(work: Callable[[Sequence[Item]], Sequence[Any]], items: Sequence[Item]) -> Sequence[Any]:
    """`work` done for all items together; where that fails, for each by itself, with `error` for those that fail."""
    try:
        return work(items)
    except Exception:
        if len(items) == 1:
            log.exception("subscription %s could not be charged", _whose(items[0]))
            return ["error"]
    return [result for item in items for result in apart(work, [item])]


def _whose(item: Any) -> int:
    """The id to name in a log: never the item itself, which holds the buyer's phone number."""
    attempt = item.attempt if isinstance(item, Told) else item
    return attempt.subscription_id if isinstance(attempt, Attempt) else int(attempt)
