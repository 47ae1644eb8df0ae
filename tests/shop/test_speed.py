"""Counts that keep the pages quick, whatever else the machine is doing: statements and connections. `make bench`
measures the seconds."""

import threading
from contextvars import Context
from itertools import pairwise

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event

from bench.counted import counted
from payments.database import db, transaction
from shop.orders import cart
from shop.orders.models import Product, User
from tests.conftest import BUYER, csrf_of, order_window, product, sign_in
from tests.payments.fakes import FakeProvider

CHECKOUT = {"buyer_name": "홍길동", "buyer_tel": "01012345678", "buyer_email": "buyer@example.com"}


@pytest.mark.parametrize("more_products", [0, 200])
def test_the_front_page_needs_three_queries_for_any_number_of_products(
    more_products: int, app: Flask, client: FlaskClient, buyer: User
) -> None:
    with transaction():
        words = {
            "name_ko": "물건",
            "name_en": "Thing",
            "summary_ko": "하나",
            "summary_en": "One",
            "picture": "moon-mug.svg",
        }
        for number in range(more_products):
            db.session.add(Product(slug=f"thing-{number}", kind="once", price=1000, digital=True, **words))
    cart.put_in_cart(buyer.id, product().id, 1)
    sign_in(client)
    with counted(app) as found:
        page = client.get("/").get_data(as_text=True)
    assert page.count('<li class="card">') == 12 + more_products
    assert '<b class="count">1</b>' in page
    assert len(found.statements) == 3, found.statements  # the user, the products, the size of the cart


def test_the_front_page_follows_a_change_of_a_product_and_the_language(app: Flask, client: FlaskClient) -> None:
    assert "달 머그컵" in client.get("/", headers={"Accept-Language": "ko"}).get_data(as_text=True)
    assert "Moon mug" in client.get("/", headers={"Accept-Language": "en"}).get_data(as_text=True)
    with app.app_context(), transaction():
        mug = db.session.query(Product).filter_by(slug="moon-mug").one()
        mug.name_ko, mug.price, mug.stock = "새 머그컵", 77700, 0
    page = client.get("/", headers={"Accept-Language": "ko"}).get_data(as_text=True)
    assert "새 머그컵" in page
    assert "77,700원" in page
    assert "품절" in page
    assert "달 머그컵" not in page


def test_two_users_of_one_page_get_different_tokens(app: Flask, client: FlaskClient) -> None:
    sign_in(client)
    first = client.get("/").get_data(as_text=True)
    other = app.test_client()
    sign_in(other, "admin@example.com")
    second = other.get("/").get_data(as_text=True)
    tokens = [page.split('name="csrf-token" content="', 1)[1].split('"', 1)[0] for page in (first, second)]
    assert tokens[0] != tokens[1]
    assert tokens[0] not in second


def test_a_dozen_readers_at_once_open_no_connection_the_second_time(app: Flask) -> None:
    """To open one costs more than a page does."""
    readers, opened = 12, list[int]()

    def count(*_: object) -> None:
        opened.append(1)

    with app.app_context():
        engine = db.engine
    event.listen(engine, "connect", count)
    for _ in range(2):
        together = threading.Barrier(readers)

        def read(together: threading.Barrier = together) -> None:
            with app.app_context():
                db.session.query(Product).first()
                together.wait(timeout=20)  # all of them hold a connection now

        threads = [threading.Thread(target=read) for _ in range(readers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(opened) <= readers
    event.remove(engine, "connect", count)


def test_a_purchase_needs_few_statements_four_commits_and_two_calls(
    app: Flask, client: FlaskClient, buyer: User, provider: FakeProvider
) -> None:
    """Cart, checkout and callback of one digital thing. PostgreSQL locks rows by statements of their own."""
    sign_in(client)
    header, thing = csrf_of(client), product().id

    def buy() -> list[int]:
        sent = [0]
        client.post("/cart/items", data={"product_id": thing}, headers=header)
        sent.append(len(found.statements))
        told = client.post("/checkout", json={"kind": "once", **CHECKOUT}, headers=header).get_json()
        sent.append(len(found.statements))
        with app.app_context():
            report = provider.hears_of(told["merchant_uid"], amount=told["request_pay"]["amount"])
        ids = {"imp_uid": report.imp_uid, "merchant_uid": told["merchant_uid"]}
        assert client.post("/payment/complete", json=ids).get_json()["outcome"] == "paid"
        sent.append(len(found.statements))
        return [after - before for before, after in pairwise(sent)]

    with counted(app) as found:
        sent = Context().run(buy)  # without the test's app context, whose session has read the buyer before
    is_sqlite = app.config["SQLALCHEMY_DATABASE_URI"].startswith("sqlite")
    assert sent == ([3, 10, 10] if is_sqlite else [5, 12, 11]), found.statements
    assert found.commits == 4  # cart, order, payment, report
    assert [what for what, _ in provider.asked] == ["prepare", "get_payment"]


CUSTOMER_PAGES = ("/", "/products/moon-mug", "/cart", "/orders", "/subscriptions")
GROW = ("orders", "order_lines", "payments", "payment_events", "subscriptions", "billing_keys", "users", "cart_items")


@pytest.mark.sqlite_only
def test_no_page_or_door_of_a_customer_reads_a_table_that_grows_from_end_to_end(
    app: Flask, client: FlaskClient, buyer: User, provider: FakeProvider
) -> None:
    """What is found by an index costs the same among a million rows; SQLite tells which is which."""
    cart.put_in_cart(buyer.id, product().id, 1)
    payment = order_window(provider, buyer.id, BUYER)
    provider.hears_of(payment.merchant_uid, amount=payment.amount, imp_uid="imp_1")
    sign_in(client)
    header = csrf_of(client)
    with counted(app) as found:
        for path in (*CUSTOMER_PAGES, f"/orders/{payment.purchase_id}"):
            assert client.get(path).status_code == 200, path
        ids = {"imp_uid": "imp_1", "merchant_uid": payment.merchant_uid}
        for door in ("/payment/webhook", "/payment/complete", "/payment/confirm"):
            client.post(door, json=ids)
        client.post("/cart/items", data={"product_id": product().id}, headers=header)
        client.post("/checkout", json={"kind": "once", **CHECKOUT}, headers=header)
    assert len(found.statements) > 30
    for statement in set(found.statements):
        if statement.startswith(("SELECT", "UPDATE", "DELETE")):
            nothing = (None,) * statement.count("?")
            raw = db.session.connection().connection.cursor()
            plan = [row[-1] for row in raw.execute(f"EXPLAIN QUERY PLAN {statement}", nothing)]
            scanned = [step for step in plan if step.startswith("SCAN") and step.split()[1] in GROW]
            assert scanned == [], statement
    db.session.rollback()
