"""A sandbox driven by methods: buyers, time, faults and webhooks without waiting."""

import json
import socket
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest
import requests
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from sandbox.ledger.clock import SEOUL
from sandbox.running import RunningSandbox, SandboxError
from tests.clocks import NOON
from tests.sandbox.conftest import ASKED

ROOT = Path(__file__).parents[2]


@pytest.fixture
def sandbox(portone_sandbox: RunningSandbox) -> RunningSandbox:
    """At noon in the middle of a month, whichever day it is."""
    portone_sandbox.advance(NOON)
    return portone_sandbox


def granted(sandbox: RunningSandbox) -> dict[str, str]:
    """The header with a token, as a shop gets it."""
    body = {"imp_key": sandbox.api_key, "imp_secret": sandbox.api_secret}
    answer = requests.post(f"{sandbox.url}/users/getToken", json=body, timeout=20)
    return {"Authorization": answer.json()["response"]["access_token"]}


def test_a_shop_finds_script_and_rest_api_at_the_addresses_given(sandbox: RunningSandbox) -> None:
    assert "IMP" in requests.get(sandbox.script_url, timeout=20).text
    paid = sandbox.pay(ASKED | {"user_code": sandbox.imp_code})
    found = requests.get(f"{sandbox.url}/payments/find/order-1", headers=granted(sandbox), timeout=20).json()
    assert found["response"] == sandbox.payment(paid["imp_uid"])


def test_pay_returns_the_callbacks_object_after_the_shop_has_answered_the_webhook(
    sandbox: RunningSandbox, httpserver: HTTPServer, heard: list[dict[str, str]]
) -> None:
    paid = sandbox.pay(ASKED | {"notice_url": httpserver.url_for("/hook")})
    assert (paid["success"], paid["merchant_uid"], paid["paid_amount"]) == (True, "order-1", 9900)
    assert heard == [{"imp_uid": paid["imp_uid"], "merchant_uid": "order-1", "status": "paid"}]
    [delivery] = sandbox.deliveries()
    assert (delivery["state"], delivery["answer_status"], delivery["body"]) == ("sent", 200, heard[0])


def test_the_outcome_is_chosen_by_word_or_by_number_and_a_request_that_lacks_something_is_refused(
    sandbox: RunningSandbox,
) -> None:
    for how, code in (
        ({"outcome": "decline"}, "0031"),
        ({"phone": "01000000016"}, "0016"),
        ({"outcome": "close"}, None),
    ):
        failed = sandbox.pay(ASKED, **how)  # type: ignore[arg-type]
        assert (failed["success"], failed["error_code"]) == (False, code)
    assert [payment["status"] for payment in sandbox.payments("order-1")] == ["failed"] * 3
    refused = sandbox.pay({name: value for name, value in ASKED.items() if name != "digital"})
    assert (refused["imp_uid"], refused["error_code"]) == (None, "SANDBOX_DIGITAL")
    assert len(sandbox.payments("order-1")) == 3


def test_a_call_that_makes_no_sense_is_an_error_that_names_the_field(sandbox: RunningSandbox) -> None:
    for call, message in (
        (lambda: sandbox.pay(ASKED, outcome="win"), "outcome: one of"),  # type: ignore[arg-type]
        (lambda: sandbox.pay(ASKED | {"phone": {"carrier": "SKT"}}, phone="01012345678"), "phone: "),
        (lambda: sandbox.fault("/nowhere", "status"), "path: no path"),
        (lambda: sandbox.fault("/users/pg", "status", times=1), "times: unknown field"),
        (lambda: sandbox.settings(webhook_order="maybe"), "webhook_order: one of"),
        (lambda: sandbox.payment("imp_none"), "no payment imp_none"),
        (lambda: sandbox.cancel("imp_none"), "취소할 결제건이"),
        (lambda: sandbox.advance("2020-01-01"), "to: the clock only moves forward"),
        (lambda: sandbox.advance("tomorrow"), "to: an ISO 8601 moment"),
        (lambda: sandbox.advance(), "to: either"),
        (lambda: sandbox.advance(NOON, days=1), "to: either"),
        (lambda: sandbox.advance(months=10**6), "to: "),
        (lambda: RunningSandbox("never.sqlite3").url, "not running"),
        (lambda: RunningSandbox("never.sqlite3").pay(ASKED), "not running"),
    ):
        with pytest.raises(SandboxError, match=message):
            call()


def test_time_moves_by_months_days_and_to_a_moment_and_months_end_on_their_last_day(sandbox: RunningSandbox) -> None:
    assert f"{sandbox.advance('2055-01-31T09:00'):%Y-%m-%d %H:%M %z}" == "2055-01-31 09:00 +0900"
    assert f"{sandbox.advance(months=1):%Y-%m-%d %H:%M}" == "2055-02-28 09:00"
    assert f"{sandbox.advance(months=10, days=4):%Y-%m-%d}" == "2056-01-01"
    assert sandbox.advance(days=1) <= sandbox.now


