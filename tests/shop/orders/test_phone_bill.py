"""The bill that a phone-bill payment is on, the last day of a cancel, and the VAT in an amount."""

from datetime import UTC, date, datetime

import pytest

from shop.orders.phone_bill import bill_month, last_day_to_cancel, vat_in


@pytest.mark.parametrize(
    ("paid_at", "bill", "last"),
    [
        (datetime(2054, 11, 15, 3, tzinfo=UTC), date(2054, 12, 1), date(2054, 11, 30)),
        (datetime(2054, 12, 31, 14, 59, tzinfo=UTC), date(2055, 1, 1), date(2054, 12, 31)),
        (datetime(2054, 12, 31, 15, tzinfo=UTC), date(2055, 2, 1), date(2055, 1, 31)),  # already January in Seoul
        (datetime(2056, 2, 1, tzinfo=UTC), date(2056, 3, 1), date(2056, 2, 29)),
    ],
)
def test_the_months_are_those_of_seoul(paid_at: datetime, bill: date, last: date) -> None:
    assert (bill_month(paid_at), last_day_to_cancel(paid_at)) == (bill, last)


@pytest.mark.parametrize(("amount", "vat"), [(11000, 1000), (4900, 445), (3900, 355), (33000, 3000), (1, 0)])
def test_the_vat_in_an_amount_is_rounded_to_the_won(amount: int, vat: int) -> None:
    assert vat_in(amount) == vat
