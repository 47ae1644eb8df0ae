"""What starts and ends a subscription, and which day is next."""

import itertools
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from payments import clock
from payments.attempts import AlreadyPaid, EarlierUnknown, look_up_earlier_attempts
from payments.cancel import cancel_payment
from payments.clock import SEOUL
from payments.database import db, transaction
from payments.events import Notification
from payments.models import Cancellation, Payment, move
from payments.monthly import AlreadySubscribed, subscriptions
from payments.monthly.charge_days import LAST_START, charge_day, charge_window
from payments.monthly.models import FIRST_MONTH, BillingKey, Subscription
from payments.portone.report import OutcomeUnknown
from payments.sync import sync_payment
from sandbox.ledger.monthly import LastCharge, refusal_to_charge
from shop.orders import cart, order_payments
from shop.orders.cart import NotOnSale
from shop.orders.models import Order, User
from tests.conftest import BUYER, new_plan_order, order_of, plan_window, product, sign_in
from tests.payments.fakes import FakeProvider

NOON = datetime(2055, 1, 31, 3, tzinfo=UTC)


def started(buyer: User, plan_id: int | None = None, paid_at: datetime = NOON) -> Subscription:
    """A subscription as a paid first month leaves it."""
    provider = FakeProvider()
    payment = plan_window(provider, buyer.id, plan_id or product("monthly").id, BUYER)
    pays(provider, payment, paid_at)
    subscription = subscriptions.subscription_of(payment.purchase_id)
    assert subscription
    return subscription


def pays(provider: FakeProvider, payment: Payment, paid_at: datetime = NOON) -> str:
    provider.issues_key(payment.customer_uid or "")
    facts = {"amount": payment.amount, "customer_uid": payment.customer_uid, "paid_at": paid_at}
    provider.hears_of(payment.merchant_uid, **facts)
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


def test_the_first_month_activates_the_key_and_freezes_day_amount_and_buyer(buyer: User) -> None:
    subscription = started(buyer)
    key = db.session.query(BillingKey).one()
    assert (subscription.status, subscription.anchor_day) == ("active", 31)
    assert subscription.next_charge_on == date(2055, 2, 28)
    assert (key.status, key.issued_at, key.buyer_tel) == ("active", NOON, BUYER.tel)
    assert subscription.customer_uid == key.customer_uid
    assert [row.id for row in subscriptions.subscriptions_of(buyer.id)] == [subscription.id]


def test_the_anchor_day_is_the_day_in_seoul(buyer: User) -> None:
    late_evening_in_utc = datetime(2055, 3, 9, 20, tzinfo=UTC)
    assert started(buyer, paid_at=late_evening_in_utc).anchor_day == 10


def test_nobody_subscribes_to_a_plan_twice(buyer: User) -> None:
    started(buyer)
    with pytest.raises(AlreadySubscribed):
        new_plan_order(buyer.id, product("monthly").id, BUYER)


def test_the_cart_does_not_offer_a_plan_that_runs_already(client: FlaskClient, buyer: User) -> None:
    plan = int(started(buyer).plan_ref)
    sign_in(client)
    cart.put_in_cart(buyer.id, plan, 1)
    page = client.get("/cart").get_data(as_text=True)
    assert "이미 이용 중인 구독입니다." in page
    assert f'data-product-id="{plan}"' not in page


def test_of_two_orders_for_one_plan_the_second_one_paid_does_not_start(provider: FakeProvider, buyer: User) -> None:
    plan = product("monthly").id
    late = plan_window(provider, buyer.id, plan, BUYER)
    with transaction():
        move(Order, order_of(late).id, "expired")
    assert pays(provider, plan_window(provider, buyer.id, plan, BUYER), clock.now()) == "paid"
    assert pays(provider, late, clock.now()) == "held"
    db.session.expire_all()
    assert (late.status, late.cancel_reason) == ("cancelled", "이미 이용 중인 구독이라 자동 취소")
    assert db.session.query(Subscription).filter_by(status="active").count() == 1


def test_an_ended_subscription_takes_its_key_along_and_may_be_started_anew(buyer: User) -> None:
    subscription = started(buyer)
    with transaction():
        subscriptions.end(db.session.get_one(Subscription, subscription.id), "cancelled", NOON)
    db.session.expire_all()
    assert (subscription.status, subscription.end_reason, subscription.next_charge_on) == ("ended", "cancelled", None)
    assert db.session.query(BillingKey).one().status == "ended"
    new_plan_order(buyer.id, product("monthly").id, BUYER)


