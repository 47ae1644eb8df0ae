"""Payments that the carrier reverses some time after they were paid, as after a disputed phone bill.

PortOne's help pages say that a cancel on the PG's side is passed on in production: PortOne then reports `cancelled`.
UNVERIFIED: the reason that it reports, and that a webhook tells of it.
"""

import json
import sqlite3
from datetime import timedelta

from . import clock, entries, outbox
from .database import Database
from .outbox import Changed

REVERSED_AFTER = timedelta(hours=1)
REASON = "[샌드박스] 통신사가 되돌림"

_WAITING = "reverse_at > 0 AND status = 'paid'"


def plan(connection: sqlite3.Connection, imp_uid: str, paid_at: int, after: str) -> None:
    """Have the carrier reverse this payment an hour after it (`hour`), or on the second of the next month (`month`)."""
    paid = clock.in_seoul(paid_at)
    next_month = (paid.replace(day=1, hour=9, minute=0, second=0) + timedelta(days=32)).replace(day=2)
    moment = next_month if after == "month" else paid + REVERSED_AFTER
    connection.execute("UPDATE payments SET reverse_at = ? WHERE imp_uid = ?", (int(moment.timestamp()), imp_uid))


def next_at(database: Database) -> int | None:
    """Business time of the next reversal; None when there is none."""
    row = database.one(f"SELECT min(reverse_at) AS moment FROM payments WHERE {_WAITING}")  # noqa: S608
    return row["moment"] if row else None


def run_next(database: Database) -> Changed | None:
    """Reverse the earliest payment that is due; None when none is."""
    now = clock.now(database)
    if (next_at(database) or now + 1) > now:
        return None  # the common case needs no write
    with database.writing() as connection:
        row = connection.execute(
            f"SELECT body FROM payments WHERE {_WAITING} AND reverse_at <= ? ORDER BY reverse_at, id",  # noqa: S608
            (now,),
        ).fetchone()
        if row is None:  # another process has just reversed it
            return None
        payment = json.loads(row["body"])
        cancellation_id = entries.cancel(connection, payment, now, payment["amount"], REASON)
        waiting = outbox.queue(database, connection, payment, cancellation_id=cancellation_id)
    return Changed(payment, waiting)
