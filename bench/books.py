"""Benchmarks of a durable order, of a cold start, and of the storefront's pages with a million orders."""

import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import text

from bench import apps
from bench.rows import compared, row
from payments import sync
from payments.database import db, transaction
from payments.events import Notification
from payments.portone.report import PaymentReport
from shop.orders import cart, order_payments, orders
from shop.orders.delivery import Buyer
from shop.orders.models import Product

ROOT = Path(__file__).parents[1]
PEERS = ROOT / ".venv-peers"
PORTONE_SDK = "portone-server-sdk==0.21.0"
SOMEBODY = Buyer("홍길동", "01012345678", "buyer@example.com")
FEW, MANY = 1_000, int(os.environ.get("BENCH_ORDERS", "1000000"))
WRITES = 40


def measure() -> list[dict[str, Any]]:
    return [*durable_writes(), *cold_start(), *growth()]


# --- one durable order ----------------------------------------------------------------------------------------------


class Confirms:
    """A fake PortOne that confirms at once, without a network, so that only our own code is measured."""

    is_test_channel = True

    def prepare(self, merchant_uid: str, amount: int) -> None:
        pass


def durable_writes() -> list[dict[str, Any]]:
    with apps.our_shop() as app, app.app_context(), tempfile.TemporaryDirectory() as folder:
        raw = raw_books(Path(folder) / "raw.sqlite3")
        user_id = db.session.execute(text("SELECT id FROM users WHERE email = 'buyer0@example.com'")).scalar_one()
        product_id = db.session.query(Product.id).filter_by(slug="bear-emoji").scalar()
        what = "durable order (created, then paid by a guarded UPDATE), one thread, SQLite FULL: against raw sqlite3"
        line = compared(
            what,
            lambda: per_second(lambda: ours_writes(user_id, product_id)),
            lambda: per_second(lambda: raw_writes(raw)),
            None,
            "{ours:.0f}/s, {theirs:.0f}/s",
        )
        raw.close()
        return [line]


def per_second(write: Callable[[], object]) -> float:
    began = time.perf_counter()
    for _ in range(WRITES):
        write()
    return WRITES / (time.perf_counter() - began)


def ours_writes(user_id: int, product_id: int) -> None:
    cart.put_in_cart(user_id, product_id, 1)
    with transaction():
        order = orders.place(user_id, SOMEBODY)
    payment = order_payments.start(Confirms(), order, SOMEBODY)  # type: ignore[arg-type]
    report = PaymentReport(
        imp_uid=f"imp_{payment.id:012d}",
        merchant_uid=payment.merchant_uid,
        status="paid",
        amount=payment.amount,
        cancelled_amount=0,
        currency="KRW",
        pay_method="phone",
        pg_provider="mobilians",
        is_test_channel=True,
        paid_at=datetime.now(UTC),
        as_received={"status": "paid"},
    )
    assert sync.record(report, Notification("callback")).outcome == "paid"


def raw_books(path: Path) -> sqlite3.Connection:
    """Create the tables for `raw_writes`: the same rows in as many transactions (cart, order and payment, paid)."""
    raw = sqlite3.connect(path, isolation_level=None)
    raw.executescript("""
        PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
        CREATE TABLE cart
            (id INTEGER PRIMARY KEY, user_id INT, product_id INT, quantity INT, UNIQUE (user_id, product_id));
        CREATE TABLE orders (id INTEGER PRIMARY KEY, user_id INT, status TEXT, amount INT, created_at TEXT);
        CREATE TABLE lines (id INTEGER PRIMARY KEY, order_id INT, product_id INT, price INT, quantity INT);
        CREATE TABLE payments
            (id INTEGER PRIMARY KEY, uid TEXT UNIQUE, order_id INT, imp_uid TEXT UNIQUE, amount INT, status TEXT);
        CREATE TABLE events (id INTEGER PRIMARY KEY, payment_id INT, source TEXT, outcome TEXT, told TEXT);
    """)
    return raw


