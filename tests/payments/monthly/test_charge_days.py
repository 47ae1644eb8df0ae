"""Which day of a month is charged: the clamped day, and KG's five days."""

import itertools
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.monthly.charge_days import charge_day


@pytest.mark.parametrize(
    ("last", "anchor", "following"),
    [
        (date(2055, 1, 31), 31, date(2055, 2, 28)),
        (date(2055, 2, 28), 31, date(2055, 3, 31)),
        (date(2056, 1, 30), 30, date(2056, 2, 29)),
        (date(2055, 12, 15), 15, date(2056, 1, 15)),
    ],
)
def test_the_day_is_clamped_to_short_months_and_comes_back(last: date, anchor: int, following: date) -> None:
    assert charge_day(last, anchor) == following


@given(st.dates(date(2052, 1, 1), date(2068, 1, 1)), st.integers(2, 36))
def test_every_month_is_charged_once_and_never_more_than_five_days_off(first: date, months: int) -> None:
    """KG's rule: once every calendar month, within five days of last month's day."""
    days = [first]
    for _ in range(months):
        days.append(charge_day(days[-1], first.day))
    assert [day.year * 12 + day.month for day in days] == list(
        range(first.year * 12 + first.month, first.year * 12 + first.month + months + 1)
    )
    for before, after in itertools.pairwise(days):
        next_month = charge_day(before, before.day)
        assert abs(after - next_month) <= timedelta(days=5)
