"""Order numbers: dated, of characters that nobody mixes up, unique, and found however they are typed."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_migrate import downgrade, upgrade

from payments.database import db
from shop.backoffice import listing
from shop.backoffice.listing import PaymentFilter
from shop.backoffice.paging import Cursor
from shop.orders import order_numbers
from shop.orders.models import Order, User
from tests import clocks
from tests.conftest import order_of, sign_in
from tests.payments.fakes import FakeProvider
from tests.shop.bought import paid, started
from tests.shop.test_migrations import OLD_USER_AND_ORDERS, run

WRITTEN = re.compile(rf"\d{{8}}-[{order_numbers.ALPHABET}]{{6}}")


def test_an_order_number_begins_with_the_day_in_seoul_and_holds_no_look_alikes(shop: Any) -> None:
    clocks.stand_at(datetime(2054, 11, 15, 15, 30, tzinfo=UTC))  # half past midnight in Seoul
    numbers = {order_numbers.new_number() for _ in range(200)}
    assert len(numbers) == 200
    assert all(WRITTEN.fullmatch(one) and one.startswith("20541116-") for one in numbers)
    assert not set(order_numbers.ALPHABET) & set("01ILOZSBU")


def test_a_number_that_is_taken_is_drawn_again_and_not_for_ever(shop: Any) -> None:
    seen: list[str] = []

    def is_taken(number: str) -> bool:
        seen.append(number)
        return len(seen) != 3

    assert order_numbers.free_number(is_taken) == seen[2]
    with pytest.raises(RuntimeError, match="in a row are taken"):
        order_numbers.free_number(lambda number: True)


@pytest.mark.parametrize("typed", ["20541115-7KQ2MX", "20541115-7kq2mx", " 205411157KQ2MX", "20541115 – 7KQ 2MX"])
def test_an_order_number_is_read_however_it_is_typed(typed: str) -> None:
    assert order_numbers.as_written(typed) == "20541115-7KQ2MX"


@pytest.mark.parametrize(
    "typed", ["20541115-7KQ2M", "2054111-7KQ2MX", "20541115-7KQ2M0", "２０５４１１１５-7KQ2MX", ""]
)
def test_what_is_no_order_number_is_none(typed: str) -> None:
    assert order_numbers.as_written(typed) is None


def test_buyer_reads_the_number_and_not_the_id_on_the_order_and_in_the_list(
    client: FlaskClient, provider: FakeProvider, buyer: User
) -> None:
    payment = paid(provider, buyer)
    number = order_of(payment).number
    assert WRITTEN.fullmatch(number)
    sign_in(client)
    page = client.get(f"/orders/{payment.purchase_id}").get_data(as_text=True)
    assert page.count(f"주문 {number}") == 2  # the title and the heading
    assert f"주문 {payment.purchase_id}<" not in page
    assert number in client.get("/orders").get_data(as_text=True)


def test_staff_find_the_attempts_of_an_order_by_its_number_on_page_list_and_export(
    client: FlaskClient, provider: FakeProvider, buyer: User
) -> None:
    goods, plan = paid(provider, buyer), started(provider, buyer)
    sign_in(client, "admin@example.com")
    number = order_of(goods).number
    assert number in client.get(f"/admin/payments/{goods.merchant_uid}").get_data(as_text=True)
    for q in (number, number.lower().replace("-", " ")):
        found = listing.payments(PaymentFilter(q=q), Cursor()).rows
        assert [row.merchant_uid for row in found] == [goods.merchant_uid], q
    listed = client.get(f"/admin/payments?q={number}").get_data(as_text=True)
    assert goods.merchant_uid in listed and listed.count(number) > 1
    assert f",{number}," in client.get("/admin/payments.csv").get_data(as_text=True).replace("\t", "")
    of_plan = db.session.get_one(Order, int(plan.purchase_id)).number
    assert [row.id for row in listing.subscriptions("", None, of_plan, Cursor()).rows] == [plan.id]


def test_orders_of_an_older_shop_get_a_number_of_their_day(app: Flask) -> None:
    with app.app_context():
        downgrade(revision="0003")
        run(OLD_USER_AND_ORDERS)
        upgrade()
        numbers = list(db.session.scalars(db.select(Order.number).order_by(Order.id)))
        assert len(set(numbers)) == 2
        assert all(WRITTEN.fullmatch(one) and one.startswith("20261001-") for one in numbers)
