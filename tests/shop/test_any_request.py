"""Whatever is sent to whichever address of the shop, by whomever: no answer is a 5xx but 503."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask, got_request_exception
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app import close_app
from payments.database import db
from payments.portone.report import Channel, OutcomeUnknown
from shop.config import Settings, load_settings
from shop.orders import cart
from shop.orders.models import User
from tests import generated
from tests.conftest import BUYER, NOBODY_ANSWERS, create_shop, order_window, product
from tests.payments.fakes import FakeProvider
from tests.shop.test_url_map import names  # noqa: F401

OFF = {"SIGN_IN_LIMIT": "off", "SIGN_UP_LIMIT": "off", "CHECKOUT_LIMIT": "off"}
NAMES = [
    "imp_uid", "merchant_uid", "status", "amount", "success", "error_code", "error_msg", "cancellation_id", "email",
    "password", "next", "terms", "privacy", "consents_asked", "language", "product_id", "quantity", "kind",
    "buyer_name", "buyer_tel", "buyer_email", "buyer_addr", "buyer_addr_detail", "buyer_postcode",
    "recipient", "recipient_tel", "delivery_note", "then", "note", "reason",
    "account", "refunded_at", "q", "page", "before", "after", "from", "to", "first", "last", "days", "source",
    "outcome", "month", "state", "held", "pg", "customer_uid", "actor", "act", "csv", "sort", "csrf_token", "", "a[b]",
]  # fmt: skip
KNOWN = [
    "buyer@example.com", "demo", "once", "monthly", "01012345678", "홍길동", "04524", "서울시 중구", "2054-11", "paid",
    "2054-11-15", "2054-11-15T09:00", "imp_000000000001", "/orders", "ready", "failed", 1, 9900, "9900", "ko", "imp_%2",
]  # fmt: skip
METHODS = ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"]


class Provider(FakeProvider):
    def channels(self) -> list[Channel]:
        """What only the check-up asks."""
        raise OutcomeUnknown("no answer")


class Shop:
    """The shop with something real for each name in an address, and a count of what it answered."""

    def __init__(self, app: Flask, real: dict[str, Any]) -> None:
        self.app = app
        self.real = real
        self.rules = sorted({rule.rule for rule in app.url_map.iter_rules()})
        self.statuses: Counter[int] = Counter()
        self.errors: list[BaseException] = []
        got_request_exception.connect(self._keep, app)
        app.config["WTF_CSRF_ENABLED"] = False  # or no body would come further
        app.testing = False

    def _keep(self, _app: Flask, exception: BaseException, **_more: Any) -> None:
        self.errors.append(exception)

    def send(self, method: str, address: str, role: str, options: dict[str, Any]) -> None:
        client = self.app.test_client()
        if role:
            with client.session_transaction() as session:
                session["_user_id"], session["_fresh"] = role, True
        self.errors.clear()
        options = {**options, "headers": _without_cookie(options["headers"]) if role else options["headers"]}
        with self.app.app_context(), client.open(address, method=method, **options) as answer:  # a `g` of its own
            self.statuses[answer.status_code] += 1
            shown = (method, address, role, options, self.errors)
            assert answer.status_code < 500 or answer.status_code == 503, shown
            assert answer.data is not None


def _without_cookie(headers: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name != "Cookie"}


@pytest.fixture
def app(settings: Settings, database: dict[str, str]) -> Iterator[Flask]:
    app = create_shop(load_settings(NOBODY_ANSWERS | OFF | database, settings.instance_path))
    yield app
    close_app(app)


@pytest.fixture
def provider(app: Flask) -> FakeProvider:
    app.extensions["payments"].provider = Provider()
    return app.extensions["payments"].provider


@pytest.fixture
def roles(buyer: User) -> list[str]:
    """Signed out, the buyer, and the administrator, as a session names them."""
    admin = db.session.query(User).filter_by(email="admin@example.com").one()
    return ["", buyer.get_id(), admin.get_id()]


@pytest.fixture
def shop_under_test(app: Flask, provider: FakeProvider, names: dict[str, Any], buyer: User) -> Shop:  # noqa: F811
    cart.put_in_cart(buyer.id, product().id, 1)
    payment = order_window(provider, buyer.id, BUYER)
    provider.hears_of(payment.merchant_uid, amount=payment.amount)
    return Shop(app, names)


def flood(shop: Shop, roles: list[str], examples: int) -> None:
    @settings(
        max_examples=examples, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
    )
    @given(data=st.data())
    def send(data: st.DataObject) -> None:
        rule = data.draw(st.sampled_from(shop.rules))
        method = data.draw(st.sampled_from(METHODS if data.draw(st.booleans()) else ["GET", "POST"]))
        address = data.draw(generated.path(rule, shop.real))
        shop.send(method, address, data.draw(st.sampled_from(roles)), data.draw(generated.options(NAMES, KNOWN)))

    send()


def test_no_generated_request_is_a_fault_of_ours(shop_under_test: Shop, roles: list[str]) -> None:
    flood(shop_under_test, roles, 60)


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_none_of_many_generated_requests_is_a_fault_of_ours(shop_under_test: Shop, roles: list[str]) -> None:
    flood(shop_under_test, roles, 4000)
    print(shop_under_test.statuses)


@pytest.mark.slow
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("who", [0, 1, 2], ids=["signed out", "buyer", "admin"])
def test_no_harmful_body_to_any_address_by_anybody_is_a_fault_of_ours(
    who: int, shop_under_test: Shop, roles: list[str], provider: FakeProvider
) -> None:
    """Every address that GET or POST reaches; PortOne answers, and then it does not."""
    shop = shop_under_test
    with shop.app.test_request_context():
        targets = [
            (method, generated.real_path(rule.rule, shop.real))
            for rule in shop.app.url_map.iter_rules()
            for method in sorted(rule.methods or ())
            if method in ("GET", "POST")
        ]
    for trouble in (None, OutcomeUnknown("no answer")):
        provider.trouble = trouble
        for method, address in targets:
            for content, kind in generated.HARMFUL_BODIES.items():
                shop.send(method, address, roles[who], {"data": content, "content_type": kind, "headers": {}})
    print(shop.statuses)
