"""POST /subscribe/payments/again: a year month by month, every decline, and never twice."""

import threading
from calendar import monthrange
from typing import Any

import pytest
import requests
from flask import Flask

from sandbox import Sandbox
from sandbox.ledger.charges import again
from sandbox.ledger.outcomes import OUTCOMES, Outcome
from sandbox.ledger.refusals import ApiRefused
from tests.sandbox.conftest import ASKED, Merchant, go_to, issue_key, payments_of, portone_client

PATH = "/subscribe/payments/again"
BUYER = {key: ASKED[key] for key in ("buyer_name", "buyer_tel", "buyer_email")}


def charge(merchant: Merchant, merchant_uid: str, **asked: Any) -> Any:
    body = {"customer_uid": "key-1", "merchant_uid": merchant_uid, "amount": 9900, "name": "월 이용권", **BUYER}
    status, code, message, payment = merchant("POST", PATH, json=body | asked)
    assert (status, code, message) == (200, 0, None)
    return payment


@pytest.mark.parametrize("day", [1, 15, 28, 29, 30, 31])
@pytest.mark.parametrize("anchor", ["float", pytest.param("fixed", marks=pytest.mark.slow)])
def test_a_key_lives_through_a_year_on_its_own_day(day: int, anchor: str, merchant: Merchant, sandbox: Sandbox) -> None:
    sandbox.database.keep("options", {"anchor": anchor})
    go_to(sandbox, f"2055-01-{day:02d}")
    issue_key(sandbox)
    for number in range(1, 13):
        year, month = 2055 + number // 12, number % 12 + 1
        on = min(day, monthrange(year, month)[1])  # the day itself, or the month's last
        go_to(sandbox, f"{year}-{month:02d}-{on:02d}")
        payment = charge(merchant, f"sub-{number}")
        assert (payment["status"], payment["fail_reason"]) == ("paid", None), (year, month, on)


def test_a_charge_is_a_payment_of_its_own(merchant: Merchant, sandbox: Sandbox) -> None:
    go_to(sandbox, "2055-01-15")
    first = issue_key(sandbox)
    go_to(sandbox, "2055-02-15")
    paid = charge(merchant, "sub-2", custom_data="x")
    assert paid["imp_uid"].startswith("imps_")
    assert (paid["channel"], paid["customer_uid_usage"], paid["customer_uid"]) == ("api", "payment", "key-1")
    assert (paid["user_agent"], paid["custom_data"]) == ("sorry_not_supported_anymore", "x")
    assert set(paid) == set(first)
    assert paid["paid_at"] >= paid["started_at"] > first["paid_at"]
    assert [one["merchant_uid"] for one in merchant("GET", "/subscribe/customers/key-1/payments")[3]["list"]] == [
        "sub-2",
        "first-of-key-1",
    ]


def test_plus_thirty_days_from_31_january_misses_february(merchant: Merchant, sandbox: Sandbox) -> None:
    go_to(sandbox, "2055-01-31")
    issue_key(sandbox)
    go_to(sandbox, "2055-03-02")
    failed = charge(merchant, "sub-2")
    assert failed["status"] == "failed"
    assert failed["fail_reason"] == "전월 등록된 월자동결제 이력이 없어 처리 불가합니다."
    assert failed["failed_at"] > 0


@pytest.mark.parametrize(
    ("changed", "on"),
    [
        ({"amount": 9800}, "2055-02-15"),
        ({"buyer_tel": "010-9999-9999"}, "2055-02-15"),
        ({}, "2055-02-09"),
        ({}, "2055-02-21"),
        ({}, "2055-01-16"),
    ],
)
def test_another_amount_buyer_or_day_is_declined(
    changed: dict[str, Any], on: str, merchant: Merchant, sandbox: Sandbox
) -> None:
    go_to(sandbox, "2055-01-15")
    issue_key(sandbox)
    go_to(sandbox, on)
    failed = charge(merchant, "sub-2", **changed)
    assert (failed["status"], failed["paid_at"], failed["pg_tid"]) == ("failed", 0, None)
    assert failed["fail_reason"] == "전월에 등록된 자동결제 거래정보 불일치로 처리 불가합니다."


def test_buyer_data_that_are_not_given_are_the_keys(merchant: Merchant, sandbox: Sandbox) -> None:
    go_to(sandbox, "2055-01-15")
    issue_key(sandbox)
    go_to(sandbox, "2055-02-15")
    asked = {"customer_uid": "key-1", "merchant_uid": "sub-2", "amount": 9900}
    payment = merchant("POST", PATH, data=asked)[3]
    assert (payment["status"], payment["buyer_tel"]) == ("paid", ASKED["buyer_tel"])


def test_a_cancelled_month_ends_the_key(merchant: Merchant, sandbox: Sandbox) -> None:
    go_to(sandbox, "2055-01-15")
    first = issue_key(sandbox)
    merchant("POST", "/payments/cancel", json={"imp_uid": first["imp_uid"]})
    go_to(sandbox, "2055-02-15")
    failed = charge(merchant, "sub-2")
    assert failed["fail_reason"] == "정상 결제 상태의 구매번호가 아님으로 처리 불가합니다."


def test_a_declined_try_does_not_end_the_key(merchant: Merchant, sandbox: Sandbox) -> None:
    go_to(sandbox, "2055-01-15")
    issue_key(sandbox)
    go_to(sandbox, "2055-02-15")
    assert charge(merchant, "sub-2a", amount=1000)["status"] == "failed"
    assert charge(merchant, "sub-2b")["status"] == "paid"


