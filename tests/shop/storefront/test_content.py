"""The content of digital goods and of plans: what its buyer opens, and when."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from payments import clock
from payments.database import db, transaction
from payments.events import Notification
from payments.models import Payment
from payments.monthly import subscriptions
from payments.monthly.models import Subscription
from payments.sync import sync_payment
from shop.orders import cart
from shop.orders.catalogue import CATALOGUE
from shop.orders.models import Order, User
from tests import clocks
from tests.conftest import ADDRESSED_BUYER, csrf_of, order_of, order_window, product, sign_in
from tests.payments.fakes import FakeProvider
from tests.shop.bought import paid, started

WARNING = "이용을 시작하면 청약철회가 제한됩니다."
FIRST_STORY = "가로등 아래"  # of the e-book, which is the first digital product


@pytest.fixture
def payment(client: FlaskClient, provider: FakeProvider, buyer: User) -> Payment:
    """An e-book that the signed-in buyer has paid."""
    sign_in(client)
    return paid(provider, buyer)


def page_of(client: FlaskClient, order_id: Any) -> str:
    return client.get(f"/orders/{order_id}/content", follow_redirects=True).get_data(as_text=True)


def use(client: FlaskClient, order_id: Any) -> int:
    return client.post(f"/orders/{order_id}/use", headers=csrf_of(client)).status_code


def test_before_the_first_use_the_page_shows_the_warning_and_no_content(client: FlaskClient, payment: Payment) -> None:
    page = page_of(client, payment.purchase_id)
    assert WARNING in page
    assert FIRST_STORY not in page
    assert order_of(payment).content_opened_at is None


def test_using_goods_opens_their_content_and_later_visits_need_no_second_press(
    client: FlaskClient, payment: Payment
) -> None:
    answer = client.post(f"/orders/{payment.purchase_id}/use", headers=csrf_of(client))
    assert answer.location == f"/orders/{payment.purchase_id}/content"
    for _ in range(2):
        assert FIRST_STORY in page_of(client, payment.purchase_id)
    assert use(client, payment.purchase_id) == 302
    db.session.expire_all()
    assert order_of(payment).content_opened_at == order_of(payment).fulfilled_at == clock.now()
    assert "이용하기" in client.get(f"/orders/{payment.purchase_id}").get_data(as_text=True)


def test_content_is_for_the_owner_of_a_paid_order_only(
    client: FlaskClient, payment: Payment, other_buyer: User
) -> None:
    use(client, payment.purchase_id)
    with transaction():
        db.session.get_one(Order, int(payment.purchase_id)).status = "cancelled"
    assert FIRST_STORY not in page_of(client, payment.purchase_id)
    assert use(client, payment.purchase_id) == 409
    sign_in(client, other_buyer.email)
    assert client.get(f"/orders/{payment.purchase_id}/content").status_code == 404


def test_goods_that_are_only_shipped_have_no_content(client: FlaskClient, provider: FakeProvider, buyer: User) -> None:
    sign_in(client)
    payment = paid(provider, buyer, product(digital=False))
    assert use(client, payment.purchase_id) == 409
    assert "이용 시작하기" not in page_of(client, payment.purchase_id)


def test_using_the_digital_part_of_a_mixed_order_does_not_mark_it_as_sent(
    client: FlaskClient, provider: FakeProvider, buyer: User
) -> None:
    sign_in(client)
    for digital in (True, False):
        cart.put_in_cart(buyer.id, product(digital=digital).id, 1)
    payment = order_window(provider, buyer.id, ADDRESSED_BUYER)
    provider.hears_of(payment.merchant_uid, amount=payment.amount)
    sync_payment(provider, Notification("callback", merchant_uid=payment.merchant_uid))
    assert use(client, payment.purchase_id) == 302
    page = page_of(client, payment.purchase_id)
    assert FIRST_STORY in page
    assert product(digital=False).name_ko not in page
    order = db.session.get_one(Order, int(payment.purchase_id), populate_existing=True)
    assert (order.content_opened_at, order.fulfilled_at) == (clock.now(), None)


@pytest.mark.parametrize("slug", [item["slug"] for item in CATALOGUE if item["digital"]])
def test_every_digital_product_of_the_catalogue_has_a_page_of_its_own(slug: str, app: Flask) -> None:
    app.jinja_env.get_template(f"content/{slug}.html")


# --- plans ---


@pytest.fixture
def plan(client: FlaskClient, provider: FakeProvider, buyer: User) -> Subscription:
    """A plan of the signed-in buyer's, started on 15 November; its content is open."""
    sign_in(client)
    subscription = started(provider, buyer)
    assert WARNING in page_of(client, subscription.purchase_id)
    assert use(client, subscription.purchase_id) == 302
    return subscription


def test_a_plans_content_is_open_while_it_runs(client: FlaskClient, plan: Subscription) -> None:
    assert "이달의 웹진" in page_of(client, plan.purchase_id)
    assert f"/orders/{plan.purchase_id}/content" in client.get("/subscriptions").get_data(as_text=True)


def test_an_ended_plan_says_until_when_it_may_be_used_and_can_be_used_until_then(
    client: FlaskClient, plan: Subscription
) -> None:
    with transaction():
        subscriptions.end(db.session.get_one(Subscription, plan.id), "by_buyer", clock.now())
    assert "2054-12-14까지 이용하실 수 있습니다." in client.get("/subscriptions").get_data(as_text=True)
    clocks.later(timedelta(days=29))  # the last day
    assert "이달의 웹진" in page_of(client, plan.purchase_id)
    clocks.later(timedelta(days=1))
    assert "이달의 웹진" not in page_of(client, plan.purchase_id)
    assert "2054-12-14에 끝났습니다." in client.get("/subscriptions").get_data(as_text=True)


def test_a_plan_whose_only_month_went_back_can_no_longer_be_used(
    client: FlaskClient, plan: Subscription, provider: FakeProvider
) -> None:
    with transaction():
        payment = db.session.query(Payment).filter_by(customer_uid=plan.customer_uid).one()
        payment.held_reason = "refunded_by_bank"
        subscriptions.end(db.session.get_one(Subscription, plan.id), "cancelled", clock.now())
    assert "결제가 취소되어 더 이용하실 수 없습니다." in client.get("/subscriptions").get_data(as_text=True)
    assert "이달의 웹진" not in page_of(client, plan.purchase_id)


def test_the_ebook_holds_the_three_stories_that_its_page_promises(client: FlaskClient, payment: Payment) -> None:
    assert "단편 3편" in client.get("/products/night-walk-ebook").get_data(as_text=True)
    use(client, payment.purchase_id)
    for story in ("첫째 이야기", "둘째 이야기", "셋째 이야기"):
        assert story in page_of(client, payment.purchase_id)
