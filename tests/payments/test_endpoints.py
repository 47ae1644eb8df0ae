"""The endpoints: callback, redirect and webhook lead to the same look-up, whatever is sent to them."""

from collections.abc import Callable
from itertools import permutations
from itertools import product as pairs

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from payments.database import db
from payments.models import Event, Payment
from payments.portone.report import OutcomeUnknown

from .fakes import FakeProvider
from .host import Order, order_window, states

Door = Callable[[FlaskClient, dict[str, str]], TestResponse]


def callback(client: FlaskClient, told: dict[str, str]) -> TestResponse:
    return client.post("/payment/complete", json=told)


def redirect(client: FlaskClient, told: dict[str, str]) -> TestResponse:
    return client.get("/payment/redirect", query_string=told | {"imp_success": "true"})


def webhook(client: FlaskClient, told: dict[str, str]) -> TestResponse:
    return client.post("/payment/webhook", json=told | {"status": "paid"})


def form_webhook(client: FlaskClient, told: dict[str, str]) -> TestResponse:
    return client.post("/payment/webhook", data=told | {"status": "paid"})


LIMIT = "당월 한도 초과로 결제 불가합니다."
DOORS = (callback, redirect, webhook, form_webhook)


@pytest.fixture
def payment(provider: FakeProvider) -> Payment:
    """An open attempt to buy one thing."""
    return order_window(provider)


@pytest.fixture
def told(payment: Payment, provider: FakeProvider) -> dict[str, str]:
    """What the endpoints are told once the buyer has paid."""
    report = provider.hears_of(payment.merchant_uid, amount=payment.amount)
    return {"imp_uid": report.imp_uid, "merchant_uid": payment.merchant_uid}


def books(payment: Payment) -> tuple[str, str]:
    db.session.commit()
    return states(payment)


@pytest.mark.parametrize("door", DOORS)
def test_one_door_is_enough_and_twice_is_harmless(
    door: Door, client: FlaskClient, payment: Payment, told: dict[str, str]
) -> None:
    for _ in range(2):
        assert door(client, told).status_code in (200, 303)
        assert books(payment) == ("paid", "paid")
    assert db.session.query(Event).filter_by(outcome="paid").count() == 1


@pytest.mark.parametrize("order", list(permutations((callback, redirect, webhook))))
def test_all_endpoints_in_any_order_and_each_twice_have_one_outcome(
    order: tuple[Door, ...], client: FlaskClient, payment: Payment, told: dict[str, str]
) -> None:
    for door, _ in pairs(order, range(2)):
        door(client, told)
    assert books(payment) == ("paid", "paid")
    assert db.session.query(Event).filter_by(outcome="paid").count() == 1
    assert db.session.query(Order).count() == 1


def test_the_callback_answers_where_to_go(client: FlaskClient, payment: Payment, told: dict[str, str]) -> None:
    answer = callback(client, told)
    assert answer.json == {
        "outcome": "paid",
        "status": "paid",
        "redirect": f"/orders/{payment.purchase_id}",
        "message": "",
    }


def test_the_redirect_works_without_a_session(client: FlaskClient, payment: Payment, told: dict[str, str]) -> None:
    answer = redirect(client, told)
    assert (answer.status_code, answer.location) == (303, f"/orders/{payment.purchase_id}")


def test_only_our_own_id_is_needed(client: FlaskClient, payment: Payment, told: dict[str, str]) -> None:
    assert redirect(client, {"merchant_uid": payment.merchant_uid}).status_code == 303
    assert books(payment) == ("paid", "paid")


# --- lies, gaps and noise ---


@pytest.mark.parametrize("door", DOORS)
def test_a_failed_payment_sells_nothing_whatever_the_caller_says(
    door: Door, client: FlaskClient, provider: FakeProvider, payment: Payment
) -> None:
    report = provider.hears_of(
        payment.merchant_uid, "failed", payment.amount, fail_reason="당월 한도 초과로 결제 불가합니다."
    )
    door(client, {"imp_uid": report.imp_uid, "merchant_uid": payment.merchant_uid})
    assert books(payment) == ("failed", "pending")


def test_the_callback_passes_kgs_reason_on(client: FlaskClient, provider: FakeProvider, payment: Payment) -> None:
    report = provider.hears_of(
        payment.merchant_uid, "failed", payment.amount, fail_reason="당월 한도 초과로 결제 불가합니다."
    )
    answer = callback(client, {"imp_uid": report.imp_uid, "merchant_uid": payment.merchant_uid})
    assert answer.json
    assert (answer.json["outcome"], answer.json["message"]) == ("failed", LIMIT)


@pytest.mark.parametrize("door", DOORS)
def test_an_abandoned_window_sells_nothing(
    door: Door, client: FlaskClient, provider: FakeProvider, payment: Payment
) -> None:
    report = provider.hears_of(payment.merchant_uid, "ready", payment.amount)
    door(client, {"imp_uid": report.imp_uid, "merchant_uid": payment.merchant_uid})
    assert books(payment) == ("ready", "pending")


