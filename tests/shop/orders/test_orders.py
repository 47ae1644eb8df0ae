"""A cart becomes an order at our prices, from our stock."""

import unicodedata
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from payments import clock
from payments.database import db, end_reading, transaction
from payments.models import move
from shop.orders import cart, order_payments, orders
from shop.orders.cart import EmptyCart, InvalidBuyer, OutOfStock
from shop.orders.delivery import Buyer
from shop.orders.models import Order, Product, User
from tests.conftest import ADDRESSED_BUYER, BUYER, new_order, product
from tests.payments.fakes import FakeProvider
from tests.payments.threads import at_once


def set_stock(item: Product, stock: int | None) -> None:
    with transaction():
        db.session.get_one(Product, item.id).stock = stock


def stock_of(item: Product) -> int | None:
    db.session.expire_all()
    return db.session.get_one(Product, item.id).stock


# --- buyers ---


def test_a_phone_number_is_taken_with_or_without_dashes() -> None:
    for tel in ("010-1234-5678", "010 1234 5678", "01012345678", "010.1234.5678"):
        assert Buyer.checked("홍길동", tel, "a@example.com").tel == "01012345678"


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"name": ""}, {"buyer_name"}),
        ({"name": "가" * 16}, {"buyer_name"}),
        ({"tel": "02-123-4567"}, {"buyer_tel"}),
        ({"tel": "010-1234-567"}, {"buyer_tel"}),
        ({"tel": ""}, {"buyer_tel"}),
        ({"email": "nobody"}, {"buyer_email"}),
        ({"postcode": "1234"}, {"buyer_postcode"}),
        ({"addr": "가" * 201}, {"buyer_addr"}),
        ({"name": " ", "tel": "x", "email": "@"}, {"buyer_name", "buyer_tel", "buyer_email"}),
    ],
)
def test_every_wrong_field_is_named_at_once(fields: dict[str, str], wrong: set[str]) -> None:
    with pytest.raises(InvalidBuyer) as caught:
        Buyer.checked(**({"name": "홍길동", "tel": "01012345678", "email": "a@example.com"} | fields))
    assert set(caught.value.fields) == wrong


# --- placing ---


def test_goods_are_locked_in_id_order_whatever_the_order_in_which_they_came_into_the_cart(buyer: User) -> None:
    """Two buyers who want the same things, each in another order, would otherwise wait for each other."""
    goods = db.session.query(Product).filter_by(kind="once", digital=False).order_by(Product.id.desc()).limit(3).all()
    for item in goods:
        set_stock(item, 0)  # so the one that is asked for first is named
    with pytest.raises(OutOfStock) as refused, transaction():
        orders.reserve([(item, 1) for item in goods])
    assert refused.value.product.id == min(item.id for item in goods)


def test_an_order_takes_our_price_and_reserves_our_stock(buyer: User) -> None:
    goods, parcel = product(), product(digital=False)
    set_stock(parcel, 5)
    cart.put_in_cart(buyer.id, goods.id, 2)
    cart.put_in_cart(buyer.id, parcel.id, 3)
    order = new_order(buyer.id, ADDRESSED_BUYER)
    assert order.amount == 2 * goods.price + 3 * parcel.price
    assert order.status == "pending"
    assert not order.digital
    assert stock_of(parcel) == 2
    assert stock_of(goods) is None


def test_an_empty_cart_is_no_order(buyer: User) -> None:
    with pytest.raises(EmptyCart):
        new_order(buyer.id, BUYER)


def test_a_plan_in_the_cart_is_not_part_of_the_goods(buyer: User) -> None:
    cart.put_in_cart(buyer.id, product("monthly").id, 1)
    with pytest.raises(EmptyCart):
        new_order(buyer.id, BUYER)


def test_a_parcel_without_an_address_is_refused_and_reserves_nothing(buyer: User) -> None:
    parcel = product(digital=False)
    set_stock(parcel, 5)
    cart.put_in_cart(buyer.id, parcel.id, 1)
    with pytest.raises(InvalidBuyer) as caught:
        new_order(buyer.id, replace(ADDRESSED_BUYER, postcode=None))
    assert set(caught.value.fields) == {"buyer_postcode"}
    assert stock_of(parcel) == 5


