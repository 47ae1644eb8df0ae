"""SQLite as this shop uses it: durable, with foreign keys, readable while somebody writes."""

from typing import Any

from flask import Flask
from sqlalchemy import event

from payments.database import db

PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=15000")


def install(app: Flask) -> None:
    """Prepare each new connection of the app's engine, if its database is SQLite. Call after `db.init_app`."""
    with app.app_context():
        if db.engine.dialect.name == "sqlite":
            event.listen(db.engine, "connect", _prepare)


def _prepare(connection: Any, _record: Any) -> None:
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
