"""What time is it for business in the tests? One moment, the same on every day on which they run.

In one process the fixture `business_clock` of conftest.py sets it, and it stands still. A sandbox begins at the same
moment and goes on, and a shop that has one follows it. Its clock is ahead of the system's and only moves forward, so
the moment lies decades ahead, in the middle of a month and of a day. Months that a test needs come after it.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from payments import clock
from payments.clock import SEOUL
from sandbox.ledger import clock as sandbox_clock
from sandbox.ledger.database import Database

NOON = datetime(2054, 11, 15, 12, tzinfo=SEOUL)


def stand_at(moment: datetime = NOON) -> None:
    """Business time stands still at `moment`."""
    clock.use_source(lambda: moment)


def later(span: timedelta) -> None:
    """Business time stands still that much later than it is now."""
    stand_at(clock.now() + span)


def follow(exactly: Callable[[], float]) -> None:
    """Business time is the sandbox's, at once, where the shop's own source asks for it once a second."""
    clock.use_source(lambda: datetime.fromtimestamp(exactly(), UTC))


def start_sandbox(books: Path, moment: datetime = NOON) -> None:
    """The sandbox that is going to keep its books in this file begins at `moment`, whichever process serves it."""
    database = Database(books)
    sandbox_clock.move_to(database, moment)
    database.close()
