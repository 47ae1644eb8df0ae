"""A plan of the shop: its order, its window, and that nobody takes it twice."""

import pytest
from flask.testing import FlaskClient

from payments.attempts import AlreadyPaid, EarlierUnknown, look_up_earlier_attempts
from payments.database import db
from payments.events import Notification
from payments.models import Payment
from payments.monthly import AlreadySubscribed, subscriptions
from payments.monthly.models import FIRST_MONTH
from payments.portone.report import OutcomeUnknown
from payments.sync import sync_payment
from shop.orders import cart, order_payments
from shop.orders.cart import NotOnSale
from shop.orders.models import User
from tests.conftest import BUYER, new_plan_order, order_of, plan_window, product, sign_in
from tests.payments.fakes import FakeProvider
from tests.shop.bought import started


def pays(provider: FakeProvider, payment: Payment) -> str:
    provider.issues_key(payment.customer_uid or "")
    provider.hears_of(payment.merchant_uid, amount=payment.amount, customer_uid=payment.customer_uid)
    return sync_payment(provider, Notification("callback", merchant_uid=payment.merchant_uid)).outcome


def test_a_window_for_a_plan_opens_an_order_for_its_price_and_a_subscription_that_waits(
    provider: FakeProvider, buyer: User
) -> None:
    plan = product("monthly")
    payment = plan_window(provider, buyer.id, plan.id, BUYER)
    order, subscription = order_of(payment), subscriptions.subscription_of(payment.purchase_id)
    assert (order.kind, order.amount, order.status) == ("monthly", plan.price, "pending")
    assert subscription
    assert (subscription.status, subscription.amount, subscription.customer_uid) == ("pending", plan.price, None)
    assert subscriptions.subscriptions_of(buyer.id) == []


def test_asking_again_reuses_the_order_but_every_attempt_gets_a_key_of_its_own(
    provider: FakeProvider, buyer: User
) -> None:
    attempts = [plan_window(provider, buyer.id, product("monthly").id, BUYER) for _ in range(2)]
    assert len({one.purchase_id for one in attempts}) == 1
    keys = {one.customer_uid for one in attempts}
    assert len(keys) == 2
    assert all(uid and len(uid) <= 80 for uid in keys)


def test_choosing_the_other_plan_ends_the_one_that_was_never_paid(provider: FakeProvider, buyer: User) -> None:
    plans = db.session.query(type(product())).filter_by(kind="monthly").all()
    first = plan_window(provider, buyer.id, plans[0].id, BUYER)
    new_plan_order(buyer.id, plans[1].id, BUYER)
    db.session.expire_all()
    assert order_of(first).status == "cancelled"
    ended = subscriptions.subscription_of(first.purchase_id)
    assert ended
    assert (ended.status, ended.end_reason) == ("ended", "replaced")


def test_goods_are_not_a_plan(buyer: User) -> None:
    with pytest.raises(NotOnSale):
        new_plan_order(buyer.id, product("once").id, BUYER)


def test_nobody_subscribes_to_a_plan_twice(provider: FakeProvider, buyer: User) -> None:
    started(provider, buyer)
    with pytest.raises(AlreadySubscribed):
        new_plan_order(buyer.id, product("monthly").id, BUYER)


def test_the_cart_does_not_offer_a_plan_that_runs_already(
    client: FlaskClient, provider: FakeProvider, buyer: User
) -> None:
    plan = int(started(provider, buyer).plan_ref)
    sign_in(client)
    cart.put_in_cart(buyer.id, plan, 1)
    page = client.get("/cart").get_data(as_text=True)
    assert "이미 이용 중인 구독입니다." in page
    assert f'data-product-id="{plan}"' not in page


def test_a_plan_is_not_begun_again_while_the_key_of_its_paid_first_month_is_unknown(
    provider: FakeProvider, buyer: User
) -> None:
    plan = product("monthly").id
    payment = plan_window(provider, buyer.id, plan, BUYER)
    provider.key_trouble = OutcomeUnknown("no answer")
    assert pays(provider, payment) == "unknown"
    orders_of_buyer = order_payments.orders_with_ready_attempt(buyer.id, "monthly")
    with pytest.raises(EarlierUnknown):
        look_up_earlier_attempts(provider, FIRST_MONTH, orders_of_buyer)
    provider.key_trouble = None
    with pytest.raises(AlreadyPaid):
        look_up_earlier_attempts(provider, FIRST_MONTH, orders_of_buyer)
    with pytest.raises(AlreadySubscribed):
        new_plan_order(buyer.id, plan, BUYER)
