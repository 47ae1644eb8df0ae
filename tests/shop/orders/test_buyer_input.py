"""What people type about themselves, in every spelling that keyboards, contact cards and pastes produce."""

import unicodedata
from collections.abc import Callable

import pytest

from shop.orders.buyer_input import (
    InvalidText,
    checked_addr,
    checked_addr_detail,
    checked_contact,
    checked_delivery_note,
    checked_email,
    checked_name,
    checked_postcode,
    checked_recipient,
    checked_tel,
)
from shop.orders.cart import InvalidBuyer
from shop.orders.delivery import Buyer
from shop.web.labels import LABELS, field_label

# --- phone numbers ---


@pytest.mark.parametrize(
    "typed",
    [
        "010-1234-5678",
        "010 1234 5678",
        "010.1234.5678",
        "(010) 1234-5678",
        "010/1234/5678",
        "010–1234–5678",  # en dash
        "010—1234—5678",  # em dash
        "010‒1234‒5678",  # figure dash
        "010−1234−5678",  # minus
        "010‑1234‑5678",  # hyphen that does not break
        "010ー1234ー5678",  # Katakana's long sound
        "010ㅡ1234ㅡ5678",  # Hangul letter eu
        "010－1234－5678",  # full width
        "０１０１２３４５６７８",
        "010\u00a01234\u00a05678",
        "010\u30001234\u20095678",
        "\u202a010-1234-5678\u202c",  # contact cards of some phones
        "\u2068010-1234-5678\u2069",
        "\ufeff010\u200b1234\u00ad5678\u200e",
        "+82 10-1234-5678",
        "+82-10-1234-5678",
        "+82(0)10-1234-5678",
        "+82 010 1234 5678",
        "＋８２ 10 1234 5678",
        "0082 10 1234 5678",
        "82-10-1234-5678",
        "tel:010-1234-5678",
        "tel:+82-10-1234-5678",
        "Tel. 010-1234-5678",
        "10-1234-5678",  # a spreadsheet took the zero away
        "0️⃣10 1234 5678",
        "٠١٠١٢٣٤٥٦٧٨",
    ],
)
def test_a_mobile_number_is_read_in_every_spelling(typed: str) -> None:
    assert checked_tel(typed) == "01012345678"


@pytest.mark.parametrize("typed", ["011-123-4567", "016-1234-5678", "+82 19 123 4567"])
def test_an_older_number_has_seven_or_eight_more_digits(typed: str) -> None:
    assert len(checked_tel(typed)) in (10, 11)


@pytest.mark.parametrize(
    ("typed", "code", "facts"),
    [
        ("", "tel_missing", {}),
        (" - ", "tel_missing", {}),
        ("010-1234-567", "tel_short", {"count": 1, "start": "010", "rest": "8"}),
        ("010", "tel_short", {"count": 8, "start": "010", "rest": "8"}),
        ("+82 10 1234 56", "tel_short", {"count": 2, "start": "010", "rest": "8"}),
        ("010-1234-56789", "tel_long", {"count": 1, "start": "010", "rest": "8"}),
        ("011-123-456", "tel_short", {"count": 1, "start": "011", "rest": "7–8"}),
        ("o1o-1234-5678", "tel_letters", {"characters": "o"}),
        ("010-1234-오678", "tel_letters", {"characters": "오"}),
        ("010-ㅐ234-5678", "tel_letters", {"characters": "ㅐ"}),
        ("02-123-4567", "tel_land_line", {"start": "02"}),
        ("+82 31 123 4567", "tel_land_line", {"start": "031"}),
        ("070-1234-5678", "tel_land_line", {"start": "070"}),
        ("0504-123-4567", "tel_land_line", {"start": "050"}),
        ("1588-1234", "tel_start", {}),
        ("+1 415 555 0100", "tel_abroad", {}),
        ("0081 90 1234 5678", "tel_abroad", {}),
        ("1" * 5000, "tel_start", {}),
    ],
)
def test_what_is_wrong_with_a_phone_number_is_said(typed: str, code: str, facts: dict[str, object]) -> None:
    with pytest.raises(InvalidText) as wrong:
        checked_tel(typed)
    assert (wrong.value.code, wrong.value.facts) == (code, facts)


# --- names ---


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("홍길동", "홍길동"),
        (unicodedata.normalize("NFD", "홍길동"), "홍길동"),
        ("  홍\u00a0 길동 ", "홍 길동"),
        ("홍길동\u200b\ufeff", "홍길동"),
        ("\u2068홍길동\u2069\ufe0f", "홍길동"),
        ("Alexandra Papadopoulos", "Alexandra Papadopoulos"),
        ("A" * 30, "A" * 30),
        ("가" * 15, "가" * 15),
        (unicodedata.normalize("NFD", "각" * 15), "각" * 15),
        ("José Nguyễn", "Jose Nguyen"),
        ("O’Brien–Smith", "O’Brien-Smith"),
        ("金田一", "金田一"),
        ("ㅋㅋ", "ㅋㅋ"),
    ],
)
def test_a_name_is_kept_in_characters_that_kg_can_print(typed: str, name: str) -> None:
    assert checked_name(typed) == name


@pytest.mark.parametrize(
    "typed",
    ["", " ", "\u3164", "\u115f\u1160", "\uffa0", "\u200b\u200d\ufeff", "\u2800", "\u0301\u0308", "\u00ad", "★", "-"],
)
def test_a_name_that_shows_no_letter_is_no_name(typed: str) -> None:
    with pytest.raises(InvalidText, match="name_missing"):
        checked_name(typed)
    with pytest.raises(InvalidBuyer) as refused:
        Buyer.checked(typed, "01012345678", "a@example.com")
    assert set(refused.value.fields) == {"buyer_name"}


