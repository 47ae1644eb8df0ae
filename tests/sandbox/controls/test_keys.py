"""Keys issued elsewhere: stored with their paid months, they are charged by KG's rules like the sandbox's own."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from sandbox import Sandbox
from tests.clocks import NOON
from tests.sandbox.conftest import Merchant, go_to

BUYER = {"buyer_name": "홍길동", "buyer_tel": "01012345678", "buyer_email": "buyer@example.com"}
LAST_MONTH = int(NOON.timestamp()) - 30 * 86_400


def payment(number: int = 1, **more: Any) -> dict[str, Any]:
    ids = {"imp_uid": f"imp_{number:012d}", "merchant_uid": f"month-{number}"}
    return BUYER | ids | {"name": "월간 읽기", "amount": 9900, "paid_at": LAST_MONTH} | more


def key(**more: Any) -> dict[str, Any]:
    return {"customer_uid": "moved", "phone": "010-1234-5678", "payments": [payment()]} | more


def test_a_key_issued_elsewhere_is_charged_this_month(
    anybody: FlaskClient, merchant: Merchant, sandbox: Sandbox
) -> None:
    assert anybody.post("/controls/billing-keys", json={"keys": [key()]}).json == {"stored": 1, "received": 1}
    _, code, _, found = merchant("GET", "/subscribe/customers/moved")
    assert (code, found["customer_name"]) == (0, "홍길동")
    _, _, _, paid = merchant("GET", "/payments/imp_000000000001?include_sandbox=true")
    assert (paid["status"], paid["customer_uid_usage"]) == ("paid", "issue")
    charge = {"customer_uid": "moved", "merchant_uid": "this-month", "amount": 9900, "name": "월간 읽기"}
    _, _, _, charged = merchant("POST", "/subscribe/payments/again", json=charge)
    assert charged["status"] == "paid", charged["fail_reason"]


def test_of_several_months_the_latest_is_the_one_that_kg_compares_with(
    anybody: FlaskClient, merchant: Merchant, sandbox: Sandbox
) -> None:
    months = [payment(2), payment(1, paid_at=LAST_MONTH - 31 * 86_400)]  # in any order
    anybody.post("/controls/billing-keys", json={"keys": [key(payments=months)]})
    go_to(sandbox, "2054-11-16")
    charge = {"customer_uid": "moved", "merchant_uid": "this-month", "amount": 9900, "name": "월간 읽기"}
    _, _, _, charged = merchant("POST", "/subscribe/payments/again", json=charge)
    assert charged["status"] == "paid", charged["fail_reason"]


def test_a_key_that_was_deleted_is_charged_no_more(anybody: FlaskClient, merchant: Merchant, sandbox: Sandbox) -> None:
    anybody.post("/controls/billing-keys", json={"keys": [key()]})
    assert anybody.delete("/controls/billing-keys/moved").json == {"deleted": True}
    assert anybody.delete("/controls/billing-keys/moved").status_code == 404
    charge = {"customer_uid": "moved", "merchant_uid": "this-month", "amount": 9900, "name": "월간 읽기"}
    _, code, _, charged = merchant("POST", "/subscribe/payments/again", json=charge)
    assert (code, charged) == (1, None)


def test_a_key_that_is_known_stays_as_it_is(anybody: FlaskClient, sandbox: Sandbox) -> None:
    for stored in (1, 0):
        told = anybody.post("/controls/billing-keys", json={"keys": [key()]}).json
        assert told == {"stored": stored, "received": 1}


@pytest.mark.parametrize(
    ("keys", "field"),
    [
        (None, "keys"),
        ([], "keys"),
        ([7], "keys"),
        ([key()] * 201, "keys"),
        ([key(customer_uid="")], "customer_uid"),
        ([key(phone="call me")], "phone"),
        ([key(payments=[])], "payments"),
        ([key(payments=[payment(amount="9900")])], "amount"),
        ([key(payments=[payment(paid_at=int(NOON.timestamp()) + 86_400)])], "paid_at"),
        ([key(payments=[payment(imp_uid=None)])], "imp_uid"),
        ([key(payments=[payment(status="failed")])], "status"),
    ],
)
def test_what_is_no_key_is_refused_by_its_field(keys: Any, field: str, anybody: FlaskClient) -> None:
    answer = anybody.post("/controls/billing-keys", json={"keys": keys})
    assert (answer.status_code, answer.json and answer.json["field"]) == (400, field)
