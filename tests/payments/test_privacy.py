"""Phone numbers are masked wherever they leave the order."""

import json
import re
import unicodedata
from urllib.parse import quote, quote_plus, unquote

import pytest
from flask import Flask
from hypothesis import example, given
from hypothesis import strategies as st

from payments.attempts import new_merchant_uid
from payments.privacy import mask_beginning, mask_emails, mask_phone, mask_report, mask_text, printable

MIDDLE = "1012345678"  # digits of the number that `written_numbers` writes, without its first 0

FULL_WIDTH = str.maketrans("0123456789-+", "０１２３４５６７８９－＋")
HEADS = ("010", "+8210", "+82 10", "+82-10", "+82 010", "+82 (0)10", "8210", "82-10", "008210", "(010)")
GAPS = (
    "",
    "-",
    " ",
    ".",
    "+",
    "/",
    " - ",
    ") ",
    "_",
    "\u2010",
    "\u2013",
    "\u2014",
    "\u2212",
    "\u00a0",
    "\u3000",
    "ー",
    "·",
)
ENCODINGS = {
    "as it is": str,
    "in a URL": quote,
    "in a form": quote_plus,
    "twice": lambda text: quote(quote_plus(text)),
    "every character": lambda text: "".join(f"%{byte:02X}" for byte in text.encode()),
    "every character, in small letters": lambda text: "".join(f"%{byte:02x}" for byte in text.encode()),
    "every character, twice": lambda text: "".join(f"%25{byte:02X}" for byte in text.encode()),
    "JSON": lambda text: json.dumps(text),
    "JSON escapes": lambda text: "".join(f"\\u{ord(one):04x}" for one in text),
    "JSON in JSON": lambda text: json.dumps("".join(f"\\u{ord(one):04X}" for one in text)),
    "JSON in a form": lambda text: quote_plus(json.dumps({"tel": text})),
}


@st.composite
def written_numbers(draw: st.DrawFn) -> str:
    """The number 010-1234-5678, as keyboards, forms, address books and programs write it."""
    gaps = [draw(st.sampled_from(GAPS)) for _ in range(2)]
    number = f"{draw(st.sampled_from(HEADS))}{gaps[0]}1234{gaps[1]}5678"
    if draw(st.booleans()):
        number = number.translate(FULL_WIDTH)
    return ENCODINGS[draw(st.sampled_from(sorted(ENCODINGS)))](number)


def digits_of(text: str) -> str:
    """All digits that a reader of the text could find, whatever their spelling."""
    for _ in range(4):
        text = re.sub(r"\\+u([0-9a-fA-F]{4})", lambda match: chr(int(match[1], 16)), unquote(text))
    return re.sub(r"[^0-9]", "", unicodedata.normalize("NFKC", text))


@example("%2B82-10%201234%205678", "\x1f\x98")  # the digits of an outer escape look like a part of the number
@example("010%201234-5678", "")
@example("010%20%201234-5678", "%")
@given(written_numbers(), st.text(st.characters(exclude_categories=["Nd", "Cs"]), max_size=5))
def test_number_in_any_spelling_is_masked_inside_any_text(number: str, around: str) -> None:
    for text in (f"{around}{number}{around}", f"{around} {number} {around}", quote(f"{around}{number}{around}")):
        assert MIDDLE not in digits_of(mask_text(text)), text
        assert mask_text(mask_text(text)) == mask_text(text)


@given(written_numbers(), st.integers(0, 40))
def test_number_in_any_spelling_leaves_no_part_where_a_text_is_cut(number: str, beyond: int) -> None:
    for before in ("%41" * 700 + " ", "x" * 1990 + " "):
        text = (before + number)[beyond:] + " 010-1234-5678" * 300
        assert "1234" not in digits_of(mask_beginning(text))


@pytest.mark.parametrize("at", ["@", "%40", "%2540", "\\u0040"])
def test_address_in_any_spelling_is_masked(at: str) -> None:
    assert "gildong" not in mask_emails(f"to=gildong.hong{at}example.com&x=1")


def test_escapes_stay_where_nothing_was_masked() -> None:
    for text in ("100% 할인 %20 %C3%A9 \\u0041", "imp_821012345678", "imps_010123456789", "2054-11-29T01:02:03.123456"):
        assert mask_text(text) == text


def test_none_of_our_ids_is_taken_for_a_phone_number(host_app: Flask) -> None:
    assert all(mask_text(each) == each for each in (new_merchant_uid() for _ in range(30_000)))


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


@pytest.mark.parametrize("written", ["10-1234-5678", "1012345678", 1012345678, "０１０ 1234 5678", "010-12345678"])
def test_field_that_holds_a_phone_number_is_masked_however_it_is_written(written: object) -> None:
    masked = mask_report({"buyer_tel": written, "nested": [{"customer_tel": written}]})
    for text in (masked["buyer_tel"], masked["nested"][0]["customer_tel"]):
        assert "1234" not in text
        assert text.endswith("-5678")
