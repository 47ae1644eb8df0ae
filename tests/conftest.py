"""What the tests share: a migrated and seeded database to copy, an app around it, buyers, and a browser."""

import shutil
import tempfile
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis
from flask import Flask, g, has_app_context
from flask.testing import FlaskClient
from jinja2 import FileSystemBytecodeCache

from app import close_app, create_app
from deploy.services import postgres_server, redis_server
from payments.database import db, end_reading, transaction
from payments.models import Payment
from shop.config import Settings, load_settings
from shop.demo import fake_history
from shop.orders import order_payments, orders, plans
from shop.orders.delivery import Buyer
from shop.orders.models import Order, Product, User
from shop.storefront import account, rate_limits
from tests import clocks
from tests.payments.fakes import FakeProvider

BUYER = Buyer("홍길동", "01012345678", "buyer@example.com")
ADDRESSED_BUYER = Buyer("홍길동", "01012345678", "buyer@example.com", "서울시 중구 세종대로 110", "04524")


PAST_PAYMENTS = 400

# Compiled templates, for all apps of this test process: each app would compile each page anew.
COMPILED = tempfile.TemporaryDirectory(prefix="templates-")
TEMPLATES = FileSystemBytecodeCache(COMPILED.name)

# Sandbox mode with a sandbox elsewhere: nothing is mounted, and nothing answers there.
NOBODY_ANSWERS = {"PORTONE_API_URL": "http://127.0.0.1:9/sandbox"}


@pytest.fixture(autouse=True)
def business_clock() -> Iterator[None]:
    """Every test begins at the same moment of business time, and whatever moved it is forgotten afterwards."""
    clocks.stand_at()
    yield
    clocks.stand_at()


@pytest.fixture(scope="session")
def seeded_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database as `make run` makes it, once per test process."""
    folder = tmp_path_factory.mktemp("seeded")
    close_app(create_shop(load_settings(NOBODY_ANSWERS, folder)))
    return folder / "shop.sqlite3"


@pytest.fixture(scope="session")
def past_database(tmp_path_factory: pytest.TempPathFactory, seeded_database: Path) -> Path:
    """The same shop after two years, once per test process."""
    folder = tmp_path_factory.mktemp("past")
    shutil.copy(seeded_database, folder / "shop.sqlite3")
    app = create_shop(load_settings(NOBODY_ANSWERS, folder))
    with app.app_context():
        list(fake_history.History(PAST_PAYMENTS).write())
    close_app(app)
    return folder / "shop.sqlite3"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Whatever uses the shop's database runs on SQLite and on PostgreSQL: the money laws in both tiers, the rest on
    PostgreSQL in the slow one. The mark `sqlite_only` is for what is about SQLite itself."""
    if "database" not in metafunc.fixturenames:
        return
    find_mark = metafunc.definition.get_closest_marker
    databases: list[Any] = [pytest.param("sqlite", id=pytest.HIDDEN_PARAM)]
    if not find_mark("sqlite_only"):
        databases.append(pytest.param("postgres", marks=() if find_mark("law") else pytest.mark.slow))
    metafunc.parametrize("database", databases, indirect=True)


@pytest.fixture(scope="session")
def shop_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the shop of this test process lies: one folder for all tests, so that its app can be used again."""
    return tmp_path_factory.mktemp("shop")


@pytest.fixture
def instance_path(shop_folder: Path, seeded_database: Path) -> Path:
    """The same folder, as `make run` leaves it: nothing of another test is in it."""
    shutil.rmtree(shop_folder)
    shutil.copytree(seeded_database.parent, shop_folder)
    return shop_folder


@pytest.fixture
def database(request: pytest.FixtureRequest, instance_path: Path) -> dict[str, str]:
    """The setting that names a migrated and seeded database of the test's own."""
    return {"DATABASE_URL": request.getfixturevalue("postgres_url")} if request.param == "postgres" else {}


@pytest.fixture
def settings(instance_path: Path, database: dict[str, str]) -> Settings:
    return load_settings(NOBODY_ANSWERS | database, instance_path)


@pytest.fixture
def app(settings: Settings) -> Iterator[Flask]:
    """The shop on a database of its own; tests that ask PortOne something bring the provider that answers.

    The next test with the same settings uses it again. Who changes more of it than its configuration and extensions
    puts that back afterwards, or takes `own_app`.
    """
    shop = reused_shop(settings)
    shop.reset()
    yield shop.app
    shop.put_away()


@pytest.fixture
def own_app(settings: Settings) -> Iterator[Flask]:
    """The same, newly created and not used again."""
    app = create_shop(settings)
    yield app
    close_app(app)


@lru_cache(maxsize=4)
def reused_shop(settings: Settings) -> "ReusedShop":
    return ReusedShop(settings)


