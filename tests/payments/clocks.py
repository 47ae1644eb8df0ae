"""What time is it for business in these tests? One moment, the same on every day on which they run; it stands still.

The moment lies decades ahead, in the middle of a month and of a day. Months that a test needs come after it.
"""

from datetime import datetime, timedelta

from payments.clock import SEOUL

NOON = datetime(2054, 11, 15, 12, tzinfo=SEOUL)

_moment = NOON


def read() -> datetime:
    """The source of business time of the host's apps."""
    return _moment


def stand_at(moment: datetime = NOON) -> None:
    """Business time stands still at `moment`."""
    global _moment
    _moment = moment


def later(span: timedelta) -> None:
    """Business time stands still that much later than it is now."""
    stand_at(_moment + span)
