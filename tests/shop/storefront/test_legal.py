"""What a Korean shop has to show before it sells is there, in both languages, and marked as an example."""

import re
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from payments.database import db
from shop.orders import cart
from shop.orders.models import Product, User
from tests.conftest import product, sign_in


@pytest.mark.parametrize("language", ["ko", "en"])
@pytest.mark.parametrize("address", ["/terms", "/privacy", "/refund"])
def test_the_texts_are_there_and_say_that_they_are_examples(address: str, language: str, client: FlaskClient) -> None:
    page = client.get(address, headers={"Accept-Language": language})
    assert page.status_code == 200
    assert ("예시 문안" if language == "ko" else "Example text") in page.get_data(as_text=True)


@pytest.mark.parametrize(("language", "clause"), [("ko", "전자상거래법 제13조 제6항"), ("en", "art. 13(6)")])
def test_the_terms_ask_for_consent_before_a_recurring_price_is_raised(
    language: str, clause: str, client: FlaskClient
) -> None:
    assert clause in client.get("/terms", headers={"Accept-Language": language}).get_data(as_text=True)


def test_the_refund_page_says_whom_to_ask_for_the_cancel_of_a_later_month(client: FlaskClient) -> None:
    assert "둘째 달부터의 결제는 결제한 달 안에" in client.get("/refund").get_data(as_text=True)


def test_every_page_names_the_business_and_leads_to_the_texts(client: FlaskClient) -> None:
    page = client.get("/").get_data(as_text=True)
    for shown in (
        "사업자등록번호",
        "통신판매업신고",
        "소재지",
        "대표",
        'href="/terms"',
        'href="/privacy"',
        'href="/refund"',
    ):
        assert shown in page


def test_the_cart_asks_for_consent_beside_each_button_with_amount_and_day(
    app: Flask, client: FlaskClient, buyer: User
) -> None:
    sign_in(client)
    plan: Product = product("monthly")
    cart.put_in_cart(buyer.id, product().id, 1)
    cart.put_in_cart(buyer.id, plan.id, 1)
    page = client.get("/cart").get_data(as_text=True)
    assert 'id="consent-once"' in page
    assert f'id="consent-plan-{plan.id}"' in page
    assert f"일 {plan.price:,}원이 휴대폰 요금으로 자동 결제되는 것" in page
    assert "청약철회" in page
    db.session.rollback()


def test_agreements_are_lines_of_their_own_under_one_tick_for_all(client: FlaskClient, buyer: User) -> None:
    sign_in(client)
    plan = product("monthly")
    for item in (product(), plan):
        cart.put_in_cart(buyer.id, item.id, 1)
    page = client.get("/cart").get_data(as_text=True)
    assert lines_of(page, "consent-once") == ["terms", "third"]
    assert lines_of(page, f"consent-plan-{plan.id}") == ["terms", "third", "monthly"]
    assert page.count("전체 동의") == 2
    assert page.count("결제를 위해 KG파이낸셜(옛 KG모빌리언스), 포트원, 통신사에 개인정보를 제공") == 2
    assert "다음 결제일은 2054년 12월 15일입니다. 그 전날까지 내 구독에서 해지하시면" in page


def lines_of(page: str, box: str) -> list[str]:
    return re.findall(rf'id="{box}-(\w+)" data-line', page)


def test_the_third_party_line_names_the_address_only_where_something_is_shipped(
    client: FlaskClient, buyer: User
) -> None:
    sign_in(client)
    cart.put_in_cart(buyer.id, product().id, 1)
    assert "주소와 우편번호" not in client.get("/cart").get_data(as_text=True)
    cart.put_in_cart(buyer.id, product(digital=False).id, 1)
    assert "주문 내용과 금액, 주소와 우편번호</dd>" in client.get("/cart").get_data(as_text=True)


@pytest.mark.parametrize(
    ("digital", "shown"),
    [([True], ["디지털 상품"]), ([False], ["배송 상품"]), ([True, False], ["배송 상품", "디지털 상품"])],
)
def test_the_cart_shows_the_right_of_withdrawal_of_each_kind_of_goods_in_it(
    digital: list[bool], shown: list[str], client: FlaskClient, buyer: User
) -> None:
    sign_in(client)
    for kind in digital:
        cart.put_in_cart(buyer.id, product(digital=kind).id, 1)
    page = client.get("/cart").get_data(as_text=True)
    rights = {"배송 상품": "받은 날부터 7일 안에", "디지털 상품": "이용을 시작하면 철회가 제한됩니다."}
    assert [kind for kind in rights if f"<li>{kind}: " in page] == shown
    for kind in shown:
        assert rights[kind] in page


def test_no_script_of_the_shop_interrupts_with_an_alert() -> None:
    for path in (Path(__file__).parents[3] / "static").glob("*.js"):
        assert not re.search(r"\b(alert|confirm|prompt)\(", path.read_text()), path.name
