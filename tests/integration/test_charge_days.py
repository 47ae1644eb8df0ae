"""The days on which payments/ charges a month, against the rules that the sandbox's KG keeps."""

from datetime import date, datetime, time, timedelta

from hypothesis import given
from hypothesis import strategies as st

from payments.clock import SEOUL
from payments.monthly.charge_days import LAST_START, charge_day, charge_window
from sandbox.ledger.monthly import LastCharge, refusal_to_charge


@given(
    st.dates(date(2054, 1, 1), date(2060, 1, 1)), st.lists(st.integers(0, 5), min_size=2, max_size=30), st.booleans()
)
def test_on_whichever_day_of_our_window_a_month_is_paid_kg_agrees(first: date, delays: list[int], fixed: bool) -> None:
    """Whether KG counts its five days from last month's day or from the first one: the sandbox's rules can do both."""
    paid, due_on = first, charge_day(first, first.day)
    for delay in delays:
        window = charge_window(due_on, paid)
        assert due_on <= window.first <= window.last
        day = min(window.first + timedelta(days=delay), window.last)
        for moment in (time(0, 0), LAST_START):
            asked = datetime.combine(day, moment, SEOUL)
            assert window.state_at(asked) == "open"
            last = LastCharge(paid, first, 4900, {}, cancelled=False)
            assert refusal_to_charge(last, asked, 4900, {}, fixed_anchor=fixed) is None
        paid, due_on = day, charge_day(due_on, first.day)
