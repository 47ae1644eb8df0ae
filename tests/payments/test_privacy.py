"""Phone numbers are masked wherever they leave the order."""

import pytest

from payments.privacy import mask_beginning, mask_phone, mask_report, mask_text, printable


@pytest.mark.parametrize(
    ("tel", "shown"),
    [
        ("01012345678", "010-****-5678"),
        ("010-1234-5678", "010-****-5678"),
        ("0111234567", "011-****-4567"),
        ("1234", "***-****-1234"),
        ("", ""),
        (None, ""),
    ],
)
def test_only_the_head_and_the_last_four_digits_are_shown(tel: str | None, shown: str) -> None:
    assert mask_phone(tel) == shown


def test_numbers_are_masked_inside_any_text_but_ids_are_not() -> None:
    assert mask_text("전화 010-1234-5678 또는 01098765432") == "전화 010-****-5678 또는 010-****-5432"
    assert mask_text("imp_010123456789") == "imp_010123456789"


def test_a_report_is_masked_at_every_depth_and_otherwise_unchanged() -> None:
    report = {"buyer_tel": "010-1234-5678", "amount": 9900, "list": [{"tel": "01012345678"}], "none": None}
    assert mask_report(report) == {
        "buyer_tel": "010-****-5678",
        "amount": 9900,
        "list": [{"tel": "010-****-5678"}],
        "none": None,
    }


def test_a_number_that_the_cut_divides_is_masked_in_what_is_kept() -> None:
    text = "x" * 1990 + " 010-1234-5678"
    assert mask_beginning(text) == "x" * 1990 + " 010-****-"
    assert mask_report({"memo": text}) == {"memo": mask_beginning(text)}


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("imp_1\x00\x1b", "imp_1"),
        ("두\n줄\t글", "두줄글"),
        ("a\u200b\u2060\ufeffb", "ab"),
        ("\u3164\u115f\u1160\uffa0\u2800", ""),
        ("가 나", "가 나"),
        ("\x00" * 9 + "x" * 99, "x" * 10),
        ("", ""),
    ],
)
def test_characters_that_nobody_can_see_are_left_out_and_a_text_is_cut_after_what_is_seen(text: str, kept: str) -> None:
    assert printable(text, 10) == kept