def test_one_line_out_of_stock_reserves_none_of_the_others(buyer: User) -> None:
    parcels = db.session.query(Product).filter_by(kind="once", digital=False).limit(2).all()
    cart.put_in_cart(buyer.id, parcels[0].id, 2)
    cart.put_in_cart(buyer.id, parcels[1].id, 2)
    set_stock(parcels[0], 5)
    set_stock(parcels[1], 1)
    with pytest.raises(OutOfStock) as caught:
        new_order(buyer.id, ADDRESSED_BUYER)
    assert caught.value.product.id == parcels[1].id
    assert (stock_of(parcels[0]), stock_of(parcels[1])) == (5, 1)
    assert db.session.query(Order).count() == 0


def test_checking_out_again_reuses_the_order_and_reserves_once(buyer: User) -> None:
    parcel = product(digital=False)
    set_stock(parcel, 5)
    cart.put_in_cart(buyer.id, parcel.id, 2)
    first = new_order(buyer.id, ADDRESSED_BUYER)
    again = new_order(buyer.id, replace(ADDRESSED_BUYER, name="성춘향"))
    assert again.id == first.id
    assert again.buyer_name == "성춘향"
    assert stock_of(parcel) == 3


def test_checking_out_a_changed_cart_cancels_the_old_order_and_returns_its_stock(buyer: User) -> None:
    parcel = product(digital=False)
    set_stock(parcel, 5)
    cart.put_in_cart(buyer.id, parcel.id, 4)
    first = new_order(buyer.id, ADDRESSED_BUYER)
    cart.put_in_cart(buyer.id, parcel.id, 3)
    second = new_order(buyer.id, ADDRESSED_BUYER)
    assert second.id != first.id
    assert db.session.get_one(Order, first.id).status == "cancelled"
    assert stock_of(parcel) == 2


def test_a_price_change_makes_a_new_order_at_the_new_price(buyer: User) -> None:
    goods = product()
    cart.put_in_cart(buyer.id, goods.id, 1)
    first = new_order(buyer.id, BUYER)
    with transaction():
        db.session.get_one(Product, goods.id).price += 1000
    second = new_order(buyer.id, BUYER)
    assert second.id != first.id
    assert second.amount == first.amount + 1000


# --- being paid ---


def placed(buyer: User, item: Product, quantity: int = 2) -> Order:
    cart.put_in_cart(buyer.id, item.id, quantity)
    return new_order(buyer.id, ADDRESSED_BUYER)


def test_an_expired_order_is_honoured_only_if_its_goods_can_be_reserved_again(buyer: User) -> None:
    parcel = product(digital=False)
    set_stock(parcel, 5)
    order = placed(buyer, parcel, 2)
    with transaction():
        order = db.session.get_one(Order, order.id)
        move(Order, order.id, "expired")
        orders.give_back(order)
    set_stock(parcel, 1)
    with transaction():
        assert not orders.lock_goods_in_stock(db.session.get_one(Order, order.id))
    set_stock(parcel, 2)
    with transaction():
        assert orders.lock_goods_in_stock(db.session.get_one(Order, order.id))
        orders.pay(db.session.get_one(Order, order.id), "m-1")
    assert stock_of(parcel) == 0


def test_only_the_payment_that_paid_the_order_takes_it_along_when_it_is_cancelled(buyer: User) -> None:
    parcel = product(digital=False)
    set_stock(parcel, 5)
    order = placed(buyer, parcel, 2)
    with transaction():
        orders.pay(db.session.get_one(Order, order.id), "m-1")
    with transaction():
        assert not orders.cancel_paid(db.session.get_one(Order, order.id), "m-surplus")
    assert stock_of(parcel) == 3
    with transaction():
        assert orders.cancel_paid(db.session.get_one(Order, order.id), "m-1")
    assert stock_of(parcel) == 5
    with transaction():
        assert not orders.cancel_paid(db.session.get_one(Order, order.id), "m-1")
    assert stock_of(parcel) == 5


