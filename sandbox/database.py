"""Where are the sandbox's books kept? In one SQLite file that threads and processes share, with durable commits."""

import json
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SCHEMA = """
CREATE TABLE IF NOT EXISTS payments (
    id INTEGER PRIMARY KEY,
    imp_uid TEXT NOT NULL UNIQUE,
    merchant_uid TEXT NOT NULL,
    status TEXT NOT NULL,
    customer_uid TEXT,
    started_at INTEGER NOT NULL,
    paid_at INTEGER NOT NULL DEFAULT 0,
    failed_at INTEGER NOT NULL DEFAULT 0,
    cancelled_at INTEGER NOT NULL DEFAULT 0,
    updated_at INTEGER NOT NULL,
    notice_url TEXT,
    body TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS payments_by_merchant_uid ON payments (merchant_uid, started_at);
CREATE INDEX IF NOT EXISTS payments_by_customer_uid ON payments (customer_uid, started_at);
CREATE INDEX IF NOT EXISTS payments_by_start ON payments (started_at);
CREATE UNIQUE INDEX IF NOT EXISTS paid_once ON payments (merchant_uid) WHERE status = 'paid';

CREATE TABLE IF NOT EXISTS prepared (merchant_uid TEXT PRIMARY KEY, amount INTEGER NOT NULL, currency TEXT);
CREATE TABLE IF NOT EXISTS billing_keys (customer_uid TEXT PRIMARY KEY, phone TEXT NOT NULL, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS windows (
    id TEXT PRIMARY KEY,
    imp_uid TEXT NOT NULL REFERENCES payments (imp_uid),
    device TEXT NOT NULL,
    page_url TEXT NOT NULL,
    callback INTEGER NOT NULL,
    params TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'open',
    phone TEXT,
    code TEXT,
    code_expires_at INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0,
    delivery TEXT NOT NULL DEFAULT 'normal',
    result TEXT
);
CREATE TABLE IF NOT EXISTS deliveries (
    id INTEGER PRIMARY KEY,
    url TEXT NOT NULL,
    format TEXT NOT NULL,
    body TEXT NOT NULL,
    due_at REAL NOT NULL,
    taken_until REAL NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0,
    done INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL,
    answer_status INTEGER,
    answer TEXT
);
CREATE INDEX IF NOT EXISTS deliveries_due ON deliveries (due_at) WHERE done = 0;
CREATE TABLE IF NOT EXISTS tokens (imp_key TEXT PRIMARY KEY, token TEXT NOT NULL, expired_at INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS kept (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""
TABLES = ("windows", "payments", "prepared", "billing_keys", "deliveries", "tokens", "kept")


class Database:
    """One file; a connection for every thread."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._connections: dict[tuple[int, int], sqlite3.Connection] = {}
        self._lock = threading.Lock()
        path.parent.mkdir(parents=True, exist_ok=True)
        self.connection().executescript(SCHEMA)

    def connection(self) -> sqlite3.Connection:
        """This thread's connection; statements outside of `writing()` commit by themselves."""
        own = (os.getpid(), threading.get_ident())  # a connection must not cross a fork
        connection = self._connections.get(own)
        if connection is None:
            connection = sqlite3.connect(self.path, isolation_level=None, timeout=15, check_same_thread=False)
            connection.row_factory = sqlite3.Row
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
                connection.execute(f"PRAGMA {pragma}")
            with self._lock:
                self._drop_those_of_ended_threads()
                self._connections[own] = connection
        return connection

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One write transaction: commits at the end, rolls back on any error."""
        connection = self.connection()
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")

    def one(self, sql: str, *values: Any) -> sqlite3.Row | None:
        row: sqlite3.Row | None = self.connection().execute(sql, values).fetchone()
        return row

    def all(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        return self.connection().execute(sql, values).fetchall()

    def keep(self, name: str, value: Any) -> None:
        """Remember a small thing (a setting, the clock's offset) for every process."""
        self.connection().execute("INSERT OR REPLACE INTO kept VALUES (?, ?)", (name, json.dumps(value)))

    def kept(self, name: str, default: Any) -> Any:
        row = self.one("SELECT value FROM kept WHERE name = ?", name)
        return json.loads(row["value"]) if row else default

    def clear(self) -> None:
        """Forget everything."""
        with self.writing() as connection:
            for table in TABLES:
                connection.execute(f"DELETE FROM {table}")  # noqa: S608 - our own table names

    def close(self) -> None:
        with self._lock:
            for connection in self._connections.values():
                connection.close()
            self._connections.clear()

    def _drop_those_of_ended_threads(self) -> None:
        alive = {(os.getpid(), thread.ident) for thread in threading.enumerate()}
        for own in [own for own in self._connections if own not in alive]:
            self._connections.pop(own).close()
