"""A channel of KG's new module: its limits, the number and carrier that a shop fixes, and the right to issue keys."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from sandbox import Sandbox
from sandbox.ledger.kg import Declined, Refused
from tests.sandbox.conftest import Merchant, go_to, issue_key, open_window, pay, payments_of

PHONE = {"channelKey": "channel-key-sandbox-v2-phone"}
BILLING = {"channelKey": "channel-key-sandbox-v2-billing"}
NO_ISSUING = {"channelKey": "channel-key-sandbox-v2-no-issuing"}
FIXED = PHONE | {"bypass": {"mobilians_v2": {"pay_options": {"mc_fix_no": "Y"}}}}
OTHER_NUMBER = {"bypass": FIXED["bypass"], "buyer_tel": "01099998888"}
MONTH = {"customer_uid": "key-1", "amount": 9900, "name": "디지털 이용권"}


def paid(sandbox: Sandbox, **asked: Any) -> dict[str, Any]:
    """Like `pay`, whose parameter `phone` is a number: a payment with the buyer's own."""
    window = open_window(sandbox, **asked)
    view = sandbox.ledger.send_code(window, carrier="SKT", phone="01012345678", birth="900101", gender="1")
    sandbox.ledger.confirm_code(window, view.sms_code or "")
    [payment] = payments_of(sandbox, str(asked.get("merchant_uid", "order-1")))
    return payment


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"merchant_uid": "abc"}, "9107"),
        ({"merchant_uid": "x" * 41}, "9107"),
        ({"name": "가" * 41}, "9109"),
        ({"name": ""}, "9109"),
        ({"amount": 99}, "SANDBOX_MINIMUM"),
        ({"pay_method": "card"}, "SANDBOX_PAY_METHOD"),
        ({"pay_method": None}, "SANDBOX_PAY_METHOD"),
        ({"phone": {"carrier": "KT"}}, "SANDBOX_CARRIER"),
        (FIXED | {"buyer_tel": None}, "SANDBOX_BUYER_TEL"),
        ({"channelKey": None, "pg": "mobilians_v2"}, "SANDBOX_CHANNEL"),
        ({"channelKey": None, "pg": "mobilians_v2.170622040674"}, "SANDBOX_CHANNEL"),
    ],
)
def test_what_the_new_module_would_refuse_opens_no_window(asked: dict[str, Any], code: str, sandbox: Sandbox) -> None:
    with pytest.raises(Refused) as caught:
        open_window(sandbox, **PHONE | asked)
    assert caught.value.error_code == code
    assert payments_of(sandbox, "order-1") == []


def test_a_missing_method_is_told_apart_from_a_wrong_one(sandbox: Sandbox) -> None:
    with pytest.raises(Refused, match="기본값은 'card'"):
        open_window(sandbox, **PHONE, pay_method=None)


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"merchant_uid": "four"},
        {"name": "가" * 40},
        {"amount": 100},
        {"buyer_tel": None},
        {"digital": None},
        {"phone": {"carrier": "SKT"}},
        {"phone": "nonsense", "bypass": "nonsense"},
        {"bypass": {"mobilians_v2": {"pay_options": {"mc_fix_no": "N"}}}, "buyer_tel": None},
        FIXED,
    ],
)
def test_within_its_limits_the_new_module_takes_the_payment_and_reports_its_name(
    asked: dict[str, Any], sandbox: Sandbox
) -> None:
    payment = paid(sandbox, **PHONE | asked)
    assert (payment["status"], payment["pg_provider"], payment["sandbox"]) == ("paid", "mobilians_v2", True)


@pytest.mark.parametrize("asked", [{"merchant_uid": "abc"}, {"phone": {"carrier": "KT"}}, OTHER_NUMBER])
def test_the_old_module_has_none_of_the_new_ones_limits(asked: dict[str, Any], sandbox: Sandbox) -> None:
    assert paid(sandbox, **asked)["pg_provider"] == "mobilians"


@pytest.mark.parametrize(
    ("asked", "typed", "code"),
    [
        (FIXED, {"phone": "01099998888"}, "SANDBOX_FIXED_NUMBER"),
        (PHONE | {"phone": {"carrier": "LGT"}}, {"carrier": "SKT"}, "SANDBOX_CARRIER"),
    ],
)
def test_the_buyer_cannot_leave_the_number_or_carrier_that_the_shop_fixes(
    asked: dict[str, Any], typed: dict[str, str], code: str, sandbox: Sandbox
) -> None:
    fields = {"carrier": "SKT", "phone": "01012345678", "birth": "900101", "gender": "1"} | typed
    window = open_window(sandbox, **asked)
    with pytest.raises(Declined) as caught:
        sandbox.ledger.send_code(window, **fields)
    assert (caught.value.pg_code, caught.value.final) == (code, False)


