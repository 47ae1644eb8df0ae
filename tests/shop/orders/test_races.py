"""What only a database with many writers can get wrong: rows read before another transaction changed them."""

import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask

from app import close_app
from payments import clock
from payments.database import db, transaction
from payments.models import Payment, move
from payments.monthly import AlreadySubscribed, claims, subscriptions
from payments.monthly.models import Subscription
from shop.config import load_settings
from shop.orders import cart, orders
from shop.orders.models import Order, Product, User
from tests import clocks
from tests.conftest import (
    ADDRESSED_BUYER,
    BUYER,
    NOBODY_ANSWERS,
    create_shop,
    new_order,
    new_plan_order,
    order_window,
    plan_window,
    product,
)
from tests.payments.fakes import FakeProvider
from tests.payments.threads import beside
from tests.shop.bought import started

pytestmark = pytest.mark.slow

BLOCKED_SECONDS = 0.5  # long enough for the other one to have read, and to wait for the lock


@pytest.fixture
def app(postgres_url: str, tmp_path: Path) -> Iterator[Flask]:
    app = create_shop(load_settings(NOBODY_ANSWERS | {"DATABASE_URL": postgres_url}, tmp_path))
    app.testing = True
    yield app
    close_app(app)


def test_an_order_that_is_paid_while_the_cart_changes_stays_paid(
    app: Flask, provider: FakeProvider, buyer: User
) -> None:
    buyer_id, parcel = buyer.id, product(digital=False)
    cart.put_in_cart(buyer_id, product().id, 1)
    payment = order_window(provider, buyer_id, BUYER)
    cart.put_in_cart(buyer_id, parcel.id, 1)
    with transaction():
        paid = db.session.get_one(Order, int(payment.purchase_id), with_for_update=True)
        orders.pay(paid, payment.merchant_uid)
        placing, results = beside(app, lambda: new_order(buyer_id, ADDRESSED_BUYER).id)
        time.sleep(BLOCKED_SECONDS)
    placing.join()
    db.session.expire_all()
    assert db.session.get_one(Order, int(payment.purchase_id)).status == "paid"
    assert results != [payment.purchase_id]


@pytest.mark.parametrize("act", ["checkout", "one more"])
def test_what_is_being_paid_is_not_sold_or_counted_again(
    act: str, app: Flask, provider: FakeProvider, buyer: User
) -> None:
    """A second tab, in the moment between the order's payment and its commit."""
    buyer_id, item_id = buyer.id, product().id
    cart.put_in_cart(buyer_id, item_id, 1)
    payment = order_window(provider, buyer_id, BUYER)
    with transaction():
        paid = db.session.get_one(Order, int(payment.purchase_id), with_for_update=True)
        orders.pay(paid, payment.merchant_uid)
        work = {
            "checkout": lambda: new_order(buyer_id, BUYER).id,
            "one more": lambda: cart.put_in_cart(buyer_id, item_id, 1, add=True),
        }[act]
        acting, results = beside(app, work)
        time.sleep(BLOCKED_SECONDS)
    acting.join()
    db.session.expire_all()
    if act == "checkout":
        assert [type(one) for one in results] == [cart.EmptyCart]
    else:
        assert results == [None]
        assert [line.quantity for line in cart.cart_items(buyer_id, "once")] == [1]


def test_a_plan_that_is_being_paid_is_not_begun_again(app: Flask, provider: FakeProvider, buyer: User) -> None:
    buyer_id, plan_id = buyer.id, product("monthly").id
    payment = plan_window(provider, buyer_id, plan_id, BUYER)
    with transaction():
        paid = db.session.get_one(Order, int(payment.purchase_id), with_for_update=True)
        orders.pay(paid, payment.merchant_uid)
        waiting = subscriptions.subscription_of(paid.id)
        assert waiting and move(Subscription, waiting.id, "active")
        acting, results = beside(app, lambda: new_plan_order(buyer_id, plan_id, BUYER).id)
        time.sleep(BLOCKED_SECONDS)
    acting.join()
    assert [type(one) for one in results] == [AlreadySubscribed]


def test_month_of_a_plan_that_is_ended_at_the_same_moment_is_not_claimed(
    app: Flask, provider: FakeProvider, buyer: User
) -> None:
    """The claim waits for the subscription's lock, and reads the row again under it."""
    subscription_id = started(provider, buyer).id
    clocks.later(timedelta(days=31))
    with transaction():
        subscription = db.session.get_one(Subscription, subscription_id, with_for_update=True)
        claiming, results = beside(app, lambda: claims.claim(subscription_id))
        time.sleep(BLOCKED_SECONDS)
        subscriptions.end(subscription, "by_buyer", clock.now())
    claiming.join()
    assert results == ["skipped"]
    assert db.session.query(Payment).filter_by(status="ready").count() == 0


def test_two_tabs_that_begin_a_plan_at_once_get_the_same_order(app: Flask, provider: FakeProvider, buyer: User) -> None:
    buyer_id, plan_id = buyer.id, product("monthly").id
    with transaction():
        cart.lock_buyer(buyer_id)
        tabs = [beside(app, lambda: new_plan_order(buyer_id, plan_id, BUYER).id) for _ in range(3)]
        time.sleep(BLOCKED_SECONDS)
    for thread, _results in tabs:
        thread.join()
    ids = [one for _thread, results in tabs for one in results]
    assert len(set(ids)) == 1
    assert isinstance(ids[0], int)


def test_two_buyers_who_swap_their_goods_never_wait_for_each_other(
    app: Flask, provider: FakeProvider, buyer: User, other_buyer: User
) -> None:
    parcels = db.session.query(Product).filter_by(kind="once", digital=False).order_by(Product.id).limit(2).all()
    ids, users = [one.id for one in parcels], [buyer.id, other_buyer.id]
    for user_id, product_id in zip(users, ids, strict=True):
        cart.put_in_cart(user_id, product_id, 1)
        new_order(user_id, ADDRESSED_BUYER)
    for _ in range(10):
        ids.reverse()
        for user_id, product_id, other_id in zip(users, ids, reversed(ids), strict=True):
            cart.put_in_cart(user_id, other_id, 0)
            cart.put_in_cart(user_id, product_id, 1)
        started = [beside(app, lambda user_id=user_id: new_order(user_id, ADDRESSED_BUYER).id) for user_id in users]
        for thread, _results in started:
            thread.join()
        assert not [one for _, results in started for one in results if isinstance(one, Exception)]
