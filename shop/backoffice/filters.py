"""Parser of a list's query parameters: filters, period and paging cursor."""

from collections.abc import Collection
from datetime import date, timedelta

from flask import request
from flask_babel import gettext as _

from payments import clock
from payments.privacy import printable
from shop.orders.order_payments import KINDS

from .figures import LONGEST_PERIOD
from .listing import PAYMENT_STATES, PaymentFilter
from .paging import Cursor

LONGEST_SEARCH = 254


class Unreadable(Exception):
    """The period in the query is invalid; the text says why, in the user's language."""


def text(name: str) -> str:
    """Return a search or filter text, without characters that no database column can store."""
    return printable(request.args.get(name, ""), LONGEST_SEARCH).strip()


def choice(name: str, allowed: Collection[str]) -> str:
    """Return the parameter if it is an allowed value, else an empty text, which selects everything."""
    value = request.args.get(name, "")
    return value if value in allowed else ""


def number(name: str) -> int | None:
    """Return a positive number that fits a database column, or None."""
    value = request.args.get(name, "")
    return (int(value) or None) if value.isascii() and value.isdigit() and len(value) <= 9 else None


def cursor() -> Cursor:
    """Return the paging cursor."""
    return Cursor(older=number("older"), newer=number("newer"))


def payment_filter() -> PaymentFilter:
    """Return the filter of the payment list. Raises Unreadable."""
    first, last = _day("first"), _day("last")
    if first and last and first > last:
        raise Unreadable(_("기간의 시작이 끝보다 늦습니다."))
    return PaymentFilter(
        state=choice("status", PAYMENT_STATES),
        kind=choice("kind", KINDS),
        plan_id=number("plan"),
        pg=text("pg"),
        first=first,
        last=last,
        q=text("q"),
    )


def period(default_days: int = LONGEST_PERIOD.days) -> tuple[date, date]:
    """Return the chosen first and last day, inclusive; by default the last `default_days` days up to today.

    Raises Unreadable, also for a period that is too long.
    """
    first, last = _day("first"), _day("last")
    last = last or (first + timedelta(days=default_days - 1) if first else clock.today())
    first = first or last - timedelta(days=default_days - 1)
    if first > last:
        raise Unreadable(_("기간의 시작이 끝보다 늦습니다."))
    if last - first >= LONGEST_PERIOD:
        raise Unreadable(_("한 번에 %(days)s일까지 더할 수 있습니다.", days=LONGEST_PERIOD.days))
    return first, last


def day() -> date:
    """Return the chosen day; by default today. Raises Unreadable."""
    return _day("day") or clock.today()


def quick_dates() -> list[tuple[str, dict[str, str]]]:
    """Return the periods that are one press away: their names, and their query parameters."""
    today = clock.today()
    periods = {
        _("전체 기간"): (),
        _("오늘"): (today, today),
        _("어제"): (today - timedelta(days=1),) * 2,
        _("이번 달"): (today.replace(day=1), today),
    }
    names = ("first", "last")
    return [(name, dict(zip(names, map(date.isoformat, days), strict=False))) for name, days in periods.items()]


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
