"""Billing keys: V1 calls them customers. The window issues one, `again` and schedules charge it."""

import sqlite3

from .database import Database
from .objects import Payment, new_billing_key, written


def find(database: Database, customer_uid: str) -> str | None:
    """The key as V1 writes it; None when there is none (any more)."""
    row = database.one("SELECT body FROM billing_keys WHERE customer_uid = ?", customer_uid)
    return row["body"] if row else None


def delete(database: Database, customer_uid: str) -> str | None:
    """Forget a key at PortOne; as it was, or None. UNVERIFIED: its schedules stay, and fail when they run."""
    with database.writing() as books:
        row = books.execute("DELETE FROM billing_keys WHERE customer_uid = ? RETURNING body", (customer_uid,))
        found = row.fetchone()
    return found["body"] if found else None


def issue(books: sqlite3.Connection, payment: Payment, moment: int, phone: str, customer_id: str | None) -> None:
    """The window made a billing key. The same customer_uid again means the newer one; the PG keeps the old."""
    key = new_billing_key(payment, moment, customer_id)
    books.execute(
        "INSERT OR REPLACE INTO billing_keys VALUES (?, ?, ?, ?, ?)",
        (payment["customer_uid"], phone, payment["imp_uid"], payment["imp_uid"], written(key)),
    )


def row(books: sqlite3.Connection, customer_uid: str) -> sqlite3.Row | None:
    found: sqlite3.Row | None = books.execute(
        "SELECT * FROM billing_keys WHERE customer_uid = ?", (customer_uid,)
    ).fetchone()
    return found
