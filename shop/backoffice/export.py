"""CSV export of payments and of reconciliation differences.

Payments are streamed, so memory use does not grow with their number. A byte order mark makes Excel read UTF-8. A text
that begins like a formula gets a leading apostrophe, so that a spreadsheet does not execute it.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import select, tuple_

from payments.clock import SEOUL
from payments.database import db, end_reading
from payments.models import Payment, table_of
from payments.monthly.models import LATER_MONTH
from payments.reconcile import Difference
from shop.orders.buyers import ListedBuyer, buyers_of

from . import listing
from .listing import PaymentFilter

ROWS_AT_ONCE = 500
BYTE_ORDER_MARK = "\ufeff"
FORMULA_BEGINS = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")

COLUMNS = (
    "merchant_uid",
    "imp_uid",
    "status",
    "amount",
    "cancelled_amount",
    "held_reason",
    "kind",
    "name",
    "order_id",
    "period",
    "customer_uid",
    "buyer_name",
    "buyer_email",
    "buyer_tel",
    "pg_provider",
    "pg_name",
    "pg_tid",
    "created_at",
    "paid_at",
    "failed_at",
    "cancelled_at",
    "fail_reason",
    "cancel_reason",
)


def payments_csv(chosen: PaymentFilter, pg_names: Mapping[str, str]) -> Iterator[str]:
    """Yield the chosen payments as CSV, newest first, in pieces. No transaction is open between two pieces.

    `pg_names`: what the reader calls each `pg_provider`.
    """
    yield BYTE_ORDER_MARK + csv_text([COLUMNS])
    place = (Payment.created_at, Payment.id)
    query = select(table_of(Payment)).where(*listing.conditions(chosen))
    query = query.order_by(*(column.desc() for column in place)).limit(ROWS_AT_ONCE)
    rows = db.session.execute(query).all()
    while rows:
        buyers = buyers_of(rows)
        end_reading()
        yield csv_text(_cells(row, buyers[row.id], pg_names) for row in rows)
        if len(rows) < ROWS_AT_ONCE:
            return
        rows = db.session.execute(query.where(tuple_(*place) < (rows[-1].created_at, rows[-1].id))).all()


def _cells(row: Any, buyer: ListedBuyer, pg_names: Mapping[str, str]) -> list[Any]:
    others = {
        "order_id": row.purchase_id if row.kind != LATER_MONTH else None,
        "buyer_name": buyer.name,
        "buyer_email": buyer.email,
        "buyer_tel": buyer.tel,
        "pg_name": pg_names.get(row.pg_provider, row.pg_provider),
    }
    return [others[name] if name in others else getattr(row, name) for name in COLUMNS]


def differences_csv(found: Iterable[Difference]) -> str:
    """Return the differences as CSV, one row each."""
    columns = [one.name for one in fields(Difference)]
    return csv_text([columns, *([getattr(one, name) for name in columns] for one in found)])


def csv_text(rows: Iterable[Iterable[Any]]) -> str:
    """Return the rows as CSV that is safe to open in a spreadsheet."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows([cell(value) for value in row] for row in rows)
    return text.getvalue()


def cell(value: Any) -> str | int:
    """Format one value: numbers unchanged, times in Asia/Seoul, an apostrophe before a text like a formula."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return f"{value.astimezone(SEOUL):%Y-%m-%d %H:%M:%S}"
    if isinstance(value, int):
        return value
    text = str(value)
    return f"'{text}" if text.lstrip().startswith(FORMULA_BEGINS) or text.startswith(FORMULA_BEGINS) else text
