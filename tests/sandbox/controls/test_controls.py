"""The controls: payments without a browser, the clock, a fresh start, the delivery log."""

from datetime import datetime, timedelta

import pytest
from flask.testing import FlaskClient
from pytest_httpserver import HTTPServer

from sandbox import Sandbox
from sandbox.ledger.kg import refusal_of
from tests.clocks import NOON
from tests.sandbox.conftest import ASKED, Merchant, go_to, open_window, pay


@pytest.mark.parametrize(
    ("outcome", "success", "status"),
    [("approve", True, "paid"), ("decline", False, "failed"), ("close", False, "failed")],
)
def test_a_payment_can_be_made_without_a_browser(
    outcome: str, success: bool, status: str, anybody: FlaskClient, sandbox: Sandbox
) -> None:
    told = anybody.post("/controls/payments", json=ASKED | {"outcome": outcome}).json
    assert told
    assert (told["success"], told["merchant_uid"]) == (success, "order-1")
    payment = sandbox.ledger.payment(told["imp_uid"])
    assert payment
    assert payment["status"] == status
    assert (told["error_msg"] or None) == payment["fail_reason"]


def test_the_number_typed_into_the_window_decides_about_later_months(
    anybody: FlaskClient, merchant: Merchant, sandbox: Sandbox
) -> None:
    asked = ASKED | {"customer_uid": "key-1", "phone": "010-0000-6031"}
    assert anybody.post("/controls/payments", json=asked).json["success"]  # type: ignore[index]
    go_to(sandbox, "2054-12-15")
    charge = {"customer_uid": "key-1", "merchant_uid": "month-2", "amount": ASKED["amount"], "name": ASKED["name"]}
    _, _, _, charged = merchant("POST", "/subscribe/payments/again", json=charge)
    assert (charged["status"], charged["fail_reason"]) == ("failed", refusal_of("0031").message)


def test_an_open_window_is_ended_with_the_number_that_is_given(anybody: FlaskClient, sandbox: Sandbox) -> None:
    view = sandbox.ledger.get_window(open_window(sandbox))
    assert view
    address = f"/controls/payments/{view.imp_uid}/window"
    assert anybody.post(address, json={"outcome": "approve", "phone": "call me"}).json["field"] == "phone"  # type: ignore[index]
    told = anybody.post(address, json={"outcome": "approve", "phone": "010-0000-0031"}).json
    assert told
    assert (told["success"], told["error_msg"]) == (False, refusal_of("0031").message)


def test_a_window_is_left_open_and_ended_later(anybody: FlaskClient) -> None:
    opened = anybody.post("/controls/payments", json=ASKED | {"outcome": "open"}).json
    assert opened
    assert opened == {"imp_uid": opened["imp_uid"], "merchant_uid": "order-1", "status": "ready"}
    told = anybody.post(f"/controls/payments/{opened['imp_uid']}/window", json={"outcome": "approve"}).json
    assert told and told["success"]
    refused = anybody.post("/controls/payments", json=ASKED | {"amount": 100, "outcome": "open"}).json
    assert refused and refused["error_code"] == "SANDBOX_MINIMUM"


def test_payments_and_webhooks_are_listed_for_one_id(
    anybody: FlaskClient, sandbox: Sandbox, httpserver: HTTPServer
) -> None:
    httpserver.expect_request("/hook").respond_with_data("heard")
    paid = [
        pay(sandbox, merchant_uid=f"order-{n}", customer_uid=f"key-{n}", notice_url=httpserver.url_for("/hook"))
        for n in (1, 2)
    ]
    for query in (f"imp_uid={paid[0]['imp_uid']}", "merchant_uid=order-1", "customer_uid=key-1&merchant_uid=order-1"):
        listed = anybody.get(f"/controls/payments?{query}").json
        assert listed and [one["merchant_uid"] for one in listed["payments"]] == ["order-1"]
    assert anybody.get("/controls/payments?imp_uid=x'").json == {"payments": []}
    log = anybody.get(f"/controls/deliveries?imp_uid={paid[1]['imp_uid']}").json
    assert log and [one["imp_uid"] for one in log["deliveries"]] == [paid[1]["imp_uid"]]


