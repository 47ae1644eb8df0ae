"""Every error that can be met has an entry that says what it means and who does what, in both languages."""

import re
from dataclasses import fields

import pytest
from flask.testing import FlaskClient

from payments import sync
from payments.events import Notification
from payments.portone.error_codes import ENTRIES, Advice, advice_for
from sandbox.ledger import kg
from sandbox.ledger.outcomes import OUTCOMES
from shop.orders import cart
from shop.orders.models import User
from tests.conftest import BUYER, order_window, product, sign_in
from tests.payments.fakes import FakeProvider

# What the sandbox says in words of its own about requests that this shop never sends.
OUR_OWN_SLIPS = ("SANDBOX_",)


@pytest.mark.parametrize("code", kg.TEXTS)
def test_every_text_of_kgs_book_is_found_by_its_words_alone(code: str) -> None:
    found = advice_for(kg.TEXTS[code])
    assert found and found.code == code


@pytest.mark.parametrize("outcome", [o for o in OUTCOMES if o.refusal], ids=lambda outcome: outcome.ending)
def test_every_refusal_of_a_trial_number_is_explained(outcome: object) -> None:
    found = advice_for(outcome.refusal.message)  # type: ignore[attr-defined]
    assert found and found.code == outcome.refusal.pg_code  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("reason", "code", "expected"),
    [
        ("결제취소에 실패하였습니다.(취소기간이 경과되어 구매취소를 하실 수 없습니다.)", None, "0042"),
        ("[0057] 무슨 말인지 모를 글", None, "0057"),
        ("처음 보는 글", "0057", "0057"),
        ("고객사 요청에 의해 결제를 중단합니다. (상세사유 : 재고 부족)", None, "confirm_url"),
        (kg.USER_CANCELLED, None, "F400"),
        (kg.ALREADY_PAID[1], kg.ALREADY_PAID[0], "F1002"),
        (kg.CODE_EXPIRED.message, "0043", "0043"),
    ],
)
def test_a_reason_is_found_however_it_is_packed(reason: str, code: str | None, expected: str) -> None:
    found = advice_for(reason, code)
    assert found and found.code == expected


def test_one_code_with_several_causes_is_told_apart_by_its_words() -> None:
    month, once = (advice_for(text) for text in (kg.TEXTS["0031"], kg.LIMIT_ONCE.message))
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


def test_the_back_office_says_what_the_shop_should_do(client: FlaskClient, buyer: User, provider: FakeProvider) -> None:
    cart.put_in_cart(buyer.id, product().id, 1)
    payment = order_window(provider, buyer.id, BUYER)
    reason = kg.TEXTS["0071"]
    report = provider.hears_of(payment.merchant_uid, "failed", amount=payment.amount, fail_reason=reason)
    sync.sync_payment(provider, Notification("webhook", report.imp_uid, payment.merchant_uid))
    sign_in(client, "admin@example.com")
    page = client.get(f"/admin/payments/{payment.merchant_uid}").get_data(as_text=True)
    assert "KG에 등록되지 않은 상점입니다." in page
    assert "포트원을 거쳐 발급받아야 합니다." in page
