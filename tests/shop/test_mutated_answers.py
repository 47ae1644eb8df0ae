"""Answers that PortOne never documented, through our endpoints, the sweep, the monthly run and a cancel.

Nothing here ever answers 500, nor blames the caller; and no row is written that a page cannot show.
"""

import re
from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
import requests
import responses
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from payments.cancel import cancel_payment
from payments.database import db, transaction
from payments.events import Notification
from payments.models import Payment
from payments.monthly import charging
from payments.monthly.models import Subscription
from payments.sweep import sweep
from payments.sync import sync_payment
from shop.orders import cart
from shop.orders.models import User
from tests import clocks
from tests.conftest import ADDRESSED_BUYER, BUYER, order_window, plan_window, product, sign_in
from tests.payments.portone.mutations import NO_JSON, Changes, as_bytes, changed, changes
from tests.payments.portone.stubs import EXAMPLES, answer, token

PORTONE = re.compile(r"http://127\.0\.0\.1:9/sandbox/(?!controls).*")
# Each example costs a dozen pages, so an example that fails is not made smaller.
FEW = settings(
    max_examples=10,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)

a_payment = changes(*EXAMPLES["paid_once_pc"], "imp_uid", "merchant_uid", "status", "paid_at", "pg_tid", "fail_reason")
a_key = changes(*EXAMPLES["billing_key"])
statuses = st.sampled_from(["paid", "paid", "failed", "cancelled", "ready"])
bodies = st.sampled_from(["", "", "", *NO_JSON])  # "": the changed example


class MutatedPortOne:
    """Answers every call with one payment or its key, changed as a test says; or with `body`, if that is set."""

    def __init__(self) -> None:
        self.ids: dict[str, Any] = {}
        self.status = "paid"
        self.payment: Changes = []
        self.key: Changes = []
        self.body = ""  # the name of a body that is no JSON
        self.numbers = count(1)

    def is_about(self, payment: Payment, status: str) -> str:
        """From now on the answers are about this payment; return its imp_uid."""
        self.ids = {"merchant_uid": payment.merchant_uid, "customer_uid": payment.customer_uid}
        self.ids |= {"imp_uid": f"imp_{next(self.numbers):012d}", "amount": payment.amount}
        self.status = status
        return str(self.ids["imp_uid"])

    def says(self) -> dict[str, Any]:
        name = {"paid": "paid_once_pc", "ready": "failed"}.get(self.status, self.status)
        now = int(clocks.now().timestamp())
        when = {f"{self.status}_at": now} if self.status != "ready" else {"failed_at": 0}
        gone = self.ids["amount"] if self.status == "cancelled" else 0
        facts = {"status": self.status, "cancel_amount": gone, "paid_at": 0 if self.status == "ready" else now}
        return changed(EXAMPLES[name] | facts | when | self.ids, self.payment)

    def hear(self, request: requests.PreparedRequest) -> tuple[int, dict[str, str], bytes]:
        path = unquote(urlsplit(str(request.url)).path).removeprefix("/sandbox")
        return 200, {"Content-Type": "application/json"}, self.answer(path)

    def answer(self, path: str) -> bytes:
        if path == "/users/getToken":
            return as_bytes(token())
        if path.startswith("/payments/prepare") or not self.ids:
            return as_bytes(answer({"amount": 0}))
        if self.body:
            return NO_JSON[self.body]
        if path.startswith("/subscribe/customers/"):
            key = EXAMPLES["billing_key"] | {"customer_uid": self.ids["customer_uid"]}
            return as_bytes(answer(changed(key, self.key)))
        if path.startswith("/payments/status/"):
            return as_bytes(answer({"total": 2, "previous": 0, "next": 0, "list": [self.says(), 7]}))
        return as_bytes(answer(self.says()))


@pytest.fixture
def portone() -> Iterator[MutatedPortOne]:
    portone = MutatedPortOne()
    with responses.RequestsMock(assert_all_requests_are_fired=False) as wire:
        for method in ("GET", "POST", "DELETE"):
            wire.add_callback(method, PORTONE, portone.hear)
        yield portone


def buyer_with_a_window(app: Flask, kind: str, number: int) -> tuple[User, Payment]:
    """A new buyer, who has opened a window."""
    with transaction():
        buyer = User(email=f"b{number}@example.com", password_hash="-", role="buyer")
        db.session.add(buyer)
    provider = app.extensions["payments"].provider
    if kind == "monthly":
        return buyer, plan_window(provider, buyer.id, product("monthly").id, BUYER)
    cart.put_in_cart(buyer.id, product().id, 1)
    return buyer, order_window(provider, buyer.id, ADDRESSED_BUYER)


def notify(client: FlaskClient, source: str, ids: dict[str, str]) -> int:
    if source == "redirect":
        return client.get("/payment/redirect", query_string=ids).status_code
    return client.post("/payment/complete" if source == "callback" else "/payment/webhook", json=ids).status_code


