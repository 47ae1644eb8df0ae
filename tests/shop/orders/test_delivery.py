"""Where a parcel goes is kept with its order, and nothing of it with a download's."""

from typing import Any

import pytest

from payments.database import transaction
from shop.orders import orders
from shop.orders.cart import InvalidBuyer, put_in_cart
from shop.orders.delivery import CHECKS, Buyer, Delivery
from shop.orders.models import Order, User
from tests.conftest import product

BUYER = {"name": "홍길동", "tel": "01012345678", "email": "a@example.com", "addr": "서울시 중구", "postcode": "04524"}
DELIVERY = {
    "recipient": "김달곰",
    "recipient_tel": "02-123-4567",
    "buyer_addr_detail": "3층",
    "delivery_note": "문 앞에 놓아 주세요.",
}


def placed(buyer: User, **fields: str) -> Order:
    with transaction():
        return orders.place(buyer.id, Buyer.checked(**(BUYER | fields)))


def kept(order: Order) -> dict[str, Any]:
    return {name: getattr(order, name) for name in DELIVERY}


def test_the_checks_are_those_of_the_fields() -> None:
    assert list(CHECKS) == list(vars(Delivery()))


def test_a_parcels_order_keeps_where_it_goes(buyer: User) -> None:
    put_in_cart(buyer.id, product(digital=False).id, 1)
    assert kept(placed(buyer, **DELIVERY)) == DELIVERY | {"recipient_tel": "021234567"}


def test_address_and_postcode_alone_deliver_to_the_buyer(buyer: User) -> None:
    put_in_cart(buyer.id, product(digital=False).id, 1)
    order = placed(buyer)
    assert (order.buyer_addr, order.buyer_postcode) == ("서울시 중구", "04524")
    assert kept(order) == {"recipient": "홍길동"} | dict.fromkeys(list(DELIVERY)[1:])


def test_an_order_of_downloads_keeps_nothing_of_a_delivery(buyer: User) -> None:
    put_in_cart(buyer.id, product().id, 1)
    assert set(kept(placed(buyer, **DELIVERY)).values()) == {None}


def test_every_wrong_field_of_a_delivery_is_named_at_once() -> None:
    with pytest.raises(InvalidBuyer) as refused:
        Buyer.checked(**(BUYER | {"tel": "x"} | dict.fromkeys(DELIVERY, "3\n층")))
    assert set(refused.value.fields) == {"buyer_tel", *DELIVERY}
