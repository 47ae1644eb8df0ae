"""Amounts that a shop registers before a window opens: V1's `/payments/prepare`."""

import sqlite3
from typing import Any

from .database import Database


def find(database: Database, merchant_uid: str) -> dict[str, Any] | None:
    row = database.one("SELECT * FROM prepared WHERE merchant_uid = ?", merchant_uid)
    return dict(row) if row else None


def register(database: Database, merchant_uid: str, amount: int, currency: str | None) -> bool:
    """Register an amount in won beforehand. False: this merchant_uid is registered already."""
    try:
        database.change("INSERT INTO prepared VALUES (?, ?, ?)", merchant_uid, amount, currency)
    except sqlite3.IntegrityError:
        return False
    return True


def change(database: Database, merchant_uid: str, amount: int, currency: str | None) -> bool:
    """Change a registered amount in won. False: there is none."""
    sql = "UPDATE prepared SET amount = ?, currency = ? WHERE merchant_uid = ?"
    return database.change(sql, amount, currency, merchant_uid) == 1
