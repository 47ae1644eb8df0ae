"""KG's calendar: once a month, five days either way, the same amount and buyer; back only whole and in the month."""

from datetime import date, datetime

import pytest

from sandbox.ledger.clock import SEOUL
from sandbox.ledger.kg import Refusal
from sandbox.ledger.monthly import (
    DIFFERS,
    NOT_STANDING,
    SKIPPED,
    LastCharge,
    charge_window,
    refusal_to_cancel,
    refusal_to_charge,
)

BUYER = {"buyer_tel": "010-1234-5678", "buyer_name": "홍길동", "buyer_email": None}


def last(paid_on: str, first_on: str | None = None, *, cancelled: bool = False) -> LastCharge:
    day = date.fromisoformat(paid_on)
    return LastCharge(day, date.fromisoformat(first_on) if first_on else day, 9900, BUYER, cancelled)


def noon(day: str) -> datetime:
    return datetime.fromisoformat(f"{day}T12:00").replace(tzinfo=SEOUL)


def why_not(before: LastCharge, day: str, *, fixed: bool = False, amount: int = 9900, **buyer: str) -> Refusal | None:
    return refusal_to_charge(before, noon(day), amount, BUYER | buyer, fixed_anchor=fixed)


@pytest.mark.parametrize(
    ("paid_on", "day", "refusal"),
    [
        ("2055-01-15", "2055-02-10", None),
        ("2055-01-15", "2055-02-20", None),
        ("2055-01-15", "2055-02-09", DIFFERS),
        ("2055-01-15", "2055-02-21", DIFFERS),
        ("2055-01-15", "2055-01-31", DIFFERS),  # twice in one month
        ("2055-01-15", "2055-03-15", SKIPPED),
        ("2054-12-31", "2055-01-31", None),
        ("2055-01-31", "2055-02-28", None),
        ("2055-01-31", "2055-02-23", None),
        ("2055-01-31", "2055-02-22", DIFFERS),
        ("2055-02-28", "2055-03-31", None),  # 28 and five days, but not beyond the month
        ("2055-02-28", "2055-03-23", None),
        ("2055-02-28", "2055-03-22", DIFFERS),
        ("2055-03-03", "2055-04-01", None),  # the window does not reach back into March
        ("2055-03-03", "2055-04-09", DIFFERS),
    ],
)
def test_the_day_decides(paid_on: str, day: str, refusal: Refusal | None) -> None:
    assert why_not(last(paid_on), day) == refusal


def test_a_fixed_anchor_counts_from_the_first_day() -> None:
    before = last("2055-02-28", "2055-01-31")
    assert charge_window(before, noon("2055-03-01"), fixed_anchor=True) == (date(2055, 3, 26), date(2055, 3, 31))
    assert charge_window(before, noon("2055-03-01"), fixed_anchor=False) == (date(2055, 3, 23), date(2055, 3, 31))
    assert why_not(before, "2055-03-25", fixed=True) == DIFFERS


def test_amount_and_buyer_stay_as_they_were() -> None:
    before = last("2055-01-15")
    assert why_not(before, "2055-02-15", amount=9901) == DIFFERS
    assert why_not(before, "2055-02-15", buyer_tel="01099999999") == DIFFERS
    assert why_not(before, "2055-02-15", buyer_email="new@example.com") == DIFFERS
    assert why_not(before, "2055-02-15", buyer_tel="01012345678") is None


def test_a_cancelled_month_ends_the_key_whatever_the_day() -> None:
    for day in ("2055-01-31", "2055-02-15", "2055-05-15"):
        assert why_not(last("2055-01-15", cancelled=True), day) == NOT_STANDING


@pytest.mark.parametrize(
    ("now", "asked", "undone", "code"),
    [
        ("2055-01-31T23:59:59", 9900, False, None),
        ("2055-02-01T00:00:00", 9900, False, "0042"),
        ("2056-01-15T12:00:00", 9900, False, "0042"),
        ("2055-01-15T12:00:00", 5000, False, "0045"),
        ("2055-01-15T12:00:00", 9900, True, "0044"),
    ],
)
def test_money_goes_back_whole_and_in_its_month(now: str, asked: int, undone: bool, code: str | None) -> None:
    moment = datetime.fromisoformat(now).replace(tzinfo=SEOUL)
    refusal = refusal_to_cancel(noon("2055-01-15"), moment, 9900, asked, undone=undone)
    assert (refusal.pg_code if refusal else None) == code
