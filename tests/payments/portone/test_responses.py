"""Reading V1's JSON: one reading of its numbers for every endpoint."""

import pytest

from payments.portone.responses import whole_number


@pytest.mark.parametrize("value", [9900, 9900.0, "9900", "9900.0", "9900.00"])
def test_a_number_is_the_same_however_it_is_written(value: object) -> None:
    assert whole_number(value) == 9900


@pytest.mark.parametrize(
    "value",
    [True, None, 9900.5, "9900.5", "9,900", "-1", " 9900", "٩٩٠٠", "9" * 21, float("inf"), float("nan"), [9900]],
)
def test_what_is_no_whole_number_is_none(value: object) -> None:
    assert whole_number(value) is None
