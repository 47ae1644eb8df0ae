"""Words for buyers where others are for staff."""

import ast
from pathlib import Path

import pytest
from flask import Flask
from flask_babel import force_locale

from payments import clock
from payments.decision import CANCEL_TEXTS
from payments.models import Cancellation
from payments.monthly import first_month
from shop.orders import purchases
from shop.web import buyer_words
from shop.web.labels import LABELS
from tests.shop.storefront.test_words import DEVELOPERS_WORDS


def automatic_texts() -> set[str]:
    """The texts of automatic cancels that the code writes."""
    files = [Path(module.__file__ or "") for module in (first_month, purchases)]
    texts = [node for file in files for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Constant)]
    return {*CANCEL_TEXTS.values(), *(text.value for text in texts if str(text.value).endswith("자동 취소"))}


def test_every_text_of_an_automatic_cancel_has_english_words(app: Flask) -> None:
    with app.test_request_context(), force_locale("ko"):
        assert automatic_texts() == {str(text) for text in buyer_words.AUTOMATIC}


def cancellation(requested_by: str | None) -> Cancellation:
    return Cancellation(reason="재고가 없어 자동 취소", requested_by=requested_by, requested_at=clock.now())


def test_why_money_went_back_is_told_if_it_went_back_automatically(app: Flask) -> None:
    with app.test_request_context(), force_locale("en"):
        told = buyer_words.why_given_back(cancellation(None))
        assert told == "Cancelled automatically: out of stock"
        assert buyer_words.why_given_back(cancellation("admin@example.com")) == ""
        assert buyer_words.why_given_back(None) == ""


@pytest.mark.parametrize("kind", ["CANCEL", "PAYMENT"])
def test_words_for_buyers_replace_those_for_staff_and_bring_no_key_of_their_own(kind: str) -> None:
    assert set(getattr(buyer_words, kind)) < set(LABELS[kind.lower()])


def test_buyers_have_words_of_their_own_for_every_reason_to_hold_money() -> None:
    assert set(buyer_words.HELD) == set(LABELS["held"])
    assert [str(words) for words in buyer_words.HELD.values() if DEVELOPERS_WORDS.search(str(words))] == []


def test_a_reason_that_nobody_has_words_for_is_not_shown_as_a_code(app: Flask) -> None:
    with app.test_request_context(), force_locale("ko"):
        assert buyer_words.why_held("some_new_reason") == "판매자가 확인해야 하는 결제"


def test_why_kg_refused_a_cancel_is_told_by_its_meaning(app: Flask) -> None:
    with app.test_request_context(), force_locale("ko"):
        told = buyer_words.why_not_cancelled("결제취소에 실패하였습니다.(취소기간이 경과되어 취소 불가능합니다.)")
    assert told == "결제한 달이 지나 취소할 수 없습니다. 고객센터에 연락해 주세요. 계좌로 환불해 드립니다."
