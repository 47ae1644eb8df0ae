"""The back office: who may look, and what is listed."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from payments import clock
from payments.database import db, transaction
from payments.events import Notification
from payments.models import Payment
from payments.monthly.charge_days import charge_day
from payments.sync import sync_payment
from shop.orders import cart
from shop.orders.models import User
from tests.conftest import BUYER, order_window, plan_window, product, sign_in
from tests.payments.fakes import FakeProvider

PAGES = ("/admin/", "/admin/payments", "/admin/billing-keys", "/admin/payments/x", "/admin/billing-keys/x")


@pytest.fixture
def paid(provider: FakeProvider, buyer: User) -> Payment:
    cart.put_in_cart(buyer.id, product().id, 1)
    payment = order_window(provider, buyer.id, BUYER)
    provider.hears_of(payment.merchant_uid, amount=payment.amount)
    sync_payment(provider, Notification("callback", merchant_uid=payment.merchant_uid, claimed={"imp_success": "true"}))
    db.session.expire_all()
    return payment


@pytest.fixture
def admin(client: FlaskClient) -> FlaskClient:
    sign_in(client, "admin@example.com")
    return client


@pytest.mark.parametrize("address", PAGES)
def test_a_visitor_is_asked_to_sign_in_and_a_buyer_finds_nothing_there(address: str, client: FlaskClient) -> None:
    assert client.get(address).location.startswith("/login")
    sign_in(client)
    assert client.get(address).status_code == 404


def test_a_viewer_may_look(client: FlaskClient, shop: Any) -> None:
    with transaction():
        db.session.add(User(email="viewer@example.com", password_hash="x", role="viewer"))
    sign_in(client, "viewer@example.com")
    assert client.get("/admin/payments").status_code == 200


def test_a_payment_is_listed_with_both_ids_amount_and_a_masked_phone(admin: FlaskClient, paid: Payment) -> None:
    page = admin.get("/admin/payments").get_data(as_text=True)
    for shown in (paid.merchant_uid, str(paid.imp_uid), f"{paid.amount:,}원", "홍길동", "010-****-5678", "결제 완료"):
        assert shown in page
    assert BUYER.tel not in page
    assert "010-1234-5678" not in page


def test_payments_are_filtered_by_state_and_found_by_either_id(admin: FlaskClient, paid: Payment) -> None:
    def listed(query: str) -> bool:
        return f"/admin/payments/{paid.merchant_uid}" in admin.get(f"/admin/payments?{query}").get_data(as_text=True)

    assert listed("status=paid")
    assert listed(f"q={paid.merchant_uid}")
    assert listed(f"q={paid.imp_uid}")
    assert not listed("status=failed")
    assert not listed("status=held")
    assert not listed("q=imp_000")
    assert listed("status=nonsense")


def test_held_payments_have_a_filter_of_their_own(admin: FlaskClient, paid: Payment) -> None:
    with transaction():
        db.session.get_one(Payment, paid.id).held_reason = "duplicate"
    page = admin.get("/admin/payments?status=held").get_data(as_text=True)
    assert paid.merchant_uid in page
    assert "확인 필요" in page


def test_older_payments_are_a_page_away(admin: FlaskClient, paid: Payment) -> None:
    with transaction():
        for number in range(60):
            db.session.add(
                Payment(
                    merchant_uid=f"m-{number:02d}",
                    kind="once",
                    purchase_id=paid.purchase_id,
                    name="x",
                    amount=3900,
                    is_test_channel=True,
                    status="failed",
                )
            )
    first = admin.get("/admin/payments").get_data(as_text=True)
    assert "m-59" in first
    assert paid.merchant_uid not in first
    older = first.split('rel="next" href="/admin/payments?', 1)[1].split('"', 1)[0].replace("&amp;", "&")
    assert paid.merchant_uid in admin.get(f"/admin/payments?{older}").get_data(as_text=True)


def test_a_payment_shows_what_happened_and_what_portone_said(admin: FlaskClient, paid: Payment) -> None:
    page = admin.get(f"/admin/payments/{paid.merchant_uid}").get_data(as_text=True)
    for shown in ("주문서", "결제창 콜백", "imp_success=true", "포트원이 말한 것", str(paid.imp_uid)):
        assert shown in page, shown


def test_a_billing_key_is_listed_with_its_owner_and_its_next_charge(
    admin: FlaskClient, provider: FakeProvider, buyer: User
) -> None:
    payment = plan_window(provider, buyer.id, product("monthly").id, BUYER)
    provider.issues_key(payment.customer_uid or "")
    provider.hears_of(payment.merchant_uid, amount=payment.amount, customer_uid=payment.customer_uid)
    sync_payment(provider, Notification("callback", merchant_uid=payment.merchant_uid))
    next_charge_on = charge_day(clock.today(), clock.today().day).isoformat()
    for address in ("/admin/billing-keys", f"/admin/billing-keys?q={payment.customer_uid}"):
        page = admin.get(address).get_data(as_text=True)
        for shown in (str(payment.customer_uid), "buyer@example.com", "010-****-5678", "사용 중", next_charge_on):
            assert shown in page
    page = admin.get(f"/admin/billing-keys/{payment.customer_uid}").get_data(as_text=True)
    assert payment.merchant_uid in page
    assert str(payment.customer_uid) not in admin.get("/admin/billing-keys?q=key-0").get_data(as_text=True)


def test_empty_lists_say_so(admin: FlaskClient) -> None:
    assert "아직 결제가 없습니다." in admin.get("/admin/payments").get_data(as_text=True)
    assert "아직 빌링키가 없습니다." in admin.get("/admin/billing-keys").get_data(as_text=True)


def test_the_overview_counts_by_state(admin: FlaskClient, paid: Payment) -> None:
    assert admin.get("/admin/").status_code == 200
    assert "오늘 결제된 금액" in admin.get("/admin/").get_data(as_text=True)


def test_an_unknown_payment_is_a_404(admin: FlaskClient) -> None:
    assert admin.get("/admin/payments/nobodys").status_code == 404
    assert admin.get("/admin/billing-keys/nobodys").status_code == 404


def test_the_back_office_says_what_the_shop_should_do(client: FlaskClient, buyer: User, provider: FakeProvider) -> None:
    cart.put_in_cart(buyer.id, product().id, 1)
    payment = order_window(provider, buyer.id, BUYER)
    reason = "등록되지 않은 서비스 입니다. 결제하고자 하는 사이트로 문의 주시기 바랍니다."
    report = provider.hears_of(payment.merchant_uid, "failed", amount=payment.amount, fail_reason=reason)
    sync_payment(provider, Notification("webhook", report.imp_uid, payment.merchant_uid))
    sign_in(client, "admin@example.com")
    page = client.get(f"/admin/payments/{payment.merchant_uid}").get_data(as_text=True)
    assert "KG에 등록되지 않은 상점입니다." in page
    assert "포트원을 거쳐 발급받아야 합니다." in page
