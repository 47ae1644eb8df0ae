"""The printable confirmation of a paid order."""

import pytest
from flask.testing import FlaskClient

from payments.models import Payment
from shop.orders import cart
from shop.orders.models import User
from tests.conftest import ADDRESSED_BUYER, order_of, order_window, product, sign_in
from tests.payments.fakes import FakeProvider
from tests.shop.bought import paid


@pytest.fixture
def payment(client: FlaskClient, provider: FakeProvider, buyer: User) -> Payment:
    sign_in(client)
    return paid(provider, buyer)


def test_a_confirmation_has_goods_vat_seller_and_payment_and_says_that_it_is_no_tax_invoice(
    client: FlaskClient, payment: Payment
) -> None:
    page = client.get(f"/orders/{payment.purchase_id}/confirmation").get_data(as_text=True)
    vat = round(payment.amount / 11)
    for shown in (
        "거래확인서",
        order_of(payment).number,
        product().name_ko,
        f"{payment.amount - vat:,}원",
        f"{vat:,}원",
        f"{payment.amount:,}원",
        "2054-11-15 12:00",
        "000-00-00000",
        "010-****-5678",
        "세금계산서나 현금영수증이 아니며",
    ):
        assert shown in page
    assert ">영수증" not in page


def test_only_a_paid_order_has_a_confirmation_and_only_for_its_owner(
    client: FlaskClient, payment: Payment, provider: FakeProvider, buyer: User, other_buyer: User
) -> None:
    cart.put_in_cart(buyer.id, product(digital=False).id, 1)
    pending = order_window(provider, buyer.id, ADDRESSED_BUYER)
    assert client.get(f"/orders/{pending.purchase_id}/confirmation").status_code == 404
    sign_in(client, other_buyer.email)
    assert client.get(f"/orders/{payment.purchase_id}/confirmation").status_code == 404