class ReusedShop:
    """A shop that one test uses after the other. What is slow to make stays: routes, templates, compiled statements.

    Its database is a new file each time; its configuration, extensions and counts are as in a new app.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.app = create_shop(settings)
        self.app.test_client().get("/healthz")  # from now on Flask refuses more routes
        self._config, self._extensions = dict(self.app.config), dict(self.app.extensions)
        self._payments = dict(vars(self.app.extensions["payments"]))

    def reset(self) -> None:
        app = self.app
        app.config.clear()
        app.config.update(self._config)
        app.extensions.clear()
        app.extensions.update(self._extensions)
        vars(app.extensions["payments"]).update(self._payments)
        for name in ("portone_heard", "learn_calls"):
            vars(app.extensions[name]).update(vars(type(app.extensions[name])()))
        rate_limits.install(app, self.settings)

    def put_away(self) -> None:
        self.app.extensions["payments"].provider.close()
        with self.app.app_context():
            db.engine.dispose()


def create_shop(settings: Settings) -> Flask:
    """The shop, on the clock of the tests: by itself it would follow its sandbox's, and there is none that answers."""
    app = create_app(settings)
    app.testing = True
    clocks.keep_time_of(app)
    app.jinja_env.bytecode_cache = TEMPLATES
    return app


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real PostgreSQL for this test process, with a migrated and seeded database `seeded` to copy."""
    with postgres_server() as (url, _):
        _execute(url, "CREATE DATABASE seeded")
        seeded = url.rpartition("/")[0] + "/seeded"
        close_app(
            create_shop(load_settings(NOBODY_ANSWERS | {"DATABASE_URL": seeded}, tmp_path_factory.mktemp("seeded")))
        )
        yield url


@pytest.fixture
def postgres_url(postgres: str) -> Iterator[str]:
    """A migrated and seeded database of the test's own, always under the same name: an app can be used again."""
    _execute(postgres, "CREATE DATABASE shop TEMPLATE seeded")
    yield postgres.rpartition("/")[0] + "/shop"
    _execute(postgres, "DROP DATABASE shop WITH (FORCE)")


def _execute(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)


@pytest.fixture(scope="session")
def redis_of_the_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real Redis for this test process."""
    with redis_server(tmp_path_factory.mktemp("redis")) as (url, _):
        yield url


@pytest.fixture
def redis_url(redis_of_the_process: str) -> str:
    """The same, empty: no test counts on with the keys of another."""
    redis.Redis.from_url(redis_of_the_process).flushall()
    return redis_of_the_process


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def provider(app: Flask) -> FakeProvider:
    """A provider that the test controls, in place of the sandbox."""
    app.extensions["payments"].provider = FakeProvider()
    return app.extensions["payments"].provider


@pytest.fixture
def shop(app: Flask) -> Iterator[Any]:
    """An app context, for tests that call the domain directly."""
    with app.app_context():
        yield db.session


@pytest.fixture
def buyer(shop: Any) -> User:
    return db.session.query(User).filter_by(email="buyer@example.com").one()


def product(kind: str = "once", digital: bool = True) -> Product:
    """The first product on the shelf of this kind."""
    return db.session.query(Product).filter_by(kind=kind, digital=digital).order_by(Product.position).first()


def new_order(user_id: int, buyer: Buyer) -> Order:
    """An order for the goods in the cart, without an attempt to pay it."""
    with transaction():
        order = orders.place(user_id, buyer)
    return db.session.get_one(Order, order.id)


def new_plan_order(user_id: int, plan_id: int, buyer: Buyer) -> Order:
    """The same for a plan."""
    with transaction():
        order = plans.place(user_id, plan_id, buyer)
    return db.session.get_one(Order, order.id)


def order_window(provider: Any, user_id: int, buyer: Buyer) -> Payment:
    """An attempt to pay for the goods in the cart, as the checkout opens it."""
    return _kept(order_payments.start(provider, new_order(user_id, buyer), buyer))


def plan_window(provider: Any, user_id: int, plan_id: int, buyer: Buyer) -> Payment:
    """The same for a plan."""
    return _kept(order_payments.start(provider, new_plan_order(user_id, plan_id, buyer), buyer))


def _kept(payment: Payment) -> Payment:
    """The same row in the session of the test, which sees how it changes; the transaction's own is closed."""
    kept = db.session.get_one(Payment, payment.id)
    end_reading()
    return kept


def order_of(payment: Payment) -> Order:
    """The order that a payment pays for."""
    order = order_payments.order_of(payment)
    assert order
    return order


def another_window(provider: Any, payment: Payment) -> Payment:
    """A second attempt to pay the same order."""
    order = db.session.get_one(Order, int(payment.purchase_id))
    buyer = Buyer(order.buyer_name, order.buyer_tel, order.buyer_email, order.buyer_addr, order.buyer_postcode)
    return _kept(order_payments.start(provider, order, buyer))


def sign_in(client: FlaskClient, email: str = "buyer@example.com") -> User:
    """A signed-in session without the cost of the password hash."""
    with client.application.app_context():
        user = db.session.query(User).filter_by(email=email).one()
    with client.session_transaction() as session:
        session["_user_id"], session["_fresh"] = user.get_id(), True
    if has_app_context():
        g.pop("_login_user", None)  # requests inside the `shop` fixture's context share its `g`
    return user


def csrf_of(client: FlaskClient) -> dict[str, str]:
    """The header that a page's script sends with each POST."""
    page = client.get("/login").get_data(as_text=True)
    token = page.split('name="csrf-token" content="', 1)[1].split('"', 1)[0]
    return {"X-CSRFToken": token}


@pytest.fixture
def other_buyer(shop: Any) -> User:
    return account.create_user("other@example.com", "password-of-other")


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    return {
        **browser_type_launch_args,
        "executable_path": "/usr/bin/chromium",
        "args": ["--no-sandbox", "--disable-dev-shm-usage", "--disable-background-networking"],
    }


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict[str, Any]) -> dict[str, Any]:
    return {**browser_context_args, "locale": "ko-KR", "timezone_id": "Asia/Seoul"}
