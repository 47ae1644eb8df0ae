"""Billing keys: V1 calls them customers. The window issues one, `again` and schedules charge it."""

import sqlite3

from .database import Database
from .objects import Payment, new_billing_key, to_json


def find(database: Database, customer_uid: str) -> str | None:
    """The key as V1's JSON; None when there is none."""
    row = database.one("SELECT body FROM billing_keys WHERE customer_uid = ?", customer_uid)
    return row["body"] if row else None


def delete(database: Database, customer_uid: str) -> str | None:
    """Delete a key at PortOne and return it, or None. UNVERIFIED: its schedules stay, and fail when they run."""
    with database.writing() as connection:
        row = connection.execute("DELETE FROM billing_keys WHERE customer_uid = ? RETURNING body", (customer_uid,))
        found = row.fetchone()
    return found["body"] if found else None


def issue(connection: sqlite3.Connection, payment: Payment, moment: int, phone: str, customer_id: str | None) -> None:
    """Store the key that a window issued. The same customer_uid again replaces it; the PG keeps the old one."""
    key = new_billing_key(payment, moment, customer_id)
    connection.execute(
        "INSERT OR REPLACE INTO billing_keys VALUES (?, ?, ?, ?, ?)",
        (payment["customer_uid"], phone, payment["imp_uid"], payment["imp_uid"], to_json(key)),
    )


def row(connection: sqlite3.Connection, customer_uid: str) -> sqlite3.Row | None:
    found: sqlite3.Row | None = connection.execute(
        "SELECT * FROM billing_keys WHERE customer_uid = ?", (customer_uid,)
    ).fetchone()
    return found
