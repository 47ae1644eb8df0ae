"""What time is it for business? Asia/Seoul, because a phone bill's month is a Korean calendar month.

Only business time is read here: order expiry, billing days, what an admin page calls "today".
Tokens, sessions and HTTP time-outs use real time and never ask this file.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone

# Korea has had no daylight saving since 1988, so a fixed offset needs no time zone database.
SEOUL = timezone(timedelta(hours=9), "KST")


def _system_time() -> datetime:
    return datetime.now(UTC)


_source: Callable[[], datetime] = _system_time


def use_source(source: Callable[[], datetime] | None) -> None:
    """Read business time from `source` (aware datetimes) from now on; None returns to the system's clock.

    The demo's movable clock plugs in here. With live settings nothing calls this.
    """
    global _source
    _source = source or _system_time


def now() -> datetime:
    """The present moment, aware, in UTC."""
    return _source().astimezone(UTC)


def today() -> date:
    """The calendar day in Seoul."""
    return now().astimezone(SEOUL).date()


def month_began() -> datetime:
    """When the present calendar month began in Seoul."""
    return now().astimezone(SEOUL).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def month_before_began() -> datetime:
    """When the calendar month before the present one began in Seoul."""
    return (month_began() - timedelta(days=1)).replace(day=1)


def period_of(moment: datetime) -> str:
    """The calendar month in Seoul that a moment falls in, as `YYYY-MM`."""
    return moment.astimezone(SEOUL).strftime("%Y-%m")
