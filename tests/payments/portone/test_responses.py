"""Reading V1's JSON: one reading of its numbers for every endpoint."""

from typing import Any

import pytest

from payments.portone.report import UnreadableRow
from payments.portone.responses import listed_payment, whole_number


@pytest.mark.parametrize("value", [9900, 9900.0, "9900", "9900.0", "9900.00"])
def test_a_number_is_the_same_however_it_is_written(value: object) -> None:
    assert whole_number(value) == 9900


@pytest.mark.parametrize(
    "value",
    [True, None, 9900.5, "9900.5", "9,900", "-1", " 9900", "٩٩٠٠", "9" * 21, float("inf"), float("nan"), [9900]],
)
def test_what_is_no_whole_number_is_none(value: object) -> None:
    assert whole_number(value) is None


@pytest.mark.parametrize(
    ("row", "imp_uid", "merchant_uid", "field"),
    [
        ({"status": "paid", "imp_uid": "imp_1\x00", "merchant_uid": "m" * 200}, "imp_1", "m" * 80, "amount"),
        ({"status": "paid", "imp_uid": "imp_1"}, "imp_1", "", "merchant_uid"),
        ({}, "", "", "status"),
    ],
)
def test_an_unreadable_row_keeps_its_ids_cleaned_and_cut_and_names_the_field(
    row: dict[str, Any], imp_uid: str, merchant_uid: str, field: str
) -> None:
    found = listed_payment(row)
    assert isinstance(found, UnreadableRow)
    assert (found.imp_uid, found.merchant_uid) == (imp_uid, merchant_uid)
    assert field in found.why
