"""The storefront's pages and the checkout's answers."""

import json
import re
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event
from werkzeug.test import TestResponse

from app import close_app, create_app
from payments.attempts import MOST_LOOKED_UP
from payments.database import db, transaction
from payments.models import Event, Payment
from payments.portone.report import OutcomeUnknown, Refused
from shop.config import load_settings
from shop.orders.cart import put_in_cart
from shop.orders.models import CartItem, Order, Product, User
from tests.conftest import BUYER, csrf_of, new_order, product, sign_in
from tests.payments.fakes import FakeProvider
from tests.shop.test_config import LIVE

WHO = {"buyer_name": "홍길동", "buyer_tel": "010-1234-5678", "buyer_email": "buyer@example.com"}
WHERE = {"buyer_addr": "서울시 중구 세종대로 110", "buyer_postcode": "04524"}


def check_out(client: FlaskClient, **asked: Any) -> TestResponse:
    return client.post("/checkout", json={"kind": "once", **WHO, **asked}, headers=csrf_of(client))


def post(client: FlaskClient, address: str, **fields: Any) -> TestResponse:
    return client.post(address, data=fields, headers=csrf_of(client))


@pytest.fixture
def cart(client: FlaskClient, buyer: User) -> Product:
    """One digital thing in the signed-in buyer's cart."""
    sign_in(client)
    item = product()
    put_in_cart(buyer.id, item.id, 2)
    return item


# --- looking ---


def test_everything_on_sale_is_on_the_first_page_with_its_picture(client: FlaskClient, app: Flask, shop: Any) -> None:
    page = client.get("/").get_data(as_text=True)
    for item in db.session.query(Product):
        assert f"/products/{item.slug}" in page
        assert Path(app.static_folder or "", "art", item.picture).is_file()


@pytest.mark.parametrize("kind", ["once", "monthly"])
def test_a_product_page_names_its_kind_and_can_be_put_in_the_cart(kind: str, client: FlaskClient, shop: Any) -> None:
    item = product(kind)
    page = client.get(f"/products/{item.slug}").get_data(as_text=True)
    assert f'data-kind="{kind}"' in page
    assert f'name="product_id" value="{item.id}"' in page


@pytest.mark.parametrize(
    ("slug", "said"),
    [
        ("moon-mug", ["도자기 · 350ml", "배송비</dt><dd>무료", "받은 날부터 7일 안", "전액만 취소", "바로 구매"]),
        (
            "night-walk-ebook",
            ["웹에서 읽는 전자책", "배송 없이", "기간 제한 없음", "이용을 시작하기 전까지", "바로 구매"],
        ),
        ("reading-pass", ["기기 5대", "매월 자동 연장", "2054년 12월 15일, 그다음부터 매월 15일", "구독하기"]),
    ],
)
def test_a_product_page_says_what_one_gets_and_on_which_terms(
    slug: str, said: list[str], client: FlaskClient, shop: Any
) -> None:
    page = client.get(f"/products/{slug}").get_data(as_text=True)
    common = ["부가세 포함", "상품 설명", "장바구니 담기", "통신사 앱이나 114", "미성년자·법인 명의"]
    assert [words for words in [*common, *said] if words not in page] == []
    description = page.split('id="description"', 1)[1].split("</section>", 1)[0]
    assert description.count("<p>") >= 3


def test_a_product_of_a_merchants_own_needs_no_more_than_its_name_and_summary(client: FlaskClient, shop: Any) -> None:
    with transaction():
        item = db.session.query(Product).filter_by(slug="night-walk-ebook").one()
        item.description_ko = item.spec_ko = item.period_ko = None
    page = client.get("/products/night-walk-ebook").get_data(as_text=True)
    assert "None" not in page
    for absent in ("상품 설명", "구성</dt>", "이용 기간</dt>"):
        assert absent not in page


def test_what_is_sold_out_or_off_the_shelf_cannot_be_ordered(client: FlaskClient, shop: Any) -> None:
    gone, withdrawn = db.session.query(Product).limit(2)
    with transaction():
        db.session.get_one(Product, gone.id).stock = 0
        db.session.get_one(Product, withdrawn.id).on_sale = False
    assert 'name="product_id"' not in client.get(f"/products/{gone.slug}").get_data(as_text=True)
    assert client.get(f"/products/{withdrawn.slug}").status_code == 404


