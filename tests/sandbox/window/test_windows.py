"""The payment window's rules: what does not open, who is declined, and that each window ends once."""

import threading
from typing import Any

import pytest
import time_machine

from sandbox import Sandbox
from sandbox.ledger.kg import Declined, Refused
from sandbox.ledger.merchant import IMP_CODE, TEST_MID
from sandbox.ledger.outcomes import OUTCOMES, Outcome
from sandbox.window import windows
from tests.sandbox.conftest import ASKED, open_window, pay, payments_of


def identify(sandbox: Sandbox, window_id: str, phone: str = "01012345678", **fields: str) -> str:
    given = {"carrier": "SKT", "phone": phone, "birth": "900101", "gender": "1"} | fields
    view = sandbox.ledger.send_code(window_id, **given)
    assert view.sms_code
    return view.sms_code


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"amount": "9900"}, "SANDBOX_TYPE"),
        ({"amount": True}, "SANDBOX_TYPE"),
        ({"merchant_uid": 7}, "SANDBOX_TYPE"),
        ({"merchant_uid": "x" * 41}, "9107"),
        ({"amount": 300}, "SANDBOX_MINIMUM"),
        ({"amount": 9900.5}, "9110"),
        ({"pay_method": "card"}, "SANDBOX_PAY_METHOD"),
        ({"buyer_tel": ""}, "SANDBOX_BUYER_TEL"),
        ({"digital": None}, "SANDBOX_DIGITAL"),
        ({"name": "가" * 16}, "9109"),
        ({"name": ""}, "9109"),
        ({"name": None}, "9109"),
        ({"name": "  "}, "9109"),
        ({"currency": "USD"}, "SANDBOX_CURRENCY"),
        ({"currency": "krw"}, "SANDBOX_CURRENCY"),
        ({"buyer_name": "가" * 16}, "SANDBOX_BUYER_NAME"),
        ({"buyer_email": "a-very-long-address@somewhere.example"}, "9114"),
        ({"customer_uid": "x" * 81}, "SANDBOX_CUSTOMER_UID"),
        ({"pg": "danal"}, "SANDBOX_CHANNEL"),
        ({"pg": "mobilians.1"}, "SANDBOX_CHANNEL"),
        ({"channelKey": "nobodys"}, "SANDBOX_CHANNEL"),
    ],
)
def test_what_kg_or_portone_would_refuse_opens_no_window(asked: dict[str, Any], code: str, sandbox: Sandbox) -> None:
    with pytest.raises(Refused) as caught:
        open_window(sandbox, **asked)
    assert caught.value.error_code == code
    assert payments_of(sandbox, "order-1") == []


@pytest.mark.parametrize(
    "contract", [{}, {"pg": "mobilians"}, {"pg": f"mobilians.{TEST_MID}"}, {"channelKey": "channel-key-sandbox-phone"}]
)
def test_every_way_to_name_the_contract_opens_the_window(contract: dict[str, str], sandbox: Sandbox) -> None:
    assert pay(sandbox, **contract)["pg_id"] == TEST_MID


def test_an_unknown_shop_opens_no_window(sandbox: Sandbox) -> None:
    with pytest.raises(Refused):
        sandbox.ledger.open_window("imp99", ASKED, device="pc", page_url="", user_agent="", callback=True)


@pytest.mark.parametrize("currency", [None, "", "KRW"])
def test_won_may_be_named_or_left_out(currency: str | None, sandbox: Sandbox) -> None:
    assert pay(sandbox, currency=currency)["currency"] == "KRW"


def test_301_won_is_enough(sandbox: Sandbox) -> None:
    assert pay(sandbox, amount=301)["amount"] == 301


def test_a_paid_order_id_opens_no_second_window(sandbox: Sandbox) -> None:
    pay(sandbox)
    with pytest.raises(Refused) as caught:
        open_window(sandbox)
    assert (caught.value.error_code, caught.value.error_msg) == ("F1002", "이미 결제가 이루어진 거래건입니다.")


def test_another_amount_than_the_registered_one_opens_no_window(sandbox: Sandbox) -> None:
    sandbox.ledger.prepare("order-1", 9900, None)
    with pytest.raises(Refused) as caught:
        open_window(sandbox, amount=301)
    assert caught.value.error_code == "SANDBOX_PREPARE"
    assert pay(sandbox)["status"] == "paid"


def test_of_two_windows_for_one_order_id_the_second_approval_is_declined(sandbox: Sandbox) -> None:
    first, second = open_window(sandbox), open_window(sandbox)
    codes = {window: identify(sandbox, window) for window in (first, second)}
    sandbox.ledger.confirm_code(first, codes[first])
    with pytest.raises(Declined) as caught:
        sandbox.ledger.confirm_code(second, codes[second])
    assert (caught.value.pg_code, caught.value.final) == ("0052", True)
    assert sorted(one["status"] for one in payments_of(sandbox, "order-1")) == ["failed", "paid"]


def test_presses_after_the_one_that_used_the_code_are_no_wrong_codes(sandbox: Sandbox) -> None:
    """Counted as wrong ones, they would lock the window before the first press is done."""
    window = open_window(sandbox)
    code = identify(sandbox, window)
    seen = windows.find(sandbox.database, window)
    assert seen
    windows._use_code(sandbox.database, seen, code)
    for _ in range(windows.MOST_ATTEMPTS + 1):
        with pytest.raises(Declined):
            windows._use_code(sandbox.database, seen, code)
    still = windows.find(sandbox.database, window)
    assert still and (still.state, still.attempts) == ("open", 0)