@pytest.mark.parametrize(("lang", "title"), [("ko", "KG파이낸셜 휴대폰 결제"), ("en", "KG Financial")])
def test_the_window_names_kg_financial_and_fixes_what_the_shop_fixed(
    lang: str, title: str, sandbox: Sandbox, anybody: FlaskClient
) -> None:
    asked = FIXED | {"phone": {"carrier": "KCT"}, "buyer_tel": "010-1234-5678"}
    fixed = anybody.get(f"/window/{open_window(sandbox, **asked)}?lang={lang}").text
    assert title in fixed
    assert 'value="KCT"' in fixed
    assert 'value="SKT"' not in fixed
    assert "readonly" in fixed
    free = anybody.get(f"/window/{open_window(sandbox, **PHONE, digital=None)}?lang={lang}").text
    assert 'value="SKT"' in free
    assert "readonly" not in free
    assert 'class="kind"' not in free
    assert title not in anybody.get(f"/window/{open_window(sandbox)}?lang={lang}").text


def test_issuing_is_a_real_charge_and_the_key_names_its_module(sandbox: Sandbox, merchant: Merchant) -> None:
    payment = issue_key(sandbox, **BILLING)
    assert (payment["status"], payment["customer_uid_usage"]) == ("paid", "issue")
    key = merchant("GET", "/subscribe/customers/key-1")[3]
    assert (key["pg_provider"], key["sandbox"]) == ("mobilians_v2", True)


def test_a_service_id_without_the_right_to_issue_takes_the_money_and_makes_no_key(
    sandbox: Sandbox, merchant: Merchant
) -> None:
    assert issue_key(sandbox, **NO_ISSUING)["status"] == "paid"
    assert merchant("GET", "/subscribe/customers/key-1")[1] == 1


def test_later_months_follow_kgs_rule_for_the_new_module_too(sandbox: Sandbox, merchant: Merchant) -> None:
    go_to(sandbox, "2055-01-20")
    issue_key(sandbox, **BILLING)
    go_to(sandbox, "2055-02-20")
    other_amount = merchant("POST", "/subscribe/payments/again", json=MONTH | {"merchant_uid": "m-1", "amount": 9800})
    assert other_amount[3]["status"] == "failed"
    paid = merchant("POST", "/subscribe/payments/again", json=MONTH | {"merchant_uid": "m-2"})[3]
    assert (paid["status"], paid["pg_provider"], paid["sandbox"]) == ("paid", "mobilians_v2", True)


@pytest.mark.parametrize("channel", [{}, PHONE], ids=["old", "new"])
def test_an_hour_after_its_payment_the_carrier_reverses_it_and_portone_says_cancelled(
    channel: dict[str, str], sandbox: Sandbox, httpserver: Any, heard: list[dict[str, str]]
) -> None:
    go_to(sandbox, "2055-01-20T12:00")
    pay(sandbox, "01000007005", notice_url=httpserver.url_for("/hook"), **channel)
    go_to(sandbox, "2055-01-20T12:59")
    assert [body["status"] for body in heard] == ["paid"]
    go_to(sandbox, "2055-01-20T14:00")
    assert [body["status"] for body in heard] == ["paid", "cancelled"]
    [payment] = payments_of(sandbox, "order-1")
    assert (payment["status"], payment["cancel_amount"]) == ("cancelled", 9900)
    assert payment["cancelled_at"] == payment["paid_at"] + 3600


@pytest.mark.parametrize("paid", ["2055-01-20T12:00", "2055-01-31T23:59"])
def test_a_payment_is_reversed_in_the_next_month_though_it_was_made_in_the_last_hour_of_its_month(
    paid: str, sandbox: Sandbox
) -> None:
    go_to(sandbox, paid)
    pay(sandbox, "01000007006")
    go_to(sandbox, "2055-02-02T08:59")
    assert payments_of(sandbox, "order-1")[0]["status"] == "paid"
    go_to(sandbox, "2055-02-02T09:01")
    [payment] = payments_of(sandbox, "order-1")
    assert (payment["status"], payment["cancel_amount"]) == ("cancelled", 9900)


def test_what_was_cancelled_before_is_not_reversed_a_second_time(sandbox: Sandbox, merchant: Merchant) -> None:
    go_to(sandbox, "2055-01-20T12:00")
    pay(sandbox, "01000007005")
    assert merchant("POST", "/payments/cancel", json={"merchant_uid": "order-1"})[1] == 0
    go_to(sandbox, "2055-01-20T14:00")
    [payment] = payments_of(sandbox, "order-1")
    assert len(payment["cancel_history"]) == 1
