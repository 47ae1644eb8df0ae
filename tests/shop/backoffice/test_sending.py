"""Sending: what is to be sent is listed and counted, and is marked as sent once, by an operator."""

import pytest
from flask.testing import FlaskClient

from payments.cancellations import request
from payments.database import db, transaction
from payments.models import Event, Payment
from shop.backoffice import figures
from shop.orders import orders
from shop.orders.models import Order, User
from tests.conftest import ADDRESSED_BUYER, order_of, product, sign_in
from tests.payments.fakes import FakeProvider
from tests.shop import bought
from tests.shop.backoffice.test_office import admin, again, audit, do, text_of, viewer  # noqa: F401 - fixtures

PARCEL = {"carrier": "우체국택배", "tracking_number": "6012-3456-7890"}


@pytest.fixture
def goods(provider: FakeProvider, buyer: User) -> Payment:
    return bought.paid(provider, buyer, product(digital=False))


def read(client: FlaskClient, address: str) -> str:
    return text_of(client.get(address).get_data(as_text=True))


def send(client: FlaskClient, payment: Payment, **parcel: str) -> str:
    return text_of(do(client, f"payments/{payment.merchant_uid}/send", **parcel).get_data(as_text=True))


def order_now(payment: Payment) -> Order:
    db.session.expire_all()
    return order_of(payment)


def test_the_payments_page_shows_what_to_pack_and_where_it_goes(
    admin: FlaskClient,  # noqa: F811
    goods: Payment,
) -> None:
    line = order_of(goods).lines[0]
    with transaction():
        db.session.get_one(type(line), line.id).quantity = 3
    page = read(admin, f"/admin/payments/{goods.merchant_uid}")
    for shown in (line.name_ko, "3개", ADDRESSED_BUYER.name, ADDRESSED_BUYER.addr, ADDRESSED_BUYER.postcode):
        assert str(shown) in page
    assert "아직 보내지 않았습니다." in page
    assert "발송한 뒤에는 취소를 자동으로 하지 않고 사람이 정합니다." in page


def test_what_is_to_be_sent_is_listed_with_its_delivery_note(
    admin: FlaskClient,  # noqa: F811
    goods: Payment,
) -> None:
    with transaction():
        db.session.get_one(Order, int(goods.purchase_id)).delivery_note = "문 앞에 놓아 주세요."
    for address in ("/admin/to-send", "/admin/daily"):
        assert "문 앞에 놓아 주세요." in read(admin, address)


def test_phone_of_a_parcel_that_waits_is_whole_for_operators_only_and_masked_once_it_was_sent(
    admin: FlaskClient,  # noqa: F811
    goods: Payment,
) -> None:
    with transaction():
        db.session.get_one(Order, int(goods.purchase_id)).recipient_tel = "021234567"
    address = f"/admin/payments/{goods.merchant_uid}"
    assert "02-123-4567" in read(admin, "/admin/to-send")
    assert "02-123-4567" in read(admin, address) and "010-1234-5678" in read(admin, address)
    for listed in ("/admin/payments", "/admin/payments.csv", "/admin/daily", "/admin/"):
        assert "1234-5678" not in admin.get(listed).get_data(as_text=True)
    send(admin, goods)
    assert "1234-5678" not in read(admin, address) and "02-123-4567" not in read(admin, address)


def test_viewer_sees_no_whole_phone_number_of_a_parcel_that_waits(
    viewer: FlaskClient,  # noqa: F811
    goods: Payment,
) -> None:
    for address in ("/admin/to-send", f"/admin/payments/{goods.merchant_uid}"):
        page = read(viewer, address)
        assert "010-****-5678" in page and "1234-5678" not in page


def test_what_is_paid_and_physical_and_not_sent_is_listed_and_counted(
    admin: FlaskClient,  # noqa: F811
    provider: FakeProvider,
    buyer: User,
    goods: Payment,
) -> None:
    digital = bought.paid(provider, buyer)
    number = order_of(goods).number
    page = read(admin, "/admin/to-send")
    assert number in page and str(ADDRESSED_BUYER.addr) in page
    assert order_of(digital).number not in page
    assert "발송 대기" in read(admin, "/admin/") and figures.to_send() == 1
    assert "발송한 것으로 적었습니다." in send(admin, goods)
    assert "발송할 주문이 없습니다." in read(admin, "/admin/to-send")
    assert figures.to_send() == 0 and "사람이 볼 일이 없습니다." in read(admin, "/admin/")


