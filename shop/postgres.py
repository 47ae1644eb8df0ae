"""PostgreSQL as this shop uses it: no request waits for the database for longer than the limits below.

The server ends a statement that takes too long (`statement_timeout`), and the kernel notices a peer that is gone
(`tcp_user_timeout`, `keepalives`). Neither notices a server that is frozen while its kernel still acknowledges packets,
so the connections of `postgres_connection.py` also limit the time that the client waits.
"""

from typing import Any

from flask import Flask
from sqlalchemy import Connection, event
from sqlalchemy.engine import make_url

from payments.database import db

CONNECT_SECONDS = 2  # the least that libpq allows
STATEMENT_SECONDS = 8  # includes the wait for row locks
RESPONSE_SECONDS = 10  # longer than STATEMENT_SECONDS: a server that works says itself that it gave up

LIMITS = {
    "connect_timeout": CONNECT_SECONDS,
    "options": f"-c statement_timeout={STATEMENT_SECONDS}s",
    "tcp_user_timeout": RESPONSE_SECONDS * 1000,  # milliseconds
    "keepalives_idle": RESPONSE_SECONDS,
    "keepalives_interval": 5,
    "keepalives_count": 2,
}


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
            from .postgres_connection import Connector  # loads psycopg, which a shop on SQLite does not need

            event.listen(db.engine, "do_connect", Connector(RESPONSE_SECONDS).connect)


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