@pytest.mark.parametrize(
    ("typed", "character"),
    [
        ("홍길동😀", "😀"),
        ("👨\u200d👩\u200d👧 가족", "👨"),
        ("محمد", "م"),
        ("歩", "歩"),
        ("홍\u202e길동", "U+202E"),
        ("홍\x00길동", "U+0000"),
        ("홍\ud800", "U+D800"),
    ],
)
def test_a_character_that_kg_cannot_print_is_named(typed: str, character: str) -> None:
    with pytest.raises(InvalidText, match="name_character") as wrong:
        checked_name(typed)
    assert wrong.value.facts == {"character": character}


@pytest.mark.parametrize("typed", ["가" * 16, "A" * 31, "가" * 15 + "a", "\u0301\u0323" * 500_000])
def test_a_name_longer_than_kgs_thirty_bytes_is_refused(typed: str) -> None:
    with pytest.raises(InvalidText, match="name_long"):
        checked_name(typed)


# --- e-mail addresses ---


@pytest.mark.parametrize(
    "typed",
    [" a@example.com ", "a＠example．com", "ａ@example。com", "\ufeffa@example.com\u200b", "\u00a0a@example.com"],
)
def test_an_address_is_read_without_blanks_and_in_plain_characters(typed: str) -> None:
    assert checked_email(typed) == "a@example.com"


@pytest.mark.parametrize(
    ("typed", "code", "facts"),
    [
        ("", "email", {}),
        ("nobody", "email", {}),
        ("a@example", "email", {}),
        ("ㅁ@example.com", "email_character", {"character": "ㅁ"}),
        ("한글@example.com", "email_character", {"character": "한"}),
        ("a b@example.com", "email_character", {"character": "U+0020"}),
        ("a\u200b@example.com", "email_character", {"character": "U+200B"}),
        ("\u3164@example.com", "email", {}),
        ("a@" + "b" * 250 + ".com", "email", {}),
        ("ﷺ" * 20 + "@example.com", "email", {}),  # NFKC makes it longer
        ("\u0301\u0323" * 500_000, "email", {}),
    ],
)
def test_what_is_wrong_with_an_address_is_said(typed: str, code: str, facts: dict[str, object]) -> None:
    with pytest.raises(InvalidText) as wrong:
        checked_email(typed)
    assert (wrong.value.code, wrong.value.facts) == (code, facts)


# --- postal addresses ---


@pytest.mark.parametrize(
    ("typed", "digits"), [("04524", "04524"), (" ０４５２４", "04524"), ("045 24", "04524"), ("", "")]
)
def test_a_postcode_is_read_in_every_spelling(typed: str, digits: str) -> None:
    assert checked_postcode(typed) == digits


@pytest.mark.parametrize("typed", ["1234", "123-456", "abcde", "0" * 5000])
def test_anything_else_is_no_postcode(typed: str) -> None:
    with pytest.raises(InvalidText, match="postcode"):
        checked_postcode(typed)


def test_an_address_is_composed_and_shows_what_it_holds() -> None:
    assert checked_addr(unicodedata.normalize("NFD", " 서울시\u00a0중구 ")) == "서울시 중구"
    for refused in ("서울\n시", "서울\u202e시", "가" * 201, "\u0301\u0323" * 500_000):
        with pytest.raises(InvalidText, match="addr"):
            checked_addr(refused)


# --- deliveries ---


@pytest.mark.parametrize(
    ("check", "most", "kind"),
    [
        (checked_addr, 200, "addr"),
        (checked_addr_detail, 100, "addr_detail"),
        (checked_delivery_note, 100, "note"),
        (checked_recipient, 40, "recipient"),
    ],
)
def test_what_is_wrong_with_a_line_of_a_delivery_is_named(check: Callable[[str], str], most: int, kind: str) -> None:
    assert check("가" * most) == "가" * most
    assert check("") == ""
    for typed, code, facts in (
        ("가" * (most + 1), f"{kind}_long", {"most": most}),
        ("\u0958" * most, f"{kind}_long", {"most": most}),  # composing makes two characters of each
        ("3층\n101호", f"{kind}_character", {"character": "U+000A"}),
        ("3층\x00", f"{kind}_character", {"character": "U+0000"}),
    ):
        with pytest.raises(InvalidText) as refused:
            check(typed)
        assert (refused.value.code, refused.value.facts) == (code, facts)
        assert field_label(refused.value)


def test_a_recipient_may_be_a_company_and_needs_a_letter() -> None:
    assert checked_recipient(" 달곰상점  3층 😀 ") == "달곰상점 3층 😀"
    with pytest.raises(InvalidText, match="recipient_missing"):
        checked_recipient("😀")


@pytest.mark.parametrize(
    ("typed", "digits"),
    [
        ("", ""),
        ("02-123-4567", "021234567"),
        ("031) 123-4567", "0311234567"),
        ("010–1234–5678", "01012345678"),
        ("0507-1234-5678", "050712345678"),
        ("+82 2 123 4567", "021234567"),
    ],
)
def test_a_contact_may_be_a_land_line(typed: str, digits: str) -> None:
    assert checked_contact(typed) == digits


@pytest.mark.parametrize(
    "typed", ["123-4567", "1588-1234", "010-1234", "0" * 13, "전화 주세요", "02-123-4567 김", "0" * 5000]
)
def test_anything_else_is_no_contact(typed: str) -> None:
    with pytest.raises(InvalidText, match="contact"):
        checked_contact(typed)


# --- messages ---


def test_every_message_is_about_what_was_typed_and_repeats_no_example() -> None:
    for text in map(str, LABELS["field"].values()):
        assert "010-1234-5678" not in text