def test_a_pending_order_lives_half_an_hour_from_the_last_checkout(buyer: User) -> None:
    order = placed(buyer, product())
    assert timedelta(minutes=29) < order.expires_at - clock.now() <= timedelta(minutes=30)


# --- names ---


def test_the_title_fits_kgs_thirty_bytes_and_keeps_the_count(buyer: User) -> None:
    items = db.session.query(Product).filter_by(kind="once", digital=True).limit(3).all()
    with transaction():
        db.session.get_one(Product, items[0].id).name_ko = "아주 아주 아주 긴 이름의 디지털 상품"
    for item in items:
        cart.put_in_cart(buyer.id, item.id, 1)
    title = orders.title(new_order(buyer.id, BUYER))
    assert title.startswith("아주 아주")
    assert title.endswith(" 외 2건")
    assert len(title.encode("cp949")) <= 30


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("夜の散歩", "夜の散… 외 1건"),
        ("🌙🌙", "주문 상품 외 1건"),
        (unicodedata.normalize("NFD", "달빛 머그"), "달빛 머그 외 1건"),
        ("아주 아주 아주 긴 이름의 디지털 상품", "아주 아주 아주 긴 이… 외 1건"),
    ],
)
def test_a_title_of_goods_that_kg_cannot_print_is_readable_and_opens_an_attempt(
    name: str, title: str, buyer: User, provider: FakeProvider
) -> None:
    items = db.session.query(Product).filter_by(kind="once", digital=True).limit(2).all()
    with transaction():
        db.session.get_one(Product, items[0].id).name_ko = name
    for item in items:
        cart.put_in_cart(buyer.id, item.id, 1)
    order = new_order(buyer.id, BUYER)
    assert orders.title(order) == title
    assert order_payments.start(provider, order, BUYER).name == title


def test_a_buyers_orders_come_newest_first(buyer: User) -> None:
    first = placed(buyer, product())
    with transaction():
        orders.pay(db.session.get_one(Order, first.id), "m-1")
    second = placed(buyer, product())
    assert [order.id for order in orders.orders_of(buyer.id)] == [second.id, first.id]


@pytest.mark.parametrize("sign", ["\x00", "\ud800", "\u202e", "\n"])
def test_signs_that_no_form_can_show_are_refused_by_the_name_of_the_field(sign: str) -> None:
    with pytest.raises(InvalidBuyer) as refused:
        Buyer.checked(f"홍{sign}길동", "01012345678", f"b{sign}@example.com", f"서울{sign}시", "04524")
    assert set(refused.value.fields) == {"buyer_name", "buyer_email", "buyer_addr"}


# --- money laws ---


@pytest.mark.law
def test_law_3_stock_is_not_oversold_by_many_buyers_at_once(app: Flask, shop: Any) -> None:
    parcel = product(digital=False)
    with transaction():
        db.session.get_one(Product, parcel.id).stock = 3
        buyers = [User(email=f"b{n}@example.com", password_hash="x") for n in range(8)]
        db.session.add_all(buyers)
    for buyer in buyers:
        cart.put_in_cart(buyer.id, parcel.id, 1)
    waiting = iter([buyer.id for buyer in buyers])

    def buy() -> str:
        try:
            new_order(next(waiting), ADDRESSED_BUYER)
        except cart.OutOfStock:
            return "too late"
        return "placed"

    assert Counter(at_once(app, buy, 8)) == {"placed": 3, "too late": 5}
    end_reading()
    db.session.expire_all()
    assert parcel.stock == 0
    assert db.session.query(Order).count() == 3


@pytest.mark.law
def test_law_9_prices_and_amounts_of_the_shop_are_integers_of_won(buyer: User) -> None:
    order = placed(buyer, product(), 3)
    assert type(product().price) is type(order.amount) is int
    assert all(
        str(column.type) == "INTEGER"
        for table in (Order, Product)
        for column in table.__table__.columns
        if "amount" in column.name or "price" in column.name
    )
