"""After a day of the shop, neither its log nor its figures nor its pages hold a secret or a whole phone number.

Real parts: the shop with its sandbox, sign-up and sign-in, purchases that are paid, declined and given back, a plan, a
PortOne that fails, every page of the back office; the log as verbose as it can be, SQL included.
"""

import json
import logging
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, url_for
from flask.testing import FlaskClient

from app import close_app, create_app
from payments.database import db
from payments.models import Payment
from payments.monthly.models import BillingKey
from shop.config import load_settings
from shop.orders.models import Order, Product
from tests.conftest import csrf_of
from tests.conftest import sign_in as without_password

PHONE, PASSWORD, OTHER_PASSWORD = "01098765432", "correct-horse-battery", "wrong-horse-battery"
METRICS_TOKEN = "5f0e1d2c3b4a59687766"
EMAIL = "new-buyer@example.com"


class Log(logging.Handler):
    """Everything that any part of the process writes, as the shop's own handler would write it."""

    def __init__(self, formatter: logging.Formatter) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(formatter)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture(params=["json", "text"])
def shop_day(request: pytest.FixtureRequest, tmp_path: Path, seeded_database: Path) -> Iterator[tuple[Flask, Log]]:
    shutil.copy(seeded_database, tmp_path / "shop.sqlite3")
    root = logging.getLogger()
    before = root.level
    root.setLevel(logging.DEBUG)
    logging.getLogger("sqlalchemy.engine").setLevel(logging.INFO)  # its statements with their parameters
    environ = {"PORT": "1", "LOG_FORMAT": request.param, "METRICS_TOKEN": METRICS_TOKEN}
    app = create_app(load_settings(environ, tmp_path))
    own = next(handler for handler in root.handlers if handler.get_name() == "shop")
    own.setLevel(logging.WARNING)
    assert own.formatter
    log = Log(own.formatter)
    root.addHandler(log)
    for package in ("payments", "shop"):
        logging.getLogger(package).setLevel(logging.DEBUG)
    yield app, log
    root.removeHandler(log)
    root.setLevel(before)
    logging.getLogger("sqlalchemy.engine").setLevel(logging.NOTSET)
    close_app(app)


def post(client: FlaskClient, address: str, **options: Any) -> Any:
    return client.post(address, headers=csrf_of(client), **options)


def sign_up_and_in(client: FlaskClient) -> None:
    post(client, "/signup", data={"email": EMAIL, "password": PASSWORD})
    post(client, "/logout")
    post(client, "/login", data={"email": EMAIL, "password": OTHER_PASSWORD})
    assert post(client, "/login", data={"email": EMAIL, "password": PASSWORD}).status_code == 302


def buy(client: FlaskClient, kind: str, outcome: str) -> dict[str, Any]:
    """Checkout, a window that ends in `outcome`, and all endpoints; answers what the callback said."""
    with client.application.app_context():
        wanted = db.session.query(Product).filter_by(kind=kind, digital=True).order_by(Product.position).first()
        assert wanted
    post(client, "/cart/items", data={"product_id": wanted.id})
    buyer = {"buyer_name": "홍길동", "buyer_tel": "010-9876-5432", "buyer_email": EMAIL}
    consent = {"terms": True, "privacy": True, "agree": True}
    ordered = post(client, "/checkout", json={"kind": kind, "product_id": wanted.id, **buyer, **consent}).get_json()
    window = {**ordered["request_pay"], "outcome": outcome}
    told: dict[str, Any] = client.post("/sandbox/controls/payments", json=window).get_json()
    ids = {name: told[name] for name in ("imp_uid", "merchant_uid") if told.get(name)}
    client.post("/payment/complete", json=ids)
    client.get("/payment/redirect", query_string=ids | {"imp_secret": "sandbox_secret", "tel": PHONE})
    client.post("/payment/webhook", json=ids | {"status": "paid", "buyer_tel": PHONE})
    return ids


