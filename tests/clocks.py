"""What time is it for business in the tests? One moment, the same on every day on which they run.

In one process the fixture `business_clock` of conftest.py sets it, it stands still, and all apps share it. A sandbox
begins at the same moment and goes on, and a shop that has one follows it. Its clock is ahead of the system's and only
moves forward, so the moment lies decades ahead, in the middle of a month and of a day. Months that a test needs come
after it.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from flask import Flask

from payments import clock
from payments.clock import SEOUL
from sandbox.ledger import clock as sandbox_clock
from sandbox.ledger.database import Database

NOON = datetime(2054, 11, 15, 12, tzinfo=SEOUL)


_source: Callable[[], datetime] = lambda: NOON  # noqa: E731


def now() -> datetime:
    """The moment it is for business in every app that was given to `keep_time_of`."""
    return _source()


def keep_time_of(app: Flask) -> None:
    """The app's business time is that of the tests; by itself it would follow its sandbox's."""
    clock.use_source(app, now)


def stand_at(moment: datetime = NOON) -> None:
    """Business time stands still at `moment`."""
    _read(lambda: moment)


def later(span: timedelta) -> None:
    """Business time stands still that much later than it is now."""
    stand_at(now() + span)


def follow(exactly: Callable[[], float]) -> None:
    """Business time is the sandbox's, at once, where the shop's own source asks for it once a second."""
    _read(lambda: datetime.fromtimestamp(exactly(), UTC))


def _read(source: Callable[[], datetime]) -> None:
    global _source
    _source = source


def start_sandbox(books: Path, moment: datetime = NOON) -> None:
    """The sandbox that is going to keep its books in this file begins at `moment`, whichever process serves it."""
    database = Database(books)
    sandbox_clock.move_to(database, moment)
    database.close()
