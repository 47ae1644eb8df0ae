"""What the tests of payments/ share: a host of their own on an empty database, and a provider that they control.

They need payments/ and the packages that it needs, and pytest, hypothesis, responses and pytest-httpserver.
`PAYMENTS_TEST_POSTGRES` names a PostgreSQL server (`postgresql+psycopg://…/postgres`): each test then makes a database
of its own there. A project around these tests may run them on both databases: it parametrizes the fixture `database`
with `sqlite` and `postgres`, and has a fixture `postgres` that returns the server's URL.
"""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import settings
from sqlalchemy import URL, create_engine, make_url, text

from payments.database import db

from . import clocks, host
from .fakes import FakeProvider

settings.register_profile("untimed", deadline=None)  # no time is asserted: a busy machine is no fault
settings.load_profile("untimed")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "law: a money law")
    config.addinivalue_line("markers", "slow: takes a minute")
    config.addinivalue_line("markers", "sqlite_only: the database makes no difference to it")


@pytest.fixture(autouse=True)
def business_clock() -> Iterator[None]:
    """Every test begins at the same moment of business time, and whatever moved it is forgotten afterwards."""
    clocks.stand_at()
    yield
    clocks.stand_at()


@pytest.fixture(scope="session")
def sqlite_with_tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite database without orders, to copy."""
    path = tmp_path_factory.mktemp("host") / "host.sqlite3"
    _fill(f"sqlite:///{path}")
    return path


@pytest.fixture
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database of the test's own, without orders."""
    if "PAYMENTS_TEST_POSTGRES" not in os.environ and getattr(request, "param", "sqlite") == "sqlite":
        shutil.copy(request.getfixturevalue("sqlite_with_tables"), tmp_path / "host.sqlite3")
        yield f"sqlite:///{tmp_path / 'host.sqlite3'}"
        return
    with_tables: URL = request.getfixturevalue("postgres_with_tables")
    of_its_own = with_tables.set(database=f"payments_{secrets.token_hex(6)}")
    with _created(of_its_own, template=with_tables.database):
        yield of_its_own.render_as_string(hide_password=False)


@pytest.fixture(scope="session")
def postgres_with_tables(request: pytest.FixtureRequest) -> Iterator[URL]:
    """A PostgreSQL database without orders, to copy."""
    server = os.environ.get("PAYMENTS_TEST_POSTGRES") or request.getfixturevalue("postgres")
    name = f"payments_tables_{secrets.token_hex(6)}"
    url = make_url(server).set(drivername="postgresql+psycopg", database=name)
    with _created(url):
        _fill(url.render_as_string(hide_password=False))
        yield url


def _fill(url: str) -> None:
    app = host.create_app(url, FakeProvider())
    with app.app_context():
        host.create_tables()
    _close(app)


@contextmanager
def _created(url: URL, template: str | None = "template1") -> Iterator[None]:
    """This database, as long as the block runs."""
    engine = create_engine(url.set(database="postgres"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {url.database} TEMPLATE {template}"))
        yield
        connection.execute(text(f"DROP DATABASE {url.database} WITH (FORCE)"))
    engine.dispose()


def _close(app: Flask) -> None:
    with app.app_context():
        db.engine.dispose()


@pytest.fixture
def app(database: str) -> Iterator[Flask]:
    """The host, with a provider that the test controls."""
    app = host.create_app(database, FakeProvider())
    yield app
    _close(app)


@pytest.fixture
def host_app(app: Flask) -> Iterator[Flask]:
    """An app context of the host, for tests that call functions directly."""
    with app.app_context():
        yield app


@pytest.fixture
def provider(host_app: Flask) -> FakeProvider:
    provider: FakeProvider = host_app.extensions["payments"].provider
    return provider


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()
