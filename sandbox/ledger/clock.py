"""The business clock: the machine's time plus an offset that only grows. Days and months are Seoul's."""

import json
import time
from datetime import datetime, timedelta, timezone

from .database import Database

SEOUL = timezone(timedelta(hours=9), "KST")  # no daylight saving since 1988
LAST_YEAR = 2200


def now(database: Database) -> int:
    """The business time in unix seconds."""
    return int(exactly(database))


def exactly(database: Database) -> float:
    """The business time in unix seconds with fraction."""
    return time.time() + offset(database)


def offset(database: Database) -> float:
    """Seconds that the business clock is ahead. Stored in the database, so all processes share it."""
    return float(database.kept("clock_offset", 0.0))


def local(database: Database) -> datetime:
    """The business time in Seoul."""
    return in_seoul(now(database))


def move_to(database: Database, moment: datetime) -> None:
    """Move forward to `moment`. ValueError if that is in the past, since paid months cannot be undone."""
    if moment.year >= LAST_YEAR:
        raise ValueError(f"the clock ends before the year {LAST_YEAR}")
    with database.writing() as connection:
        row = connection.execute("SELECT value FROM kept WHERE name = 'clock_offset'").fetchone()
        offset = moment.timestamp() - time.time()
        if offset < (json.loads(row["value"]) if row else 0.0):
            raise ValueError("the clock only moves forward")
        connection.execute("INSERT OR REPLACE INTO kept VALUES ('clock_offset', ?)", (json.dumps(offset),))


def in_seoul(moment: float) -> datetime:
    """Unix seconds as a date and time in Seoul."""
    return datetime.fromtimestamp(moment, SEOUL)
