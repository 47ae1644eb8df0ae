"""While the database does not answer, every request gets 503 as a page or as JSON, with the time to come back."""

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import close_app
from payments.database import db
from shop.config import load_settings
from tests.conftest import NOBODY_ANSWERS, create_shop, csrf_of, sign_in
from tests.payments.fakes import FakeProvider

PAGES = ("/", "/cart", "/orders", "/products/moon-mug", "/payment/redirect?imp_uid=imp_1&merchant_uid=order-1")


@pytest.fixture
def gone(tmp_path: Path, seeded_database: Path) -> Iterator[Flask]:
    """A shop whose database can be taken away: SQLite cannot open a file in a folder that does not exist."""
    folder = tmp_path / "database"
    folder.mkdir()
    shutil.copy(seeded_database, folder / "shop.sqlite3")
    url = f"sqlite:///{folder / 'shop.sqlite3'}"
    app = create_shop(load_settings(NOBODY_ANSWERS | {"DATABASE_URL": url}, tmp_path))
    app.extensions["payments"].provider = FakeProvider()
    yield app
    close_app(app)


def take_away(app: Flask, tmp_path: Path) -> None:
    with app.app_context():
        db.engine.dispose()
    shutil.rmtree(tmp_path / "database")


def assert_unavailable_page(client: FlaskClient, address: str) -> None:
    answer = client.get(address)
    assert (answer.status_code, answer.mimetype) == (503, "text/html"), address
    assert int(answer.headers["Retry-After"]) > 0
    assert "지금은 이용할 수 없습니다" in answer.get_data(as_text=True)
    assert "Content-Security-Policy" in answer.headers


@pytest.mark.parametrize("email", ["", "buyer@example.com", "admin@example.com"])
def test_without_its_database_every_page_is_a_503_that_says_when_to_come_back(
    email: str, gone: Flask, tmp_path: Path
) -> None:
    client = gone.test_client()
    gone.testing = False
    if email:
        sign_in(client, email)
    take_away(gone, tmp_path)
    for address in PAGES if email else ("/", "/products/moon-mug", PAGES[-1]):
        assert_unavailable_page(client, address)
    if email:
        assert_unavailable_page(client, "/no-such-page")  # its layout would read the user and the cart


@pytest.mark.parametrize("email", ["", "buyer@example.com"])
def test_without_its_database_notifications_are_answered_with_503_as_json(
    email: str, gone: Flask, tmp_path: Path
) -> None:
    client = gone.test_client()
    gone.testing = False
    if email:
        sign_in(client, email)
    token = csrf_of(client)
    take_away(gone, tmp_path)
    ids = {"imp_uid": "imp_1", "merchant_uid": "order-1", "amount": 1000}
    addresses = ["/payment/webhook", "/payment/complete", "/payment/confirm", *(["/checkout"] if email else [])]
    for address in addresses:
        answer = client.post(address, json=ids, headers=token)
        assert (answer.status_code, answer.is_json) == (503, True), address
        assert answer.json and answer.json["error"] == "service_unavailable"
        assert int(answer.headers["Retry-After"]) > 0


def test_a_fault_of_our_own_sql_stays_a_500(gone: Flask) -> None:
    gone.add_url_rule("/broken", view_func=lambda: db.session.execute(db.text("SELECT nothing FROM nowhere")))
    gone.testing = False
    assert gone.test_client().get("/broken").status_code == 500


@pytest.mark.slow
def test_who_waits_too_long_for_the_others_writes_gets_a_503(gone: Flask) -> None:
    """In SQLite: the queue of the threads is bounded like the wait for another process."""
    client = gone.test_client()
    sign_in(client)
    token = csrf_of(client)
    lock = gone.extensions.setdefault("payments.sqlite_queue", threading.Lock())
    with lock:
        answer = client.post("/cart/items", data={"product_id": 1, "quantity": 1}, headers=token)
    assert answer.status_code == 503
    assert client.post("/cart/items", data={"product_id": 1, "quantity": 1}, headers=token).status_code == 302


def test_a_redirect_from_the_payment_window_is_answered_with_a_page_whatever_is_wrong(client: FlaskClient) -> None:
    answer = client.put("/payment/redirect")
    assert (answer.status_code, answer.mimetype) == (405, "text/html")
