"""The cart: what goes in, how many of it, and what is left when an order is paid."""

import pytest

from payments.database import db, transaction
from shop.orders import cart, orders
from shop.orders.cart import Limit, NotOnSale
from shop.orders.models import CartItem, Order, Product, User
from tests.conftest import ADDRESSED_BUYER, new_order, product


def told(limit: Limit | None) -> tuple[int, int, str] | None:
    return (limit.product.id, limit.most, limit.reason) if limit else None


def test_adding_the_same_product_again_raises_its_quantity_up_to_the_limit(buyer: User) -> None:
    item = product()
    cart.put_in_cart(buyer.id, item.id, 2, add=True)
    cart.put_in_cart(buyer.id, item.id, 3, add=True)
    assert [line.quantity for line in cart.cart_items(buyer.id, "once")] == [5]
    cart.put_in_cart(buyer.id, item.id, 99, add=True)
    assert [line.quantity for line in cart.cart_items(buyer.id, "once")] == [cart.MOST_PER_LINE]


def test_a_plan_is_in_the_cart_at_most_once(buyer: User) -> None:
    cart.put_in_cart(buyer.id, product("monthly").id, 3, add=True)
    assert [line.quantity for line in cart.cart_items(buyer.id, "monthly")] == [1]
    assert not cart.cart_items(buyer.id, "once")


def test_what_is_more_than_the_limit_is_capped_and_the_limit_is_named(buyer: User) -> None:
    goods, parcel, plan = product(), product(digital=False), product("monthly")
    with transaction():
        db.session.get_one(Product, parcel.id).stock = 3
    assert cart.put_in_cart(buyer.id, goods.id, 20) is None
    assert told(cart.put_in_cart(buyer.id, goods.id, 1, add=True)) == (goods.id, 20, "per_line")
    assert told(cart.put_in_cart(buyer.id, parcel.id, 6)) == (parcel.id, 3, "stock")
    assert cart.put_in_cart(buyer.id, plan.id, 1) is None
    assert told(cart.put_in_cart(buyer.id, plan.id, 1, add=True)) == (plan.id, 1, "plan")
    assert [line.quantity for line in cart.cart_items(buyer.id, "once")] == [20, 3]


def test_goods_that_are_sold_out_stay_in_the_cart_and_do_not_become_more(buyer: User) -> None:
    parcel, other = db.session.query(Product).filter_by(kind="once", digital=False).limit(2)
    cart.put_in_cart(buyer.id, parcel.id, 2)
    with transaction():
        for one in (parcel, other):
            db.session.get_one(Product, one.id).stock = 0
    assert told(cart.put_in_cart(buyer.id, parcel.id, 1, add=True)) == (parcel.id, 0, "stock")
    assert told(cart.put_in_cart(buyer.id, other.id, 1)) == (other.id, 0, "stock")
    assert {line.product_id: line.quantity for line in cart.cart_items(buyer.id, "once")} == {parcel.id: 2}
    assert cart.put_in_cart(buyer.id, parcel.id, 0) is None
    assert cart.cart_items(buyer.id, "once") == []


def test_what_the_buyers_own_pending_order_has_reserved_counts_as_in_stock(buyer: User) -> None:
    parcel = product(digital=False)
    with transaction():
        db.session.get_one(Product, parcel.id).stock = 3
    cart.put_in_cart(buyer.id, parcel.id, 3)
    new_order(buyer.id, ADDRESSED_BUYER)
    assert cart.put_in_cart(buyer.id, parcel.id, 2) is None
    assert told(cart.put_in_cart(buyer.id, parcel.id, 4)) == (parcel.id, 3, "stock")


def test_quantity_zero_removes_the_line(buyer: User) -> None:
    item = product()
    cart.put_in_cart(buyer.id, item.id, 2)
    cart.put_in_cart(buyer.id, item.id, 0)
    assert cart.cart_items(buyer.id, "once") == []


def test_what_is_not_on_sale_does_not_enter_the_cart(buyer: User) -> None:
    with pytest.raises(NotOnSale):
        cart.put_in_cart(buyer.id, 999_999, 1)


def test_the_bought_lines_leave_the_cart_and_what_was_added_since_stays(buyer: User) -> None:
    item, other = db.session.query(Product).filter_by(kind="once", stock=None).limit(2).all()
    cart.put_in_cart(buyer.id, item.id, 2)
    order = new_order(buyer.id, ADDRESSED_BUYER)
    cart.put_in_cart(buyer.id, item.id, 5)
    cart.put_in_cart(buyer.id, other.id, 1)
    with transaction():
        orders.pay(db.session.get_one(Order, order.id), "m-1")
    left = {line.product_id: line.quantity for line in db.session.query(CartItem).all()}
    assert left == {item.id: 3, other.id: 1}
