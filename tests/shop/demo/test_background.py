"""The demo runs by itself: a thread of `make run` syncs and bills on the sandbox's clock; nothing else starts it."""

import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import requests
from flask import Flask

from app import close_app, create_app
from bench.shopper import Shopper
from payments.database import db, end_reading
from payments.monthly.models import Subscription
from shop.config import load_settings
from shop.demo import rounds
from shop.demo.background import Background
from shop.orders import cart
from shop.orders.models import Order, User
from tests.clocks import NOON, start_sandbox
from tests.conftest import BUYER, order_window, product
from tests.payments.fakes import FakeProvider
from tests.sandbox.test_processes import wait_for
from tests.shop.bought import started
from tests.test_server import wait_until

ROOT = Path(__file__).parents[3]
LONGEST_WAIT = 20  # seconds, for a round of the thread


@pytest.fixture
def demo(tmp_path: Path, seeded_database: Path) -> Iterator[Flask]:
    shutil.copy(seeded_database, tmp_path / "shop.sqlite3")
    start_sandbox(tmp_path / "sandbox.sqlite3")
    app = create_app(load_settings({}, tmp_path))
    app.extensions["payments"].provider = FakeProvider()
    yield app
    close_app(app)


def buyer() -> User:
    return db.session.query(User).filter_by(email="buyer@example.com").one()


def jump(demo: Flask, span: timedelta) -> None:
    """Move the sandbox's clock as its panel's date field does."""
    demo.test_client().post("/sandbox/controls/clock", json={"to": (NOON + span).isoformat()})
    demo.extensions["sandbox_clock"]._asked_at = float("-inf")  # a second later


def test_a_round_is_run_every_minute_of_business_time_and_after_a_jump(demo: Flask) -> None:
    runner = Background(demo)
    assert runner.look()
    assert not runner.look()
    jump(demo, timedelta(minutes=2))
    assert runner.look()


def test_an_order_that_nobody_paid_expires_and_a_due_month_is_charged(demo: Flask) -> None:
    provider: FakeProvider = demo.extensions["payments"].provider
    with demo.app_context():
        started(provider, buyer())
        cart.put_in_cart(buyer().id, product().id, 1)
        order_window(provider, buyer().id, BUYER)
        end_reading()
    runner = Background(demo)
    runner.look()
    jump(demo, timedelta(days=30))  # 15 December
    runner.look()
    with demo.app_context():
        assert [order.status for order in db.session.query(Order).filter_by(kind="once")] == ["expired"]
        assert len(provider.charges) == 1
        assert db.session.query(Subscription).one().status == "active"


def test_a_look_during_a_journey_of_the_clock_does_not_wait_for_its_end(demo: Flask) -> None:
    runner, looked = Background(demo), []
    with demo.app_context(), rounds.one_at_a_time():
        thread = threading.Thread(target=lambda: looked.append(runner.look()), daemon=True)
        thread.start()
        thread.join(LONGEST_WAIT)
        assert looked == [False]
    assert runner.look()


def test_a_shop_that_was_down_for_months_ends_what_was_missed(demo: Flask) -> None:
    provider: FakeProvider = demo.extensions["payments"].provider
    with demo.app_context():
        started(provider, buyer())
    jump(demo, timedelta(days=70))
    Background(demo).look()
    with demo.app_context():
        assert db.session.query(Subscription).one().end_reason == "missed"
    assert provider.charges == []


def test_the_thread_outlives_a_round_that_fails(demo: Flask, caplog: pytest.LogCaptureFixture) -> None:
    failed, worked = threading.Event(), threading.Event()

    class Broken(Background):
        def look(self) -> bool:
            if not failed.is_set():
                failed.set()
                raise RuntimeError("the database is gone")
            worked.set()
            return super().look()

    runner = Broken(demo)
    runner.start()
    assert worked.wait(LONGEST_WAIT)
    runner.stop()
    assert "the demo's round failed" in caplog.text


def test_neither_an_app_nor_a_command_starts_the_thread(demo: Flask) -> None:
    demo.test_client().get("/")
    assert demo.test_cli_runner().invoke(args=["sync"]).exit_code == 0
    assert "demo-rounds" not in {thread.name for thread in threading.enumerate()}


@pytest.mark.slow
def test_make_run_follows_a_jump_of_the_sandboxs_clock(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    start_sandbox(tmp_path / "sandbox.sqlite3")
    environ = os.environ | {"PORT": str(port), "INSTANCE_PATH": str(tmp_path)}
    running = subprocess.Popen([sys.executable, "app.py"], cwd=ROOT, env=environ, stderr=subprocess.DEVNULL)
    try:
        wait_for(f"{url}/sandbox")
        shopper = Shopper(url, f"{url}/sandbox")
        shopper.sign_in()
        shopper.put_in_cart("bear-emoji")
        shopper.check_out()
        assert 'data-order-status="pending"' in shopper.page("/orders/1")
        later = (NOON + timedelta(hours=1)).isoformat()
        requests.post(f"{url}/sandbox/controls/clock", json={"to": later}, timeout=10).raise_for_status()
        wait_until(lambda: 'data-order-status="expired"' in shopper.page("/orders/1"))
        shopper.close()
    finally:
        running.terminate()
        running.wait(timeout=10)
