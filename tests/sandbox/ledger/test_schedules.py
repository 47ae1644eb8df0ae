"""Schedules: taken, told, moved, taken back, and run when the clock comes by."""

import json
from datetime import datetime
from typing import Any

import pytest
from flask.testing import FlaskClient

from sandbox import Sandbox
from sandbox.ledger import options
from sandbox.ledger.clock import SEOUL
from tests.sandbox.conftest import Merchant, go_to, issue_key, payments_of

PATH = "/subscribe/payments/schedule"


def at(day: str) -> int:
    return int(datetime.fromisoformat(f"{day}T12:00").replace(tzinfo=SEOUL).timestamp())


def item(merchant_uid: str, day: str, **more: Any) -> dict[str, Any]:
    asked = {"merchant_uid": merchant_uid, "schedule_at": at(day), "amount": 9900, "name": "월 이용권"}
    return asked | {"currency": "KRW"} | more


@pytest.fixture
def key(sandbox: Sandbox) -> dict[str, Any]:
    """A key whose first month was paid on 15 January 2055."""
    go_to(sandbox, "2055-01-15")
    return issue_key(sandbox)


def schedule(merchant: Merchant, *items: dict[str, Any]) -> Any:
    return merchant("POST", PATH, json={"customer_uid": "key-1", "schedules": list(items)})


def test_a_schedule_is_told_as_it_was_taken(key: dict[str, Any], merchant: Merchant) -> None:
    status, code, _, [told] = schedule(merchant, item("sub-2", "2055-02-15", custom_data="x"))
    assert (status, code) == (200, 0)
    assert (told["schedule_status"], told["payment_status"], told["imp_uid"]) == ("scheduled", None, None)
    assert (told["executed_at"], told["revoked_at"], told["schedule_at"]) == (0, 0, at("2055-02-15"))
    assert told["buyer_tel"] == key["buyer_tel"]  # not given, so the key's
    assert merchant("GET", f"{PATH}/sub-2")[3] == told


def test_a_form_carries_schedules_too(key: dict[str, Any], merchant: Merchant) -> None:
    fields = {f"schedules[0][{name}]": value for name, value in item("sub-2", "2055-02-15").items()}
    assert merchant("POST", PATH, data={"customer_uid": "key-1"} | fields)[3][0]["merchant_uid"] == "sub-2"
    written = json.dumps([item("sub-3", "2055-03-15")])
    assert merchant("POST", PATH, data={"customer_uid": "key-1", "schedules": written})[3][0]["amount"] == 9900


def test_refusals_take_nothing(key: dict[str, Any], merchant: Merchant) -> None:
    body = {"customer_uid": "nobodys", "schedules": [item("sub-2", "2055-02-15")]}
    assert merchant("POST", PATH, json=body) == (200, 1, "등록된 고객정보가 없습니다.", None)
    assert schedule(merchant, item("sub-2", "2055-02-15"), item("sub-0", "2055-01-01"))[:2] == (200, 1)
    assert schedule(merchant, item("sub-2", "2055-02-15"), item("sub-2", "2055-03-15"))[:2] == (200, 1)
    assert schedule(merchant, item("first-of-key-1", "2055-02-15"))[:2] == (200, 1)
    assert merchant("GET", f"{PATH}/sub-2")[:2] == (404, -1)
    for bad in ({}, {"schedules": []}, {"schedules": "x"}, {"schedules": [7]}, {"schedules": [{"merchant_uid": "a"}]}):
        assert merchant("POST", PATH, json={"customer_uid": "key-1"} | bad)[0] == 400


def test_the_clock_runs_what_is_due_and_the_shop_hears_of_it(
    key: dict[str, Any], merchant: Merchant, sandbox: Sandbox, httpserver: Any, heard: list[dict[str, str]]
) -> None:
    schedule(merchant, item("sub-2", "2055-02-15", notice_url=httpserver.url_for("/hook")))
    go_to(sandbox, "2055-02-15T11:59")
    assert payments_of(sandbox, "sub-2") == []
    go_to(sandbox, "2055-02-20")
    [payment] = payments_of(sandbox, "sub-2")
    assert (payment["status"], payment["customer_uid_usage"]) == ("paid", "payment.scheduled")
    assert 0 <= payment["paid_at"] - at("2055-02-15") < 5  # at its moment, not when the clock had arrived
    told = merchant("GET", f"{PATH}/sub-2")[3]
    assert (told["schedule_status"], told["payment_status"]) == ("executed", "paid")
    assert (told["imp_uid"], told["executed_at"]) == (payment["imp_uid"], payment["paid_at"])
    assert heard == [{"imp_uid": payment["imp_uid"], "merchant_uid": "sub-2", "status": "paid"}]


