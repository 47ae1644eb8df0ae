"""What the browser calls IMP.request_pay with: complete, in KG's limits, on the contract that the settings name."""

from dataclasses import replace
from typing import Any

import pytest

from payments.models import Payment
from payments.portone.request_pay import Buyer, request_pay
from payments.settings import PortOneSettings

from .stubs import LIVE


@pytest.fixture
def live() -> PortOneSettings:
    return PortOneSettings.from_environ(LIVE)


BUYER = Buyer("홍길동", "01012345678", "a@example.com")


def a_payment(**columns: Any) -> Payment:
    return Payment(**({"merchant_uid": "m-1", "name": "디지털 이용권", "amount": 9900} | columns))


def test_a_one_time_payment_is_asked_for_completely(live: PortOneSettings) -> None:
    assert request_pay(live, a_payment(), BUYER, digital=True) == {
        "pay_method": "phone",
        "merchant_uid": "m-1",
        "name": "디지털 이용권",
        "amount": 9900,
        "currency": "KRW",
        "buyer_name": "홍길동",
        "buyer_tel": "01012345678",
        "buyer_email": "a@example.com",
        "digital": True,
        "m_redirect_url": "https://shop.example/payment/redirect",
        "notice_url": "https://shop.example/payment/webhook",
        "confirm_url": "https://shop.example/payment/confirm",
    }


@pytest.mark.parametrize(
    ("given", "once", "monthly"),
    [
        ({}, {}, {}),
        ({"pg": ""}, {}, {}),
        ({"pg": "mobilians", "billing_pg": "mobilians.1"}, {"pg": "mobilians"}, {"pg": "mobilians.1"}),
        ({"channel_key": "ck-1", "billing_channel_key": "ck-2"}, {"channelKey": "ck-1"}, {"channelKey": "ck-2"}),
        ({"channel_key": "ck-1", "billing_pg": "mobilians.1"}, {"channelKey": "ck-1"}, {"pg": "mobilians.1"}),
    ],
)
def test_settings_choose_the_contract(
    given: dict[str, str], once: dict[str, str], monthly: dict[str, str], live: PortOneSettings
) -> None:
    settings = replace(live, **given)  # type: ignore[arg-type]

    def chosen(payment: Payment) -> dict[str, str]:
        asked = request_pay(settings, payment, BUYER, digital=True)
        return {key: asked[key] for key in ("pg", "channelKey") if key in asked}

    assert chosen(a_payment()) == once
    assert chosen(a_payment(customer_uid="key-1")) == monthly


def test_only_a_plan_names_a_billing_key(live: PortOneSettings) -> None:
    assert "customer_uid" not in request_pay(live, a_payment(), BUYER, digital=True)
    assert request_pay(live, a_payment(customer_uid="key-1"), BUYER, digital=True)["customer_uid"] == "key-1"


def test_what_kg_would_refuse_is_not_sent(live: PortOneSettings) -> None:
    asked = request_pay(
        live, a_payment(), replace(BUYER, email="a-very-long-address@some-company.example"), digital=True
    )
    assert "buyer_email" not in asked
    assert "buyer_addr" not in asked


def test_a_parcel_brings_its_address(live: PortOneSettings) -> None:
    buyer = replace(BUYER, addr="서울시 중구 세종대로 110", postcode="04524")
    asked = request_pay(live, a_payment(), buyer, digital=False)
    assert asked["digital"] is False
    assert (asked["buyer_addr"], asked["buyer_postcode"]) == ("서울시 중구 세종대로 110", "04524")


# --- KG's new module ---

NEW = {key: value for key, value in LIVE.items() if key != "PORTONE_PG"} | {
    "PORTONE_MODULE": "mobilians_v2",
    "PORTONE_CHANNEL_KEY": "ck-1",
    "PORTONE_BILLING_CHANNEL_KEY": "ck-2",
}


@pytest.mark.parametrize(("payment", "key"), [(a_payment(), "ck-1"), (a_payment(customer_uid="key-1"), "ck-2")])
def test_the_new_module_is_chosen_by_channel_key_only_and_asked_for_a_phone_bill(payment: Payment, key: str) -> None:
    asked = request_pay(PortOneSettings.from_environ(NEW), payment, BUYER, digital=True)
    assert (asked["channelKey"], asked["pay_method"], asked["digital"]) == (key, "phone", True)
    assert not {"pg", "bypass", "phone"} & set(asked)


