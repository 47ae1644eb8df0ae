"""The cart: what goes in, how many of it, and what is left when an order is paid."""

import pytest

from payments.database import db, transaction
from shop.orders import cart, orders
from shop.orders.cart import NotOnSale
from shop.orders.models import CartItem, Order, Product, User
from tests.conftest import ADDRESSED_BUYER, new_order, product


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