def raw_writes(raw: sqlite3.Connection) -> None:
    now = datetime.now(UTC).isoformat()
    raw.execute("BEGIN IMMEDIATE")
    raw.execute("INSERT INTO cart (user_id, product_id, quantity) VALUES (1, 3, 1)")
    raw.execute("COMMIT")
    raw.execute("BEGIN IMMEDIATE")
    order = raw.execute(
        "INSERT INTO orders (user_id, status, amount, created_at) VALUES (1, 'pending', 3900, ?)", (now,)
    )
    raw.execute("INSERT INTO lines (order_id, product_id, price, quantity) VALUES (?, 3, 3900, 1)", (order.lastrowid,))
    payment = raw.execute(
        "INSERT INTO payments (uid, order_id, amount, status) VALUES (?, ?, 3900, 'ready')",
        (f"m-{order.lastrowid}", order.lastrowid),
    )
    raw.execute(
        "INSERT INTO events (payment_id, source, outcome) VALUES (?, 'checkout', 'ready')", (payment.lastrowid,)
    )
    raw.execute("COMMIT")
    raw.execute("BEGIN IMMEDIATE")
    paid = raw.execute(
        "UPDATE payments SET status = 'paid', imp_uid = ? WHERE id = ? AND status IN ('ready', 'failed')",
        (f"imp_{order.lastrowid}", payment.lastrowid),
    )
    assert paid.rowcount == 1
    raw.execute("UPDATE orders SET status = 'paid' WHERE id = ? AND status = 'pending'", (order.lastrowid,))
    raw.execute("DELETE FROM cart WHERE user_id = 1")
    raw.execute(
        "INSERT INTO events (payment_id, source, outcome, told) VALUES (?, 'callback', 'paid', '{}')",
        (order.lastrowid,),
    )
    raw.execute("COMMIT")


# --- a cold start ---------------------------------------------------------------------------------------------------

OURS = """
from pathlib import Path
from app import create_app
from shop.config import load_settings
app = create_app(load_settings({"LOG_FORMAT": "json"}, Path(FOLDER)))
assert app.test_client().get("/").status_code == 200
"""
THEIRS = """
import sys
sys.path.append(PEERS)
import portone_server_sdk
from flask import Flask
app = Flask("sample")
client = portone_server_sdk.PaymentClient(secret="x")
app.add_url_rule("/", view_func=lambda: "hello")
assert app.test_client().get("/").status_code == 200
"""


def cold_start() -> list[dict[str, Any]]:
    if not (PEERS / "portone_server_sdk").exists():
        options = ["--quiet", "--disable-pip-version-check", "--target", str(PEERS), PORTONE_SDK]
        subprocess.run([sys.executable, "-m", "pip", "install", *options], check=True)
    with tempfile.TemporaryDirectory() as folder:
        ours = f"FOLDER = {folder!r}\n{OURS}"
        seconds_of(ours)  # create the database first: a restarted server has one
        return [
            compared(
                "cold start to the first answer: against PortOne's server SDK in a bare Flask app",
                lambda: seconds_of(ours),
                lambda: seconds_of(f"PEERS = {str(PEERS)!r}\n{THEIRS}"),
                -1.0,
                "{ours:.2f} s, {theirs:.2f} s",
                turns=7,
            )
        ]


def seconds_of(program: str) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, stderr=subprocess.DEVNULL)
    return time.perf_counter() - began


# --- a million orders -----------------------------------------------------------------------------------------------


def growth() -> list[dict[str, Any]]:
    """Compare each page and endpoint for a customer with ten orders, among few orders of others and among many."""
    with grown(FEW) as few, grown(MANY) as many:
        rows = []
        for what, visit in VISITS.items():
            shops = [turn_of(app, visit) for app in (few, many)]
            ratios = sorted(shops[1]() / shops[0]() for _ in range(15))
            told = f"{MANY:,} orders against {FEW:,}"
            line = row(f"cost of {what}", statistics.median(ratios), -1.2, told)
            rows.append(line | {"low": ratios[0], "high": ratios[-1]})
        return rows