def test_a_refused_request_is_told_as_the_callback_would_be(anybody: FlaskClient) -> None:
    told = anybody.post("/controls/payments", json=ASKED | {"amount": 100}).json
    assert told
    assert (told["imp_uid"], told["error_code"]) == (None, "SANDBOX_MINIMUM")


def test_an_unknown_outcome_is_a_400_that_names_its_field(anybody: FlaskClient) -> None:
    answer = anybody.post("/controls/payments", json=ASKED | {"outcome": "maybe"})
    assert (answer.status_code, answer.json and answer.json["field"]) == (400, "outcome")
    assert anybody.post("/controls/payments", data=b"x").status_code == 400


@pytest.mark.parametrize(("body", "reason"), [(None, "관리자페이지취소"), ({"reason": "고객 변심"}, "고객 변심")])
def test_the_console_cancels_with_its_own_reason_or_the_one_that_was_typed(
    body: dict[str, str] | None, reason: str, anybody: FlaskClient, sandbox: Sandbox
) -> None:
    imp_uid = pay(sandbox)["imp_uid"]
    cancelled = anybody.post(f"/controls/payments/{imp_uid}/cancel", json=body) if body else None
    cancelled = cancelled or anybody.post(f"/controls/payments/{imp_uid}/cancel")
    assert cancelled.json
    assert (cancelled.json["status"], cancelled.json["cancel_reason"]) == ("cancelled", reason)


def test_the_clock_moves_forward_only_and_payments_follow_it(anybody: FlaskClient, sandbox: Sandbox) -> None:
    target = NOON + timedelta(days=40)
    moved = anybody.post("/controls/clock", json={"to": target.isoformat()}).json
    assert moved
    assert abs(datetime.fromisoformat(moved["now"]) - target) < timedelta(seconds=5)
    assert moved["now"].endswith("+09:00")
    assert abs(pay(sandbox)["paid_at"] - target.timestamp()) < 5
    back = anybody.post("/controls/clock", json={"to": "2020-01-01T00:00:00+09:00"})
    assert (back.status_code, back.json and back.json["field"]) == (400, "to")


@pytest.mark.parametrize("to", ["tomorrow", "", None, 7])
def test_a_bad_moment_is_a_400(to: object, anybody: FlaskClient) -> None:
    assert anybody.post("/controls/clock", json={"to": to}).status_code == 400


def test_a_reset_forgets_everything(anybody: FlaskClient, sandbox: Sandbox) -> None:
    pay(sandbox, customer_uid="key-1")
    anybody.post("/controls/clock", json={"to": "2099-01-01T00:00:00+09:00"})
    assert anybody.post("/controls/reset", json={}).status_code == 200
    listed = anybody.get("/controls/payments").json
    assert listed == {"payments": []}
    assert sandbox.clock.offset() == 0
    assert sandbox.ledger.billing_key("key-1") is None


def test_a_webhook_can_be_sent_once_more(anybody: FlaskClient, sandbox: Sandbox, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/hook").respond_with_data("heard")
    pay(sandbox, notice_url=httpserver.url_for("/hook"))
    sandbox.flush()
    log = anybody.get("/controls/deliveries").json
    assert log
    [delivery] = log["deliveries"]
    again = anybody.post(f"/controls/deliveries/{delivery['id']}/redeliver").json
    assert again
    assert (again["attempts"], again["answer"]) == (2, "heard")
    assert len(httpserver.log) == 2
    assert anybody.post("/controls/deliveries/999/redeliver").status_code == 404


@pytest.mark.parametrize("delivery_id", ["99", "99999999999999999999"])
def test_a_delivery_that_does_not_exist_cannot_be_sent_again(delivery_id: str, anybody: FlaskClient) -> None:
    assert anybody.post(f"/controls/deliveries/{delivery_id}/redeliver").status_code == 404
