"""A PostgreSQL that is frozen or killed: no request hangs, none is a 500, and afterwards the shop goes on by itself."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from flask import Flask

from app import close_app
from payments.database import db
from shop.config import load_settings
from shop.postgres import RESPONSE_SECONDS
from shop.postgres_connection import RETRY_SECONDS
from tests.conftest import NOBODY_ANSWERS, create_shop, sign_in
from tests.frozen import Server, frozen_postgres
from tests.payments.fakes import FakeProvider
from tests.test_server import gunicorn

pytestmark = pytest.mark.slow

READY_SECONDS = 3
HANGS_SECONDS = 4 * RESPONSE_SECONDS  # a request that takes longer hangs
VISITORS = 40  # more than the server has threads
PAGES = ("/", "/cart", "/orders", "/no-such-page", "/payment/redirect?imp_uid=imp_1&merchant_uid=order-1")
NOTIFICATIONS = ("/payment/webhook", "/payment/complete", "/payment/confirm")
IDS = {"imp_uid": "imp_1", "merchant_uid": "order-1", "amount": 1000}


@pytest.fixture
def postgres_server() -> Iterator[Server]:
    with frozen_postgres() as server:
        yield server


@pytest.fixture
def shop_on_it(postgres_server: Server, tmp_path: Path) -> Iterator[Flask]:
    app = create_shop(load_settings(NOBODY_ANSWERS | {"DATABASE_URL": postgres_server.url}, tmp_path))
    app.extensions["payments"].provider = FakeProvider()
    yield app
    close_app(app)


def within(seconds: float, began: float) -> bool:
    return time.monotonic() - began < seconds


def assert_every_request_is_refused(app: Flask) -> None:
    visitor, buyer = app.test_client(), app.test_client()
    with buyer.session_transaction() as session:
        session["_user_id"], session["_fresh"] = "1", True
    began = time.monotonic()
    answer = visitor.get("/readyz")
    assert (answer.status_code, within(READY_SECONDS, began)) == (503, True)
    for client in (buyer, visitor):
        for address in PAGES if client is buyer else ("/", PAGES[-1]):
            began = time.monotonic()
            page = client.get(address)
            assert (page.status_code, page.mimetype) == (503, "text/html"), address
            assert int(page.headers["Retry-After"]) > 0
            assert within(HANGS_SECONDS, began), address
        for address in NOTIFICATIONS:
            told = client.post(address, json=IDS)
            assert (told.status_code, told.is_json, "Retry-After" in told.headers) == (503, True, True), address
    assert visitor.get("/healthz").status_code == 200


def assert_open_again(app: Flask) -> None:
    client = app.test_client()
    until = time.monotonic() + 60
    while client.get("/readyz").status_code != 200 or client.get("/").status_code != 200:
        assert time.monotonic() < until
        time.sleep(0.2)
    sign_in(client)
    assert client.get("/orders").status_code == 200


def test_a_frozen_database_is_a_503_and_the_shop_goes_on_when_it_thaws(
    shop_on_it: Flask, postgres_server: Server
) -> None:
    assert_open_again(shop_on_it)  # connections are kept now, and the server freezes under them
    postgres_server.freeze()
    assert_every_request_is_refused(shop_on_it)
    postgres_server.thaw()
    assert_open_again(shop_on_it)


def test_a_killed_database_is_a_503(shop_on_it: Flask, postgres_server: Server) -> None:
    assert_open_again(shop_on_it)
    postgres_server.kill()
    assert_every_request_is_refused(shop_on_it)


def test_a_statement_that_takes_too_long_is_ended_and_its_connection_stays_usable(shop_on_it: Flask) -> None:
    shop_on_it.add_url_rule("/slow", view_func=lambda: str(db.session.scalar(db.text("SELECT pg_sleep(60)"))))
    client = shop_on_it.test_client()
    began = time.monotonic()
    assert client.get("/slow").status_code == 503
    assert within(HANGS_SECONDS, began)
    assert client.get("/").status_code == 200


def test_while_the_database_is_frozen_visitors_hold_no_thread_for_long(tmp_path: Path, postgres_server: Server) -> None:
    with gunicorn(tmp_path, DATABASE_URL=postgres_server.url) as (url, _), ThreadPoolExecutor(VISITORS) as pool:
        assert requests.get(f"{url}/readyz", timeout=30).status_code == 200
        statuses = pool.map(lambda _: requests.get(url, timeout=30).status_code, range(VISITORS))
        assert set(statuses) == {200}
        postgres_server.freeze()
        asked = [pool.submit(requests.get, url, timeout=HANGS_SECONDS) for _ in range(VISITORS)]
        assert {one.result().status_code for one in asked} == {503}
        again = [pool.submit(requests.get, url, timeout=HANGS_SECONDS) for _ in range(VISITORS)]
        began = time.monotonic()
        for _ in range(10):
            assert requests.get(f"{url}/healthz", timeout=2 * READY_SECONDS).status_code == 200
            ready = requests.get(f"{url}/readyz", timeout=2 * READY_SECONDS)
            assert ready.status_code == 503
            assert within(2 * RETRY_SECONDS + HANGS_SECONDS, began)
        assert {one.result().status_code for one in again} == {503}
