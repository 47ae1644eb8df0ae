"""The days on which a month may be charged, by KG's rules for recurring payments (정기결제).

Exactly once every calendar month in Seoul, within five days of the day of last month's payment.
"""

import calendar
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Literal

from ..clock import SEOUL

KG_TOLERANCE = timedelta(days=5)  # PortOne's help pages: within five days of the day of last month's payment
RETRY_FOR = timedelta(days=5)
LAST_START = time(23, 50)


def charge_day(last: date, anchor_day: int) -> date:
    """Return the charge day in the month after `last`: the anchor day, or the last day of a shorter month.

    It is always computed from the anchor day, so an anchor of 31 is 31 again after February.

    >>> charge_day(date(2027, 1, 31), 31), charge_day(date(2027, 2, 28), 31)
    (datetime.date(2027, 2, 28), datetime.date(2027, 3, 31))
    """
    year, month = (last.year + 1, 1) if last.month == 12 else (last.year, last.month + 1)
    return date(year, month, min(anchor_day, calendar.monthrange(year, month)[1]))


@dataclass(frozen=True)
class ChargeWindow:
    """The days in Seoul on which one month may be charged, both included."""

    first: date
    last: date

    def state_at(self, moment: datetime) -> Literal["early", "open", "closed"]:
        """Return whether `moment` is before, in or after the window.

        The window closes at 23:50 on the last day: a later charge could be approved on the next day, or in the next
        month.
        """
        local = moment.astimezone(SEOUL)
        if local.date() < self.first:
            return "early"
        return "open" if local <= datetime.combine(self.last, LAST_START, SEOUL) else "closed"


def charge_window(due: date, last_paid: date) -> ChargeWindow:
    """Return the days on which the month of `due` may be charged.

    From the due day to five days later, inside the calendar month, and within KG's five days of the day of last month's
    payment.
    """
    month_end = due.replace(day=calendar.monthrange(due.year, due.month)[1])
    around = charge_day(last_paid, last_paid.day)
    return ChargeWindow(
        first=max(due, around - KG_TOLERANCE), last=min(due + RETRY_FOR, month_end, around + KG_TOLERANCE)
    )
