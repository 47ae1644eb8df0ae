"""The demo's clock: the shop follows the sandbox, and live settings know nothing of it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests
from flask import Flask

from app import close_app, create_app
from payments import clock
from payments.database import transaction
from shop.config import load_settings
from shop.demo.sandbox_clock import SandboxClock
from tests.clocks import NOON, start_sandbox
from tests.conftest import sign_in
from tests.shop.test_config import LIVE


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Flask]:
    """The shop with its sandbox mounted."""
    start_sandbox(tmp_path / "sandbox.sqlite3")
    app = create_app(load_settings({}, tmp_path))
    yield app
    close_app(app)


def test_the_shop_follows_the_sandboxs_clock(demo: Flask) -> None:
    target = NOON + timedelta(days=40)
    with demo.app_context():
        demo.extensions["sandbox_clock"].move_to(target)
        assert abs(clock.now() - target) < timedelta(seconds=5)


def test_a_clock_that_was_moved_in_the_sandboxs_panel_moves_every_page(demo: Flask) -> None:
    client = demo.test_client()
    sign_in(client, "admin@example.com")
    client.get("/admin/monthly")
    target = NOON + timedelta(days=40)
    assert client.post("/sandbox/controls/clock", json={"to": target.isoformat()}).status_code == 200
    demo.extensions["sandbox_clock"]._asked_at = float("-inf")  # a second later
    shown = f"{target.astimezone(clock.SEOUL):%Y-%m-%d}"
    assert shown in client.get("/admin/monthly").get_data(as_text=True)


def test_the_clock_never_asks_inside_a_transaction(demo: Flask) -> None:
    class NeverAsked(requests.Session):
        def get(self, *_args: object, **_options: object) -> requests.Response:
            raise AssertionError("asked inside a transaction")

    source = SandboxClock(NeverAsked(), "http://127.0.0.1:9/sandbox")
    with demo.app_context(), transaction():
        assert abs(source() - datetime.now(UTC)) < timedelta(seconds=5)


def test_a_sandbox_that_does_not_answer_leaves_the_clock_alone() -> None:
    source = SandboxClock(requests.Session(), "http://127.0.0.1:9/sandbox")
    assert abs(source() - datetime.now(UTC)) < timedelta(seconds=5)


def test_with_live_settings_the_clock_is_the_systems_and_nothing_moves_it(tmp_path: Path) -> None:
    app = create_app(load_settings(LIVE, tmp_path))
    assert "demo" not in app.blueprints
    assert "sandbox_clock" not in app.extensions
    assert not [rule.rule for rule in app.url_map.iter_rules() if "clock" in rule.rule]
    assert {each.name for each in app.extensions["csrf"]._exempt_blueprints} == {"payments"}
    with app.app_context():
        assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=5)
    close_app(app)
