"""The sandbox's storage: one SQLite file shared by threads and processes, with durable commits."""

import json
import os
import sqlite3
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

try:
    import fcntl
except ImportError:  # on Windows
    sys.exit("Windows에서는 WSL 2 안에서 실행해 주세요. / On Windows, run this inside WSL 2.")

SCHEMA = (Path(__file__).parent / "schema.sql").read_text()
# Tokens survive a reset, so that clients stay authenticated.
CLEARED = (
    "windows",
    "deliveries",
    "schedules",
    "payments",
    "prepared",
    "billing_keys",
    "faults",
    "refused_once",
    "kept",
)
OWN_TABLES = {"windows", "deliveries", "kept"}  # every version of the schema had them
BUSY_SECONDS = 15
SCHEMA_VERSION = 5  # raise it with every change of schema.sql


class ForeignDatabase(Exception):
    """The file holds tables that no sandbox made; nothing in it was changed."""


class Database:
    """A pool of connections to one file. Each operation borrows a connection, so threads may come and go.

    Raises ForeignDatabase for a file of something else.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._reset_after_fork()
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.with_name(f"{path.name}.setup").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # switching to WAL does not wait for locks by itself
            try:
                with self.reading() as connection:
                    _refuse_foreign_tables(connection, path)
                    connection.execute("PRAGMA journal_mode=WAL")
                    _drop_older_schema(connection)
                    connection.executescript(SCHEMA)
            except BaseException:
                self.close()
                raise

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Borrow a connection for reading; every statement sees what is committed."""
        connection = self._borrow()
        try:
            yield connection
        finally:
            self._idle.append(connection)

    @contextmanager
    def writing(self, *, durable: bool = True) -> Iterator[sqlite3.Connection]:
        """One write transaction: commits at the end, rolls back on any error.

        Not durable: survives a killed process, but perhaps not a power failure.
        """
        connection = self._borrow()
        try:
            with self._write_lock:  # threads queue here; SQLite's busy wait is slow and unfair
                if not durable:
                    connection.execute("PRAGMA synchronous=NORMAL")
                try:
                    with _transaction(connection):
                        yield connection
                finally:
                    if not durable:
                        connection.execute("PRAGMA synchronous=FULL")
        finally:
            self._idle.append(connection)

    def one(self, sql: str, *values: Any) -> sqlite3.Row | None:
        with self.reading() as connection:
            row: sqlite3.Row | None = connection.execute(sql, values).fetchone()
        return row

    def all(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        with self.reading() as connection:
            return connection.execute(sql, values).fetchall()

    def change(self, sql: str, *values: Any) -> int:
        """Execute one statement and commit; the number of rows changed."""
        with self.writing() as connection:
            return connection.execute(sql, values).rowcount

    def keep(self, name: str, value: Any) -> None:
        """Store a named value (settings, clock offset) for all processes."""
        self.change("INSERT OR REPLACE INTO kept VALUES (?, ?)", name, json.dumps(value))

    def kept(self, name: str, default: Any) -> Any:
        row = self.one("SELECT value FROM kept WHERE name = ?", name)
        return json.loads(row["value"]) if row else default

    def clear(self) -> None:
        """Delete everything but the tokens."""
        with self.writing() as connection:
            for table in CLEARED:
                connection.execute(f"DELETE FROM {table}")  # noqa: S608 - our own table names

    def close(self) -> None:
        """Close the idle connections."""
        while self._idle:
            self._idle.pop().close()

    def _borrow(self) -> sqlite3.Connection:
        if self._process != os.getpid():
            self._reset_after_fork()
        try:
            return self._idle.pop()
        except IndexError:
            return self._connect()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path, isolation_level=None, timeout=BUSY_SECONDS, check_same_thread=False, cached_statements=256
        )
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        return connection

    def _reset_after_fork(self) -> None:
        """Start an empty pool: connections must not cross a fork, not even to be closed."""
        self._inherited = getattr(self, "_idle", [])
        self._idle: list[sqlite3.Connection] = []
        self._write_lock = threading.Lock()
        self._process = os.getpid()


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _refuse_foreign_tables(connection: sqlite3.Connection, path: Path) -> None:
    """A mistyped file may be the shop's own database, whose tables must not be dropped."""
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if tables and not tables >= OWN_TABLES:
        raise ForeignDatabase(f"{path} is a database of something else; name a new file")


def _drop_older_schema(connection: sqlite3.Connection) -> None:
    """Drop the tables of an older schema instead of migrating them: sandbox data are disposable."""
    if connection.execute("PRAGMA user_version").fetchone()[0] == SCHEMA_VERSION:
        return
    connection.execute("PRAGMA foreign_keys=OFF")
    for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
        connection.execute(f"DROP TABLE {table}")
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
