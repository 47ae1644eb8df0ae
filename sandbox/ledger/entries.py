"""Payment rows: insert, approve, fail, cancel. Callers open and end the transaction.

`sqlite3.IntegrityError` from `approve` means that this merchant_uid has been approved before.
"""

import json
import sqlite3
from collections.abc import Mapping
from typing import Any

from .merchant import Channel
from .objects import Payment, new_cancellation, new_imp_uid, new_payment, new_pg_tid, to_json


def begin(
    connection: sqlite3.Connection, asked: Mapping[str, Any], moment: int, contract: Channel, **fields: Any
) -> Payment:
    """Insert a `ready` payment for a window that opens. It stays `ready` if the buyer never returns."""
    payment = new_payment(unused_imp_uid(connection), asked, moment, contract, **fields)
    add(connection, payment, moment, notice_url=asked.get("notice_url"))
    return payment


def add(
    connection: sqlite3.Connection, payment: Payment, moment: int, *, notice_url: Any = None, phone: str | None = None
) -> None:
    """Insert a payment. `notice_url` is a string, a list of strings, or None."""
    connection.execute(
        "INSERT INTO payments (imp_uid, merchant_uid, status, customer_uid, is_test, started_at, paid_at, failed_at,"
        " updated_at, notice_url, phone, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            payment["imp_uid"],
            payment["merchant_uid"],
            payment["status"],
            payment["customer_uid"],
            payment["sandbox"],
            payment["started_at"],
            payment["paid_at"],
            payment["failed_at"],
            moment,
            json.dumps(notice_url) if notice_url else None,
            phone,
            to_json(payment),
        ),
    )


def approve(connection: sqlite3.Connection, payment: Payment, moment: int, phone: str) -> None:
    """Mark as paid. Raises sqlite3.IntegrityError when this merchant_uid has an approved payment already."""
    payment |= {"status": "paid", "paid_at": moment, "failed_at": 0, "fail_reason": None, "pg_tid": new_pg_tid()}
    save(connection, payment, moment)
    connection.execute("UPDATE payments SET phone = ? WHERE imp_uid = ?", (phone, payment["imp_uid"]))


def fail(connection: sqlite3.Connection, payment: Payment, moment: int, reason: str) -> None:
    payment |= {"status": "failed", "failed_at": moment, "fail_reason": reason}
    save(connection, payment, moment)


def cancel(connection: sqlite3.Connection, payment: Payment, moment: int, amount: int, reason: str) -> str:
    """Cancel `amount` won; the new `cancellation_id`."""
    cancellation = new_cancellation(payment, amount, moment, reason)
    payment |= {
        "status": "cancelled",
        "cancel_amount": payment["cancel_amount"] + amount,
        "cancel_history": [*payment["cancel_history"], cancellation],
        "cancel_reason": reason,
        "cancelled_at": moment,
    }
    save(connection, payment, moment)
    return str(cancellation["cancellation_id"])


def save(connection: sqlite3.Connection, payment: Payment, moment: int) -> None:
    connection.execute(
        "UPDATE payments SET status = ?, paid_at = ?, failed_at = ?, cancelled_at = ?, updated_at = ?, body = ?"
        " WHERE imp_uid = ?",
        (
            payment["status"],
            payment["paid_at"],
            payment["failed_at"],
            payment["cancelled_at"],
            moment,
            to_json(payment),
            payment["imp_uid"],
        ),
    )


def payment_row(connection: sqlite3.Connection, imp_uid: str) -> sqlite3.Row | None:
    row: sqlite3.Row | None = connection.execute("SELECT * FROM payments WHERE imp_uid = ?", (imp_uid,)).fetchone()
    return row


def approved_row(connection: sqlite3.Connection, merchant_uid: str) -> sqlite3.Row | None:
    """The one payment of this merchant_uid that is paid, or was paid and then cancelled."""
    row: sqlite3.Row | None = connection.execute(
        "SELECT * FROM payments WHERE merchant_uid = ? AND status IN ('paid', 'cancelled')", (merchant_uid,)
    ).fetchone()
    return row


def refuses_first_time(connection: sqlite3.Connection, what: str) -> bool:
    """Whether `what` is refused for the first time; records it. For phone numbers that refuse only once."""
    return connection.execute("INSERT OR IGNORE INTO refused_once VALUES (?)", (what,)).rowcount == 1


def unused_imp_uid(connection: sqlite3.Connection, prefix: str = "imp_") -> str:
    while True:
        imp_uid = new_imp_uid(prefix)
        if connection.execute("SELECT 1 FROM payments WHERE imp_uid = ?", (imp_uid,)).fetchone() is None:
            return imp_uid