def test_the_new_modules_window_may_be_kept_to_the_orders_number() -> None:
    asked = request_pay(
        PortOneSettings.from_environ(NEW | {"PORTONE_FIX_NUMBER": "true"}), a_payment(), BUYER, digital=True
    )
    assert asked["bypass"] == {"mobilians_v2": {"pay_options": {"mc_fix_no": "Y"}}}
    assert asked["buyer_tel"] == "01012345678"


OLD_THEN_NEW = LIVE | {
    "PORTONE_PG": "mobilians",
    "PORTONE_BILLING_MODULE": "mobilians_v2",
    "PORTONE_BILLING_CHANNEL_KEY": "ck-2",
}
NEW_THEN_OLD = NEW | {
    "PORTONE_BILLING_MODULE": "mobilians",
    "PORTONE_BILLING_CHANNEL_KEY": "",
    "PORTONE_BILLING_PG": "mobilians.2",
}


@pytest.mark.parametrize(
    ("environ", "once", "monthly"),
    [
        (OLD_THEN_NEW, {"pg": "mobilians"}, {"channelKey": "ck-2", "bypass": ...}),
        (NEW_THEN_OLD, {"channelKey": "ck-1", "bypass": ...}, {"pg": "mobilians.2"}),
    ],
    ids=["plans through the new module", "plans through the old module"],
)
def test_with_a_contract_of_each_module_each_window_gets_what_its_own_module_takes(
    environ: dict[str, str], once: dict[str, Any], monthly: dict[str, Any]
) -> None:
    settings = PortOneSettings.from_environ(environ | {"PORTONE_FIX_NUMBER": "true"})
    for payment, chosen in ((a_payment(), once), (a_payment(customer_uid="key-1"), monthly)):
        asked = request_pay(settings, payment, BUYER, digital=True)
        assert {"pg", "channelKey", "bypass"} & set(asked) == set(chosen)
        assert all(asked[name] == value for name, value in chosen.items() if value is not ...)


def test_an_apps_scheme_is_sent_only_if_there_is_one(live: PortOneSettings) -> None:
    assert "app_scheme" not in request_pay(live, a_payment(), BUYER, digital=True)
    asked = request_pay(replace(live, app_scheme="dalgom"), a_payment(), BUYER, digital=True)
    assert asked["app_scheme"] == "dalgom"


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        (NEW | {"PORTONE_PG": "mobilians"}, "PORTONE_PG"),
        (NEW | {"PORTONE_PG": "default"}, "PORTONE_PG"),
        (NEW | {"PORTONE_BILLING_PG": "mobilians.1"}, "PORTONE_BILLING_PG"),
        (NEW | {"PORTONE_MODULE": "mobilians_v3"}, "PORTONE_MODULE"),
        (NEW | {"PORTONE_BILLING_MODULE": "mobilians_v3"}, "PORTONE_BILLING_MODULE"),
        (OLD_THEN_NEW | {"PORTONE_BILLING_CHANNEL_KEY": "", "PORTONE_BILLING_PG": "mobilians.2"}, "PORTONE_BILLING_PG"),
        (NEW_THEN_OLD | {"PORTONE_CHANNEL_KEY": "", "PORTONE_PG": "mobilians"}, "PORTONE_PG"),
        (LIVE | {"PORTONE_PG": "mobilians_v2"}, "PORTONE_PG"),
        (LIVE | {"PORTONE_PG": "mobilians_v2.1"}, "PORTONE_PG"),
        (LIVE | {"PORTONE_FIX_NUMBER": "true"}, "PORTONE_FIX_NUMBER"),
        (NEW | {"PORTONE_FIX_NUMBER": "Y"}, "PORTONE_FIX_NUMBER"),
    ],
)
def test_settings_that_contradict_the_module_are_refused_by_name(wrong: dict[str, str], named: str) -> None:
    with pytest.raises(ValueError, match=rf"^{named} "):
        PortOneSettings.from_environ(wrong)
