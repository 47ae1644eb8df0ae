"""Every error that can be met has an entry that says what it means and who does what, in both languages."""

import re
from dataclasses import fields

import pytest

from payments.portone.error_codes import ENTRIES, Advice, advice_for

# KG's words for two causes of code 0031.
LIMIT_OF_THE_MONTH = (
    "당월 한도 초과로 결제 불가합니다. 익월에 다시 이용해주시기 바랍니다. (한도 확인 휴대폰 국번없이114)"
)
LIMIT_ONCE = "1 회 한도가 초과되었습니다. 한도 확인 후 다시 시도 부탁드립니다."


@pytest.mark.parametrize(
    ("reason", "code", "expected"),
    [
        ("결제취소에 실패하였습니다.(취소기간이 경과되어 구매취소를 하실 수 없습니다.)", None, "0042"),
        ("[0057] 무슨 말인지 모를 글", None, "0057"),
        ("처음 보는 글", "0057", "0057"),
        ("고객사 요청에 의해 결제를 중단합니다. (상세사유 : 재고 부족)", None, "confirm_url"),
        ("[결제포기] 사용자가 결제를 취소하셨습니다", None, "F400"),
        ("이미 결제가 이루어진 거래건입니다.", "F1002", "F1002"),
        ("승인번호 유효시간이 경과되었습니다. 다시 시도 부탁 드립니다.", "0043", "0043"),
    ],
)
def test_a_reason_is_found_however_it_is_packed(reason: str, code: str | None, expected: str) -> None:
    found = advice_for(reason, code)
    assert found and found.code == expected


def test_one_code_with_several_causes_is_told_apart_by_its_words() -> None:
    month, once = (advice_for(text) for text in (LIMIT_OF_THE_MONTH, LIMIT_ONCE))
    assert month and once and month.meaning_en != once.meaning_en


@pytest.mark.parametrize(("reason", "code"), [(None, None), ("", ""), ("처음 보는 글", None), ("", "9999")])
def test_what_nobody_has_written_about_has_no_advice(reason: str | None, code: str | None) -> None:
    assert advice_for(reason, code) is None


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: f"{entry.code}-{entry.meaning_en[:12]}")
def test_every_entry_says_everything_in_both_languages(entry: Advice) -> None:
    for column in fields(Advice):
        text = getattr(entry, column.name)
        if column.name.endswith("_ko"):
            assert re.search("[가-힣]", text), column.name
        if column.name.endswith("_en"):
            assert text and not re.search("[가-힣]", text), column.name