def test_a_failed_schedule_is_told_by_webhook_as_well(
    key: dict[str, Any], merchant: Merchant, sandbox: Sandbox, httpserver: Any, heard: list[dict[str, str]]
) -> None:
    schedule(merchant, item("sub-2", "2055-02-15", amount=1000, notice_url=httpserver.url_for("/hook")))
    go_to(sandbox, "2055-02-16")
    assert [body["status"] for body in heard] == ["failed"]
    told = merchant("GET", f"{PATH}/sub-2")[3]
    assert told["payment_status"] == "failed"
    assert told["fail_reason"] == "전월에 등록된 자동결제 거래정보 불일치로 처리 불가합니다."


def test_a_year_of_schedules_runs_in_one_move_of_the_clock(
    key: dict[str, Any], merchant: Merchant, anybody: FlaskClient, sandbox: Sandbox
) -> None:
    months = [(2055 + number // 12, number % 12 + 1) for number in range(1, 13)]
    schedule(merchant, *[item(f"sub-{year}-{month}", f"{year}-{month:02d}-15") for year, month in months])
    assert anybody.post("/controls/clock", json={"to": "2056-01-20T12:00:00+09:00"}).status_code == 200
    listed = merchant("GET", "/subscribe/customers/key-1/payments")[3]
    assert [one["status"] for one in listed["list"]] == ["paid"] * 13


def test_a_deleted_key_leaves_its_schedules_which_then_fail(
    key: dict[str, Any], merchant: Merchant, sandbox: Sandbox
) -> None:
    schedule(merchant, item("sub-2", "2055-02-15"))
    deleted = merchant("DELETE", "/subscribe/customers/key-1?reason=x")[3]
    assert deleted["customer_uid"] == "key-1"
    assert merchant("DELETE", "/subscribe/customers/key-1")[:2] == (200, 1)
    assert merchant("GET", f"{PATH}/sub-2")[3]["schedule_status"] == "scheduled"
    go_to(sandbox, "2055-02-16")
    assert payments_of(sandbox, "sub-2")[0]["status"] == "failed"


@pytest.mark.parametrize(
    ("body", "gone"),
    [
        ({"customer_uid": "key-1"}, ["sub-2", "sub-3"]),
        ({"merchant_uid": "sub-3"}, ["sub-3"]),
        ({"customer_uid": "key-1", "merchant_uid": ["sub-2"]}, ["sub-2"]),
        ({"customer_uid": "nobodys"}, []),
        ({"merchant_uid": ["nobodys"]}, []),
        ({}, []),
    ],
)
def test_what_waits_can_be_taken_back(
    body: dict[str, Any], gone: list[str], key: dict[str, Any], merchant: Merchant, sandbox: Sandbox
) -> None:
    schedule(merchant, item("sub-2", "2055-02-15"), item("sub-3", "2055-03-15"))
    status, code, message, revoked = merchant("POST", "/subscribe/payments/unschedule", json=body)
    assert status == 200
    if not gone:
        assert (code, message) == (1, "취소할 예약결제 기록이 존재하지 않습니다.")
        return
    assert [one["merchant_uid"] for one in revoked] == gone
    assert {one["schedule_status"] for one in revoked} == {"revoked"}
    assert all(one["revoked_at"] > 0 for one in revoked)
    go_to(sandbox, "2055-03-31")
    assert all(payments_of(sandbox, uid) == [] for uid in gone)


def test_one_that_waits_can_be_moved(key: dict[str, Any], merchant: Merchant, sandbox: Sandbox) -> None:
    schedule(merchant, item("sub-2", "2055-02-15"))
    moved = merchant("PUT", f"{PATH}/sub-2", json={"schedule_at": at("2055-02-18")})[3]
    assert moved["schedule_at"] == at("2055-02-18")
    assert merchant("PUT", f"{PATH}/sub-2", json={})[0] == 400
    assert merchant("PUT", f"{PATH}/sub-2", json={"schedule_at": at("2055-01-01")})[0] == 400
    assert merchant("PUT", f"{PATH}/nobodys", json={"schedule_at": at("2055-02-18")})[0] == 404
    for path in ("reschedule", "retry"):
        assert merchant("POST", f"{PATH}/sub-2/{path}", json={"schedule_at": at("2055-02-19")})[0] == 400
    go_to(sandbox, "2055-02-19")
    assert merchant("PUT", f"{PATH}/sub-2", json={"schedule_at": at("2055-03-18")})[0] == 400


def test_one_that_failed_or_was_revoked_can_be_taken_up_again(
    key: dict[str, Any], merchant: Merchant, sandbox: Sandbox
) -> None:
    sandbox.ledger.faults.add({"path": PATH, "fault": "decline", "value": "0016", "count": 1})
    schedule(merchant, item("sub-2", "2055-02-15"), item("sub-3", "2055-03-15"))
    go_to(sandbox, "2055-02-15T13:00")
    assert payments_of(sandbox, "sub-2")[0]["fail_reason"].startswith("요금 미납")
    again = merchant("POST", f"{PATH}/sub-2/reschedule", json={"schedule_at": at("2055-02-17")})[3]
    assert (again["schedule_status"], again["payment_status"], again["executed_at"]) == ("scheduled", None, 0)
    go_to(sandbox, "2055-02-18")
    assert [one["status"] for one in payments_of(sandbox, "sub-2")] == ["paid", "failed"]
    merchant("POST", "/subscribe/payments/unschedule", json={"merchant_uid": "sub-3"})
    go_to(sandbox, "2055-03-15")
    status, code, _, payment = merchant("POST", f"{PATH}/sub-3/retry")
    assert (status, code, payment["status"], payment["merchant_uid"]) == (200, 0, "paid", "sub-3")
    assert merchant("POST", f"{PATH}/sub-3/retry")[0] == 400
    assert merchant("POST", f"{PATH}/nobodys/retry")[0] == 404


def test_the_lists_are_cut_by_time_state_and_key(key: dict[str, Any], merchant: Merchant, sandbox: Sandbox) -> None:
    schedule(merchant, item("sub-2", "2055-02-15"), item("sub-3", "2055-03-15"))
    go_to(sandbox, "2055-02-16")

    def told(path: str, **query: Any) -> list[str]:
        status, code, _, listed = merchant("GET", path, query_string=query)
        assert (status, code) == (200, 0)
        return [one["merchant_uid"] for one in listed]

    since, until = at("2055-02-15"), at("2055-03-16")
    assert told(PATH, schedule_from=since, schedule_to=until) == ["sub-3", "sub-2"]
    assert told(PATH, schedule_from=since, schedule_to=until, sorting="scheduled") == ["sub-2", "sub-3"]
    assert told(PATH, schedule_from=since, schedule_to=at("2055-03-15")) == ["sub-2"]  # the end is not included
    assert told(PATH, schedule_from=since, schedule_to=until, schedule_status="executed") == ["sub-2"]
    assert told(PATH, schedule_from=since, schedule_to=until, limit=1, page=2) == ["sub-2"]
    for path in (f"{PATH}/customers/key-1", "/subscribe/customers/key-1/schedules"):
        assert told(path, **{"from": since, "to": until, "schedule-status": "scheduled"}) == ["sub-3"]
    assert told("/subscribe/customers/nobodys/schedules", **{"from": since, "to": until}) == []
    for query in ({}, {"schedule_from": since}, {"schedule_from": until, "schedule_to": since}):
        assert merchant("GET", PATH, query_string=query)[0] == 400
    assert merchant("GET", PATH, query_string={"schedule_from": 0, "schedule_to": until})[0] == 400
    bad = {"schedule_from": since, "schedule_to": until, "schedule_status": "maybe"}
    assert merchant("GET", PATH, query_string=bad)[0] == 400


def test_switched_so_the_lists_come_in_pages_as_official_clients_expect(
    key: dict[str, Any], merchant: Merchant, sandbox: Sandbox
) -> None:
    options.change(sandbox.database, {"schedule_lists": "page"})
    [told] = schedule(merchant, item("sub-2", "2055-02-15"))[3]  # what was made stays an array
    later = schedule(merchant, item("sub-3", "2055-03-15"))[3]
    whole = {"schedule_from": at("2055-02-15"), "schedule_to": at("2055-03-16"), "sorting": "scheduled"}
    listed = merchant("GET", PATH, query_string=whole | {"limit": 1})[3]
    assert listed == {"total": 2, "previous": 0, "next": 2, "list": [told]}
    listed = merchant("GET", PATH, query_string=whole | {"limit": 1, "page": 2})[3]
    assert listed == {"total": 2, "previous": 1, "next": 0, "list": later}
    for path in (f"{PATH}/customers/key-1", "/subscribe/customers/key-1/schedules"):
        listed = merchant("GET", path, query_string={"from": at("2055-02-15"), "to": at("2055-03-15")})[3]
        assert listed == {"total": 1, "previous": 0, "next": 0, "list": [told]}


def test_each_schedule_runs_once_however_many_look(key: dict[str, Any], merchant: Merchant, sandbox: Sandbox) -> None:
    ledger = sandbox.ledger
    schedule(merchant, *[item(f"sub-{number}", "2055-02-15") for number in range(6)])
    ledger.clock.move_to(datetime(2055, 2, 15, 13, tzinfo=SEOUL))
    done = [ledger.schedules.run_next() for _ in range(8)]
    assert [changed and changed.payment["merchant_uid"] for changed in done] == [
        *(f"sub-{number}" for number in range(6)),
        None,
        None,
    ]
