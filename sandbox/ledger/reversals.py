"""Payments that the carrier reverses some time after they were paid, as after a disputed phone bill.

PortOne's help pages say that a cancel on the PG's side is passed on in production: PortOne then reports `cancelled`.
UNVERIFIED: the reason that it reports, and that a webhook tells of it.
"""

import json
import sqlite3

from . import clock, entries, outbox
from .database import Database
from .outbox import Changed

REVERSED_AFTER_SECONDS = 3600
REASON = "[샌드박스] 통신사가 되돌림"

_WAITING = "reverse_at > 0 AND status = 'paid'"


def plan(connection: sqlite3.Connection, imp_uid: str, paid_at: int) -> None:
    """Have the carrier reverse this payment later."""
    moment = paid_at + REVERSED_AFTER_SECONDS
    connection.execute("UPDATE payments SET reverse_at = ? WHERE imp_uid = ?", (moment, imp_uid))


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
