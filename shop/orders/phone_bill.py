"""What a phone-bill payment means for its buyer: the bill that it is on, the last day of a cancel, the VAT in it."""

import calendar
from datetime import date, datetime

from payments.clock import SEOUL
from payments.monthly.charge_days import charge_day

VAT_PERCENT = 10


def bill_month(paid_at: datetime) -> date:
    """Return the first day of the month whose phone bill has the payment: the one after it was made.

    UNVERIFIED: carriers bill what was bought in one month with the next month's bill.
    """
    return charge_day(paid_at.astimezone(SEOUL).date(), 1)


def last_day_to_cancel(paid_at: datetime) -> date:
    """Return the last day on which KG cancels the payment: the last of its calendar month in Seoul."""
    day = paid_at.astimezone(SEOUL).date()
    return day.replace(day=calendar.monthrange(day.year, day.month)[1])


def vat_in(amount: int) -> int:
    """Return the VAT that an amount in won includes, rounded to the won.

    >>> vat_in(11000), vat_in(4900)
    (1000, 445)
    """
    return (amount * VAT_PERCENT * 2 + 100 + VAT_PERCENT) // ((100 + VAT_PERCENT) * 2)