def test_pressing_pay_many_times_at_once_charges_once(sandbox: Sandbox) -> None:
    window = open_window(sandbox)
    code = identify(sandbox, window)
    gate, ends = threading.Barrier(6), []

    def press() -> None:
        gate.wait()
        try:
            sandbox.ledger.confirm_code(window, code)
            ends.append("paid")
        except Declined:
            ends.append("declined")

    threads = [threading.Thread(target=press) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ends) == ["declined"] * 5 + ["paid"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"carrier": "XXX"},
        {"phone": "0212345678"},
        {"birth": "901301"},
        {"birth": "9001"},
        {"gender": "9"},
        {"gender": ""},
    ],
)
def test_a_slip_in_the_identity_may_be_mended_in_the_same_window(wrong: dict[str, str], sandbox: Sandbox) -> None:
    window = open_window(sandbox)
    with pytest.raises(Declined) as caught:
        identify(sandbox, window, **wrong)
    assert not caught.value.final
    sandbox.ledger.confirm_code(window, identify(sandbox, window))
    assert sandbox.ledger.is_approved("order-1")


def test_a_wrong_code_may_be_typed_again_but_not_for_ever(sandbox: Sandbox) -> None:
    window = open_window(sandbox)
    identify(sandbox, window)
    codes = []
    for _ in range(5):
        with pytest.raises(Declined) as caught:
            sandbox.ledger.confirm_code(window, "wrong!")
        codes.append((caught.value.pg_code, caught.value.final))
    assert codes == [("0043", False)] * 4 + [("0039", True)]
    [payment] = payments_of(sandbox, "order-1")
    assert payment["status"] == "failed"


def test_a_code_lives_three_minutes_and_can_be_renewed(sandbox: Sandbox) -> None:
    window = open_window(sandbox)
    with time_machine.travel(1_800_000_000, tick=False) as time:
        code = identify(sandbox, window)
        time.shift(181)
        with pytest.raises(Declined) as caught:
            sandbox.ledger.confirm_code(window, code)
        assert (caught.value.pg_code, caught.value.final) == ("0043", False)
        assert "유효시간이 경과" in caught.value.message
        sandbox.ledger.confirm_code(window, identify(sandbox, window))
    assert sandbox.ledger.is_approved("order-1")


def of(*moments: str) -> list[Outcome]:
    return [outcome for outcome in OUTCOMES if outcome.when in moments]


def ending(outcome: Outcome) -> str:
    return outcome.ending


@pytest.mark.parametrize("outcome", of("identity", "code", "approval"), ids=ending)
def test_a_number_that_is_declined_is_declined_in_kgs_words(outcome: Outcome, sandbox: Sandbox) -> None:
    window = open_window(sandbox)
    with pytest.raises(Declined) as caught:
        sandbox.ledger.confirm_code(window, identify(sandbox, window, f"0100000{outcome.ending}"))
    assert outcome.refusal
    assert (caught.value.pg_code, caught.value.message) == (outcome.refusal.pg_code, outcome.refusal.message)
    assert caught.value.final == (not outcome.retry)
    [payment] = payments_of(sandbox, "order-1")
    assert payment["status"] == ("ready" if outcome.retry else "failed")
    assert payment["fail_reason"] == (None if outcome.retry else outcome.refusal.message)


@pytest.mark.parametrize("outcome", of("after", "cancel", "renewal"), ids=ending)
def test_a_number_that_speaks_later_is_approved_at_first(outcome: Outcome, sandbox: Sandbox) -> None:
    window = open_window(sandbox, customer_uid="key-1", notice_url="http://127.0.0.1:9/hook")
    view = sandbox.ledger.confirm_code(window, identify(sandbox, window, f"0100000{outcome.ending}"))
    assert sandbox.ledger.is_approved("order-1")
    assert view.delivery == ("lost" if outcome.lost and outcome.when == "after" else "normal")
    assert (sandbox.ledger.billing_key("key-1") is None) == outcome.no_key
    assert (sandbox.ledger.outbox.next_due_at() is None) == (outcome.silent and outcome.when == "after")


def test_no_two_outcomes_share_an_ending() -> None:
    assert len({outcome.ending for outcome in OUTCOMES}) == len(OUTCOMES)


def test_an_unnoticed_end_leaves_the_payment_ready_for_ever(sandbox: Sandbox) -> None:
    window = open_window(sandbox)
    sandbox.ledger.close_window(window, noticed=False)
    [payment] = payments_of(sandbox, "order-1")
    assert payment["status"] == "ready"


def test_a_users_cancel_is_kept_in_pgs_words(sandbox: Sandbox) -> None:
    sandbox.ledger.close_window(open_window(sandbox))
    [payment] = payments_of(sandbox, "order-1")
    assert (payment["status"], payment["fail_reason"]) == ("failed", "[결제포기] 사용자가 결제를 취소하셨습니다")


def test_the_shops_code_is_known(sandbox: Sandbox) -> None:
    assert sandbox.ledger.check_request(IMP_CODE, ASKED).pg_id == TEST_MID
