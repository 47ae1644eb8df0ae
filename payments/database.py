"""How do we talk to the database: one session per request, and `transaction()` for every write.

Money law 5 asks that no network call happens inside a transaction. Here that is visible in the code:
what stands inside a `with transaction():` block is one transaction, and nothing is open after it.
"""

import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from typing import Any, TypeVar

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Connection, CursorResult, DateTime, Dialect, Engine, MetaData, Select, event, text
from sqlalchemy.orm import DeclarativeBase, registry
from sqlalchemy.types import TypeDecorator


class Moment(TypeDecorator[datetime]):
    """A point in time: aware UTC in Python, plain UTC in the table (SQLite keeps no time zones)."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value.astimezone(UTC).replace(tzinfo=None) if value else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value.replace(tzinfo=UTC) if value else None


# Every constraint has a name, so that a later migration can change it on both databases.
NAMES = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    registry = registry(type_annotation_map={datetime: Moment}, metadata=MetaData(naming_convention=NAMES))


# expire_on_commit=False: a row that is read again after the commit would silently open a transaction,
# and the network call that follows would run inside it.
db = SQLAlchemy(model_class=Base, session_options={"expire_on_commit": False})


SETUP_LOCK = 20_100_800  # any number that nobody else locks in this database


@contextmanager
def transaction() -> Iterator[None]:
    """One write transaction: commits at the end, rolls back on any error; afterwards nothing is open.

    Rows are read afresh inside it. On SQLite it takes the write lock at once (BEGIN IMMEDIATE), so that
    what was read cannot change before it is written. Transactions do not nest: RuntimeError.
    """
    session = db.session()
    if session.info.get("writing"):
        raise RuntimeError("transactions do not nest: the caller already has one open")
    end_reading()
    session.expire_all()
    session.info["writing"] = True
    try:
        with _turn_to_write():
            yield from _written(session)
    finally:
        session.info["writing"] = False


def _written(session: Any) -> Iterator[None]:
    try:
        session.connection(execution_options={"sqlite_begin": "IMMEDIATE"})
        yield
        session.commit()
    except BaseException:
        session.rollback()
        raise


Row = TypeVar("Row")


def locked(model: type[Row], row_id: int) -> Row:
    """Lock a row by its id, and return it as it is now, even if it was read before. Call inside a transaction().

    Raises NoResultFound. On SQLite the transaction itself is the lock.
    """
    return db.session.get_one(model, row_id, with_for_update=True, populate_existing=True)


# SQLite lets one write at a time. Its own way of waiting, to sleep and look again, is for other processes: threads
# that queue here go on at once.
_queue = threading.Lock()


def _turn_to_write() -> AbstractContextManager[object]:
    return _queue if db.engine.dialect.name == "sqlite" else nullcontext()


@contextmanager
def alone() -> Iterator[None]:
    """One process at a time, whichever machine it is on: PostgreSQL holds the lock. SQLite has one machine only."""
    if db.engine.dialect.name != "postgresql":
        yield
        return
    with db.engine.connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": SETUP_LOCK})
        try:
            yield
        finally:
            connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": SETUP_LOCK})


def plain_rows(question: Select[Any], values: Mapping[str, Any] | None = None) -> CursorResult[Any]:
    """What a question finds, for who only reads columns: in the session's transaction, without its objects."""
    return db.session.connection().execute(question, values)


def end_reading() -> None:
    """Close the transaction that plain reads opened, so that a network call may follow. Writes nothing."""
    session = db.session()
    if session.new or session.dirty or session.deleted:
        raise RuntimeError("rows were changed outside of a transaction()")
    session.commit()


def in_transaction() -> bool:
    """Whether this thread's session holds a transaction open, reading or writing."""
    return bool(db.session().in_transaction())


@event.listens_for(Engine, "connect")
def _prepare_sqlite(connection: Any, _record: Any) -> None:
    if not isinstance(connection, sqlite3.Connection):
        return
    connection.isolation_level = None  # we say BEGIN ourselves, below
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=15000"):
        connection.execute(f"PRAGMA {pragma}")


@event.listens_for(Engine, "begin")
def _begin_sqlite(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        mode = connection.get_execution_options().get("sqlite_begin", "DEFERRED")
        connection.connection.execute(f"BEGIN {mode}")  # sqlite3's own: nothing to compile
