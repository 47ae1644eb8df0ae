"""No request needs two database connections at once: with a pool of N, N requests that wait for a second one starve."""

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.pool import QueuePool

from payments.database import db
from tests.conftest import csrf_of, product, sign_in
from tests.payments.fakes import FakeProvider

pytestmark = pytest.mark.law

BUYER = {"buyer_name": "홍길동", "buyer_tel": "01012345678", "buyer_email": "buyer@example.com"}


@pytest.fixture
def one_connection(app: Flask) -> Iterator[Flask]:
    with app.app_context():
        engine = db.engine
    engine.dispose()
    before: Any = engine.pool
    engine.pool = QueuePool(before._creator, pool_size=1, max_overflow=0, timeout=1, dialect=engine.dialect)
    yield app
    engine.dispose()
    engine.pool = before


@pytest.mark.slow
def test_buying_using_cancelling_and_the_office_take_one_connection_each(
    one_connection: Flask, provider: FakeProvider
) -> None:
    app = one_connection
    with app.app_context():
        thing, plan = product().id, product("monthly").id
    buyer, admin = app.test_client(), app.test_client()
    sign_in(buyer)
    sign_in(admin, "admin@example.com")

    def post(client: FlaskClient, address: str, **given: Any) -> Any:
        answer = client.post(address, headers=csrf_of(client), **given)
        assert answer.status_code < 400, (address, answer.status_code)
        return answer.get_json(silent=True)

    def pays(asked: Any) -> str:
        facts = {"amount": asked["request_pay"]["amount"], "customer_uid": asked["request_pay"].get("customer_uid")}
        with app.app_context():
            provider.issues_key(facts["customer_uid"] or "")
            provider.hears_of(asked["merchant_uid"], **facts)
        page = post(buyer, "/payment/complete", json={"merchant_uid": asked["merchant_uid"]})["redirect"]
        assert isinstance(page, str)
        return page

    for act in ("use", "cancel"):
        post(buyer, "/cart/items", data={"product_id": thing, "quantity": 1})
        for _ in range(2):  # the second looks up the first
            asked = post(buyer, "/checkout", json={"kind": "once", **BUYER})
        page = pays(asked)
        post(buyer, f"{page}/{act}", data={"reason": "마음이 바뀜"})
        post(buyer, f"{page}/cancel", data={"reason": "그래도"})
        post(admin, f"/admin/payments/{asked['merchant_uid']}/ask", data={"reason": "확인"})
        if act == "use":
            post(admin, f"/admin/payments/{asked['merchant_uid']}/decline", data={"reason": "이미 사용함"})
    asked = post(buyer, "/checkout", json={"kind": "monthly", "product_id": plan, **BUYER})
    pays(asked)
    post(buyer, "/subscriptions/1/end")
    key = asked["request_pay"]["customer_uid"]
    post(admin, f"/admin/billing-keys/{key}/delete", data={"reason": "확인"})