def test_an_order_is_marked_as_sent_with_its_parcel_and_by_whom(
    admin: FlaskClient,  # noqa: F811
    goods: Payment,
) -> None:
    page = send(admin, goods, **PARCEL)
    for shown in PARCEL.values():
        assert shown in page
    assert order_now(goods).fulfilled_at
    assert "발송함" in audit(admin) and "6012-3456-7890" in audit(admin) and "admin@example.com" in audit(admin)
    sign_in(admin, "buyer@example.com")
    order = read(admin, f"/orders/{goods.purchase_id}")
    assert "우체국택배" in order and "6012-3456-7890" in order


def test_a_second_press_is_refused_politely_and_a_parcel_can_be_corrected(
    admin: FlaskClient,  # noqa: F811
    goods: Payment,
) -> None:
    send(admin, goods, **PARCEL)
    sent_at = order_now(goods).fulfilled_at
    assert "이미 발송한 주문입니다." in send(admin, goods, **PARCEL)
    assert "운송장을 고쳤습니다." in send(admin, goods, **(PARCEL | {"tracking_number": "6012-3456-7891"}))
    order = order_now(goods)
    assert (order.fulfilled_at, order.tracking_number) == (sent_at, "6012-3456-7891")
    assert [event.outcome for event in db.session.query(Event).filter_by(source="admin").order_by(Event.id)] == [
        "send",
        "parcel",
    ]


def test_a_sent_order_is_not_cancelled_by_its_buyer_at_once(
    admin: FlaskClient,  # noqa: F811
    provider: FakeProvider,
    goods: Payment,
) -> None:
    send(admin, goods)
    assert not orders.may_cancel_at_once(order_now(goods))
    sign_in(admin, "buyer@example.com")
    address = f"/orders/{goods.purchase_id}/cancel"
    page = admin.get("/login").get_data(as_text=True)
    token = page.split('name="csrf-token" content="', 1)[1].split('"', 1)[0]
    admin.post(address, data={"reason": "마음이 바뀜"}, headers={"X-CSRFToken": token})
    assert provider.cancels == [] and order_now(goods).cancel_wanted_at


def test_what_a_buyer_wants_cancelled_is_marked_in_the_list_and_is_not_sent(
    admin: FlaskClient,  # noqa: F811
    goods: Payment,
) -> None:
    with transaction():
        orders.request_cancel(order_of(goods), "마음이 바뀜")
    assert "취소 신청 중" in read(admin, "/admin/to-send")
    assert "구매자가 취소를 신청했습니다. 보내기 전에 먼저 정해 주세요." in send(admin, goods)
    assert order_now(goods).fulfilled_at is None


def test_what_is_being_cancelled_is_not_sent(
    admin: FlaskClient,  # noqa: F811
    goods: Payment,
) -> None:
    with transaction():
        row = db.session.get_one(Payment, goods.id)
        request(row, row.imp_uid or "", row.amount, "품절")
    assert "취소하고 있는 주문이라 보내지 않습니다." in send(admin, goods)
    assert order_now(goods).fulfilled_at is None


def test_digital_goods_and_cancelled_orders_are_not_sent(
    admin: FlaskClient,  # noqa: F811
    provider: FakeProvider,
    buyer: User,
    goods: Payment,
) -> None:
    digital = bought.paid(provider, buyer)
    assert "보낼 상품이 없는 주문입니다." in send(admin, digital)
    do(admin, f"payments/{goods.merchant_uid}/cancel", reason="품절")
    assert "결제된 주문이 아니라 보내지 않습니다." in send(admin, goods)
    assert order_now(goods).fulfilled_at is None and order_now(digital).fulfilled_at is None


def test_viewers_read_what_is_to_be_sent_and_mark_nothing(viewer: FlaskClient, goods: Payment) -> None:  # noqa: F811
    assert order_of(goods).number in read(viewer, "/admin/to-send")
    assert do(viewer, f"payments/{goods.merchant_uid}/send").status_code == 403
    assert order_now(goods).fulfilled_at is None
    assert f"/admin/payments/{goods.merchant_uid}/send" not in viewer.get(
        f"/admin/payments/{goods.merchant_uid}"
    ).get_data(as_text=True)
