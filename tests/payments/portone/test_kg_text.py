"""Names of goods and e-mail addresses as KG's code page (CP949) can print them, counted in its bytes."""

import unicodedata
from dataclasses import replace

import pytest

from payments.portone.kg_text import KG_NAME_BYTES, fit_bytes, fits_kg, kg_character
from payments.portone.request_pay import buyer_fields

from .test_request_pay import BUYER


@pytest.mark.parametrize(
    ("given", "printed"),
    [
        ("달빛 머그", "달빛 머그"),
        (unicodedata.normalize("NFD", "달빛 머그"), "달빛 머그"),
        ("달빛 머그 🌙", "달빛 머그"),
        ("책📚갈피", "책 갈피"),
        ("Café crème – 여름", "Cafe creme - 여름"),
        ("夜の散歩", "夜の散…"),
        ("책갈피 مرحبا", "책갈피 …"),
        ("한\u00a0글\u3000이름", "한 글 이름"),
        ("달\u200b곰\ufe0f\u3164", "달곰"),
        ("첫 줄\n둘째 줄", "첫 줄 둘째 줄"),
        ("۝ 3월 이용권", "3월 이용권"),
    ],
)
def test_what_kg_cannot_print_is_replaced_readably(given: str, printed: str) -> None:
    assert fit_bytes(given, KG_NAME_BYTES) == printed


@pytest.mark.parametrize("given", ["", "   ", "🎁🎁", "مرحبا", "\u3164\u115f", "\u0301", "…", "\ud800"])
def test_a_name_of_which_nothing_can_be_printed_is_a_general_one(given: str) -> None:
    assert fit_bytes(given, KG_NAME_BYTES) == "주문 상품"


@pytest.mark.parametrize(
    ("text", "most", "fits"),
    [
        ("가나다", 6, "가나다"),
        ("가나다", 5, "가…"),
        ("abcdef", 5, "abc…"),
        ("아주 긴 이름의 디지털 상품", 10, "아주 긴…"),
        (unicodedata.normalize("NFD", "가" * 16), 30, "가" * 14 + "…"),
    ],
)
def test_a_name_that_is_cut_says_so_and_is_cut_between_characters(text: str, most: int, fits: str) -> None:
    assert fit_bytes(text, most) == fits
    assert len(fits.encode("cp949")) <= most


@pytest.mark.parametrize("text", ["夜の散歩", "책📚갈피", "가" * 40, "م…م", "a–b", "기다림……", "한글 " * 9, "é" * 31])
def test_a_name_that_fits_already_is_not_changed_again(text: str) -> None:
    once = fit_bytes(text, KG_NAME_BYTES)
    assert fit_bytes(once, KG_NAME_BYTES) == once
    assert fits_kg(once, KG_NAME_BYTES)


def test_a_long_text_of_combining_marks_is_cut_before_it_is_normalised() -> None:
    assert fit_bytes("가" + "\u0301\u0323" * 400_000, KG_NAME_BYTES) == "가"


@pytest.mark.parametrize(("character", "printed"), [("가", "가"), ("é", "e"), ("—", "-"), ("歩", None), ("😀", None)])
def test_a_character_is_printed_as_it_is_or_as_its_plain_form_or_not_at_all(
    character: str, printed: str | None
) -> None:
    assert kg_character(character) == printed


@pytest.mark.parametrize(
    ("email", "sent"),
    [
        ("a" * 18 + "@example.com", True),
        ("a" * 19 + "@example.com", False),
        ("가" * 9 + "@example.com", True),  # 30 of KG's bytes, 39 of UTF-8's
        ("é@example.com", False),
    ],
)
def test_an_address_is_sent_if_kg_can_print_it_in_its_thirty_bytes(email: str, sent: bool) -> None:
    buyer = replace(BUYER, email=email)
    assert ("buyer_email" in buyer_fields(buyer.name, buyer.tel, buyer.email)) == sent
