"""Goods that were taken off sale while they lay in a cart: marked, left out, and always removable."""

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from payments.database import db, transaction
from shop.orders.cart import NotOnSale, cart_items, put_in_cart
from shop.orders.models import Order, Product, User
from tests.conftest import product, sign_in
from tests.shop.storefront.test_store import check_out, post

pytestmark = pytest.mark.usefixtures("provider")


def take_off_sale(item: Product) -> None:
    with transaction():
        db.session.get_one(Product, item.id).on_sale = False


def lines(user: User, kind: str = "once") -> dict[int, int]:
    return {line.product_id: line.quantity for line in cart_items(user.id, kind)}


def bill_of(page: str) -> str:
    """The part of the cart page with the amounts and the pay buttons."""
    return page.split('<section class="bills"', 1)[1]


@pytest.fixture
def goods(client: FlaskClient, buyer: User) -> list[Product]:
    """Two digital things in the signed-in buyer's cart: two of the first, which is off sale, and one of the second."""
    sign_in(client)
    first, second = db.session.query(Product).filter_by(kind="once", digital=True).order_by(Product.id).limit(2)
    put_in_cart(buyer.id, first.id, 2)
    put_in_cart(buyer.id, second.id, 1)
    take_off_sale(first)
    return [first, second]


@pytest.mark.parametrize("kind", ["once", "monthly"])
def test_a_product_off_sale_is_removed_from_the_cart_and_removing_it_again_does_no_harm(
    kind: str, client: FlaskClient, buyer: User
) -> None:
    sign_in(client)
    item = product(kind)
    put_in_cart(buyer.id, item.id, 1)
    take_off_sale(item)
    for _ in range(2):
        assert post(client, f"/cart/items/{item.id}", quantity=0).location == "/cart"
        assert lines(buyer, kind) == {}


def test_the_quantity_of_a_product_off_sale_can_be_lowered_and_not_raised(buyer: User, goods: list[Product]) -> None:
    put_in_cart(buyer.id, goods[0].id, 1)
    assert lines(buyer)[goods[0].id] == 1
    for refused in ({"quantity": 2}, {"quantity": 1, "add": True}):
        with pytest.raises(NotOnSale) as error:
            put_in_cart(buyer.id, goods[0].id, **refused)  # type: ignore[arg-type]
        assert [one.id for one in error.value.products] == [goods[0].id]
    assert lines(buyer)[goods[0].id] == 1


def test_raising_the_quantity_of_a_product_off_sale_names_it_on_the_cart_page(
    client: FlaskClient, goods: list[Product]
) -> None:
    for address, fields in ((f"/cart/items/{goods[0].id}", {}), ("/cart/items", {"product_id": goods[0].id})):
        assert post(client, address, quantity=3, **fields).location == "/cart"
        page = client.get("/cart").get_data(as_text=True)
        assert f"판매가 끝난 상품입니다: {goods[0].name_ko}" in page


def test_the_cart_marks_a_product_off_sale_and_leaves_it_out_of_the_total(
    client: FlaskClient, goods: list[Product]
) -> None:
    page = client.get("/cart").get_data(as_text=True)
    gone, sold = goods
    line = page.split(gone.name_ko, 1)[1].split("</li>", 1)[0]
    assert "판매 종료" in line
    assert 'name="quantity" value="0"' in line
    assert "stepper" not in line
    assert f'href="/products/{gone.slug}"' not in page, "its page is a 404"
    assert gone.name_ko not in bill_of(page)
    assert f'data-kind="once" data-total="{sold.price}"' in page


def test_the_rest_of_a_cart_is_bought_without_what_is_off_sale(
    client: FlaskClient, buyer: User, goods: list[Product]
) -> None:
    answer = check_out(client, total_seen=goods[1].price)
    assert answer.status_code == 200
    assert answer.json
    assert answer.json["request_pay"]["amount"] == goods[1].price
    (order,) = db.session.query(Order)
    assert [line.product_id for line in order.lines] == [goods[1].id]
    assert lines(buyer) == {goods[0].id: 2, goods[1].id: 1}


