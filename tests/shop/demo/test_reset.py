"""The demo begins anew each night: nothing of yesterday is left, here or in the sandbox, no cookie opens a thing."""

from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import close_app, create_app
from payments.database import Base, db
from shop.config import ConfigError, Settings, load_settings
from shop.operations.worker import create_worker
from shop.orders import cart
from shop.orders.models import User
from shop.storefront import account
from tests.conftest import BUYER, NOBODY_ANSWERS, create_shop, order_window, product, sign_in
from tests.payments.fakes import FakeProvider
from tests.shop.test_config import LIVE


@pytest.fixture
def used(app: Flask, provider: FakeProvider) -> Flask:
    """A shop in which somebody has bought something."""
    with app.app_context():
        visitor = account.create_user("visitor@example.com", "long-enough")
        cart.put_in_cart(visitor.id, product().id, 1)
        order_window(provider, visitor.id, BUYER)
    return app


def rows(app: Flask) -> dict[str, int]:
    with app.app_context():
        return {table.name: db.session.query(table).count() for table in Base.metadata.sorted_tables}


def test_after_a_reset_the_shop_is_as_a_fresh_one(used: Flask) -> None:
    with used.app_context():
        before = {user.id for user in db.session.query(User)}
    answer = used.test_cli_runner().invoke(args=["reset-demo"])
    assert "the sandbox did not answer" in answer.output  # none is running here
    left = {name: count for name, count in rows(used).items() if count}
    assert left == {"users": 2, "products": 14}
    with used.app_context():
        assert before.isdisjoint({user.id for user in db.session.query(User)})


def test_a_cookie_from_before_the_reset_opens_nothing(used: Flask) -> None:
    client: FlaskClient = used.test_client()
    sign_in(client, "visitor@example.com")
    assert client.get("/orders").status_code == 200
    used.test_cli_runner().invoke(args=["reset-demo"])
    with used.app_context():
        account.create_user("newcomer@example.com", "long-enough")
    assert client.get("/orders").status_code == 302


def test_the_sandbox_is_cleared_too(tmp_path: Path) -> None:
    app = create_app(load_settings({"PORT": "1"}, tmp_path))
    sandbox = app.extensions["sandbox"].extensions["sandbox"]
    sandbox.database.keep("clock_offset_of_a_test", 1)
    answer = app.test_cli_runner().invoke(args=["reset-demo"])
    assert answer.exit_code == 0, answer.output
    assert sandbox.database.kept("clock_offset_of_a_test", None) is None
    sandbox.close()
    close_app(app)


def test_with_live_settings_there_is_no_such_command(tmp_path: Path) -> None:
    app = create_app(load_settings(LIVE, tmp_path))
    assert app.test_cli_runner().invoke(args=["reset-demo"]).exit_code == 2
    close_app(app)


def test_with_live_settings_a_nightly_reset_is_refused_at_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="DEMO_RESET"):
        load_settings(LIVE | {"DEMO_RESET": "true"}, tmp_path)


def test_a_demo_that_is_cleared_every_night_says_so(settings: Settings, app: Flask) -> None:
    promise = "매일 새벽 4시에 모든 기록을 지우고"
    assert promise not in app.test_client().get("/").get_data(as_text=True)
    told = create_shop(load_settings(NOBODY_ANSWERS | {"DEMO_RESET": "1"}, settings.instance_path))
    assert promise in told.test_client().get("/").get_data(as_text=True)
    close_app(told)


@pytest.mark.parametrize(("told", "nightly"), [({}, False), ({"DEMO_RESET": "true"}, True)])
def test_the_scheduler_resets_at_four_in_seoul_if_it_is_told_to(
    told: dict[str, str], nightly: bool, settings: Settings
) -> None:
    app = create_shop(load_settings(NOBODY_ANSWERS | told, settings.instance_path))
    conf = create_worker(app, app.extensions["settings"]).conf
    assert conf.timezone == "Asia/Seoul"
    assert ("reset" in conf.beat_schedule) is nightly
    if nightly:
        schedule = conf.beat_schedule["reset"]["schedule"]
        assert (schedule.hour, schedule.minute) == ({4}, {0})
    close_app(app)
