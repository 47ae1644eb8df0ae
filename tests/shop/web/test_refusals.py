"""What a buyer reads of a refused payment."""

import pytest
from flask import Flask
from flask_babel import force_locale

from shop.web.refusals import Refusal, refusal_of

LIMIT = "당월 한도 초과로 결제 불가합니다."


@pytest.mark.parametrize(
    ("language", "meaning"), [("ko", "이번 달 소액결제 한도를 다 썼습니다."), ("en", "This month's limit is used up.")]
)
def test_a_known_refusal_has_meaning_and_advice_in_the_readers_language(
    language: str, meaning: str, app: Flask
) -> None:
    with app.test_request_context(), force_locale(language):
        refusal = refusal_of(LIMIT)
    assert (refusal.meaning, refusal.words) == (meaning, LIMIT)
    assert "114" in refusal.advice


def test_what_the_buyer_caused_is_told_without_kgs_words(app: Flask) -> None:
    with app.test_request_context(), force_locale("ko"):
        refusal = refusal_of("[결제포기] 사용자가 결제를 취소하셨습니다")
    assert refusal.meaning.startswith("결제하지 않고 결제창을 닫으셨습니다.")
    assert (refusal.advice, refusal.words) == ("", "")


@pytest.mark.parametrize("reason", ["알 수 없는 말", "", None])
def test_an_unknown_refusal_keeps_kgs_words_below_a_headline(reason: str | None, app: Flask) -> None:
    with app.test_request_context(), force_locale("ko"):
        assert refusal_of(reason) == Refusal("통신사나 KG가 결제를 받아들이지 않았습니다.", "", reason or "")
