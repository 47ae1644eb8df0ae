"""Every answer of every endpoint has the names, types and required fields of PortOne V1's own schema.

Where the schema says `string` and the wire showed null, null is right: what does not apply is null. A required name is
always there; a few of them are never null.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from sandbox import Sandbox
from tests.sandbox.conftest import Merchant, go_to, issue_key, open_window, pay, payments_of

SCHEMA = json.loads((Path(__file__).parent / "v1.schema.json").read_text())
NEVER_NULL = {
    "imp_uid", "merchant_uid", "amount", "cancel_amount", "currency", "status", "sandbox", "customer_uid",
    "pg_provider", "pg_id", "inserted", "updated", "started_at", "paid_at", "failed_at", "cancelled_at", "total",
    "previous",
    "next", "access_token", "expired_at", "now", "schedule_at", "executed_at", "revoked_at", "schedule_status",
    "cancellation_id", "pg_tid", "reason", "type",
}  # fmt: skip
MAY_BE_NULL = {
    "PaymentAnnotation": {"customer_uid", "pg_tid"},
    "PaymentPrepareAnnotation": {"currency"},
    "ScheduleResultAnnotation": {"imp_uid"},
}
# The schema requires the names of a page there, by a slip; the answer was seen to have none of them.
NOT_REQUIRED = {"PaymentPrepareAnnotation": {"total", "previous", "next"}}
TYPES: dict[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "object": lambda value: isinstance(value, dict),
}


def expect_shape(name: str, thing: Any) -> None:
    """The object has all names of this shape, no others, and each of the right type."""
    shape = SCHEMA["shapes"][name]
    assert isinstance(thing, dict)
    optional = NOT_REQUIRED.get(name, set())
    assert set(shape["required"]) - optional <= set(thing), name
    assert set(thing) == set(shape["properties"]), name
    for field, rule in shape["properties"].items():
        expect_type(f"{name}.{field}", rule, thing[field], field in NEVER_NULL - MAY_BE_NULL.get(name, set()))


def expect_type(where: str, rule: dict[str, Any], value: Any, never_null: bool) -> None:
    if value is None:
        assert not never_null, where
    elif "is" in rule:
        expect_shape(rule["is"], value)
    elif rule["type"] == "array":
        for one in value:
            if rule["of"] in SCHEMA["shapes"]:
                expect_shape(rule["of"], one)
            else:
                assert TYPES[rule["of"]](one), where
    else:
        assert TYPES[rule["type"]](value), (where, value)
        assert len(str(value)) <= rule.get("longest", 10**6), where


def expect_answer(call: str, answer: tuple[int, int, Any, Any]) -> None:
    """A success of this call, in its shape."""
    status, code, message, response = answer
    assert (code, message) == (0, None), call
    assert status in SCHEMA["answers"][call]["statuses"], call
    shape = SCHEMA["answers"][call]["response"]
    if isinstance(shape, str):
        expect_shape(shape, response)
        return
    assert response, call
    for one in response:
        expect_shape(shape[0], one)


@pytest.fixture
def world(sandbox: Sandbox) -> dict[str, Any]:
    """A payment in each state, a key whose month is due, a schedule to come."""
    go_to(sandbox, "2055-01-15")
    first = issue_key(sandbox)
    go_to(sandbox, "2055-02-15")
    pay(sandbox, merchant_uid="paid-1", custom_data={"cart": 42})
    pay(sandbox, merchant_uid="to-cancel-1")
    open_window(sandbox, merchant_uid="ready-1")
    sandbox.ledger.close_window(open_window(sandbox, merchant_uid="failed-1"))
    return first


# call: (path, options), in the order in which they can be made
CALLS: list[tuple[str, str, dict[str, Any]]] = [
    ("GET /users/pg", "/users/pg", {}),
    ("GET /payments/find/{merchant_uid}/{payment_status}", "/payments/find/paid-1/paid", {}),
    ("GET /payments/find/{merchant_uid}/{payment_status}", "/payments/find/ready-1", {}),
    ("GET /payments/findAll/{merchant_uid}/{payment_status}", "/payments/findAll/failed-1", {}),
    ("GET /payments/status/{payment_status}", "/payments/status/all", {}),
    ("GET /payments", "/payments?merchant_uid[]=paid-1&merchant_uid[]=ready-1", {}),
    ("GET /payments", "/payments?merchant_uid[]=paid-1&merchant_uid[]=nobodys", {}),
    ("POST /payments/cancel", "/payments/cancel", {"json": {"merchant_uid": "to-cancel-1"}}),
    ("POST /payments/prepare", "/payments/prepare", {"json": {"merchant_uid": "p-1", "amount": 9900}}),
    ("PUT /payments/prepare", "/payments/prepare", {"json": {"merchant_uid": "p-1", "amount": 5000}}),
    ("GET /payments/prepare/{merchant_uid}", "/payments/prepare/p-1", {}),
    (
        "POST /subscribe/payments/again",
        "/subscribe/payments/again",
        {"json": {"customer_uid": "key-1", "merchant_uid": "sub-x", "amount": 1000}},
    ),
    (
        "POST /subscribe/payments/again",
        "/subscribe/payments/again",
        {"json": {"customer_uid": "key-1", "merchant_uid": "sub-2", "amount": 9900}},
    ),
    (
        "POST /subscribe/payments/schedule",
        "/subscribe/payments/schedule",
        {
            "json": {
                "customer_uid": "key-1",
                "schedules": [
                    {"merchant_uid": f"sub-{month}", "schedule_at": 2688692400 + month, "amount": 9900, "name": "월"}
                    for month in (3, 4)
                ],
            }
        },
    ),
    (
        "GET /subscribe/payments/schedule",
        "/subscribe/payments/schedule?schedule_from=2688692400&schedule_to=2688692500",
        {},
    ),
    ("GET /subscribe/payments/schedule/{merchant_uid}", "/subscribe/payments/schedule/sub-3", {}),
    (
        "PUT /subscribe/payments/schedule/{merchant_uid}",
        "/subscribe/payments/schedule/sub-3",
        {"json": {"schedule_at": 2688692450}},
    ),
    (
        "GET /subscribe/payments/schedule/customers/{customer_uid}",
        "/subscribe/payments/schedule/customers/key-1?from=2688692400&to=2688692500",
        {},
    ),
    (
        "GET /subscribe/customers/{customer_uid}/schedules",
        "/subscribe/customers/key-1/schedules?from=2688692400&to=2688692500",
        {},
    ),
    ("POST /subscribe/payments/unschedule", "/subscribe/payments/unschedule", {"json": {"customer_uid": "key-1"}}),
    (
        "POST /subscribe/payments/schedule/{merchant_uid}/reschedule",
        "/subscribe/payments/schedule/sub-3/reschedule",
        {"json": {"schedule_at": 2688692460}},
    ),
    ("POST /subscribe/payments/schedule/{merchant_uid}/retry", "/subscribe/payments/schedule/sub-4/retry", {}),
    ("GET /subscribe/customers/{customer_uid}", "/subscribe/customers/key-1", {}),
    ("GET /subscribe/customers", "/subscribe/customers?customer_uid[]=key-1", {}),
    ("GET /subscribe/customers", "/subscribe/customers?customer_uid[]=key-1&customer_uid[]=nobodys", {}),
    ("GET /subscribe/customers/{customer_uid}/payments", "/subscribe/customers/key-1/payments", {}),
    ("DELETE /subscribe/customers/{customer_uid}", "/subscribe/customers/key-1?reason=x", {}),
]
# Never a success for a phone payment.
REFUSED = {
    "GET /payments/{imp_uid}/balance": (404, -1, "(현재는 PAYCO, KCP만 지원됩니다) 결제건에 대한"),
    "POST /subscribe/customers/{customer_uid}": (200, 1, "비인증결제모듈 사용정보를 찾을 수 없습니다."),
    "POST /subscribe/payments/onetime": (200, 1, "비인증결제모듈 사용정보를 찾을 수 없습니다."),
}


def test_every_success_has_the_schemas_shape(
    world: dict[str, Any], merchant: Merchant, anybody: FlaskClient, sandbox: Sandbox
) -> None:
    for call, path, options in CALLS:
        expect_answer(call, merchant(call.split(" ")[0], path, **options))
    expect_answer("GET /payments/{imp_uid}", merchant("GET", f"/payments/{world['imp_uid']}?include_sandbox=true"))
    granted = anybody.post("/users/getToken", json={"imp_key": "imp_apikey", "imp_secret": "sandbox_secret"}).json
    assert granted
    expect_answer("POST /users/getToken", (200, granted["code"], granted["message"], granted["response"]))
    assert len(payments_of(sandbox, "sub-4")) == 1


@pytest.mark.parametrize("call", REFUSED)
def test_what_a_phone_cannot_do_is_refused_in_the_words_that_were_seen(call: str, merchant: Merchant) -> None:
    method, path = call.split(" ")
    answer = merchant(method, path.replace("{imp_uid}", "imp_1").replace("{customer_uid}", "key-1"))
    status, code, said = REFUSED[call]
    assert (answer[0], answer[1], answer[3]) == (status, code, None)
    assert answer[2].startswith(said)


def test_no_call_of_the_schema_is_missing_here() -> None:
    tried = {call for call, _, _ in CALLS} | set(REFUSED) | {"GET /payments/{imp_uid}", "POST /users/getToken"}
    assert tried == set(SCHEMA["answers"])


@pytest.mark.parametrize("call", [call for call in SCHEMA["answers"] if call != "POST /users/getToken"])
def test_without_a_token_every_call_is_unauthorized(call: str, anybody: FlaskClient) -> None:
    method, path = call.split(" ")
    answer = anybody.open(path.replace("{", "").replace("}", ""), method=method)
    assert (answer.status_code, answer.json) == (401, {"code": -1, "message": "Unauthorized", "response": None})


def test_the_wire_looks_as_it_was_seen(merchant: Merchant, anybody: FlaskClient, sandbox: Sandbox) -> None:
    pay(sandbox)
    answer = anybody.get("/payments/find/order-1", headers={"Authorization": merchant.token})
    assert answer.headers["Content-Type"] == "application/json; charset=UTF-8"
    assert answer.data.isascii()  # Hangul as \uXXXX
    assert list(json.loads(answer.data)["response"]) == sorted(SCHEMA["shapes"]["PaymentAnnotation"]["properties"])
    assert anybody.put("/payments/imp_1/balance", headers={"Authorization": merchant.token}).status_code == 405
    unknown = anybody.get("/payments/a/b/c/d", headers={"Authorization": merchant.token})
    assert (unknown.status_code, unknown.json and unknown.json["code"]) == (404, -1)
