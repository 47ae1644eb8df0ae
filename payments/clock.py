"""Business time: order expiry, billing days, and "today" on the admin pages.

Days and months are those of Asia/Seoul, because a phone bill's month is a Korean calendar month.
Tokens, sessions and HTTP time-outs use the system's clock instead.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone

from flask import Flask, current_app

# Korea has had no daylight saving since 1988, so a fixed offset needs no time zone database.
SEOUL = timezone(timedelta(hours=9), "KST")


SOURCE = "payments.clock"  # key in `app.extensions`


def use_source(app: Flask, source: Callable[[], datetime]) -> None:
    """Read this app's business time from `source` (aware datetimes) from now on, instead of the system's clock.

    The demo sets its movable clock here. With live settings nothing calls this.
    """
    app.extensions[SOURCE] = source


def system_time() -> datetime:
    """Return the system's time, aware, in UTC: the source of an app that was given no other."""
    return datetime.now(UTC)


def now() -> datetime:
    """Return the current app's business time, aware, in UTC. Raises RuntimeError outside an app context."""
    source: Callable[[], datetime] = current_app.extensions.get(SOURCE, system_time)
    return source().astimezone(UTC)


def today() -> date:
    """Return the current date in Seoul."""
    return now().astimezone(SEOUL).date()


def month_began() -> datetime:
    """Return when the current calendar month began in Seoul."""
    return now().astimezone(SEOUL).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def period_of(moment: datetime) -> str:
    """Return the calendar month in Seoul that contains the moment, as `YYYY-MM`."""
    return moment.astimezone(SEOUL).strftime("%Y-%m")
