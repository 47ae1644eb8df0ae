"""What SQLite forgives and PostgreSQL does not, and the other way round: text, numbers, and who waits for whom."""

import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.exc import IntegrityError

from payments.database import db, transaction
from payments.models import Payment, move
from shop.config import Settings
from shop.orders import cart
from shop.orders.models import Order, Product
from shop.storefront import account
from tests.conftest import ADDRESSED_BUYER, csrf_of, new_order, sign_in
from tests.payments.fakes import FakeProvider

pytestmark = pytest.mark.law

ROOT = Path(__file__).parents[2]

BUYER_FORM = {"buyer_name": "홍길동", "buyer_tel": "01012345678", "buyer_email": "buyer@example.com"}


@pytest.mark.parametrize(
    "path", ["/products/a%00b", "/orders/99999999999", "/orders/99999999999999999999", "/admin/payments/a%00b"]
)
def test_an_address_that_no_column_can_hold_is_refused_not_a_crash(path: str, client: FlaskClient) -> None:
    sign_in(client, "admin@example.com")
    assert client.get(path).status_code in (400, 404)


def test_a_nul_in_a_text_is_no_crash(client: FlaskClient, provider: FakeProvider, shop: Any) -> None:
    header = csrf_of(client)
    for door in ("/login", "/signup"):
        answer = client.post(door, data={"email": "a\0@b.c", "password": "long-enough"}, headers=header)
        assert answer.status_code in (302, 400)  # SQLite may keep it
    buyer = sign_in(client)
    header = csrf_of(client)
    cart.put_in_cart(buyer.id, db.session.query(Product.id).filter_by(slug="moon-mug").scalar(), 1)
    address = {"buyer_addr": "서울\0시", "buyer_postcode": "04524"}
    answer = client.post("/checkout", json={"kind": "once", **BUYER_FORM, **address}, headers=header)
    assert (answer.status_code in (200, 400), answer.is_json) == (True, True)
    answer = client.post("/payment/webhook", json={"imp_uid": "imp_\0", "merchant_uid": "\0"})
    assert answer.status_code == 200


@pytest.mark.parametrize("number", [10**12, 10**20])
def test_a_number_that_no_column_can_hold_is_refused(number: int, client: FlaskClient, provider: FakeProvider) -> None:
    sign_in(client)
    asked = {"kind": "monthly", "product_id": number, **BUYER_FORM}
    assert client.post("/checkout", json=asked, headers=csrf_of(client)).status_code in (400, 409)


def test_after_a_refused_value_the_page_that_says_so_is_whole(client: FlaskClient) -> None:
    sign_in(client)
    answer = client.get("/products/a%00b")
    assert answer.status_code in (400, 404)
    assert "주문 내역" in answer.get_data(as_text=True)  # the menu and the cart's count were read after the refusal


def test_two_buyers_who_swap_their_goods_do_not_wait_for_each_other_for_ever(app: Flask, shop: Any) -> None:
    """One gives A back and takes B while the other gives B back and takes A."""
    products = [one.id for one in db.session.query(Product).filter_by(digital=False).order_by(Product.id)][:2]
    with transaction():
        db.session.query(Product).filter(Product.id.in_(products)).update({"stock": 1000})
    buyers = [account.create_user(f"swap{n}@example.com", "long-enough").id for n in range(2)]
    gate, troubles = threading.Barrier(2), []

    def swap(number: int) -> None:
        with app.app_context():
            try:
                for turn in range(12):
                    wanted = products[(number + turn) % 2]
                    cart.put_in_cart(buyers[number], products[(number + turn + 1) % 2], 0)
                    cart.put_in_cart(buyers[number], wanted, 1)
                    gate.wait(timeout=20)
                    new_order(buyers[number], ADDRESSED_BUYER)
            except Exception as error:
                troubles.append(error)
                gate.abort()

    threads = [threading.Thread(target=swap, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert troubles == []
    db.session.expire_all()
    stock = dict(db.session.query(Product.id, Product.stock).filter(Product.id.in_(products)).all())
    assert sum(stock.values()) == 2000 - 2


def test_a_guarded_update_has_one_winner_whoever_tries(app: Flask, shop: Any) -> None:
    buyer = account.create_user("guard@example.com", "long-enough")
    cart.put_in_cart(buyer.id, db.session.query(Product.id).filter_by(slug="moon-mug").scalar(), 1)
    order = new_order(buyer.id, ADDRESSED_BUYER)
    gate, won = threading.Barrier(8), []

    def try_it() -> None:
        with app.app_context():
            gate.wait()
            with transaction():
                won.append(move(Order, order.id, "expired"))

    threads = [threading.Thread(target=try_it) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == [False] * 7 + [True]


@pytest.mark.parametrize("same", ["merchant_uid", "imp_uid"])
def test_one_id_is_one_row(same: str, shop: Any) -> None:
    buyer = account.create_user("twice@example.com", "long-enough")
    cart.put_in_cart(buyer.id, db.session.query(Product.id).filter_by(slug="moon-mug").scalar(), 1)
    order = new_order(buyer.id, ADDRESSED_BUYER)

    def attempt(**ids: str) -> Payment:
        return Payment(kind="once", purchase_id=str(order.id), name="x", amount=1, is_test_channel=True, **ids)

    with pytest.raises(IntegrityError), transaction():
        db.session.add(attempt(**{"merchant_uid": "m-1", "imp_uid": "i-1"}))
        db.session.add(
            attempt(**{"merchant_uid": "m-2", "imp_uid": "i-2", same: "m-1" if same == "merchant_uid" else "i-1"})
        )


def test_a_buyer_has_one_pending_order_of_a_kind(shop: Any) -> None:
    buyer = account.create_user("pending@example.com", "long-enough")
    mug = db.session.query(Product.id).filter_by(slug="moon-mug").scalar()
    cart.put_in_cart(buyer.id, mug, 1)
    first = new_order(buyer.id, ADDRESSED_BUYER)
    facts = {column.name: getattr(first, column.name) for column in Order.__table__.columns if column.name != "id"}
    with pytest.raises(IntegrityError), transaction():
        db.session.add(Order(**facts))


WRITERS = """
import sys, threading
from pathlib import Path
from app import create_app
from shop.config import load_settings
from payments.database import db, transaction
from shop.orders.models import Product

app = create_app(load_settings({"PORTONE_API_URL": "http://127.0.0.1:9/sandbox"}, Path(sys.argv[1])))

def write():
    with app.app_context():
        for _ in range(100):
            with transaction():
                mug = db.session.query(Product).filter_by(slug="moon-mug").one()
                mug.stock = mug.stock + 1  # what was read cannot change before it is written

threads = [threading.Thread(target=write) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


@pytest.mark.slow
@pytest.mark.sqlite_only
def test_eight_writers_in_two_processes_never_find_the_database_locked_nor_lose_a_write(
    settings: Settings, shop: Any
) -> None:
    before = db.session.query(Product.stock).filter_by(slug="moon-mug").scalar()
    db.session.commit()
    command = [sys.executable, "-c", WRITERS, str(settings.instance_path)]
    processes = [subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    complaints = [process.communicate(timeout=90)[1] for process in processes]
    assert complaints == ["", ""]
    assert db.session.query(Product.stock).filter_by(slug="moon-mug").scalar() == before + 800