@pytest.mark.parametrize(("language", "words"), [("ko", "판매가 끝난 상품"), ("en", "No longer on sale")])
def test_a_product_taken_off_sale_between_page_and_checkout_is_named_and_nothing_is_ordered(
    language: str, words: str, client: FlaskClient, goods: list[Product]
) -> None:
    client.set_cookie("language", language)
    answer = check_out(client, total_seen=2 * goods[0].price + goods[1].price)
    assert answer.json
    assert (answer.status_code, answer.json["error"]) == (409, "cart_changed")
    assert words in answer.json["message"]
    assert getattr(goods[0], f"name_{language}") in answer.json["message"]
    assert db.session.query(Order).count() == 0


def test_a_cart_with_nothing_else_than_goods_off_sale_is_refused_by_their_names(
    client: FlaskClient, goods: list[Product]
) -> None:
    take_off_sale(goods[1])
    answer = check_out(client)
    assert answer.json
    assert (answer.status_code, answer.json["error"]) == (409, "not_on_sale")
    assert all(one.name_ko in answer.json["message"] for one in goods)


def test_a_pending_order_with_a_product_off_sale_is_replaced_by_one_without_it(
    client: FlaskClient, buyer: User, goods: list[Product]
) -> None:
    with transaction():
        db.session.get_one(Product, goods[0].id).on_sale = True
    assert check_out(client).status_code == 200
    take_off_sale(goods[0])
    assert check_out(client).status_code == 200
    old, new = db.session.query(Order).order_by(Order.id)
    assert (old.status, new.status, new.amount) == ("cancelled", "pending", goods[1].price)


def test_a_plan_off_sale_is_marked_not_offered_and_refused_by_its_name(client: FlaskClient, buyer: User) -> None:
    sign_in(client)
    plan = product("monthly")
    put_in_cart(buyer.id, plan.id, 1)
    take_off_sale(plan)
    page = client.get("/cart").get_data(as_text=True)
    assert "판매 종료" in page
    assert 'data-kind="monthly"' not in page
    answer = check_out(client, kind="monthly", product_id=plan.id)
    assert answer.json
    assert (answer.status_code, answer.json["error"]) == (409, "not_on_sale")
    assert plan.name_ko in answer.json["message"]


def test_a_cart_of_which_nothing_can_be_bought_offers_no_payment_and_says_so(
    client: FlaskClient, buyer: User, goods: list[Product]
) -> None:
    plan = product("monthly")
    put_in_cart(buyer.id, plan.id, 1)
    for one in (goods[1], plan):
        take_off_sale(one)
    page = client.get("/cart").get_data(as_text=True)
    assert page.count("판매 종료") >= 3
    assert "지금 결제할 수 있는 상품이 없습니다." in page
    for absent in ('class="pay', 'id="buyer"', "checkout.js", "iamport.js"):
        assert absent not in page


def test_goods_that_went_out_of_stock_are_named_and_can_be_removed(client: FlaskClient, buyer: User) -> None:
    sign_in(client)
    item = product()
    put_in_cart(buyer.id, item.id, 2)
    with transaction():
        db.session.get_one(Product, item.id).stock = 0
    answer = check_out(client)
    assert answer.json
    assert (answer.status_code, answer.json["error"]) == (409, "out_of_stock")
    assert item.name_ko in answer.json["message"]
    assert post(client, f"/cart/items/{item.id}", quantity=0).location == "/cart"
    assert lines(buyer) == {}


def test_an_address_is_asked_for_only_when_something_that_is_shipped_is_still_on_sale(
    client: FlaskClient, buyer: User, goods: list[Product]
) -> None:
    parcel = product(digital=False)
    put_in_cart(buyer.id, parcel.id, 1)
    take_off_sale(parcel)
    assert 'name="buyer_postcode"' not in client.get("/cart").get_data(as_text=True)
    assert check_out(client, total_seen=goods[1].price).status_code == 200


def test_what_a_visitor_chose_before_signing_in_is_named_when_it_is_off_sale_by_then(
    client: FlaskClient, app: Flask, shop: Any
) -> None:
    item = product()
    post(client, "/cart/items", product_id=item.id, quantity=1)
    take_off_sale(item)
    post(client, "/login", email="buyer@example.com", password="demo", next="/cart")
    assert f"판매가 끝난 상품입니다: {item.name_ko}" in client.get("/cart").get_data(as_text=True)