@pytest.mark.parametrize("door", DOORS)
def test_a_tampered_amount_sells_nothing_and_the_money_goes_back(
    door: Door, client: FlaskClient, provider: FakeProvider, payment: Payment
) -> None:
    report = provider.hears_of(payment.merchant_uid, amount=301)
    door(client, {"imp_uid": report.imp_uid, "merchant_uid": payment.merchant_uid})
    assert books(payment) == ("cancelled", "pending")
    assert provider.cancels == [(report.imp_uid, 301)]


@pytest.mark.parametrize("door", DOORS)
def test_a_replayed_payment_completes_no_other_order(
    door: Door, client: FlaskClient, provider: FakeProvider, payment: Payment, told: dict[str, str]
) -> None:
    callback(client, told)
    thiefs = order_window(provider)
    door(client, {"imp_uid": told["imp_uid"], "merchant_uid": thiefs.merchant_uid})
    assert books(thiefs) == ("ready", "pending")
    assert books(payment) == ("paid", "paid")


def test_a_replay_is_answered_with_409_and_no_way_to_the_order(
    client: FlaskClient, provider: FakeProvider, told: dict[str, str]
) -> None:
    thiefs = order_window(provider)
    answer = callback(client, {"imp_uid": told["imp_uid"], "merchant_uid": thiefs.merchant_uid})
    assert answer.status_code == 409
    assert answer.json
    assert (answer.json["outcome"], answer.json["redirect"]) == ("mismatch", None)
    page = redirect(client, {"imp_uid": told["imp_uid"], "merchant_uid": thiefs.merchant_uid})
    assert page.status_code == 409


@pytest.mark.parametrize("door", [webhook, form_webhook])
def test_a_forged_webhook_sells_nothing(
    door: Door, client: FlaskClient, provider: FakeProvider, payment: Payment
) -> None:
    ours = {"imp_uid": "imp_999999999999", "merchant_uid": payment.merchant_uid}  # which PortOne does not know
    for forged, status in ((ours, 503), ({"imp_uid": "x"}, 200), ({}, 200)):
        assert door(client, forged).status_code == status
    assert books(payment) == ("ready", "pending")


def test_a_window_that_the_browser_blocked_is_no_failure_of_the_shop(
    client: FlaskClient, provider: FakeProvider, payment: Payment
) -> None:
    blocked = {"merchant_uid": payment.merchant_uid, "error_code": "F1", "error_msg": "팝업이 차단되었습니다."}
    answer = callback(client, blocked)
    assert answer.json
    assert (answer.status_code, answer.json["outcome"], answer.json["status"]) == (200, "unchanged", "ready")
    assert answer.json["advice"].startswith("주소창 옆의 알림에서")
    assert books(payment) == ("ready", "pending")
    assert callback(client, blocked | {"imp_uid": "imp_1"}).status_code == 503  # a window was there: ask again
    assert callback(client, {"merchant_uid": payment.merchant_uid}).status_code == 503
    provider.trouble = OutcomeUnknown("no answer")
    assert callback(client, blocked).status_code == 503


def test_unknown_ids_get_a_calm_webhook_an_exact_error_and_a_friendly_page(
    client: FlaskClient, provider: FakeProvider
) -> None:
    nobodys = {"imp_uid": "imp_1", "merchant_uid": "nobodys"}
    assert webhook(client, nobodys).json == {"outcome": "not_found"}
    answer = callback(client, nobodys)
    assert (answer.status_code, answer.json and answer.json["outcome"]) == (404, "not_found")
    assert redirect(client, nobodys).status_code == 404
    assert provider.asked == []


def test_without_any_id_the_callback_names_what_is_missing(client: FlaskClient, provider: FakeProvider) -> None:
    answer = callback(client, {})
    assert (answer.status_code, answer.json and answer.json["error"]) == (400, "no_id")
    assert redirect(client, {}).status_code == 400


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[]", 400),
        (b"null", 400),
        (b'"paid"', 400),
        (b"42", 400),
        (b'{"imp_uid": {"a": 1}, "merchant_uid": []}', 200),
        (b"\xff\xfe", 400),
        (b'{"imp_uid": 7}', 200),
    ],
)
def test_noise_at_a_door_is_never_a_500(body: bytes, status: int, client: FlaskClient, provider: FakeProvider) -> None:
    for kind in ("application/json", "application/x-www-form-urlencoded", "text/plain"):
        assert client.post("/payment/webhook", data=body, content_type=kind).status_code == status
        assert client.post("/payment/complete", data=body, content_type=kind).status_code in (400, 404)


def test_control_characters_and_endless_values_are_kept_out_of_the_books(
    client: FlaskClient, provider: FakeProvider, payment: Payment
) -> None:
    webhook(client, {"imp_uid": "imp\x00_1" + "9" * 5000, "merchant_uid": payment.merchant_uid})
    event = db.session.query(Event).filter_by(source="webhook").one()
    assert event.claimed["imp_uid"].startswith("imp_1999")
    assert len(event.claimed["imp_uid"]) == 200