@contextmanager
def grown(count: int) -> Iterator[Flask]:
    """Yield the shop with `count` paid orders of other buyers, each with an order line, a payment and an event."""
    with apps.our_shop() as app:
        with app.app_context():
            fill(count)
            user_id = db.session.execute(text("SELECT id FROM users WHERE email = 'buyer0@example.com'")).scalar_one()
            product_id = db.session.query(Product.id).filter_by(slug="bear-emoji").scalar()
            for _ in range(10):
                ours_writes(user_id, product_id)
            db.session.remove()
        yield app


def fill(count: int) -> None:
    """Insert the orders by SQL, because there are a million. Each row is as the shop itself would have written it."""
    numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :count)"
    at = "datetime('now', '-' || (i % 700) || ' days')"
    with db.engine.begin() as books:
        for statement in (
            "INSERT INTO orders (id, number, user_id, kind, status, amount, digital, buyer_name, buyer_tel,"
            f" buyer_email, tel_tail, created_at, expires_at, paid_at, paid_by) {numbers}"
            " SELECT i, printf('20541115-%06d', i), 4 + i % 29, 'once', 'paid', 3900, 1, '홍길동', '01012345678',"
            " 'b@example.com', '5678',"
            f" {at}, {at}, {at}, 'm-' || i FROM n",
            "INSERT INTO order_lines (order_id, product_id, name_ko, name_en, unit_price, quantity)"
            f" {numbers} SELECT i, 3, '곰', 'Bear', 3900, 1 FROM n",
            "INSERT INTO payments (id, merchant_uid, kind, purchase_id, period, name, amount, is_test_channel, status,"
            f" imp_uid, reported_amount, cancelled_amount, created_at, paid_at) {numbers} SELECT i, 'm-' || i, 'once',"
            f" i, '', '곰', 3900, 1, 'paid', 'imp-' || i, 3900, 0, {at}, {at} FROM n",
            "INSERT INTO payment_events (at, source, payment_id, merchant_uid, imp_uid, outcome, reason, claimed)"
            f" {numbers} SELECT {at}, 'callback', i, 'm-' || i, 'imp-' || i, 'paid', 'paid', '{{}}' FROM n",
        ):
            books.execute(text(statement), {"count": count})


def turn_of(app: Flask, visit: Callable[[apps.Buyer], Any]) -> Callable[[], float]:
    """Return a function that times some visits and returns the fastest in seconds: other load only adds time."""
    buyer = apps.buyer(app)

    def turn() -> float:
        times = []
        for _ in range(5):
            began = time.perf_counter()
            visit(buyer)
            times.append(time.perf_counter() - began)
        return min(times)

    turn()
    return turn


def page(path: str) -> Callable[[apps.Buyer], None]:
    def visit(buyer: apps.Buyer) -> None:
        assert buyer.client.get(path).status_code == 200, path

    return visit


def my_order(buyer: apps.Buyer) -> None:
    with buyer.client.application.app_context():
        newest = text("SELECT max(id) FROM orders")
        order_id = db.session.execute(newest).scalar_one()
    assert buyer.client.get(f"/orders/{order_id}").status_code == 200


def endpoint(path: str) -> Callable[[apps.Buyer], None]:
    def visit(buyer: apps.Buyer) -> None:
        told = {"imp_uid": "imp_nobodys", "merchant_uid": "nobodys"}
        assert buyer.client.post(path, json=told).status_code in (200, 404)

    return visit


def fill_cart(buyer: apps.Buyer) -> None:
    buyer.post("/cart/items", data={"product_id": 3, "quantity": 1})


VISITS: dict[str, Callable[[apps.Buyer], Any]] = {
    "the front page": page("/"),
    "a product's page": page("/products/moon-mug"),
    "the cart": page("/cart"),
    "my orders": page("/orders"),
    "one order": my_order,
    "my subscriptions": page("/subscriptions"),
    "putting something in the cart": fill_cart,
    "the callback's endpoint": endpoint("/payment/complete"),
    "the webhook's endpoint": endpoint("/payment/webhook"),
}