def a_day(app: Flask) -> tuple[list[str], list[str]]:
    """Everything that happens in a shop; answers all pages that were shown, and their addresses."""
    client = app.test_client()
    sign_up_and_in(client)
    paid = buy(client, "once", "approve")
    buy(client, "once", "decline")
    buy(client, "monthly", "approve")
    fault = {"path": f"/payments/{paid['imp_uid']}", "fault": "drop_after", "count": 20}
    client.post("/sandbox/controls/faults", json=fault)
    client.post("/payment/webhook", json=paid)
    client.delete("/sandbox/controls/faults")
    pages, addresses = read_everything(client, app)
    with app.app_context():
        order_id = db.session.query(Order.id).filter_by(kind="once", status="paid").scalar()
    post(client, f"/orders/{order_id}/cancel", data={"reason": f"제 번호는 {PHONE}"})
    admin = app.test_client()
    without_password(admin, "admin@example.com")
    for act in ("/admin/monthly/run", "/admin/doctor"):
        pages.append(post(admin, act).get_data(as_text=True))
    more, more_addresses = read_everything(admin, app)
    return pages + more, addresses + more_addresses


def read_everything(client: FlaskClient, app: Flask) -> tuple[list[str], list[str]]:
    """Every page that may be read, with something real in each address."""
    with app.test_request_context():
        payment = db.session.query(Payment).filter_by(status="paid").order_by(Payment.id).first()
        key = db.session.query(BillingKey).first()
        assert payment
        assert key
        names: dict[str, Any] = {
            "order_id": int(payment.purchase_id),
            "merchant_uid": payment.merchant_uid,
            "customer_uid": key.customer_uid,
        }
        found = []
        for rule in app.url_map.iter_rules():
            if "GET" in (rule.methods or ()) and rule.arguments <= names.keys() and rule.endpoint != "metrics.metrics":
                found.append(url_for(rule.endpoint, **{name: names[name] for name in rule.arguments}))
    # The form that the buyer fills in holds the buyer's own number, for the buyer alone.
    addresses = [address for address in found if address != "/cart"]
    pages = [client.get(address).get_data(as_text=True) for address in addresses]
    figures = client.get("/metrics", headers={"Authorization": f"Bearer {METRICS_TOKEN}"}).get_data(as_text=True)
    return [*pages, figures], [*addresses, "/metrics"]


def secrets_of(app: Flask) -> dict[str, str]:
    return {
        "API secret": "sandbox_secret",
        "PortOne's token": app.extensions["payments"].provider._token.value,
        "SECRET_KEY": app.extensions["settings"].secret_key,
        "METRICS_TOKEN": METRICS_TOKEN,
        "password": PASSWORD,
        "wrong password": OTHER_PASSWORD,
        "phone": PHONE,
        "phone with hyphens": "010-9876-5432",
    }


@pytest.mark.slow
def test_a_whole_day_leaves_no_secret_behind(shop_day: tuple[Flask, Log]) -> None:
    app, log = shop_day
    pages, addresses = a_day(app)
    assert "/admin/payments" in addresses
    written = "\n".join(log.lines)
    for what, secret in secrets_of(app).items():
        assert len(secret) > 8
        assert secret not in written, f"{what}: {next(line for line in log.lines if secret in line)[:300]}"
        for address, page in zip(addresses, pages, strict=False):
            assert secret not in page, f"{what} on {address}"
    assert EMAIL not in written
    assert "010-****-5432" in "".join(pages)
    # It was a day worth scanning: notification came through every door, a call was lost, money came and went.
    # (The sandbox's own webhook may come before the callback.)
    assert re.search(r"(callback|webhook): paid", written)
    for happened in ("callback: ", "redirect: unchanged", "webhook: unchanged", "webhook: unknown", "no answer"):
        assert happened in written, happened
    assert "INSERT INTO orders" in written
    if app.extensions["settings"].log_format == "json":
        merchant_uids = {json.loads(line).get("merchant_uid") for line in log.lines}
        assert len(merchant_uids - {None}) >= 3