ALLOWED = {"webhook": {200, 503}, "callback": {200, 409, 503}, "redirect": {303, 409, 503}}


def check_pages(client: FlaskClient, payment: Payment, buyer: User) -> None:
    """Whoever reads about this payment gets a page."""
    sign_in(client, buyer.email)
    order = f"/orders/{payment.purchase_id}"
    pages = [*([order] if not payment.period else []), "/orders", "/subscriptions"]
    assert [client.get(page).status_code for page in pages] == [200] * len(pages)
    sign_in(client, "admin@example.com")
    pages = [f"/admin/payments/{payment.merchant_uid}"]
    if payment.customer_uid:
        pages += [f"/admin/billing-keys/{payment.customer_uid}", f"/admin/billing-keys/{payment.customer_uid}/portone"]
    for page in pages:
        answered = client.get(page, follow_redirects=True)
        assert answered.status_code in ({200, 503} if page.endswith("/portone") else {200})
        answered.get_data().decode()


def check_lists(client: FlaskClient) -> None:
    """Whoever reads the lists gets them whole, with everything that was written."""
    sign_in(client, "admin@example.com")
    lists = ("payments", "payments.csv", "webhooks", "billing-keys", "subscriptions", "monthly", "", "audit")
    for name in (*lists, *(f"payments?status={state}" for state in ("paid", "held", "unknown", "stuck", "duplicate"))):
        answered = client.get(f"/admin/{name}")
        assert answered.status_code == 200, name
        answered.get_data().decode()
    for name in ("reconcile?first=2054-11-14&last=2054-11-16", "reconcile.csv?first=2054-11-14&last=2054-11-16"):
        assert client.get(f"/admin/{name}").status_code in (200, 503), name


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["once", "monthly"])
def test_whatever_portone_sends_our_endpoints_answer_and_every_page_shows_what_was_written(
    kind: str, app: Flask, client: FlaskClient, shop: Any, portone: MutatedPortOne
) -> None:
    numbers = count(1)

    @FEW
    @given(statuses, a_payment, a_key, bodies, st.sampled_from(sorted(ALLOWED)), st.booleans())
    def mutate(
        status: str, payment_changes: Changes, key_changes: Changes, body: str, source: str, with_imp_uid: bool
    ) -> None:
        portone.ids, portone.body = {}, ""
        buyer, payment = buyer_with_a_window(app, kind, next(numbers))
        imp_uid = portone.is_about(payment, status)
        portone.payment, portone.key, portone.body = payment_changes, key_changes, body
        ids = {"merchant_uid": payment.merchant_uid} | ({"imp_uid": imp_uid} if with_imp_uid else {})
        assert notify(client, source, ids) in ALLOWED[source]
        for heard in (source, "webhook"):  # the same once more, and then as it should have been
            assert notify(client, heard, ids) in ALLOWED[heard]
        check_pages(client, payment, buyer)
        portone.payment, portone.key, portone.body = [], [], ""
        assert notify(client, "webhook", ids) == 200
        check_pages(client, payment, buyer)

    mutate()
    check_lists(client)
    clocks.later(timedelta(days=2))
    assert sweep(app.extensions["payments"].provider)["error"] == 0


@pytest.mark.slow
def test_whatever_portone_answers_to_a_charge_or_a_cancel_it_is_a_result_and_can_be_shown(
    app: Flask, client: FlaskClient, shop: Any, portone: MutatedPortOne
) -> None:
    provider, numbers = app.extensions["payments"].provider, count(1)

    @FEW
    @given(statuses, a_payment, bodies)
    def mutate(status: str, payment_changes: Changes, body: str) -> None:
        clocks.stand_at()
        portone.ids, portone.payment, portone.body = {}, [], ""
        buyer, first = buyer_with_a_window(app, "monthly", next(numbers))
        portone.is_about(first, "paid")
        assert sync_payment(provider, Notification("webhook", merchant_uid=first.merchant_uid)).outcome == "paid"

        portone.status, portone.payment, portone.body = "cancelled", payment_changes, body
        cancelled = cancel_payment(provider, first.id, "고객 변심", Notification("admin", actor="admin@example.com"))
        assert cancelled.outcome in ("cancelled", "refused", "unknown")
        check_pages(client, first, buyer)

        subscription = db.session.query(Subscription).filter_by(purchase_id=first.purchase_id).one()
        if subscription.status != "active":
            return
        clocks.later(timedelta(days=31))
        portone.payment, portone.body = [("merchant_uid", "dropped")], ""  # the look-up knows no such charge
        attempt = charging.claim(subscription.id)
        assert isinstance(attempt, charging.Attempt)
        month = db.session.query(Payment).filter_by(merchant_uid=attempt.request.merchant_uid).one()
        portone.is_about(month, status)
        portone.payment, portone.body = payment_changes, body
        assert charging.charge_claimed(provider, attempt) in ("charged", "declined", "held", "unknown", "key_gone")
        check_pages(client, month, buyer)

    mutate()
    check_lists(client)
    assert sweep(provider)["error"] == 0