def test_when_portone_is_silent_the_webhook_asks_to_be_repeated_and_the_buyer_to_wait(
    client: FlaskClient, provider: FakeProvider, payment: Payment, told: dict[str, str]
) -> None:
    provider.trouble = OutcomeUnknown("no answer")
    assert webhook(client, told).status_code == 503
    answer = callback(client, told)
    assert (answer.status_code, answer.json and answer.json["outcome"]) == (503, "unknown")
    assert answer.json
    assert answer.json["redirect"] == f"/orders/{payment.purchase_id}"
    assert redirect(client, told).location == f"/orders/{payment.purchase_id}"
    assert books(payment) == ("ready", "pending")


def test_a_late_failure_does_not_reach_a_paid_order(
    client: FlaskClient, provider: FakeProvider, payment: Payment, told: dict[str, str]
) -> None:
    callback(client, told)
    provider.hears_of(payment.merchant_uid, "failed", payment.amount, imp_uid=told["imp_uid"])
    webhook(client, told)
    assert books(payment) == ("paid", "paid")


@pytest.mark.parametrize("door", [webhook, form_webhook])
def test_a_webhook_is_kept_as_it_came_with_phone_numbers_masked(
    door: Door, client: FlaskClient, payment: Payment, told: dict[str, str]
) -> None:
    door(client, told | {"buyer_tel": "010-1234-5678"})
    event = db.session.query(Event).filter_by(source="webhook").one()
    assert event.raw and told["imp_uid"] in event.raw
    assert "010-****-5678" in event.raw
    assert event.address == "127.0.0.1"


# --- before KG approves ---


@pytest.mark.parametrize(("difference", "status"), [(0, 200), (1, 409), (-1, 409)])
@pytest.mark.parametrize("packed", ["json", "data"])
def test_confirm_lets_only_our_price_through(
    difference: int, status: int, packed: str, client: FlaskClient, payment: Payment, provider: FakeProvider
) -> None:
    provider.asked.clear()
    asked = {"imp_uid": "imp_1", "merchant_uid": payment.merchant_uid, "amount": payment.amount + difference}
    answer = client.post("/payment/confirm", **{packed: asked})  # type: ignore[arg-type]
    assert answer.status_code == status
    assert answer.json == (
        {"outcome": "allowed"}
        if status == 200
        else {"outcome": "refused", "reason": "주문 금액과 결제 금액이 다릅니다"}
    )
    assert provider.asked == []  # so that the answer is there within seconds, whatever PortOne does
    assert books(payment) == ("ready", "pending")


@pytest.mark.parametrize("written", [float, str, "{}.0".format])
@pytest.mark.parametrize("packed", ["json", "data"])
def test_confirm_reads_the_amount_however_it_is_written(
    written: Callable[[int], object], packed: str, client: FlaskClient, payment: Payment
) -> None:
    asked = {"imp_uid": "imp_1", "merchant_uid": payment.merchant_uid, "amount": written(payment.amount)}
    assert client.post("/payment/confirm", **{packed: asked}).status_code == 200  # type: ignore[arg-type]


@pytest.mark.parametrize("body", [{}, {"merchant_uid": "nobodys", "amount": 1}, {"merchant_uid": ["x"], "amount": {}}])
def test_confirm_refuses_what_it_does_not_know(body: dict[str, object], client: FlaskClient, payment: Payment) -> None:
    answer = client.post("/payment/confirm", json=body)
    assert (answer.status_code, answer.json) == (409, {"outcome": "refused", "reason": "주문을 찾을 수 없습니다"})


def test_confirm_refuses_an_order_that_is_paid_already(
    client: FlaskClient, payment: Payment, told: dict[str, str]
) -> None:
    callback(client, told)
    answer = client.post("/payment/confirm", json={"merchant_uid": payment.merchant_uid, "amount": payment.amount})
    assert answer.json == {"outcome": "refused", "reason": "이미 결제된 주문입니다"}


def test_a_refusal_comes_with_what_the_buyer_can_do(
    client: FlaskClient, payment: Payment, provider: FakeProvider
) -> None:
    reason = "요금 미납으로 결제 불가합니다. 통신사로 납부 후 재시도 부탁드립니다."
    report = provider.hears_of(payment.merchant_uid, "failed", amount=payment.amount, fail_reason=reason)
    answer = callback(client, {"imp_uid": report.imp_uid, "merchant_uid": payment.merchant_uid})
    assert answer.json["message"] == reason
    assert answer.json["meaning"] == "휴대폰 요금이 밀려 있습니다."
    assert "통신사에 요금을 낸 뒤" in answer.json["advice"]
    assert answer.json["by_buyer"] is False  # so KG's words are read out, too


def test_an_error_that_only_the_browser_heard_of_is_explained_and_changes_nothing(
    client: FlaskClient, payment: Payment, provider: FakeProvider
) -> None:
    told = {
        "merchant_uid": payment.merchant_uid,
        "error_code": "F1002",
        "error_msg": "이미 결제가 이루어진 거래건입니다.",
    }
    provider.hears_of(payment.merchant_uid, "ready", amount=payment.amount)
    assert "다시 결제하지 않으셔도 됩니다" in callback(client, told).json["advice"]
    assert books(payment) == ("ready", "pending")
