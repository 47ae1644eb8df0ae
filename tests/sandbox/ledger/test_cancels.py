"""POST /payments/cancel: done whole and in the month; every refusal in its words, with HTTP 200."""

import threading
from typing import Any

import pytest

from sandbox import Sandbox
from sandbox.ledger.cancels import cancel
from sandbox.ledger.outcomes import OUTCOMES, Outcome
from sandbox.ledger.refusals import ApiRefused
from tests.sandbox.conftest import Merchant, go_to, open_window, pay, payments_of

PATH = "/payments/cancel"


def test_a_cancel_gives_everything_back_and_is_remembered(merchant: Merchant, sandbox: Sandbox) -> None:
    paid = pay(sandbox)
    status, code, message, payment = merchant("POST", PATH, json={"imp_uid": paid["imp_uid"], "reason": "고객 변심"})
    assert (status, code, message) == (200, 0, None)
    assert (payment["status"], payment["cancel_amount"], payment["cancel_reason"]) == ("cancelled", 9900, "고객 변심")
    [once] = payment["cancel_history"]
    assert (once["pg_tid"], once["amount"], once["reason"]) == (paid["pg_tid"], 9900, "고객 변심")
    assert (once["cancelled_at"], len(once["cancellation_id"])) == (payment["cancelled_at"], 20)
    assert merchant("GET", "/payments/find/order-1/cancelled")[3] == payment
    assert merchant("POST", PATH, json={"imp_uid": paid["imp_uid"]}) == (200, 1, "이미 전액취소된 주문입니다.", None)


@pytest.mark.parametrize("amount", [None, 0, 9900, "9900"])
def test_no_amount_nought_and_all_of_it_are_the_same(amount: Any, merchant: Merchant, sandbox: Sandbox) -> None:
    pay(sandbox)
    answer = merchant("POST", PATH, data={"merchant_uid": "order-1"} | ({} if amount is None else {"amount": amount}))
    assert answer[3]["cancel_amount"] == 9900
    assert answer[3]["cancel_reason"] == "취소요청api"


@pytest.mark.parametrize(
    ("body", "status", "code", "said"),
    [
        ({}, 400, 1, "지정해주셔야합니다."),
        ({"imp_uid": "imp_0"}, 200, 1, "취소할 결제건이 존재하지 않습니다."),
        ({"imp_uid": "imp_0", "merchant_uid": "order-1"}, 200, 1, "취소할 결제건이 존재하지 않습니다."),
        ({"merchant_uid": "nobodys"}, 200, 1, "취소할 결제건이 존재하지 않습니다."),
        ({"merchant_uid": "order-1", "checksum": 1}, 200, 1, "checksum"),
        ({"merchant_uid": "order-1", "amount": 9901}, 200, 1, "잔액보다"),
        ({"merchant_uid": "order-1", "amount": -1}, 400, -1, "amount"),
        ({"merchant_uid": "order-1", "amount": "x"}, 400, -1, "amount"),
        (
            {"merchant_uid": "order-1", "amount": 100, "checksum": 9900},
            200,
            -1,
            "결제취소에 실패하였습니다.(취소 요청하신 거래정보가 일치하지 않습니다.",
        ),
    ],
)
def test_a_refusal_does_nothing(
    body: dict[str, Any], status: int, code: int, said: str, merchant: Merchant, sandbox: Sandbox
) -> None:
    paid = pay(sandbox)
    answer = merchant("POST", PATH, json=body)
    assert (answer[0], answer[1], answer[3]) == (status, code, None)
    assert said in answer[2]
    assert sandbox.ledger.payment(paid["imp_uid"]) == paid


def test_what_is_not_paid_cannot_be_cancelled(merchant: Merchant, sandbox: Sandbox) -> None:
    open_window(sandbox)
    [ready] = payments_of(sandbox, "order-1")
    answer = merchant("POST", PATH, json={"imp_uid": ready["imp_uid"]})
    assert answer == (200, 1, "취소할 결제건이 존재하지 않습니다.", None)


def test_a_payment_of_31_january_cannot_be_cancelled_on_1_february(merchant: Merchant, sandbox: Sandbox) -> None:
    go_to(sandbox, "2055-01-31T23:50")
    pay(sandbox)
    go_to(sandbox, "2055-02-01T00:00")
    said = "결제취소에 실패하였습니다.(취소기간이 경과되어 구매취소를 하실 수 없습니다.)"
    assert merchant("POST", PATH, json={"merchant_uid": "order-1"}) == (200, -1, said, None)


def test_what_kg_undid_by_itself_cannot_be_cancelled_again(merchant: Merchant, sandbox: Sandbox) -> None:
    paid = pay(sandbox)
    assert sandbox.ledger.undo_at_kg(paid["imp_uid"])
    said = "결제취소에 실패하였습니다.(선택하신 내역은 이미 취소가 완료 되었습니다.)"
    assert merchant("POST", PATH, json={"merchant_uid": "order-1"}) == (200, -1, said, None)
    assert merchant("GET", "/payments/find/order-1")[3]["status"] == "paid"


@pytest.mark.parametrize("outcome", [one for one in OUTCOMES if one.when == "cancel"], ids=lambda one: one.ending)
def test_a_number_may_refuse_its_cancel(outcome: Outcome, merchant: Merchant, sandbox: Sandbox) -> None:
    pay(sandbox, f"0100000{outcome.ending}")
    assert outcome.refusal
    refused = (200, -1, f"결제취소에 실패하였습니다.({outcome.refusal.message})", None)
    assert merchant("POST", PATH, json={"merchant_uid": "order-1"}) == refused
    second = merchant("POST", PATH, json={"merchant_uid": "order-1"})
    assert (second[1] == 0) == outcome.once


def test_the_number_that_is_undone_at_kg_refuses_its_cancel(merchant: Merchant, sandbox: Sandbox) -> None:
    pay(sandbox, "01000007004")
    assert "이미 취소가 완료" in merchant("POST", PATH, json={"merchant_uid": "order-1"})[2]


@pytest.mark.parametrize(("wanted", "told"), [(True, 1), (False, 0)])
def test_a_cancel_is_told_by_webhook_only_when_asked_for(
    wanted: bool, told: int, merchant: Merchant, sandbox: Sandbox, httpserver: Any, heard: list[dict[str, str]]
) -> None:
    pay(sandbox, notice_url=httpserver.url_for("/hook"))
    sandbox.flush()
    heard.clear()
    answer = merchant("POST", PATH, json={"merchant_uid": "order-1", "enable_webhook": wanted})
    sandbox.flush()
    assert len(heard) == told
    for body in heard:
        assert (body["status"], body["merchant_uid"]) == ("cancelled", "order-1")
        assert body["cancellation_id"] == answer[3]["cancel_history"][0]["cancellation_id"]


def test_a_payment_that_used_no_webhook_is_cancelled_in_silence(merchant: Merchant, sandbox: Sandbox) -> None:
    pay(sandbox)
    merchant("POST", PATH, json={"merchant_uid": "order-1", "enable_webhook": True})
    assert sandbox.ledger.outbox.latest() == []


def test_of_many_cancels_at_once_one_gives_the_money_back(sandbox: Sandbox) -> None:
    pay(sandbox)
    gate, ends = threading.Barrier(6), []

    def press() -> None:
        gate.wait()
        try:
            cancel(sandbox.database, imp_uid=None, merchant_uid="order-1")
            ends.append("done")
        except ApiRefused as refused:
            ends.append(refused.message)

    threads = [threading.Thread(target=press) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ends) == ["done"] + ["이미 전액취소된 주문입니다."] * 5