@pytest.mark.parametrize(
    ("last", "anchor", "following"),
    [
        (date(2055, 1, 31), 31, date(2055, 2, 28)),
        (date(2055, 2, 28), 31, date(2055, 3, 31)),
        (date(2056, 1, 30), 30, date(2056, 2, 29)),
        (date(2055, 12, 15), 15, date(2056, 1, 15)),
    ],
)
def test_the_day_is_clamped_to_short_months_and_comes_back(last: date, anchor: int, following: date) -> None:
    assert charge_day(last, anchor) == following


@given(st.dates(date(2052, 1, 1), date(2068, 1, 1)), st.integers(2, 36))
def test_every_month_is_charged_once_and_never_more_than_five_days_off(first: date, months: int) -> None:
    """KG's rule: once every calendar month, within five days of last month's day."""
    days = [first]
    for _ in range(months):
        days.append(charge_day(days[-1], first.day))
    assert [day.year * 12 + day.month for day in days] == list(
        range(first.year * 12 + first.month, first.year * 12 + first.month + months + 1)
    )
    for before, after in itertools.pairwise(days):
        next_month = charge_day(before, before.day)
        assert abs(after - next_month) <= timedelta(days=5)


@given(
    st.dates(date(2054, 1, 1), date(2060, 1, 1)), st.lists(st.integers(0, 5), min_size=2, max_size=30), st.booleans()
)
def test_on_whichever_day_of_our_window_a_month_is_paid_kg_agrees(first: date, delays: list[int], fixed: bool) -> None:
    """Whether KG counts its five days from last month's day or from the first one: the sandbox's rules can do both."""
    paid, due_on = first, charge_day(first, first.day)
    for delay in delays:
        window = charge_window(due_on, paid)
        assert due_on <= window.first <= window.last
        day = min(window.first + timedelta(days=delay), window.last)
        for moment in (time(0, 0), LAST_START):
            asked = datetime.combine(day, moment, SEOUL)
            assert window.state_at(asked) == "open"
            last = LastCharge(paid, first, 4900, {}, cancelled=False)
            assert refusal_to_charge(last, asked, 4900, {}, fixed_anchor=fixed) is None
        paid, due_on = day, charge_day(due_on, first.day)


def test_a_plan_is_not_begun_again_while_the_key_of_its_paid_first_month_is_unknown(
    provider: FakeProvider, buyer: User
) -> None:
    plan = product("monthly").id
    payment = plan_window(provider, buyer.id, plan, BUYER)
    provider.key_trouble = OutcomeUnknown("no answer")
    assert pays(provider, payment) == "unknown"
    orders_of_buyer = order_payments.recent_orders(buyer.id, "monthly")
    with pytest.raises(EarlierUnknown):
        look_up_earlier_attempts(provider, FIRST_MONTH, orders_of_buyer)
    provider.key_trouble = None
    with pytest.raises(AlreadyPaid):
        look_up_earlier_attempts(provider, FIRST_MONTH, orders_of_buyer)
    with pytest.raises(AlreadySubscribed):
        new_plan_order(buyer.id, plan, BUYER)


def test_a_key_of_the_other_kind_of_channel_starts_nothing_and_waits_for_a_person(
    provider: FakeProvider, buyer: User
) -> None:
    payment = plan_window(provider, buyer.id, product("monthly").id, BUYER)
    key = payment.customer_uid or ""
    provider.issues_key(key)
    provider.keys[key] = replace(provider.keys[key], is_test_channel=False)
    provider.hears_of(payment.merchant_uid, amount=payment.amount, customer_uid=key)
    notification = Notification("callback", merchant_uid=payment.merchant_uid)
    found = sync_payment(provider, notification).payment
    assert found
    assert (found.status, found.held_reason) == ("paid", "key_channel")
    assert db.session.query(Cancellation).count() == 0
    assert subscriptions.subscriptions_of(buyer.id) == []
    assert cancel_payment(provider, found.id, "설정이 틀림", notification).outcome == "cancelled"
    assert [row.status for row in db.session.query(BillingKey)] == ["ended"]


@pytest.mark.parametrize("told", [True, None])
def test_a_key_of_our_kind_of_channel_or_of_an_untold_one_starts_the_plan(
    told: bool | None, provider: FakeProvider, buyer: User
) -> None:
    payment = plan_window(provider, buyer.id, product("monthly").id, BUYER)
    key = payment.customer_uid or ""
    provider.issues_key(key)
    provider.keys[key] = replace(provider.keys[key], is_test_channel=told)
    provider.hears_of(payment.merchant_uid, amount=payment.amount, customer_uid=key)
    assert sync_payment(provider, Notification("callback", merchant_uid=payment.merchant_uid)).outcome == "paid"
    assert [row.is_test_channel for row in db.session.query(BillingKey)] == [told]
