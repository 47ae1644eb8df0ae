"""The webhooks, waiting and sent: rows that any server process may take and send.

A webhook is queued in the transaction that made the payment paid, so it is sent even if this process dies before.
`due_at` is business time, so moving the clock makes late ones due.
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
HELD_SECONDS = 10  # a webhook that nothing overtakes goes out then
TAKEN_SECONDS = 90  # more than a post can last
LONGEST_ANSWER = 2000
NOT_SENT = "not sent: the sandbox posts to the shop, to this machine and to listed hosts only"


class Changed(NamedTuple):
    """A payment after its change, and the ids of the deliveries that must arrive before the caller is answered.

    `lost`: the caller must get no answer at all.
    """

    payment: Payment
    waiting: list[int]
    lost: bool = False


def queue(
    database: Database,
    books: sqlite3.Connection,
    payment: Mapping[str, Any],
    *,
    silent: bool = False,
    from_console: bool = False,
    **more: str,
) -> list[int]:
    """Put the webhooks about a payment's new state into the outbox, inside the transaction that changed it.

    Answers the ids of those that the caller should hand over before it answers (`webhook_order` "before").
    `silent`: kept in the log but not sent. `from_console`: to the console's address if there is one, as for
    cancels. `more` joins the body.
    """
    options = options_of(database)
    body = {"imp_uid": payment["imp_uid"], "merchant_uid": payment["merchant_uid"], "status": payment["status"]}
    row = books.execute("SELECT notice_url FROM payments WHERE imp_uid = ?", (payment["imp_uid"],)).fetchone()
    urls = addresses(row["notice_url"], options)
    if from_console and urls and options.webhook_url:
        urls = [options.webhook_url]
    waiting = []
    for url in urls:
        for _ in range(2 if options.webhook_order == "twice" else 1):
            waiting.append(_add(database, books, url, body | more, options, silent=silent))
    return waiting if options.webhook_order == "before" and not silent else []


def _add(
    database: Database,
    books: sqlite3.Connection,
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
        # The first waits; the second lets it go, and stands before it in the outbox.
        overtaken = books.execute(
            "UPDATE deliveries SET held = 0, due_at = ? WHERE held = 1 AND due_at > ?", (now + 0.001, now)
        )
        held, due_at = (0, now) if overtaken.rowcount else (1, now + HELD_SECONDS)
    added = books.execute(
        "INSERT INTO deliveries (imp_uid, url, format, body, due_at, held, taken_until, created_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            body["imp_uid"],
            url,
            options.webhook_format,
            json.dumps(body),
            due_at,
            held,
            time.time() + TAKEN_SECONDS if order == "before" else 0,  # the caller delivers it, nobody else
            int(now),
        ),
    )
    return int(added.lastrowid or 0)


def take(database: Database) -> sqlite3.Row | None:
    """One delivery that is due; no other process takes it for a while."""
    now, real_now = clock.exactly(database), time.time()
    due = "due_at <= ? AND taken_until < ? ORDER BY due_at, id LIMIT 1"
    if database.one(f"SELECT 1 FROM deliveries WHERE {due}", now, real_now) is None:  # noqa: S608
        return None  # the usual case, without a write
    with database.writing(durable=False) as books:
        row: sqlite3.Row | None = books.execute(
            f"UPDATE deliveries SET taken_until = ? WHERE id = (SELECT id FROM deliveries WHERE {due}) RETURNING *",  # noqa: S608
            (real_now + TAKEN_SECONDS, now, real_now),
        ).fetchone()
    return row


def find(database: Database, delivery_id: int) -> sqlite3.Row | None:
    return database.one("SELECT * FROM deliveries WHERE id = ?", delivery_id)


def latest(database: Database, limit: int = 100) -> list[sqlite3.Row]:
    return database.all("SELECT * FROM deliveries ORDER BY id DESC LIMIT ?", limit)


def next_due_at(database: Database) -> float | None:
    """Business time of the next delivery, past or to come; None when nothing waits."""
    row = database.one("SELECT min(due_at) AS due_at FROM deliveries WHERE due_at IS NOT NULL")
    return row["due_at"] if row else None


def record(database: Database, delivery: sqlite3.Row, status: int | None, answer: str) -> None:
    """Note what came back; `status` None: nothing did. Decides whether it is tried again."""
    attempts = delivery["attempts"] + 1
    may_retry = options_of(database).webhook_retries and attempts <= RETRIES and answer != NOT_SENT
    again = may_retry and (status is None or status >= 500)  # a 4xx is never tried again
    now = clock.exactly(database)
    with database.writing(durable=False) as books:
        books.execute(
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
    """Where the webhooks of one payment go: its own `notice_url` (one or several) instead of the console's address."""
    own = json.loads(notice_url) if notice_url else None
    urls = [own] if isinstance(own, str) else own or []
    return [url for url in urls if url] or ([options.webhook_url] if options.webhook_url else [])