def test_no_page_needs_more_than_a_few_statements(client: FlaskClient, app: Flask, shop: Any) -> None:
    sign_in(client)
    client.get("/")
    seen: list[str] = []

    def count(_conn: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        seen.append(statement)

    event.listen(db.engine, "before_cursor_execute", count)
    client.get("/")
    event.remove(db.engine, "before_cursor_execute", count)
    assert len([statement for statement in seen if statement.startswith("SELECT")]) <= 3


# --- the cart ---


def test_a_line_can_be_added_changed_and_removed(client: FlaskClient, shop: Any) -> None:
    sign_in(client)
    item = product()
    assert post(client, "/cart/items", product_id=item.id, quantity=2).location == "/cart"
    page = client.get("/cart").get_data(as_text=True)
    assert f"{item.price * 2:,}원" in page
    post(client, f"/cart/items/{item.id}", quantity=3)
    assert f"{item.price * 3:,}원" in client.get("/cart").get_data(as_text=True)
    post(client, f"/cart/items/{item.id}", quantity=0)
    assert "장바구니가 비어 있습니다." in client.get("/cart").get_data(as_text=True)


def test_a_visitors_choice_is_in_the_cart_after_signing_in(client: FlaskClient, shop: Any) -> None:
    item = product()
    answer = post(client, "/cart/items", product_id=item.id, quantity=2)
    assert answer.location == "/login?next=/cart"
    answer = post(client, "/login", email="buyer@example.com", password="demo", next="/cart")
    assert answer.location == "/cart"
    [line] = db.session.query(CartItem)
    assert (line.product_id, line.quantity) == (item.id, 2)


def test_everything_that_a_visitor_chose_joins_what_is_in_the_cart_after_signing_in(
    client: FlaskClient, buyer: User
) -> None:
    first, second = db.session.query(Product).filter_by(kind="once", digital=True).order_by(Product.id).limit(2)
    plan = product("monthly")
    put_in_cart(buyer.id, second.id, 1)
    for item, quantity in ((first, 2), (second, 3), (plan, 1), (first, 1)):
        assert post(client, "/cart/items", product_id=item.id, quantity=quantity).location == "/login?next=/cart"
    assert '<b class="count">3</b>' in client.get("/").get_data(as_text=True)
    post(client, "/login", email="buyer@example.com", password="demo", next="/cart")
    lines = {line.product_id: line.quantity for line in db.session.query(CartItem)}
    assert lines == {first.id: 3, second.id: 4, plan.id: 1}


def test_who_buys_now_comes_to_the_orders_form_with_as_many_as_chosen_however_often_it_is_pressed(
    client: FlaskClient, shop: Any
) -> None:
    sign_in(client)
    goods, plan = product(), product("monthly")
    for item, quantity, held in (
        (goods, 2, 2),
        (goods, 2, 2),
        (goods, 1, 2),
        (goods, 3, 3),
        (plan, 1, 1),
        (plan, 1, 1),
    ):
        answer = post(client, "/cart/items", product_id=item.id, quantity=quantity, then="pay")
        assert answer.location == "/cart#buyer"
        lines = {line.product_id: line.quantity for line in db.session.query(CartItem)}
        assert lines[item.id] == held
    page = client.get("/cart").get_data(as_text=True)
    assert 'id="buyer"' in page
    assert "담았습니다" not in page


def test_a_visitor_who_buys_now_signs_in_and_comes_to_the_orders_form_with_everything(
    client: FlaskClient, buyer: User
) -> None:
    kept, chosen, bought = db.session.query(Product).filter_by(kind="once", digital=True).limit(3)
    put_in_cart(buyer.id, kept.id, 1)
    post(client, "/cart/items", product_id=chosen.id, quantity=2)
    for _ in range(2):
        answer = post(client, "/cart/items", product_id=bought.id, quantity=3, then="pay")
        assert answer.location == "/login?next=/cart%23buyer"
    page = client.get(answer.location).get_data(as_text=True)
    assert "로그인하면 바로 결제할 수 있습니다." in page
    assert 'name="next" value="/cart#buyer"' in page
    answer = post(client, "/login", email="buyer@example.com", password="demo", next="/cart#buyer")
    assert answer.location == "/cart#buyer"
    lines = {line.product_id: line.quantity for line in db.session.query(CartItem)}
    assert lines == {kept.id: 1, chosen.id: 2, bought.id: 3}


def test_who_wants_to_buy_more_than_there_are_is_told_at_the_top_of_the_cart(client: FlaskClient, shop: Any) -> None:
    sign_in(client)
    parcel = product(digital=False)
    with transaction():
        db.session.get_one(Product, parcel.id).stock = 3
    assert post(client, "/cart/items", product_id=parcel.id, quantity=6, then="pay").location == "/cart"
    assert "남은 수량이 3개라 그만큼만" in client.get("/cart").get_data(as_text=True)


@pytest.mark.parametrize("signed_in", [True, False])
def test_fewer_than_asked_for_are_never_put_in_the_cart_without_words(
    signed_in: bool, client: FlaskClient, shop: Any
) -> None:
    goods, parcel, gone, plan = (
        product(),
        *db.session.query(Product).filter_by(digital=False).limit(2),
        product("monthly"),
    )
    with transaction():
        db.session.get_one(Product, parcel.id).stock = 3
        db.session.get_one(Product, gone.id).stock = 0
    if signed_in:
        sign_in(client)
    token = csrf_of(client)  # once: each page that is shown takes the messages away
    for item, quantity in ((goods, 21), (parcel, 6), (gone, 1), (plan, 1), (plan, 1)):
        client.post("/cart/items", data={"product_id": item.id, "quantity": quantity}, headers=token)
    if not signed_in:
        who = {"email": "buyer@example.com", "password": "demo"}
        client.post("/login", data=who, headers=token)
    page = client.get("/cart").get_data(as_text=True)
    for said in (
        f"한 번에 최대 20개까지 담을 수 있습니다: {goods.name_ko}",
        f"남은 수량이 3개라 그만큼만 담았습니다: {parcel.name_ko}",
        f"품절되어 더 담을 수 없습니다: {gone.name_ko}",
        f"구독은 하나만 담을 수 있습니다: {plan.name_ko}",
    ):
        assert said in page
    lines = {line.product_id: line.quantity for line in db.session.query(CartItem)}
    assert lines == {goods.id: 20, parcel.id: 3, plan.id: 1}
    assert page.count("장바구니에 담았습니다.") == (1 if signed_in else 0)


def test_a_visitors_cart_has_room_for_so_many_products_and_says_so(client: FlaskClient) -> None:
    for product_id in range(1, 22):
        post(client, "/cart/items", product_id=product_id)
    page = client.get("/login").get_data(as_text=True)
    assert "로그인하기 전에는 20가지까지 담을 수 있습니다." in page
    assert '<b class="count">20</b>' in page


@pytest.mark.parametrize("quantity", ["-1", "1.5", "many", "", "９", "9" * 30])
def test_nonsense_quantities_are_a_400_and_change_nothing(quantity: str, client: FlaskClient, cart: Product) -> None:
    assert post(client, f"/cart/items/{cart.id}", quantity=quantity).status_code == 400
    assert [line.quantity for line in db.session.query(CartItem)] == [2]


def test_an_unknown_product_is_a_404(client: FlaskClient, cart: Product) -> None:
    assert post(client, "/cart/items", product_id=999_999).status_code == 404


def test_the_cart_asks_for_an_address_only_when_something_is_shipped(
    client: FlaskClient, cart: Product, buyer: User
) -> None:
    assert 'name="buyer_postcode"' not in client.get("/cart").get_data(as_text=True)
    put_in_cart(buyer.id, product(digital=False).id, 1)
    assert 'name="buyer_postcode"' in client.get("/cart").get_data(as_text=True)


def test_the_cart_offers_the_delivery_of_the_last_parcel(
    client: FlaskClient, buyer: User, provider: FakeProvider
) -> None:
    sign_in(client)
    put_in_cart(buyer.id, product(digital=False).id, 1)
    page = client.get("/cart").get_data(as_text=True)
    assert 'id="same-recipient" checked>' in page
    assert re.search(r'name="recipient"[^>]* disabled>', page)
    for offered in ("문 앞에 놓아 주세요.", "직접 입력", "배송비", "무료"):
        assert offered in page
    check_out(client, **WHERE, recipient="김달곰", recipient_tel="02-123-4567", delivery_note="벨은 누르지 마세요")
    page = client.get("/cart").get_data(as_text=True)
    assert 'id="same-recipient">' in page
    assert '<option value="own" selected>' in page
    for name, value in (
        ("recipient", "김달곰"),
        ("recipient_tel", "02-123-4567"),
        ("delivery_note", "벨은 누르지 마세요"),
    ):
        assert re.search(rf'name="{name}"[^>]* value="{value}"', page)
    check_out(client, **WHERE, delivery_note="경비실에 맡겨 주세요.")
    page = client.get("/cart").get_data(as_text=True)
    assert 'id="same-recipient" checked>' in page
    assert '<option value="경비실에 맡겨 주세요." selected>' in page


def test_after_a_download_the_cart_still_offers_the_address_of_the_last_parcel(
    client: FlaskClient, buyer: User, provider: FakeProvider
) -> None:
    sign_in(client)
    put_in_cart(buyer.id, product(digital=False).id, 1)
    check_out(client, **WHERE, recipient="김달곰", delivery_note="벨은 누르지 마세요")
    with transaction():
        db.session.query(Order).one().status = "expired"
    post(client, f"/cart/items/{product(digital=False).id}", quantity=0)
    put_in_cart(buyer.id, product().id, 1)
    assert check_out(client, buyer_name="이달곰").status_code == 200
    put_in_cart(buyer.id, product(digital=False).id, 1)
    page = client.get("/cart").get_data(as_text=True)
    for name, value in (
        ("buyer_name", "이달곰"),
        ("buyer_tel", "010-1234-5678"),
        ("recipient", "김달곰"),
        ("buyer_addr", WHERE["buyer_addr"]),
    ):
        assert re.search(rf'name="{name}"[^>]* value="{value}"', page), name


def test_the_cart_says_that_the_number_typed_in_the_payment_window_pays(client: FlaskClient, cart: Product) -> None:
    page = client.get("/cart").get_data(as_text=True)
    assert "결제창에서 입력한 번호로 청구됩니다." in page and "이 번호의 휴대폰 요금" not in page


def test_what_is_bought_once_for_good_asks_for_no_quantity(client: FlaskClient, shop: Any) -> None:
    for slug, asked in (("night-walk-ebook", False), ("webtoon-coins", True), ("moon-mug", True)):
        assert ('id="quantity"' in client.get(f"/products/{slug}").get_data(as_text=True)) == asked


def test_an_order_shows_its_buyer_where_the_parcel_goes(
    client: FlaskClient, buyer: User, provider: FakeProvider
) -> None:
    sign_in(client)
    put_in_cart(buyer.id, product(digital=False).id, 1)
    to = {"recipient": "김달곰", "recipient_tel": "010-9876-5432", "buyer_addr_detail": "3층"}
    client.set_cookie("language", "en")
    check_out(client, **WHERE, **to, delivery_note="경비실에 맡겨 주세요.")
    page = client.get(f"/orders/{db.session.query(Order).one().id}").get_data(as_text=True)
    for shown in ("김달곰", "010-****-5432", "(04524) 서울시 중구 세종대로 110, 3층", "leave it with the concierge"):
        assert shown in page
    chosen = '<option value="경비실에 맡겨 주세요." selected>Please leave it with the concierge.</option>'
    assert chosen in client.get("/cart").get_data(as_text=True)


@pytest.mark.parametrize(
    ("kinds", "shown"),
    [
        (["once"], 'data-pays="pay-once"'),
        (["monthly"], 'data-pays="pay-plan-'),
        (["once", "monthly"], 'href="#pay">결제하러 가기'),
        ([], None),
    ],
)
def test_the_bar_of_a_phone_shows_the_one_price_and_its_button_or_leads_to_several(
    kinds: list[str], shown: str | None, client: FlaskClient, buyer: User
) -> None:
    sign_in(client)
    for kind in kinds:
        put_in_cart(buyer.id, product(kind).id, 1)
    page = client.get("/cart").get_data(as_text=True)
    assert page.count('class="pay-bar"') == bool(kinds)
    if shown:
        assert shown in page.split('class="pay-bar"', 1)[1]


def test_a_plan_says_in_large_type_that_the_first_month_is_charged_now(client: FlaskClient, buyer: User) -> None:
    sign_in(client)
    plan = product("monthly")
    put_in_cart(buyer.id, plan.id, 1)
    page = client.get("/cart").get_data(as_text=True)
    assert f'<p class="large">첫 달 요금 {plan.price:,}원이 지금 바로 결제됩니다.</p>' in page
    assert f'data-kind="monthly" data-product-id="{plan.id}"' in page


# --- checking out ---


def test_checkout_answers_everything_that_request_pay_needs(
    client: FlaskClient, cart: Product, provider: FakeProvider
) -> None:
    answer = check_out(client).json
    assert answer
    asked = answer["request_pay"]
    assert answer["imp_code"] == "imp00000000"
    assert answer["merchant_uid"] == asked["merchant_uid"]
    assert asked["amount"] == cart.price * 2
    assert type(asked["amount"]) is int
    assert (asked["pay_method"], asked["digital"], asked["buyer_tel"]) == ("phone", True, "01012345678")
    assert asked["m_redirect_url"] == "http://127.0.0.1:5000/payment/redirect"
    assert asked["notice_url"] == "http://127.0.0.1:5000/payment/webhook"
    assert "customer_uid" not in asked
    assert provider.prepared == {asked["merchant_uid"]: cart.price * 2}


def test_the_browsers_idea_of_the_price_is_not_even_read(
    client: FlaskClient, cart: Product, provider: FakeProvider
) -> None:
    answer = check_out(client, amount=1, price=1, total=1).json
    assert answer
    assert answer["request_pay"]["amount"] == cart.price * 2


def test_a_plan_is_checked_out_with_a_billing_key(client: FlaskClient, cart: Product, provider: FakeProvider) -> None:
    plan = product("monthly")
    answer = check_out(client, kind="monthly", product_id=plan.id).json
    assert answer
    assert answer["request_pay"]["amount"] == plan.price
    assert answer["request_pay"]["customer_uid"].startswith("key-")
    assert db.session.query(Order).one().kind == "monthly"


def test_a_digital_order_keeps_no_address(client: FlaskClient, cart: Product, provider: FakeProvider) -> None:
    check_out(client, **WHERE)
    order = db.session.query(Order).one()
    assert (order.buyer_addr, order.buyer_postcode) == (None, None)


def test_the_address_of_goods_is_not_told_to_portone_with_a_download_or_a_plan(
    client: FlaskClient, cart: Product, provider: FakeProvider
) -> None:
    for asked in ({}, {"kind": "monthly", "product_id": product("monthly").id}):
        answer = check_out(client, **asked, **WHERE).json
        assert answer
        assert "buyer_addr" not in answer["request_pay"]


def test_a_checkout_may_say_who_gets_the_parcel_and_how(
    client: FlaskClient, buyer: User, provider: FakeProvider
) -> None:
    sign_in(client)
    put_in_cart(buyer.id, product(digital=False).id, 1)
    to = {"recipient": "김달곰", "buyer_addr_detail": "3층", "delivery_note": "경비실에 맡겨 주세요."}
    answer = check_out(client, **WHERE, **to).json
    assert answer
    assert answer["request_pay"]["buyer_addr"] == WHERE["buyer_addr"]  # the rest is nothing that KG needs
    order = db.session.query(Order).one()
    assert {name: getattr(order, name) for name in to} == to
    refused = check_out(client, **WHERE, **to | {"delivery_note": "가" * 101}).json
    assert refused and refused["fields"] == {"delivery_note": "배송 메모가 너무 깁니다. 100자까지 적을 수 있습니다."}


def test_without_login_checkout_is_a_401(client: FlaskClient, provider: FakeProvider) -> None:
    answer = check_out(client)
    assert (answer.status_code, answer.json and answer.json["error"]) == (401, "login_required")


@pytest.mark.parametrize(
    ("asked", "status", "error"),
    [
        ({"kind": "twice"}, 400, "kind"),
        ({"kind": None}, 400, "kind"),
        ({"buyer_tel": "02-123-4567"}, 400, "invalid"),
        ({"kind": "monthly"}, 409, "not_on_sale"),
        ({"kind": "monthly", "product_id": "1"}, 409, "not_on_sale"),
        ({"kind": "monthly", "product_id": 999_999}, 409, "not_on_sale"),
    ],
)
def test_a_bad_checkout_is_refused_by_name_and_nothing_is_ordered(
    asked: dict[str, Any], status: int, error: str, client: FlaskClient, cart: Product, provider: FakeProvider
) -> None:
    answer = check_out(client, **asked)
    assert (answer.status_code, answer.json and answer.json["error"]) == (status, error)
    assert db.session.query(Order).count() == 0
    assert provider.asked == []


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"once"'])
def test_noise_at_the_checkout_is_a_400(body: bytes, client: FlaskClient, cart: Product) -> None:
    answer = client.post("/checkout", data=body, content_type="application/json", headers=csrf_of(client))
    assert answer.status_code == 400
    assert answer.json


@pytest.mark.parametrize("seen", [0, 1, "6000", None, [], True])
def test_a_total_other_than_the_one_that_the_buyer_saw_opens_no_window(
    seen: Any, client: FlaskClient, cart: Product, provider: FakeProvider
) -> None:
    answer = check_out(client, total_seen=seen)
    assert (answer.status_code, answer.json and answer.json["error"]) == (409, "cart_changed")
    assert db.session.query(Order).count() == 0
    assert provider.asked == []
    assert check_out(client, total_seen=cart.price * 2).status_code == 200


def test_a_changed_cart_leaves_the_open_order_of_another_tab_as_it_was(
    client: FlaskClient, cart: Product, buyer: User, provider: FakeProvider
) -> None:
    check_out(client, total_seen=cart.price * 2)
    put_in_cart(buyer.id, cart.id, 3)
    assert check_out(client, total_seen=cart.price * 2).status_code == 409
    (order,) = db.session.query(Order)
    assert (order.status, order.amount) == ("pending", cart.price * 2)


def test_a_plan_whose_price_was_changed_meanwhile_is_not_begun(
    client: FlaskClient, buyer: User, provider: FakeProvider
) -> None:
    sign_in(client)
    plan = product("monthly")
    asked = {"kind": "monthly", "product_id": plan.id}
    assert check_out(client, **asked, total_seen=plan.price + 100).status_code == 409
    assert check_out(client, **asked, total_seen=plan.price).status_code == 200


def test_wrong_fields_are_named_in_the_readers_language(client: FlaskClient, cart: Product) -> None:
    client.set_cookie("language", "en")
    answer = check_out(client, buyer_tel="010-1234-567", buyer_name="홍길동😀").json
    assert answer
    assert answer["fields"] == {
        "buyer_tel": "1 digit(s) missing: 8 more digits follow 010.",
        "buyer_name": "This character cannot be used in the name: 😀. Please write it in Hangul or Latin letters.",
    }


@pytest.mark.parametrize("language", ["ko", "en"])
def test_checkout_keeps_the_language_in_which_the_buyer_ordered(
    client: FlaskClient, cart: Product, provider: FakeProvider, language: str
) -> None:
    client.set_cookie("language", language)
    assert check_out(client).status_code == 200
    assert db.session.query(Order).one().language == language


def test_a_land_line_is_told_from_a_mobile_number(client: FlaskClient, cart: Product) -> None:
    answer = check_out(client, buyer_tel="02-123-4567").json
    assert answer
    assert answer["fields"] == {"buyer_tel": "02 번호는 휴대폰이 아닙니다. 010으로 시작하는 휴대폰 번호를 적어 주세요."}


def test_what_was_pasted_reaches_kg_in_its_own_spelling(
    client: FlaskClient, cart: Product, provider: FakeProvider
) -> None:
    typed = {"buyer_name": unicodedata.normalize("NFD", "홍길동"), "buyer_tel": "\u202a+82 10–1234–5678\u202c"}
    answer = check_out(client, **typed, buyer_email=" buyer＠example．com").json
    assert answer
    asked = answer["request_pay"]
    assert (asked["buyer_name"], asked["buyer_tel"], asked["buyer_email"]) == (
        "홍길동",
        "01012345678",
        "buyer@example.com",
    )


def test_an_empty_cart_and_an_empty_shelf_are_told_apart(
    client: FlaskClient, buyer: User, provider: FakeProvider
) -> None:
    sign_in(client)
    answer = check_out(client).json
    assert answer
    assert answer["error"] == "empty_cart"
    parcel = product(digital=False)
    put_in_cart(buyer.id, parcel.id, 2)
    with transaction():
        db.session.get_one(Product, parcel.id).stock = 1
    answer = check_out(client, **WHERE).json
    assert answer
    assert answer["error"] == "out_of_stock"
    assert parcel.name_ko in answer["message"]


@pytest.mark.parametrize("trouble", [OutcomeUnknown("no answer"), Refused("이미 등록된 merchant_uid입니다")])
def test_when_the_amount_cannot_be_registered_no_window_opens(
    trouble: Exception, client: FlaskClient, cart: Product, provider: FakeProvider
) -> None:
    provider.trouble = trouble  # type: ignore[assignment]
    answer = check_out(client)
    assert (answer.status_code, answer.json and answer.json["error"]) == (503, "provider")
    assert db.session.query(Payment).one().status == "ready"
    provider.trouble = None
    assert check_out(client).status_code == 200
    assert db.session.query(Order).count() == 1


def test_without_a_billing_contract_plans_are_shown_but_not_sold(tmp_path: Any) -> None:
    app = create_app(load_settings(LIVE, tmp_path))
    app.test_cli_runner().invoke(args=["init-db"])
    app.test_cli_runner().invoke(args=["seed"])
    with app.app_context():
        user = User(email="buyer@example.com", password_hash="x")
        with transaction():
            db.session.add(user)
        put_in_cart(user.id, product("monthly").id, 1)
    client = app.test_client()
    origin = {"base_url": "https://shop.example"}
    with client.session_transaction(**origin) as session:
        session["_user_id"], session["_fresh"] = "1", True
    page = client.get("/cart", **origin).get_data(as_text=True)
    assert "지금은 구독을 시작할 수 없습니다." in page
    token = page.split('name="csrf-token" content="', 1)[1].split('"', 1)[0]
    answer = client.post(
        "/checkout",
        json={"kind": "monthly", "product_id": 13, **WHO},
        headers={"X-CSRFToken": token, "Referer": "https://shop.example/cart"},
        **origin,
    )
    assert (answer.status_code, answer.json and answer.json["error"]) == (409, "billing_unavailable")
    close_app(app)


# --- orders ---


@pytest.fixture
def order(buyer: User, provider: FakeProvider) -> Order:
    put_in_cart(buyer.id, product().id, 1)
    return new_order(buyer.id, BUYER)


def test_an_order_is_shown_to_its_owner_and_to_nobody_else(
    client: FlaskClient, order: Order, other_buyer: User
) -> None:
    address = f"/orders/{order.id}"
    assert client.get(address).location.startswith("/login?next=")
    sign_in(client)
    assert 'data-order-status="pending"' in client.get(address).get_data(as_text=True)
    sign_in(client, "other@example.com")
    assert client.get(address).status_code == 404
    sign_in(client, "admin@example.com")
    assert client.get(address).status_code == 404


@pytest.mark.parametrize(
    ("order_status", "payment", "said"),
    [
        ("pending", {"status": "ready"}, "결제를 기다리고 있습니다"),
        ("pending", {"status": "failed", "fail_reason": "한도 초과입니다"}, "한도 초과입니다"),
        ("pending", {"status": "paid", "held_reason": "amount"}, "결제 금액이 주문 금액과 다름"),
        ("paid", {"status": "paid"}, "결제가 완료되었습니다"),
        ("cancelled", {"status": "cancelled"}, "결제하신 금액은 휴대폰 요금에서 빠집니다."),
        ("expired", {"status": "ready"}, "결제 기한이 지났습니다"),
    ],
)
def test_every_state_of_an_order_has_words_of_its_own(
    order_status: str, payment: dict[str, Any], said: str, client: FlaskClient, order: Order
) -> None:
    with transaction():
        db.session.get_one(Order, order.id).status = order_status
        db.session.add(
            Payment(
                merchant_uid="m-1",
                kind="once",
                purchase_id=str(order.id),
                name="x",
                amount=3900,
                is_test_channel=True,
                **payment,
            )
        )
    sign_in(client)
    assert said in client.get(f"/orders/{order.id}").get_data(as_text=True)


def test_a_declined_order_offers_to_pay_again_and_nothing_else(client: FlaskClient, order: Order) -> None:
    with transaction():
        for n in (1, 2):
            attempt = {"merchant_uid": f"m-{n}", "status": "failed", "fail_reason": "한도 초과입니다"}
            about = {"kind": "once", "purchase_id": str(order.id), "name": "x", "amount": 3900}
            db.session.add(Payment(is_test_channel=True, **attempt, **about))
    sign_in(client)
    page = client.get(f"/orders/{order.id}").get_data(as_text=True).split("</article>")[0]
    assert "장바구니에서 다시 결제" in page
    for absent in ("ask-again", "cancel-unpaid", "m-1", "m-2"):
        assert absent not in page


def test_the_list_of_orders_names_what_was_bought(client: FlaskClient, order: Order) -> None:
    sign_in(client)
    assert order.lines[0].name_ko in client.get("/orders").get_data(as_text=True)


def test_a_name_cannot_break_out_of_the_page(client: FlaskClient, cart: Product) -> None:
    with transaction():
        db.session.get_one(Product, cart.id).name_ko = "</script><script>alert(1)</script>"
    for address in ("/", f"/products/{cart.slug}", "/cart"):
        assert "<script>alert" not in client.get(address).get_data(as_text=True)


def test_the_texts_of_the_script_are_data_not_code(client: FlaskClient, cart: Product) -> None:
    page = client.get("/cart").get_data(as_text=True)
    block = page.split('id="checkout-texts">', 1)[1].split("</script>", 1)[0]
    assert json.loads(block)["no_sdk"].startswith("결제 모듈을 불러오지 못했습니다.")


def test_the_consent_that_the_page_asked_for_is_noted_and_the_bare_request_still_works(
    client: FlaskClient, cart: Product, provider: FakeProvider
) -> None:
    for asked, noted in (({"consent": True}, {"consent": "given"}), ({}, {})):
        assert check_out(client, **asked).status_code == 200
        newest = db.session.query(Event).filter_by(source="checkout").order_by(Event.id.desc()).first()
        assert newest.claimed == noted


# --- a second window over an earlier one whose outcome is not known ---


@pytest.mark.parametrize("kind", ["once", "monthly"])
def test_a_buyer_whose_lost_window_was_paid_gets_the_order_instead_of_a_second_window(
    kind: str, client: FlaskClient, cart: Product, provider: FakeProvider
) -> None:
    plan = {"product_id": product("monthly").id} if kind == "monthly" else {}
    first = check_out(client, kind=kind, **plan).json
    assert first
    payment = db.session.query(Payment).one()
    provider.issues_key(payment.customer_uid or "")
    provider.hears_of(payment.merchant_uid, amount=payment.amount, customer_uid=payment.customer_uid)
    answer = check_out(client, kind=kind, **plan)
    assert answer.status_code == 409
    assert answer.json and (answer.json["error"], answer.json["redirect"]) == (
        "already_paid",
        f"/orders/{payment.purchase_id}",
    )
    db.session.expire_all()
    assert (db.session.query(Payment).count(), payment.status) == (1, "paid")


def test_no_window_opens_while_nobody_can_tell_what_became_of_the_earlier_one(
    client: FlaskClient, cart: Product, provider: FakeProvider
) -> None:
    check_out(client)
    provider.trouble = OutcomeUnknown("no answer")
    answer = check_out(client)
    assert (answer.status_code, answer.json and answer.json["error"]) == (503, "earlier_unknown")
    db.session.expire_all()
    assert db.session.query(Payment).count() == 1


@pytest.mark.parametrize("status", [None, "ready", "failed"])
def test_an_earlier_window_that_was_not_paid_hinders_no_second_one(
    status: str | None, client: FlaskClient, cart: Product, provider: FakeProvider
) -> None:
    check_out(client)
    payment = db.session.query(Payment).one()
    if status:
        provider.hears_of(payment.merchant_uid, status, payment.amount)
    assert check_out(client).status_code == 200


def test_money_of_an_earlier_window_that_could_not_be_kept_and_went_back_hinders_no_second_one(
    client: FlaskClient, cart: Product, provider: FakeProvider
) -> None:
    check_out(client)
    payment = db.session.query(Payment).one()
    provider.hears_of(payment.merchant_uid, amount=payment.amount + 1)
    assert check_out(client).status_code == 200
    assert [won for _, won in provider.cancels] == [payment.amount + 1]


def test_money_of_an_earlier_window_that_is_held_shows_the_order(
    client: FlaskClient, cart: Product, provider: FakeProvider
) -> None:
    check_out(client)
    payment = db.session.query(Payment).one()
    provider.hears_of(payment.merchant_uid, amount=payment.amount, is_test_channel=False)
    answer = check_out(client)
    assert (answer.status_code, answer.json and answer.json["error"]) == (409, "already_paid")


def test_a_first_window_costs_no_look_up_and_a_later_one_at_most_ten(
    client: FlaskClient, cart: Product, provider: FakeProvider
) -> None:
    check_out(client)
    assert [asked for asked, _ in provider.asked] == ["prepare"]
    for _ in range(MOST_LOOKED_UP + 2):
        check_out(client)
    provider.asked.clear()
    check_out(client)
    assert [asked for asked, _ in provider.asked].count("find_payment") == MOST_LOOKED_UP
