"""The demo's clock: the shop follows the sandbox, and live settings know nothing of it."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests
from flask import Flask
from flask.testing import FlaskClient

from app import create_app
from payments import clock
from payments.database import db, end_reading, transaction
from payments.monthly.charge_days import charge_day
from payments.monthly.models import Subscription
from shop.config import load_settings
from shop.demo.sandbox_clock import SandboxClock
from shop.orders.messages import Message
from shop.orders.models import User
from tests.clocks import NOON, start_sandbox
from tests.conftest import close, csrf_of, sign_in
from tests.payments.fakes import FakeProvider
from tests.shop.bought import started
from tests.shop.test_config import LIVE


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Flask]:
    """The shop with its sandbox mounted."""
    start_sandbox(tmp_path / "sandbox.sqlite3")
    app = create_app(load_settings({}, tmp_path))
    yield app
    app.extensions["sandbox"].extensions["sandbox"].close()
    close(app)


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


def test_the_back_office_goes_to_the_next_charge_day_and_to_tomorrow(demo: Flask) -> None:
    client = demo.test_client()
    admin = sign_in(client, "admin@example.com")
    demo.extensions["payments"].provider = FakeProvider()
    with demo.app_context():
        started(demo.extensions["payments"].provider, db.session.get_one(User, admin.id))
        due = db.session.query(Subscription).one().next_charge_on
        assert due
        end_reading()
        assert clock.today() < due
    page = client.post("/admin/clock/next-charge", headers=csrf_of(client), follow_redirects=True)
    assert due.isoformat() in page.get_data(as_text=True)
    with demo.app_context():
        assert clock.today() == due
    client.post("/admin/clock/tomorrow", headers=csrf_of(client))
    with demo.app_context():
        assert clock.today() == due + timedelta(days=1)


def test_the_next_moment_after_a_decline_is_the_end_of_its_pause(demo: Flask) -> None:
    client = demo.test_client()
    admin = sign_in(client, "admin@example.com")
    provider = demo.extensions["payments"].provider = FakeProvider()
    with demo.app_context():
        started(provider, db.session.get_one(User, admin.id))
        due = db.session.query(Subscription).one().next_charge_on
        end_reading()

    def forward() -> str:
        return client.post("/admin/clock/next-charge", headers=csrf_of(client), follow_redirects=True).text

    forward()
    assert "먼저 결제해 주세요" in forward(), "what is due now is not skipped"
    assert f"<small>{due} 09:00</small>" in forward()
    provider.answers = ["declined"]
    client.post("/admin/monthly/run", headers=csrf_of(client), data={"reason": "시험"})
    assert f"시계를 {due} 13:00로 옮겼습니다." in forward()
    assert "지금 결제할 것 1건" in forward()


def test_without_a_subscription_there_is_no_day_to_go_to(demo: Flask) -> None:
    client = demo.test_client()
    sign_in(client, "admin@example.com")
    page = client.post("/admin/clock/next-charge", headers=csrf_of(client), follow_redirects=True)
    assert "이용 중인 구독이 없습니다." in page.get_data(as_text=True)


def test_a_month_in_a_click_is_lived_through_with_its_runs(demo: Flask) -> None:
    client = demo.test_client()
    admin = sign_in(client, "admin@example.com")
    provider = demo.extensions["payments"].provider = FakeProvider()
    with demo.app_context():
        started(provider, db.session.get_one(User, admin.id))
        end_reading()
        first = clock.today()
    provider.answers = ["declined"]
    for _month in range(3):
        client.post("/admin/clock/next-month", headers=csrf_of(client))
    with demo.app_context():
        subscription = db.session.query(Subscription).one()
        assert subscription.status == "active"
        assert clock.today() == charge_day(charge_day(charge_day(first, first.day), first.day), first.day)
        assert [asked.merchant_uid[-8:] for asked in provider.charges] == [
            f"{month:%Y%m}-{number}"
            for month, number in (
                (charge_day(first, 1), 1),
                (charge_day(first, 1), 2),
                (charge_day(charge_day(first, 1), 1), 1),
                (charge_day(charge_day(charge_day(first, 1), 1), 1), 1),
            )
        ]


def test_messages_of_the_days_that_were_lived_through_do_not_wait_for_a_command(demo: Flask) -> None:
    client = demo.test_client()
    admin = sign_in(client, "admin@example.com")
    provider = demo.extensions["payments"].provider = FakeProvider()
    with demo.app_context():
        started(provider, db.session.get_one(User, admin.id))
        end_reading()
    provider.answers = ["declined"]
    client.post("/admin/clock/next-month", headers=csrf_of(client))
    with demo.app_context():
        found = [(one.kind, one.error, one.next_try_at) for one in db.session.query(Message).order_by(Message.id)]
    assert found == [(kind, "no_mail_url", None) for kind in ("paid", "declined")]


def test_only_an_operator_moves_the_clock(demo: Flask) -> None:
    client: FlaskClient = demo.test_client()
    sign_in(client)
    assert client.post("/admin/clock/tomorrow", headers=csrf_of(client)).status_code == 404
    assert client.get("/admin/clock/tomorrow").status_code in (404, 405)


PUBLIC = {"PUBLIC_URL": "https://demo.example", "SANDBOX_CONTROLS_TOKEN": "9a8b7c6d5e4f3a2b1c0d"}
HTTPS = {"base_url": PUBLIC["PUBLIC_URL"]}


@pytest.mark.parametrize(("setting", "moves"), [({}, False), ({"DEMO_CLOCK": "true"}, True)])
def test_the_published_administrator_moves_everybodys_clock_only_where_the_deployment_allows_it(
    setting: dict[str, str], moves: bool, tmp_path: Path
) -> None:
    start_sandbox(tmp_path / "sandbox.sqlite3")
    app = create_app(load_settings(PUBLIC | setting, tmp_path))
    client = app.test_client()
    with app.app_context():
        admin = db.session.scalars(db.select(User).filter_by(email="admin@example.com")).one().id
        end_reading()
    with client.session_transaction(**HTTPS) as session:
        session["_user_id"] = str(admin)
    page = client.get("/admin/monthly", **HTTPS).get_data(as_text=True)
    assert ("/admin/clock/tomorrow" in page) == moves
    form = {"csrf_token": re.findall(r'name="csrf-token" content="([^"]+)"', page)[0]}
    for move in ("next-charge", "tomorrow", "next-month"):
        answer = client.post(f"/admin/clock/{move}", data=form, **HTTPS)
        assert answer.status_code == (302 if moves else 403), move
    with app.app_context():
        moved = clock.now() - NOON
    assert (moved > timedelta(days=1)) == moves
    app.extensions["sandbox"].extensions["sandbox"].close()
    close(app)


def test_with_live_settings_the_clock_is_the_systems_and_nothing_moves_it(tmp_path: Path) -> None:
    app = create_app(load_settings(LIVE, tmp_path))
    assert "demo" not in app.blueprints
    assert "sandbox_clock" not in app.extensions
    assert not [rule.rule for rule in app.url_map.iter_rules() if "clock" in rule.rule]
    with app.app_context():
        assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=5)
    close(app)
