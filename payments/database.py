"""The database: `transaction()` for every write, `locked` rows, and the column types.

Money law 5 forbids network calls inside a transaction. What stands inside a `with transaction():` block is one
transaction, and nothing is open after it.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar

import sqlalchemy.exc
from flask import current_app
from flask_sqlalchemy import SQLAlchemy
from flask_sqlalchemy.session import Session
from sqlalchemy import DateTime, Dialect, MetaData, Select, event, text
from sqlalchemy.orm import DeclarativeBase, ORMExecuteState, SessionTransaction, registry
from sqlalchemy.types import TypeDecorator

from . import clock


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


db = SQLAlchemy(model_class=Base)  # an app that has a `db` puts here: from its_module import db; Base = db.Model


class UncommittedChanges(Exception):
    """The host has changes in `db.session` that are not committed. Commit before the call; nothing is lost."""


class TransactionSession(Session):
    """The session of one `transaction()`. Only that function ends it."""

    def commit(self) -> None:
        raise RuntimeError("inside a transaction(): its end commits")

    def rollback(self) -> None:
        raise RuntimeError("inside a transaction(): raise an error to roll back")

    def close(self) -> None:  # also what `db.session.remove()` calls
        raise RuntimeError("inside a transaction(): its end closes the session")

    def end(self, *, commit: bool) -> None:
        super().commit() if commit else super().rollback()

    def put_away(self) -> None:
        super().close()


@contextmanager
def transaction() -> Iterator[None]:
    """One write transaction: commits at the end, rolls back on any error; afterwards nothing is open.

    It runs in a session of its own, which is `db.session` meanwhile; the host's session is put back afterwards, with
    its rows expired. On SQLite the write lock is taken at once, so that what was read cannot change before it is
    written. Raises UncommittedChanges if the host has unsaved rows, and RuntimeError inside another transaction().
    """
    if isinstance(db.session(), TransactionSession):
        raise RuntimeError("transactions do not nest: the caller already has one open")
    end_reading()
    clock.now()  # a source that reads the time over the network does so here, not inside
    with _own_session() as (host, own):
        try:
            with _turn_to_write():
                if db.engine.dialect.name == "sqlite":
                    own.execute(text("BEGIN IMMEDIATE"))
                yield
                if _has_changes(host):
                    raise RuntimeError("inside a transaction() rows of another session were changed: load them there")
                own.end(commit=True)
        except BaseException:
            own.expunge_all()  # rows in the error, such as a product that is out of stock, stay as they were read
            own.end(commit=False)
            raise
    for call in own.info.get("after_commit", ()):
        call()


@contextmanager
def reading() -> Iterator[None]:
    """Read in a session of its own, which is `db.session` meanwhile; afterwards nothing is open.

    So a network call may follow, and the rows that were read stay usable. Raises UncommittedChanges.
    """
    end_reading()
    with _own_session():
        yield


@contextmanager
def _own_session() -> Iterator[tuple[Any, TransactionSession]]:
    """Make a new session `db.session`, and the host's again afterwards. Returns both."""
    host = db.session()
    own = TransactionSession(db, expire_on_commit=False, query_cls=db.Query)
    db.session.registry.set(own)
    try:
        yield host, own
    finally:
        own.put_away()
        db.session.registry.set(host)
        if not _has_changes(host):  # end a read that its rows opened meanwhile
            host.commit()
            host.expire_all()


def _has_changes(session: Any) -> bool:
    return bool(session.new or session.dirty or session.deleted or session.info.get("changed"))


def after_commit(call: Callable[[], object]) -> None:
    """Call this once the current transaction() has committed; never, if it is rolled back."""
    db.session().info.setdefault("after_commit", []).append(call)


Row = TypeVar("Row")
Query = TypeVar("Query", bound=Select[Any])


# FOR NO KEY UPDATE: it excludes every other lock of this kind, but not the inserts of rows that refer to the row, which
# would close a circle of waiting (PostgreSQL).
_KEY_SHARE = {"key_share": True}


def locked(model: type[Row], row_id: int) -> Row:
    """Lock a row by its id, and return it as it is now, even if it was read before. Call inside a transaction().

    Raises NoResultFound. On SQLite the transaction itself is the lock, so what it has read is as it is now.
    """
    if db.engine.dialect.name == "sqlite":
        row = db.session.get_one(model, row_id)
    else:
        row = db.session.get_one(model, row_id, with_for_update=_KEY_SHARE, populate_existing=True)
    db.session().info.setdefault("locked", []).append(row)  # a session forgets rows that nobody holds, and reads again
    return row


def find_locked(model: type[Row], row_id: int) -> Row | None:
    """Lock a row like `locked`; None: there is none."""
    return db.session.get(model, row_id, with_for_update=_KEY_SHARE, populate_existing=True)


def for_update(query: Query) -> Query:
    """Return the query so that it locks its rows like `locked`, in the order in which it selects them."""
    return query.with_for_update(key_share=True).execution_options(populate_existing=True)


QUEUE_SECONDS = 15  # a thread waits this long for the others' writes, as SQLite waits for other processes


# SQLite lets one write at a time. Its own way of waiting, to sleep and look again, is for other processes: threads
# that wait for this lock go on at once.
@contextmanager
def _turn_to_write() -> Iterator[None]:
    if db.engine.dialect.name != "sqlite":
        yield
        return
    lock: threading.Lock = current_app.extensions.setdefault("payments.sqlite_queue", threading.Lock())
    if not lock.acquire(timeout=QUEUE_SECONDS):
        raise sqlalchemy.exc.TimeoutError(f"the database was not free to write within {QUEUE_SECONDS} seconds")
    try:
        yield
    finally:
        lock.release()


SETUP_LOCK = 20_100_800  # any number that nobody else locks in this database
SETUP_LOOK_SECONDS = 0.2


@contextmanager
def alone() -> Iterator[None]:
    """One process at a time, whichever machine it is on: PostgreSQL holds the lock. SQLite has one machine only."""
    if db.engine.dialect.name != "postgresql":
        yield
        return
    with db.engine.connect() as connection:
        try_lock = text(
            "SELECT pg_try_advisory_lock(:key)"
        )  # waiting in one statement could exceed a statement_timeout
        while not connection.scalar(try_lock, {"key": SETUP_LOCK}):
            time.sleep(SETUP_LOOK_SECONDS)
        try:
            yield
        finally:
            connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": SETUP_LOCK})


def end_reading() -> None:
    """Close the transaction that plain reads of the host opened, so that a network call may follow.

    Raises UncommittedChanges if there is something that would be committed or lost.
    """
    session = db.session()
    if _has_changes(session):
        raise UncommittedChanges("commit before calling a function of payments: db.session has uncommitted changes")
    session.commit()


def in_transaction() -> bool:
    """Return whether a transaction is open here, reading or writing."""
    return isinstance(db.session(), TransactionSession) or bool(db.session().in_transaction())


# The host's changes that were sent to the database and not committed. SQL text and bulk mappings cannot be seen.


@event.listens_for(db.session, "after_flush")
def _host_flushed(session: Any, _context: Any) -> None:
    session.info["changed"] = True


@event.listens_for(db.session, "do_orm_execute")
def _host_executed(state: ORMExecuteState) -> None:
    if state.is_insert or state.is_update or state.is_delete:
        state.session.info["changed"] = True


@event.listens_for(db.session, "after_transaction_end")
def _host_ended(session: Any, ended: SessionTransaction) -> None:
    if ended.parent is None:  # the end of a savepoint commits nothing
        session.info.pop("changed", None)
