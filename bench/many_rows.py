"""A large shop quickly: some made-up payments of two years, and copies of them that are written by SQL.

The copies of a payment have the ids beside it, and times of the hours before it: ids grow with time as in a real shop,
and copies do not stand together in a list. Tables that no list reads (order lines, events, messages, carts) are empty.
"""

from typing import Any

from flask import Flask
from sqlalchemy import inspect

from payments.database import db, end_reading
from shop.demo import fake_history
from shop.postgres import lift_limits

BASE = 20_000  # payments that are made up one by one
FIRST_COPY = 10  # so that every copy has two digits
LETTERS = "".join(map(chr, range(0x4E00, 0x4E00 + 100)))  # one for each copy; an order's number has room for one
MINUTES = 17  # from one copy to the next
EARLIER = {
    "sqlite": "strftime('%Y-%m-%d %H:%M:%f', created_at, {} || ' minutes') || '000'",
    "postgresql": "created_at + {} * interval '1 minute'",
}
EMPTIED = ("cart_items", "messages", "payment_events", "order_lines")


def fill(app: Flask, size: int, base: int = BASE) -> None:
    """Give an empty shop so many payments, of which `base` are made up one by one."""
    copies = max(size // base, 1)
    with app.app_context():
        for _ in fake_history.History(size // copies).write():
            pass
        end_reading()
        if copies > 1:
            _copy(copies)


def _copy(copies: int) -> None:
    """Replace every row by so many copies of it."""
    is_sqlite = db.engine.dialect.name == "sqlite"
    changes = _changes(copies)
    changes["payments"]["created_at"] = EARLIER[db.engine.dialect.name].format(f"(({FIRST_COPY} - k) * {MINUTES})")
    numbers = f"SELECT {FIRST_COPY} UNION ALL SELECT k + 1 FROM copies WHERE k < {FIRST_COPY + copies - 1}"
    with db.engine.connect() as connection:
        lift_limits(connection)  # of the time that a statement may take
        run = connection.exec_driver_sql
        run("PRAGMA foreign_keys = OFF" if is_sqlite else "SET session_replication_role = replica")
        for table in EMPTIED:
            run(f"DELETE FROM {table}")
        for table, changed in changes.items():
            columns = [column["name"] for column in inspect(connection).get_columns(table)]
            values = [changed.get(name, name) for name in columns]
            run(f"CREATE TEMPORARY TABLE before AS SELECT * FROM {table}")
            run(f"DELETE FROM {table}")
            run(
                f"INSERT INTO {table} ({', '.join(columns)}) WITH RECURSIVE copies(k) AS ({numbers})"
                f" SELECT {', '.join(values)} FROM before, copies ORDER BY 1"
            )
            run("DROP TABLE before")
            if not is_sqlite:
                run(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) FROM {table}))")
        connection.commit()
        if is_sqlite:  # PostgreSQL's has left the pool
            connection.invalidate()  # with its settings


def _changes(copies: int) -> dict[str, dict[str, Any]]:
    """Return by table the SQL of those columns that differ in the copy `k`."""

    def number(column: str) -> str:
        return f"{column} * {copies} + k - {FIRST_COPY}"

    def number_as_text(column: str) -> str:
        return f"CAST(CAST({column} AS INTEGER) * {copies} + k - {FIRST_COPY} AS VARCHAR(20))"

    def ending(*columns: str) -> dict[str, str]:
        return {column: f"{column} || '-' || k" for column in columns}

    of_key = {"customer_ref": number_as_text("customer_ref"), **ending("customer_uid")}
    return {
        "users": {"id": number("id"), "email": "k || email"},
        "orders": {
            "id": number("id"),
            "user_id": number("user_id"),
            "number": f"number || substr('{LETTERS}', k - {FIRST_COPY - 1}, 1)",
            "buyer_email": "k || buyer_email",
            **ending("paid_by"),
        },
        "billing_keys": {"id": number("id"), "buyer_email": "k || buyer_email", **of_key},
        "subscriptions": {
            "id": number("id"),
            "token": "substr(token, 1, 14) || k",
            "purchase_id": number_as_text("purchase_id"),
            **of_key,
        },
        "payments": {
            "id": number("id"),
            "purchase_id": number_as_text("purchase_id"),
            **ending("merchant_uid", "imp_uid", "pg_tid", "customer_uid"),
        },
        "cancellations": {"id": number("id"), "payment_id": number("payment_id"), **ending("imp_uid")},
    }
