"""How does a payment enter the books, and how may it change? Called inside a transaction, which others open and end.

`IntegrityError` from `approve` means that this merchant_uid has been approved before.
"""

import json
import sqlite3
from collections.abc import Mapping
from typing import Any

from .merchant import Channel
from .objects import Payment, new_cancellation, new_imp_uid, new_payment, new_pg_tid, written


def begin(
    books: sqlite3.Connection, asked: Mapping[str, Any], moment: int, contract: Channel, **fields: Any
) -> Payment:
    """A `ready` payment whose window has just opened. It stays so if nobody comes back."""
    payment = new_payment(unused_imp_uid(books), asked, moment, contract, **fields)
    add(books, payment, moment, notice_url=asked.get("notice_url"))
    return payment


def add(
    books: sqlite3.Connection, payment: Payment, moment: int, *, notice_url: Any = None, phone: str | None = None
) -> None:
    """Enter a new payment as it is. `notice_url` is a text, a list of texts, or nothing."""
    books.execute(
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
            written(payment),
        ),
    )


def approve(books: sqlite3.Connection, payment: Payment, moment: int, phone: str) -> None:
    """KG approved. Raises sqlite3.IntegrityError when this merchant_uid has an approved payment already."""
    payment |= {"status": "paid", "paid_at": moment, "failed_at": 0, "fail_reason": None, "pg_tid": new_pg_tid()}
    save(books, payment, moment)
    books.execute("UPDATE payments SET phone = ? WHERE imp_uid = ?", (phone, payment["imp_uid"]))


def fail(books: sqlite3.Connection, payment: Payment, moment: int, reason: str) -> None:
    payment |= {"status": "failed", "failed_at": moment, "fail_reason": reason}
    save(books, payment, moment)


def cancel(books: sqlite3.Connection, payment: Payment, moment: int, amount: int, reason: str) -> str:
    """Give `amount` won back; the new `cancellation_id`."""
    cancellation = new_cancellation(payment, amount, moment, reason)
    payment |= {
        "status": "cancelled",
        "cancel_amount": payment["cancel_amount"] + amount,
        "cancel_history": [*payment["cancel_history"], cancellation],
        "cancel_reason": reason,
        "cancelled_at": moment,
    }
    save(books, payment, moment)
    return str(cancellation["cancellation_id"])


def save(books: sqlite3.Connection, payment: Payment, moment: int) -> None:
    books.execute(
        "UPDATE payments SET status = ?, paid_at = ?, failed_at = ?, cancelled_at = ?, updated_at = ?, body = ?"
        " WHERE imp_uid = ?",
        (
            payment["status"],
            payment["paid_at"],
            payment["failed_at"],
            payment["cancelled_at"],
            moment,
            written(payment),
            payment["imp_uid"],
        ),
    )


def payment_row(books: sqlite3.Connection, imp_uid: str) -> sqlite3.Row | None:
    row: sqlite3.Row | None = books.execute("SELECT * FROM payments WHERE imp_uid = ?", (imp_uid,)).fetchone()
    return row


def approved_row(books: sqlite3.Connection, merchant_uid: str) -> sqlite3.Row | None:
    """The payment of this order id that was paid, cancelled since or not; there is at most one."""
    row: sqlite3.Row | None = books.execute(
        "SELECT * FROM payments WHERE merchant_uid = ? AND status IN ('paid', 'cancelled')", (merchant_uid,)
    ).fetchone()
    return row


def refuses_now(books: sqlite3.Connection, what: str) -> bool:
    """For numbers that refuse once: whether this is the first time for `what`, which it then no longer is."""
    return books.execute("INSERT OR IGNORE INTO refused_once VALUES (?)", (what,)).rowcount == 1


def unused_imp_uid(books: sqlite3.Connection, prefix: str = "imp_") -> str:
    while True:
        imp_uid = new_imp_uid(prefix)
        if books.execute("SELECT 1 FROM payments WHERE imp_uid = ?", (imp_uid,)).fetchone() is None:
            return imp_uid
