"""What did the reader of a list ask for? Filters, a period and a place to go on from, read out of the address."""

from collections.abc import Collection
from datetime import date, timedelta

from flask import request
from flask_babel import gettext as _

from payments import clock
from payments.models import Payment
from payments.privacy import printable

from .figures import LONGEST_PERIOD
from .listing import PAYMENT_STATES, PaymentFilter
from .paging import Cursor

LONGEST_SEARCH = 254


class Unreadable(Exception):
    """The period in the address makes no sense; the text says why, in the reader's language."""


class TooManyDays(Unreadable):
    """A period that makes sense, only longer than what is summed up or compared at once."""


def text(name: str) -> str:
    """One search or filter text, without what no database column can hold."""
    return printable(request.args.get(name, ""), LONGEST_SEARCH).strip()


def choice(name: str, allowed: Collection[str]) -> str:
    """One of the allowed values; anything else chooses all."""
    value = request.args.get(name, "")
    return value if value in allowed else ""


def number(name: str) -> int | None:
    """A positive number that a database can hold, or None."""
    value = request.args.get(name, "")
    return (int(value) or None) if value.isascii() and value.isdigit() and len(value) <= 9 else None


def cursor() -> Cursor:
    """The place to go on from."""
    return Cursor(older=number("older"), newer=number("newer"))


def payment_filter() -> PaymentFilter:
    """Which payments the reader chose. Raises Unreadable."""
    first, last = _day("first"), _day("last")
    if first and last and first > last:
        raise Unreadable(_("기간의 시작이 끝보다 늦습니다."))
    return PaymentFilter(
        state=choice("status", PAYMENT_STATES),
        kind=choice("kind", Payment.KINDS),
        plan_id=number("plan"),
        pg=text("pg"),
        first=first,
        last=last,
        q=text("q"),
    )


def period(default_days: int = LONGEST_PERIOD.days) -> tuple[date, date]:
    """The days to sum up, both included: what the reader chose, else the last days up to today.

    Raises Unreadable: TooManyDays for a period that is only too long.
    """
    first, last = _day("first"), _day("last")
    last = last or (first + timedelta(days=default_days - 1) if first else clock.today())
    first = first or last - timedelta(days=default_days - 1)
    if first > last:
        raise Unreadable(_("기간의 시작이 끝보다 늦습니다."))
    if last - first >= LONGEST_PERIOD:
        raise TooManyDays(_("한 번에 %(days)s일까지 더할 수 있습니다.", days=LONGEST_PERIOD.days))
    return first, last


def _day(name: str) -> date | None:
    value = request.args.get(name, "")
    if not value:
        return None
    try:
        day = date.fromisoformat(value)
    except ValueError:
        raise Unreadable(_("날짜를 2026-11-25처럼 적어 주세요.")) from None
    if not 2000 <= day.year <= 2100:
        raise Unreadable(_("날짜를 2026-11-25처럼 적어 주세요."))
    return day
