"""Every address of the shop, from its URL map: who may come in, and what a link, a stranger or a forged form cannot do.

A new route is tested here without being asked. Whatever it names in its address, and whether anybody may visit it, is
written in the lists below; the test fails until it is.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask, url_for
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.routing import Rule

from payments.database import Base, db, transaction
from payments.models import Event, Payment
from payments.monthly.models import Subscription
from shop.orders.models import User
from shop.storefront import account
from tests.conftest import csrf_of, product, sign_in
from tests.payments.fakes import FakeProvider
from tests.shop.bought import started

# PortOne and the payment page knock here without a session or a token of ours; they only cause a look-up.
DOORS = {"payments.complete", "payments.redirect_back", "payments.webhook", "payments.confirm"}

# The sandbox moves the clock here, in sandbox mode only; guarded like its own controls: see test_clock_buttons.py.
CONTROLS = {"demo_follow.follow"}

# A story of the demo signs its visitor in as a buyer of its own.
STORIES = {"demo_stories.play"}

# Addresses that anybody may visit.
OPEN = (
    DOORS
    | CONTROLS
    | STORIES
    | {
        "static",
        "store.index",
        "store.product",
        "store.add_item",  # a visitor's wish is kept until the sign-in
        "account.login",
        "account.signup",
        "account.language",
        "legal.terms",
        "legal.privacy",
        "legal.refund",
        "health.healthz",
        "health.readyz",
        "metrics.metrics",  # has a lock of its own: see test_metrics.py
    }
)

# What an address names belongs to one buyer, and to everybody else it does not exist.
OWNED = {"order_id", "subscription_id"}


@pytest.fixture
def names(provider: FakeProvider, buyer: User) -> dict[str, Any]:
    """Something real, of `buyer@example.com`, for each name that an address may hold."""
    subscription: Subscription = started(provider, buyer)
    payment = db.session.scalars(select(Payment).filter_by(customer_uid=subscription.customer_uid)).one()
    delivery = Event(source="webhook", merchant_uid=payment.merchant_uid, outcome="unchanged", reason="told before")
    with transaction():
        db.session.add(delivery)
    return {
        "event_id": delivery.id,
        "subscription_id": subscription.id,
        "order_id": int(subscription.purchase_id),
        "merchant_uid": payment.merchant_uid,
        "customer_uid": subscription.customer_uid,
        "product_id": int(subscription.plan_ref),
        "slug": product("monthly").slug,
        "filename": "base.css",
        "story": "paid-twice",
        "message_id": 1,  # of the subscription's first month
    }


@pytest.fixture
def addresses(app: Flask, names: dict[str, Any]) -> list[tuple[Rule, str]]:
    with app.test_request_context():
        found = []
        for rule in app.url_map.iter_rules():
            missing = rule.arguments - names.keys()
            assert not missing, f"{rule}: teach this test what {missing} names"
            found.append((rule, url_for(rule.endpoint, **{name: names[name] for name in rule.arguments})))
        return found


def changing(addresses: list[tuple[Rule, str]]) -> Iterator[tuple[Rule, str]]:
    return ((rule, address) for rule, address in addresses if "POST" in (rule.methods or ()))


def readable(addresses: list[tuple[Rule, str]]) -> Iterator[tuple[Rule, str]]:
    return ((rule, address) for rule, address in addresses if "GET" in (rule.methods or ()))


def test_nothing_is_changed_by_other_methods_than_post(addresses: list[tuple[Rule, str]]) -> None:
    for rule, _ in addresses:
        assert (rule.methods or set()) <= {"GET", "HEAD", "OPTIONS", "POST"}, rule


def test_a_link_changes_nothing(client: FlaskClient, addresses: list[tuple[Rule, str]]) -> None:
    sign_in(client, "admin@example.com")
    pages = {address for _, address in readable(addresses)}
    for rule, address in changing(addresses):
        if address not in pages:
            answer = client.get(address)
            assert answer.status_code == 405, rule
            assert "POST" in answer.headers["Allow"]


def test_head_is_answered_like_get_on_every_page(client: FlaskClient, addresses: list[tuple[Rule, str]]) -> None:
    for email in (None, "buyer@example.com", "admin@example.com"):
        if email:
            sign_in(client, email)
        for rule, address in readable(addresses):
            with client.get(address) as shown, client.head(address) as head:
                assert (head.status_code, head.data) == (shown.status_code, b""), f"{email} {rule}"


def books() -> dict[str, int]:
    return {
        table.name: db.session.scalar(select(func.count()).select_from(table)) or 0
        for table in Base.metadata.sorted_tables
    }


def test_reading_every_page_leaves_the_books_as_they_are(
    client: FlaskClient, addresses: list[tuple[Rule, str]]
) -> None:
    before = books()
    states = [(payment.id, payment.status, payment.held_reason) for payment in db.session.query(Payment)]
    for email in ("buyer@example.com", "admin@example.com"):
        sign_in(client, email)
        for rule, address in readable(addresses):
            if rule.endpoint not in DOORS:
                with client.get(address) as answer:
                    assert answer.status_code < 500, rule
    assert books() == before
    db.session.expire_all()
    assert [(payment.id, payment.status, payment.held_reason) for payment in db.session.query(Payment)] == states


def test_only_the_payment_endpoints_are_exempt_from_the_token(app: Flask, client: FlaskClient, addresses: Any) -> None:
    csrf = app.extensions["csrf"]
    exempt = {each.name for each in csrf._exempt_blueprints}
    assert (csrf._exempt_views, exempt) == (set(), {"payments", "demo_follow"})
    assert {rule.endpoint for rule in app.url_map.iter_rules() if rule.endpoint.startswith("demo_follow.")} == CONTROLS
    assert {rule.endpoint for rule in app.url_map.iter_rules() if rule.endpoint.startswith("payments.")} == DOORS
    for email in ("buyer@example.com", "admin@example.com"):
        sign_in(client, email)
        for rule, address in changing(addresses):
            if rule.endpoint in DOORS | CONTROLS:
                continue
            for options in ({"data": {}}, {"json": {}}, {"headers": {"X-CSRFToken": "forged"}}):
                answer = client.post(address, **options)
                assert answer.status_code == 400, rule
                assert b"csrf" in answer.data or "새로고침" in answer.get_data(as_text=True), rule


def test_a_visitor_comes_in_where_the_list_says_so_and_nowhere_else(client: FlaskClient, addresses: Any) -> None:
    token = csrf_of(client)
    for rule, address in addresses:
        if rule.endpoint in OPEN:
            continue
        for method in {"GET", "POST"} & (rule.methods or set()):
            answer = client.open(address, method=method, headers=token)
            to_login = answer.status_code == 302 and answer.location.startswith("/login")
            assert to_login or answer.status_code == 401, f"{method} {rule}: say in OPEN if anybody may visit it"


def test_what_belongs_to_another_buyer_does_not_exist(client: FlaskClient, addresses: Any, other_buyer: User) -> None:
    sign_in(client, other_buyer.email)
    token = csrf_of(client)
    owned = [(rule, address) for rule, address in addresses if rule.arguments & OWNED and "/admin" not in rule.rule]
    assert owned
    for rule, address in owned:
        for method in {"GET", "POST"} & (rule.methods or set()):
            assert client.open(address, method=method, headers=token).status_code == 404, f"{method} {rule}"


def test_to_a_buyer_the_back_office_does_not_exist(client: FlaskClient, addresses: Any) -> None:
    sign_in(client)
    token = csrf_of(client)
    back_office = [(rule, address) for rule, address in addresses if rule.rule.startswith("/admin")]
    assert len(back_office) > 10
    for rule, address in back_office:
        for method in {"GET", "POST"} & (rule.methods or set()):
            assert client.open(address, method=method, headers=token).status_code == 404, f"{method} {rule}"


# Pages whose whole purpose is to ask an operator once more.
ASKED_BEFORE_AN_ACT = {"admin.confirm_delete"}


def test_a_viewer_sees_every_page_of_the_back_office_and_acts_on_none(
    client: FlaskClient, addresses: Any, provider: FakeProvider
) -> None:
    account.create_user("viewer@example.com", "a-long-password", role="viewer")
    sign_in(client, "viewer@example.com")
    token = csrf_of(client)
    asked = list(provider.asked)
    for rule, address in addresses:
        if not rule.rule.startswith("/admin"):
            continue
        if "GET" in (rule.methods or ()):
            seen = client.get(address).status_code
            assert seen == (403 if rule.endpoint in ASKED_BEFORE_AN_ACT else 200), rule
        if "POST" in (rule.methods or ()):
            assert client.post(address, headers=token).status_code == 403, rule
    new = {question for question, _ in provider.asked[len(asked) :]}
    assert new <= {"get_billing_key", "get_payment", "payments_between"}  # looking at PortOne's books is looking
