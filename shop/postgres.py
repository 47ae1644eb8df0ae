"""PostgreSQL as this shop uses it: no request waits for the database for longer than the limits below.

The server ends a statement that takes too long (`statement_timeout`), and the kernel notices a peer that is gone
(`tcp_user_timeout`, `keepalives`). Neither notices a server that is frozen while its kernel still acknowledges packets,
so `BoundedConnection` also limits the time that the client waits.
"""

import time
from typing import Any

import psycopg
from flask import Flask
from psycopg.errors import ConnectionTimeout, _WaitTimeout
from sqlalchemy import Connection, event
from sqlalchemy.engine import make_url

from payments.database import db

CONNECT_SECONDS = 2  # the least that libpq allows
STATEMENT_SECONDS = 8  # includes the wait for row locks
RESPONSE_SECONDS = 10  # longer than STATEMENT_SECONDS: a server that works says itself that it gave up
RETRY_SECONDS = 5  # after a connection attempt without a response, further ones fail at once for this long

LIMITS = {
    "connect_timeout": CONNECT_SECONDS,
    "options": f"-c statement_timeout={STATEMENT_SECONDS}s",
    "tcp_user_timeout": RESPONSE_SECONDS * 1000,  # milliseconds
    "keepalives_idle": RESPONSE_SECONDS,
    "keepalives_interval": 5,
    "keepalives_count": 2,
}


class BoundedConnection(psycopg.Connection[Any]):
    """Connection that is closed when the server does not finish a statement within `response_seconds`."""

    response_seconds: float | None = RESPONSE_SECONDS

    def wait(self, gen: Any, *args: Any, **options: Any) -> Any:
        try:
            return super().wait(gen, *args, **{"timeout": self.response_seconds, **options})
        except _WaitTimeout:
            self.close()  # its statement may still run, so SQLAlchemy must replace this connection
            raise psycopg.OperationalError(f"no response within {self.response_seconds} seconds") from None


class Connector:
    """Opens the connections of one engine.

    While PostgreSQL does not respond, each attempt would hold a thread for CONNECT_SECONDS, and enough visitors would
    hold all of them. So after one such attempt only one in RETRY_SECONDS is made; the others fail at once.
    """

    def __init__(self) -> None:
        self._next_attempt = 0.0  # 0: the latest attempt was answered

    def connect(self, _dialect: Any, _record: Any, args: Any, options: Any) -> BoundedConnection:
        if self._next_attempt:
            if time.monotonic() < self._next_attempt:
                raise psycopg.OperationalError("PostgreSQL did not respond a moment ago")
            self._next_attempt = time.monotonic() + RETRY_SECONDS
        try:
            connection = BoundedConnection.connect(*args, **options)
        except ConnectionTimeout:
            self._next_attempt = time.monotonic() + RETRY_SECONDS
            raise
        except psycopg.Error:  # refused: PostgreSQL, or its host, responded at once
            self._next_attempt = 0.0
            raise
        self._next_attempt = 0.0
        return connection


def engine_options(url: str) -> dict[str, Any]:
    """Return the limits as options of the engine; those that DATABASE_URL names itself are left as they are."""
    if not url.startswith("postgresql"):
        return {}
    named = make_url(url).query
    return {"connect_args": {name: value for name, value in LIMITS.items() if name not in named}}


def install(app: Flask) -> None:
    """Bound each new connection of the app's engine, if its database is PostgreSQL. Call after `db.init_app`."""
    with app.app_context():
        if db.engine.dialect.name == "postgresql":
            event.listen(db.engine, "do_connect", Connector().connect)


def lift_limits(connection: Connection) -> None:
    """Let this connection's statements take as long as they take, for a migration of large tables.

    It leaves the pool, so no request gets it afterwards.
    """
    if connection.dialect.name == "postgresql":
        driver: Any = connection.connection.driver_connection
        driver.response_seconds = None
        connection.detach()
        connection.exec_driver_sql("SET statement_timeout = 0")
        connection.commit()
