"""An order that is not paid yet: pages ask our own tables how it stands, and its buyer may cancel it."""

from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from payments import clock, sync
from payments.database import db, transaction
from payments.events import Notification
from payments.models import Event, Payment
from payments.monthly.models import Subscription
from payments.portone.report import OutcomeUnknown
from shop.orders import cart
from shop.orders.models import Order, Product, User
from shop.orders.orders import PENDING_FOR
from tests import clocks
from tests.conftest import ADDRESSED_BUYER, BUYER, csrf_of, order_of, order_window, plan_window, product, sign_in
from tests.payments.fakes import FakeProvider
from tests.shop.bought import paid, states


@pytest.fixture
def payment(client: FlaskClient, provider: FakeProvider, buyer: User) -> Payment:
    """A window that the signed-in buyer has open for two things that are shipped."""
    sign_in(client)
    cart.put_in_cart(buyer.id, product(digital=False).id, 2)
    return order_window(provider, buyer.id, ADDRESSED_BUYER)


def state_of(client: FlaskClient, payment: Payment) -> dict[str, Any]:
    answer = client.get(f"/orders/{payment.purchase_id}/state")
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    assert answer.json
    return answer.json


def ends(provider: FakeProvider, payment: Payment, status: str, **facts: Any) -> None:
    """PortOne has this of the window, and a webhook says so."""
    provider.hears_of(payment.merchant_uid, status, payment.amount, **facts)
    sync.sync_payment(provider, Notification("webhook", merchant_uid=payment.merchant_uid))


def article(client: FlaskClient, payment: Payment) -> str:
    """The order's page without the demo's panel."""
    page = client.get(f"/orders/{payment.purchase_id}").get_data(as_text=True)
    return page.split("<article", 1)[1].split("</article>", 1)[0]


def cancel(client: FlaskClient, payment: Payment) -> TestResponse:
    address = f"/orders/{payment.purchase_id}/cancel-unpaid"
    return client.post(address, headers=csrf_of(client), follow_redirects=True)


# --- how it stands, by our own tables ---


def test_while_a_window_is_open_the_state_says_so_and_portone_is_not_asked(
    client: FlaskClient, payment: Payment, provider: FakeProvider
) -> None:
    provider.asked.clear()
    state = state_of(client, payment)
    assert state == {
        "order": "pending",
        "payment": "ready",
        "open": True,
        "seconds": PENDING_FOR.total_seconds(),
        "redirect": f"/orders/{payment.purchase_id}",
        "refusal": None,
    }
    assert provider.asked == []


def test_a_payment_that_a_webhook_told_of_is_paid_and_no_longer_open(
    client: FlaskClient, payment: Payment, provider: FakeProvider
) -> None:
    ends(provider, payment, "paid")
    state = state_of(client, payment)
    assert (state["order"], state["payment"], state["open"]) == ("paid", "paid", False)


def test_money_that_is_held_is_told_as_held(client: FlaskClient, payment: Payment, provider: FakeProvider) -> None:
    ends(provider, payment, "paid", is_test_channel=False)
    state = state_of(client, payment)
    assert (state["order"], state["payment"], state["open"]) == ("pending", "held", False)


def test_a_refusal_is_told_by_its_meaning_with_advice_and_kgs_words_apart(
    client: FlaskClient, payment: Payment, provider: FakeProvider
) -> None:
    ends(provider, payment, "failed", fail_reason="요금 미납으로 결제 불가합니다.")
    state = state_of(client, payment)
    assert (state["order"], state["payment"], state["open"]) == ("pending", "failed", False)
    assert state["refusal"] == {
        "meaning": "휴대폰 요금이 밀려 있습니다.",
        "advice": "통신사에 요금을 낸 뒤 다시 결제해 주세요.",
        "words": "요금 미납으로 결제 불가합니다.",
    }


def test_after_the_life_of_the_order_nothing_is_open(client: FlaskClient, payment: Payment) -> None:
    clocks.later(PENDING_FOR)
    state = state_of(client, payment)
    assert (state["open"], state["seconds"]) == (False, 0)


def test_the_state_is_for_the_owner_only(client: FlaskClient, payment: Payment, other_buyer: User) -> None:
    sign_in(client, other_buyer.email)
    assert client.get(f"/orders/{payment.purchase_id}/state").status_code == 404
    client.post("/logout", headers=csrf_of(client))
    answer = client.get(f"/orders/{payment.purchase_id}/state")
    assert (answer.status_code, answer.json and answer.json["error"]) == (401, "login_required")


@pytest.mark.parametrize("address", ["/cart", "/orders/{}"])
def test_a_page_watches_an_open_payment_and_nothing_else(
    address: str, client: FlaskClient, payment: Payment, provider: FakeProvider
) -> None:
    watched = f'data-watch="/orders/{payment.purchase_id}/state"'
    page = address.format(payment.purchase_id)
    assert watched in client.get(page).get_data(as_text=True)
    ends(provider, payment, "failed", fail_reason="한도 초과")
    assert "data-watch=" not in client.get(page).get_data(as_text=True)


