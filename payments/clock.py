"""Business time: order expiry, billing days, and "today" on the admin pages.

Days and months are those of Asia/Seoul, because a phone bill's month is a Korean calendar month.
Tokens, sessions and HTTP time-outs use the system's clock instead.
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

    The demo sets its movable clock here. With live settings nothing calls this.
    """
    global _source
    _source = source or _system_time


def now() -> datetime:
    """Return the current time, aware, in UTC."""
    return _source().astimezone(UTC)


def today() -> date:
    """Return the current date in Seoul."""
    return now().astimezone(SEOUL).date()


def month_began() -> datetime:
    """Return when the current calendar month began in Seoul."""
    return now().astimezone(SEOUL).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def period_of(moment: datetime) -> str:
    """Return the calendar month in Seoul that contains the moment, as `YYYY-MM`."""
    return moment.astimezone(SEOUL).strftime("%Y-%m")