def test_a_month_is_charged_by_schedule_on_the_way_and_its_webhook_is_answered(
    sandbox: RunningSandbox, httpserver: HTTPServer, heard: list[dict[str, str]]
) -> None:
    sandbox.settings(webhook_url=httpserver.url_for("/hook"))
    sandbox.pay(ASKED | {"customer_uid": "key-1", "merchant_uid": "month-1"})
    due = datetime(2054, 12, 15, 12, tzinfo=SEOUL)
    item = {"merchant_uid": "month-2", "schedule_at": int(due.timestamp()), "amount": 9900, "name": "월 이용권"}
    body = {"customer_uid": "key-1", "schedules": [item]}
    address = f"{sandbox.url}/subscribe/payments/schedule"
    assert requests.post(address, json=body, headers=granted(sandbox), timeout=20).json()["code"] == 0
    sandbox.advance(months=1, days=1)
    assert [body["merchant_uid"] for body in heard] == ["month-1", "month-2"]
    [charged] = sandbox.payments("month-2")
    assert charged["status"] == "paid"
    assert 0 <= charged["paid_at"] - due.timestamp() < 3600  # at its own moment, a day before the end of the move


def test_a_cancel_in_the_console_is_told_by_webhook_and_refused_in_a_later_month(
    sandbox: RunningSandbox, httpserver: HTTPServer, heard: list[dict[str, str]]
) -> None:
    asked = ASKED | {"notice_url": httpserver.url_for("/hook")}
    cancelled = sandbox.cancel(sandbox.pay(asked)["imp_uid"], "고객 변심")
    assert (cancelled["status"], cancelled["cancel_reason"]) == ("cancelled", "고객 변심")
    assert [body["status"] for body in heard] == ["paid", "cancelled"]
    kept = sandbox.pay(asked | {"merchant_uid": "order-2"})
    sandbox.advance(months=1)
    with pytest.raises(SandboxError, match="취소기간이 경과되어"):
        sandbox.cancel(kept["imp_uid"])


def test_a_fault_strikes_the_shops_call_as_often_as_it_was_told(sandbox: RunningSandbox) -> None:
    sandbox.fault("/users/pg", "status", value=429, count=1)
    sandbox.fault("/payments/*", "drop_before")
    statuses = [requests.get(f"{sandbox.url}/users/pg", timeout=20).status_code for _ in range(2)]
    assert statuses == [429, 401]
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{sandbox.url}/payments/x", timeout=20)
    sandbox.clear_faults()
    assert requests.get(f"{sandbox.url}/payments/x", timeout=20).status_code == 401


def test_a_webhook_that_calls_back_and_one_to_nobody_are_both_done_when_they_are_listed(
    sandbox: RunningSandbox, httpserver: HTTPServer
) -> None:
    def look_up(request: Request) -> Response:
        told = json.loads(request.get_data())
        address = f"{sandbox.url}/payments/{told['imp_uid']}?include_sandbox=true"
        return Response(requests.get(address, headers=granted(sandbox), timeout=20).json()["response"]["status"])

    httpserver.expect_request("/hook").respond_with_handler(look_up)
    sandbox.pay(ASKED | {"notice_url": [httpserver.url_for("/hook"), "http://shop.example/hook"]})
    first, second = sandbox.deliveries()
    assert (first["answer_status"], first["answer"]) == (200, "paid")
    assert (second["answer_status"], second["answer"][:8]) == (None, "not sent")
    sandbox.settings(webhook_order="late")
    sandbox.pay(ASKED | {"merchant_uid": "order-2", "notice_url": httpserver.url_for("/hook")})
    assert sandbox.deliveries()[-1]["state"] == "waiting"
    sandbox.advance(days=1)
    assert sandbox.deliveries()[-1]["state"] == "sent"


def test_each_sandbox_is_its_own_and_the_environment_changes_nothing(
    sandbox: RunningSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SANDBOX_API_KEY", "another")
    monkeypatch.setenv("SANDBOX_API_SECRET", "another-secret")
    sandbox.pay(ASKED)
    with RunningSandbox(tmp_path / "other.sqlite3", shop="https://shop.example") as other:
        assert granted(other)
        assert other.payments("order-1") == []
        port = int(other.url.rpartition(":")[2])
        with pytest.raises(OSError, match="in use"), RunningSandbox(tmp_path / "x", port=port):
            pass
    sandbox.reset()
    assert (sandbox.payments("order-1"), sandbox.deliveries()) == ([], [])
    with socket.create_server(("127.0.0.1", port)):  # it is free again
        pass


WITHOUT_PYTEST = """
import sys
sys.modules["pytest"] = None  # unimportable
from sandbox.running import RunningSandbox
try:
    import sandbox.testing
except ImportError as error:
    print(error)
"""


@pytest.mark.slow
def test_without_pytest_the_class_works_and_the_fixture_says_what_to_install() -> None:
    run = subprocess.run([sys.executable, "-c", WITHOUT_PYTEST], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "pip install pytest" in run.stdout