# --- the buyer cancels it ---


def test_a_pending_order_can_be_cancelled_by_its_buyer_and_its_stock_returns(
    client: FlaskClient, payment: Payment, provider: FakeProvider
) -> None:
    parcel = product(digital=False)
    reserved = parcel.stock or 0
    provider.hears_of(payment.merchant_uid, "ready", payment.amount)
    assert "주문 취소" in client.get(f"/orders/{payment.purchase_id}").get_data(as_text=True)
    assert "주문을 취소했습니다." in cancel(client, payment).get_data(as_text=True)
    assert states(payment) == ("ready", "cancelled")
    assert db.session.get_one(Product, parcel.id).stock == reserved + 2
    assert order_of(payment).cancelled_at == clock.now()
    told = db.session.query(Event).filter_by(source="buyer", outcome="order_cancelled").one()
    assert (told.payment_id, told.actor) == (payment.id, "buyer@example.com")


def test_a_pending_order_that_turns_out_paid_is_paid_and_says_so(
    client: FlaskClient, payment: Payment, provider: FakeProvider
) -> None:
    provider.hears_of(payment.merchant_uid, "paid", payment.amount)
    page = cancel(client, payment).get_data(as_text=True)
    assert "방금 결제된 것을 찾아 주문을 취소하지 않았습니다." in page
    assert "결제가 완료되었습니다" in page
    assert states(payment) == ("paid", "paid")
    assert provider.cancels == []


def test_while_portone_does_not_answer_the_order_is_kept_and_the_page_says_so(
    client: FlaskClient, payment: Payment, provider: FakeProvider
) -> None:
    provider.trouble = OutcomeUnknown("no answer")
    assert "주문을 그대로 두었습니다" in cancel(client, payment).get_data(as_text=True)
    assert states(payment) == ("ready", "pending")


def test_an_order_with_held_money_is_not_cancelled_by_its_buyer(
    client: FlaskClient, payment: Payment, provider: FakeProvider
) -> None:
    ends(provider, payment, "paid", is_test_channel=False)
    assert "cancel-unpaid" not in client.get(f"/orders/{payment.purchase_id}").get_data(as_text=True)
    cancel(client, payment)
    assert order_of(payment).status == "pending"


def test_an_order_that_was_paid_a_moment_ago_is_not_cancelled(
    client: FlaskClient, provider: FakeProvider, buyer: User
) -> None:
    sign_in(client)
    payment = paid(provider, buyer)
    cancel(client, payment)
    assert states(payment) == ("paid", "paid")


def test_the_subscription_that_waited_for_a_cancelled_plan_ends(
    client: FlaskClient, provider: FakeProvider, buyer: User
) -> None:
    sign_in(client)
    payment = plan_window(provider, buyer.id, product("monthly").id, BUYER)
    cancel(client, payment)
    assert states(payment) == ("ready", "cancelled")
    assert db.session.query(Subscription).one().status == "ended"


def test_nobody_cancels_somebody_elses_pending_order(client: FlaskClient, payment: Payment, other_buyer: User) -> None:
    sign_in(client, other_buyer.email)
    assert cancel(client, payment).status_code == 404
    assert order_of(payment).status == "pending"


def test_an_order_whose_window_was_closed_says_so_and_leads_back_to_the_cart(
    client: FlaskClient, payment: Payment, provider: FakeProvider
) -> None:
    ends(provider, payment, "failed", fail_reason="[결제포기] 사용자가 결제를 취소하셨습니다")
    page = article(client, payment)
    assert "결제하지 않은 주문입니다" in page
    assert "결제포기" not in page
    assert "결제 기한" not in page


# --- a cart that was paid meanwhile ---


def test_a_cart_that_was_paid_meanwhile_leads_to_its_order_instead_of_being_called_empty(
    client: FlaskClient, payment: Payment, provider: FakeProvider
) -> None:
    ends(provider, payment, "paid")
    who = {"buyer_name": "홍길동", "buyer_tel": "010-1234-5678", "buyer_email": "buyer@example.com"}
    asked = {"kind": "once", "total_seen": payment.amount, **who}
    answer = client.post("/checkout", json=asked, headers=csrf_of(client))
    assert answer.status_code == 409
    assert answer.json and (answer.json["error"], answer.json["redirect"]) == (
        "already_paid",
        f"/orders/{payment.purchase_id}",
    )
    with transaction():
        db.session.get_one(Order, int(payment.purchase_id)).paid_at = clock.now() - PENDING_FOR
    answer = client.post("/checkout", json=asked, headers=csrf_of(client))
    assert answer.json and answer.json["error"] == "cart_changed"