def test_a_key_taken_anew_starts_its_months_anew(merchant: Merchant, sandbox: Sandbox) -> None:
    go_to(sandbox, "2055-01-15")
    issue_key(sandbox)
    go_to(sandbox, "2055-05-03")
    issue_key(sandbox, merchant_uid="again-from-the-window", amount=5000)
    go_to(sandbox, "2055-06-03")
    assert charge(merchant, "sub-6", amount=5000)["status"] == "paid"


RENEWALS = [outcome for outcome in OUTCOMES if outcome.when == "renewal"]


@pytest.mark.parametrize("outcome", [one for one in RENEWALS if one.refusal], ids=lambda one: one.ending)
def test_a_number_may_decline_from_the_second_month_on(outcome: Outcome, merchant: Merchant, sandbox: Sandbox) -> None:
    go_to(sandbox, "2055-01-15")
    issue_key(sandbox, f"0100000{outcome.ending}")
    for month in (2, 3) if outcome.once else (2,):
        go_to(sandbox, f"2055-{month:02d}-15")
        first, second = charge(merchant, f"sub-{month}a"), charge(merchant, f"sub-{month}b")
        assert outcome.refusal
        assert (first["status"], first["fail_reason"]) == ("failed", outcome.refusal.message)
        assert second["status"] == ("paid" if outcome.once else "failed")


def test_a_number_may_lose_the_answer_of_a_charge_that_was_made(sandbox_app: Flask, sandbox: Sandbox) -> None:
    go_to(sandbox, "2055-01-15")
    issue_key(sandbox, "01000006001")
    go_to(sandbox, "2055-02-15")
    with portone_client(sandbox_app) as client, pytest.raises(requests.ReadTimeout):
        client.post(PATH, {"customer_uid": "key-1", "merchant_uid": "sub-2", "amount": 9900})
    [payment] = payments_of(sandbox, "sub-2")
    assert payment["status"] == "paid"


def test_a_number_may_lose_the_answer_of_a_charge_and_its_webhook(
    sandbox_app: Flask, sandbox: Sandbox, httpserver: Any, heard: list[dict[str, str]]
) -> None:
    go_to(sandbox, "2055-01-15")
    issue_key(sandbox, "01000006003")
    go_to(sandbox, "2055-02-15")
    asked = {
        "customer_uid": "key-1",
        "merchant_uid": "sub-2",
        "amount": 9900,
        "notice_url": httpserver.url_for("/hook"),
    }
    with portone_client(sandbox_app) as client, pytest.raises(requests.ReadTimeout):
        client.post(PATH, asked)
    sandbox.flush()
    assert [payment["status"] for payment in payments_of(sandbox, "sub-2")] == ["paid"]
    assert heard == []


def test_an_unknown_key_and_a_used_order_id_are_refused_before_kg(merchant: Merchant, sandbox: Sandbox) -> None:
    body = {"customer_uid": "nobodys", "merchant_uid": "sub-1", "amount": 9900, "name": "월 이용권"}
    assert merchant("POST", PATH, json=body) == (200, 1, "등록되지 않은 구매자입니다.", None)
    assert payments_of(sandbox, "sub-1") == []
    issue_key(sandbox)
    used = body | {"customer_uid": "key-1", "merchant_uid": "first-of-key-1"}
    assert merchant("POST", PATH, json=used) == (200, 1, "이미 주문이 이루어진 건입니다", None)


@pytest.mark.parametrize("missing", ["customer_uid", "merchant_uid", "amount"])
def test_a_missing_parameter_is_a_400(missing: str, merchant: Merchant) -> None:
    body = {"customer_uid": "key-1", "merchant_uid": "sub-1", "amount": 9900}
    body.pop(missing)
    status, code, message, _ = merchant("POST", PATH, json=body)
    assert (status, code) == (400, -1)
    assert missing in message


def test_only_an_approved_charge_is_told_by_webhook(
    merchant: Merchant, sandbox: Sandbox, httpserver: Any, heard: list[dict[str, str]]
) -> None:
    go_to(sandbox, "2055-01-15")
    issue_key(sandbox)
    go_to(sandbox, "2055-02-15")
    address = httpserver.url_for("/hook")
    charge(merchant, "sub-2a", amount=1, notice_url=address)
    paid = charge(merchant, "sub-2b", notice_url=address)
    sandbox.flush()
    assert heard == [{"imp_uid": paid["imp_uid"], "merchant_uid": "sub-2b", "status": "paid"}]


def test_of_many_charges_at_once_one_takes_money(sandbox: Sandbox) -> None:
    go_to(sandbox, "2055-01-15")
    issue_key(sandbox)
    go_to(sandbox, "2055-02-15")
    gate, ends = threading.Barrier(6), []

    def charge_now(number: int) -> None:
        gate.wait()
        asked = {"customer_uid": "key-1", "merchant_uid": f"sub-{number % 2}", "amount": 9900}
        try:
            ends.append(again(sandbox.database, asked).payment["status"])
        except ApiRefused as refused:
            ends.append(refused.message)

    threads = [threading.Thread(target=charge_now, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ends.count("paid") == 1
    assert set(ends) == {"paid", "failed", "이미 주문이 이루어진 건입니다"}


def test_api_issuing_and_onetime_are_refused(merchant: Merchant) -> None:
    refused = (200, 1, "비인증결제모듈 사용정보를 찾을 수 없습니다.", None)
    assert merchant("POST", "/subscribe/customers/key-1", json={"card_number": "x"}) == refused
    assert merchant("POST", "/subscribe/payments/onetime", json={"card_number": "x"}) == refused
