"""The outbox: webhooks as rows that any server process may take and send.

A webhook is queued in the transaction that changed the payment, so it is sent even if this process dies. `due_at` is
business time, so moving the clock makes delayed ones due.
"""

import json
import sqlite3
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from . import clock
from .database import Database
from .objects import Payment
from .options import Options, options_of

RETRIES = 5
RETRY_EVERY_SECONDS = 60
LATE_SECONDS = 30
HELD_SECONDS = 10  # a webhook held back for reordering is sent then
TAKEN_SECONDS = 90  # lease of a delivery; longer than a POST can take
LONGEST_ANSWER = 2000
NOT_SENT = "not sent: the sandbox posts to the shop, to this machine and to listed hosts only"


class Changed(NamedTuple):
    """A changed payment, and the ids of the deliveries to make before the response to the caller.

    `lost`: the caller must not get a response.
    """

    payment: Payment
    waiting: list[int]
    lost: bool = False


def queue(
    database: Database,
    connection: sqlite3.Connection,
    payment: Mapping[str, Any],
    *,
    silent: bool = False,
    from_console: bool = False,
    **more: str,
) -> list[int]:
    """Queue the webhooks about a payment's new status, in the transaction that changed it.

    Returns the ids of those to deliver before the response (`webhook_order` "before"). `silent`: logged but not
    sent. `from_console`: to the console's address if there is one, as for cancels. `more` is added to the body.
    """
    options = options_of(database)
    body = {"imp_uid": payment["imp_uid"], "merchant_uid": payment["merchant_uid"], "status": payment["status"]}
    row = connection.execute("SELECT notice_url FROM payments WHERE imp_uid = ?", (payment["imp_uid"],)).fetchone()
    urls = addresses(row["notice_url"], options)
    if from_console and urls and options.webhook_url:
        urls = [options.webhook_url]
    waiting = []
    for url in urls:
        for _ in range(2 if options.webhook_order == "twice" else 1):
            waiting.append(_add(database, connection, url, body | more, options, silent=silent))
    return waiting if options.webhook_order == "before" and not silent else []


def _add(
    database: Database,
    connection: sqlite3.Connection,
    url: str,
    body: Mapping[str, str],
    options: Options,
    *,
    silent: bool,
) -> int:
    now = clock.exactly(database)
    order = "never" if silent else options.webhook_order
    due_at: float | None = now
    held = 0
    if order == "never":
        due_at = None
    elif order == "late":
        due_at = now + LATE_SECONDS
    elif order == "reordered":
        # The first is held; the second is sent, and releases the first behind it.
        overtaken = connection.execute(
            "UPDATE deliveries SET held = 0, due_at = ? WHERE held = 1 AND due_at > ?", (now + 0.001, now)
        )
        held, due_at = (0, now) if overtaken.rowcount else (1, now + HELD_SECONDS)
    added = connection.execute(
        "INSERT INTO deliveries (imp_uid, url, format, body, due_at, held, taken_until, created_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            body["imp_uid"],
            url,
            options.webhook_format,
            json.dumps(body),
            due_at,
            held,
            time.time() + TAKEN_SECONDS if order == "before" else 0,  # leased to the caller, who delivers it
            int(now),
        ),
    )
    return int(added.lastrowid or 0)


def take(database: Database) -> sqlite3.Row | None:
    """Lease one due delivery, so that no other process takes it."""
    now, real_now = clock.exactly(database), time.time()
    due = "due_at <= ? AND taken_until < ? ORDER BY due_at, id LIMIT 1"
    if database.one(f"SELECT 1 FROM deliveries WHERE {due}", now, real_now) is None:  # noqa: S608
        return None  # the common case needs no write
    with database.writing(durable=False) as connection:
        row: sqlite3.Row | None = connection.execute(
            f"UPDATE deliveries SET taken_until = ? WHERE id = (SELECT id FROM deliveries WHERE {due}) RETURNING *",  # noqa: S608
            (real_now + TAKEN_SECONDS, now, real_now),
        ).fetchone()
    return row


def find(database: Database, delivery_id: int) -> sqlite3.Row | None:
    return database.one("SELECT * FROM deliveries WHERE id = ?", delivery_id)


def latest(database: Database, limit: int = 100, imp_uid: str | None = None) -> list[sqlite3.Row]:
    """The latest deliveries, of one payment or of all."""
    if imp_uid is not None:
        return database.all("SELECT * FROM deliveries WHERE imp_uid = ? ORDER BY id DESC LIMIT ?", imp_uid, limit)
    return database.all("SELECT * FROM deliveries ORDER BY id DESC LIMIT ?", limit)


def next_due_at(database: Database) -> float | None:
    """Business time of the next delivery, past or future; None when nothing waits."""
    row = database.one("SELECT min(due_at) AS due_at FROM deliveries WHERE due_at IS NOT NULL")
    return row["due_at"] if row else None


def record(database: Database, delivery: sqlite3.Row, status: int | None, answer: str) -> None:
    """Store the response (`status` None: there was none) and decide whether to retry."""
    attempts = delivery["attempts"] + 1
    may_retry = options_of(database).webhook_retries and attempts <= RETRIES and answer != NOT_SENT
    again = may_retry and (status is None or status >= 500)  # a 4xx is not retried
    now = clock.exactly(database)
    with database.writing(durable=False) as connection:
        connection.execute(
            "UPDATE deliveries SET due_at = ?, held = 0, taken_until = 0, attempts = ?, answered_at = ?,"
            " answer_status = ?, answer = ? WHERE id = ?",
            (
                now + RETRY_EVERY_SECONDS if again else None,
                attempts,
                int(now),
                status,
                answer[:LONGEST_ANSWER],
                delivery["id"],
            ),
        )


def addresses(notice_url: str | None, options: Options) -> list[str]:
    """The webhook addresses of a payment: its `notice_url` (one or several), else the console's."""
    own = json.loads(notice_url) if notice_url else None
    urls = [own] if isinstance(own, str) else own or []
    return [url for url in urls if url] or ([options.webhook_url] if options.webhook_url else [])
