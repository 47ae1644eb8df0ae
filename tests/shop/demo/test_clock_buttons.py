"""The buttons that move the clock: those of the back office, and the address by which the sandbox's panel does it."""

import re
import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import close_app, create_app
from payments import clock
from payments.database import db, end_reading
from payments.monthly.charge_days import charge_day
from payments.monthly.models import Subscription
from shop.config import load_settings
from shop.orders.messages import Message
from shop.orders.models import User
from tests.clocks import NOON, start_sandbox
from tests.conftest import csrf_of, sign_in
from tests.payments.fakes import FakeProvider
from tests.shop.bought import started


@pytest.fixture
def demo(tmp_path: Path, seeded_database: Path) -> Iterator[Flask]:
    """The shop with its sandbox mounted, and a PortOne that the test controls."""
    shutil.copy(seeded_database, tmp_path / "shop.sqlite3")
    start_sandbox(tmp_path / "sandbox.sqlite3")
    app = create_app(load_settings({}, tmp_path))
    app.extensions["payments"].provider = FakeProvider()
    yield app
    close_app(app)


@pytest.fixture
def provider(demo: Flask) -> FakeProvider:
    return demo.extensions["payments"].provider


@pytest.fixture
def staff(demo: Flask) -> FlaskClient:
    client = demo.test_client()
    sign_in(client, "admin@example.com")
    return client


@pytest.fixture
def due(demo: Flask, provider: FakeProvider) -> datetime:
    """Nine in the morning of the day on which the second month of a subscription is due."""
    with demo.app_context():
        user = db.session.query(User).filter_by(email="admin@example.com").one()
        day = started(provider, user).next_charge_on
        end_reading()
    assert day
    return datetime.combine(day, datetime.min.time(), clock.SEOUL).replace(hour=9)


def press(staff: FlaskClient, button: str) -> str:
    return staff.post(f"/admin/clock/{button}", headers=csrf_of(staff), follow_redirects=True).text


def subscription(demo: Flask) -> Subscription:
    with demo.app_context():
        return db.session.query(Subscription).one()


def now(demo: Flask) -> datetime:
    with demo.app_context():
        return clock.now().astimezone(clock.SEOUL)


def test_the_button_of_the_next_charge_day_goes_there_and_charges(
    demo: Flask, staff: FlaskClient, provider: FakeProvider, due: datetime
) -> None:
    page = press(staff, "next-charge")
    assert f"시계를 {due:%Y-%m-%d %H:%M}로 옮겼습니다. 결제됨 1건" in page
    assert len(provider.charges) == 1
    assert subscription(demo).next_charge_on == charge_day(due.date(), due.day)


def test_a_declined_month_is_tried_again_at_the_next_press(
    staff: FlaskClient, provider: FakeProvider, due: datetime
) -> None:
    provider.answers = ["declined"]
    assert "거절 1건" in press(staff, "next-charge")
    assert f"시계를 {due + timedelta(hours=4):%Y-%m-%d %H:%M}로 옮겼습니다. 결제됨 1건" in press(staff, "next-charge")


def test_tomorrow_charges_what_is_due(demo: Flask, staff: FlaskClient, provider: FakeProvider, due: datetime) -> None:
    with demo.app_context():
        demo.extensions["sandbox_clock"].move_to(due - timedelta(hours=12))
    assert "결제됨 1건" in press(staff, "tomorrow")
    assert now(demo).date() == due.date()
    assert "그동안 결제할 것은 없었습니다." in press(staff, "tomorrow")
    assert now(demo).date() == due.date() + timedelta(days=1)


def test_a_month_in_a_click_is_lived_through_from_charge_day_to_charge_day(
    demo: Flask, staff: FlaskClient, provider: FakeProvider, due: datetime
) -> None:
    first = now(demo).date()
    provider.answers = ["declined"]
    for _month in range(3):
        press(staff, "next-month")
    assert subscription(demo).status == "active"
    second = charge_day(first, first.day)
    third = charge_day(second, first.day)
    assert now(demo).date() == charge_day(third, first.day)
    assert [asked.merchant_uid[-8:] for asked in provider.charges] == [
        f"{second:%Y%m}-1",
        f"{second:%Y%m}-2",
        f"{third:%Y%m}-1",
        f"{charge_day(third, 1):%Y%m}-1",
    ]


def test_without_a_subscription_there_is_no_day_to_go_to(staff: FlaskClient) -> None:
    assert "이용 중인 구독이 없어 시계를 그대로 두었습니다." in press(staff, "next-charge")


def test_only_an_operator_moves_the_clock(demo: Flask) -> None:
    client = demo.test_client()
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
    close_app(app)


# --- the address for the sandbox's panel ------------------------------------------------------------------------------


@pytest.mark.parametrize("to", ["next_charge", "a moment"])
def test_the_sandbox_lets_the_shop_move_the_clock_and_gets_its_words(
    to: str, demo: Flask, provider: FakeProvider, due: datetime
) -> None:
    panel = demo.test_client()
    asked = {"to": due.isoformat() if to == "a moment" else to}
    told = panel.post("/sandbox/controls/clock/with-shop", json=asked, headers={"Accept-Language": "en"}).json
    assert told
    assert told["charges"] == {"charged": 1}
    assert told["message"].endswith("1 charged")
    assert datetime.fromisoformat(told["now"]) - due < timedelta(minutes=1)


def test_a_jump_is_a_shop_that_was_down_and_says_so(demo: Flask, provider: FakeProvider, due: datetime) -> None:
    target = due + timedelta(days=20)
    told = demo.test_client().post("/sandbox/controls/clock", json={"to": target.isoformat()}).json
    assert told
    assert "was down meanwhile" in told["note"]
    assert provider.charges == []


@pytest.mark.parametrize("asked", [{"to": "soon"}, {"to": 7}, {}, []])
def test_an_unknown_target_is_a_400_that_names_its_field(asked: object, demo: Flask) -> None:
    assert demo.test_client().post("/demo/clock", json=asked).status_code == 400
    answer = demo.test_client().post("/sandbox/controls/clock/with-shop", json=asked)
    assert (answer.status_code, answer.json and answer.json["error"]) == (400, "bad_field")


def test_a_moment_that_has_passed_leaves_the_clock_alone(demo: Flask) -> None:
    answer = demo.test_client().post("/demo/clock", json={"to": "2020-01-01T09:00:00+09:00"})
    assert answer.status_code == 200
    assert now(demo) - NOON < timedelta(minutes=1)


def test_the_clocks_address_asks_for_the_token_of_the_controls_and_no_other_site_gets_in(tmp_path: Path) -> None:
    start_sandbox(tmp_path / "sandbox.sqlite3")
    app = create_app(load_settings(PUBLIC, tmp_path))
    token = {"X-Controls-Token": PUBLIC["SANDBOX_CONTROLS_TOKEN"]}
    asked = {"json": {"to": "tomorrow"}, **HTTPS}
    client = app.test_client()
    assert client.post("/demo/clock", **asked).status_code == 403
    assert client.post("/demo/clock", headers={"X-Controls-Token": "guessed"}, **asked).status_code == 403
    foreign = token | {"Sec-Fetch-Site": "cross-site"}
    assert client.post("/demo/clock", headers=foreign, **asked).status_code == 403
    assert client.post("/sandbox/controls/clock/with-shop", headers=token, **asked).status_code == 200
    close_app(app)


def told(demo: Flask) -> list[tuple[str, str, str | None]]:
    """The kind, the day in Seoul and the error of each message, oldest first; none of them waits to be sent."""
    with demo.app_context():
        rows = db.session.query(Message).order_by(Message.id).all()
        assert {row.next_try_at for row in rows} == {None}
        return [(row.kind, f"{row.created_at.astimezone(clock.SEOUL):%m-%d}", row.error) for row in rows]


def test_messages_of_the_days_that_were_lived_through_do_not_wait_for_a_command(
    staff: FlaskClient, demo: Flask, provider: FakeProvider, due: datetime
) -> None:
    provider.answers = ["declined"]
    press(staff, "next-month")
    kinds_and_errors = [(kind, error) for kind, _day, error in told(demo)]
    assert kinds_and_errors == [(kind, "no_mail_url") for kind in ("paid", "charge_soon", "declined")]


@pytest.mark.parametrize("to", ["next_charge", "next_month", "a moment"])
def test_a_buyer_is_told_of_a_charge_three_days_before_it_however_the_clock_gets_there(
    to: str, demo: Flask, provider: FakeProvider, due: datetime
) -> None:
    asked = {"to": due.isoformat() if to == "a moment" else to}
    answer = demo.test_client().post("/demo/clock", json=asked)
    assert (answer.json or {})["charges"] == {"charged": 1}
    three_days_before = f"{due - timedelta(days=3):%m-%d}"
    assert ("charge_soon", three_days_before, "no_mail_url") in told(demo)
