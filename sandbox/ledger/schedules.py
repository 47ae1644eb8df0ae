"""Which charges wait for their day? PortOne runs `again` for the shop, once each, and tells the outcome by webhook."""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from . import billing_keys, clock, entries, faults, outbox
from .charges import charge
from .database import Database
from .kg import Refusal
from .merchant import CHANNELS, channel_of
from .objects import Payment, new_payment, new_schedule, written
from .outbox import Changed
from .refusals import (
    NO_KEY_TO_SCHEDULE,
    NO_SUCH_SCHEDULE,
    NOTHING_TO_UNSCHEDULE,
    ORDERED_ALREADY,
    SCHEDULE_IN_THE_PAST,
    SCHEDULE_NOT_RETRIABLE,
    SCHEDULE_NOT_WAITING,
    SCHEDULED_ALREADY,
    ApiRefused,
)

SCHEDULE_PATH = "/subscribe/payments/schedule"

Schedule = dict[str, Any]


def add(database: Database, customer_uid: str, items: Sequence[Mapping[str, Any]]) -> list[Schedule]:
    """All of them or none. Raises ApiRefused: no such key, a moment in the past, a merchant_uid in use."""
    now = clock.now(database)
    with database.writing() as books:
        key = billing_keys.row(books, customer_uid)
        if key is None:
            raise ApiRefused(NO_KEY_TO_SCHEDULE)
        body = json.loads(key["body"])
        return [_add(books, new_schedule(item, body), item.get("notice_url"), now) for item in items]


def _add(books: sqlite3.Connection, schedule: Schedule, notice_url: Any, now: int) -> Schedule:
    if schedule["schedule_at"] <= now:
        raise ApiRefused(SCHEDULE_IN_THE_PAST)
    taken = books.execute("SELECT 1 FROM schedules WHERE merchant_uid = ?", (schedule["merchant_uid"],)).fetchone()
    if taken or entries.approved_row(books, schedule["merchant_uid"]):
        raise ApiRefused(SCHEDULED_ALREADY)
    books.execute(
        "INSERT INTO schedules (merchant_uid, customer_uid, status, schedule_at, notice_url, body)"
        " VALUES (?, ?, 'scheduled', ?, ?, ?)",
        (
            schedule["merchant_uid"],
            schedule["customer_uid"],
            schedule["schedule_at"],
            json.dumps(notice_url) if notice_url else None,
            written(schedule),
        ),
    )
    return schedule


def revoke(database: Database, customer_uid: str | None, merchant_uids: Sequence[str]) -> list[Schedule]:
    """Take back what still waits: of a key, of these order ids, or of both. Raises ApiRefused for nothing."""
    with database.writing() as books:
        rows = books.execute(
            "SELECT * FROM schedules WHERE status = 'scheduled' AND (? IS NULL OR customer_uid = ?) ORDER BY id",
            (customer_uid, customer_uid),
        ).fetchall()
        chosen = [row for row in rows if not merchant_uids or row["merchant_uid"] in merchant_uids]
        if not chosen or not (customer_uid or merchant_uids):
            raise ApiRefused(NOTHING_TO_UNSCHEDULE)
        now = clock.now(database)
        return [_save(books, row, schedule_status="revoked", revoked_at=now) for row in chosen]


def find(database: Database, merchant_uid: str) -> Schedule:
    """Raises ApiRefused (404) when there is none."""
    with database.reading() as books:
        found: Schedule = json.loads(_row(books, merchant_uid)["body"])
    return found


def between(
    database: Database,
    since: int,
    until: int,
    status: str,
    customer_uid: str,
    *,
    oldest_first: bool,
    page: int,
    limit: int,
) -> list[str]:
    """The schedules with `since` <= moment < `until`, as JSON texts; empty `status` and `customer_uid`: any."""
    order = "schedule_at, id" if oldest_first else "schedule_at DESC, id DESC"
    where = "schedule_at >= ? AND schedule_at < ? AND (? = '' OR status = ?) AND (? = '' OR customer_uid = ?)"
    rows = database.all(
        f"SELECT body FROM schedules WHERE {where} ORDER BY {order} LIMIT ? OFFSET ?",  # noqa: S608
        since,
        until,
        status,
        status,
        customer_uid,
        customer_uid,
        limit,
        (page - 1) * limit,
    )
    return [row["body"] for row in rows]


def move(database: Database, merchant_uid: str, schedule_at: int) -> Schedule:
    """Another moment for one that waits. Raises ApiRefused."""
    with database.writing() as books:
        row = _row(books, merchant_uid)
        if row["status"] != "scheduled":
            raise ApiRefused(SCHEDULE_NOT_WAITING, 1, 400)
        return _put_back(database, books, row, schedule_at)


def again(database: Database, merchant_uid: str, schedule_at: int) -> Schedule:
    """Let one that failed or was revoked wait once more. Raises ApiRefused."""
    with database.writing() as books:
        row = _row(books, merchant_uid)
        _must_be_over(row)
        return _put_back(database, books, row, schedule_at)


def retry(database: Database, merchant_uid: str) -> Changed:
    """Charge one that failed or was revoked now; the payment is `paid` or `failed`. Raises ApiRefused."""
    ordered = faults.decline(database, f"{SCHEDULE_PATH}/{merchant_uid}/retry")
    with database.writing() as books:
        row = _row(books, merchant_uid)
        _must_be_over(row)
        return _execute(database, books, row, ordered)


def next_at(database: Database) -> int | None:
    """When the next one is due; None when nothing waits."""
    row = database.one("SELECT min(schedule_at) AS moment FROM schedules WHERE status = 'scheduled'")
    return row["moment"] if row else None


def run_next(database: Database) -> Changed | None:
    """Charge the one that is due first; None when none is. Several processes may do so at once: each runs once."""
    while (moment := next_at(database)) is not None and moment <= clock.now(database):
        ordered = faults.decline(database, SCHEDULE_PATH)
        with database.writing() as books:
            row = books.execute(
                "SELECT * FROM schedules WHERE status = 'scheduled' AND schedule_at <= ? ORDER BY schedule_at, id",
                (clock.now(database),),
            ).fetchone()
            if row is not None:  # else another process has just run it
                return _execute(database, books, row, ordered)
    return None


def _execute(database: Database, books: sqlite3.Connection, row: sqlite3.Row, ordered: Refusal | None) -> Changed:
    schedule = json.loads(row["body"])
    notice_url = json.loads(row["notice_url"]) if row["notice_url"] else None
    asked = {**schedule, "notice_url": notice_url}
    key = billing_keys.row(books, row["customer_uid"])
    taken = entries.approved_row(books, row["merchant_uid"])
    if key is not None and taken is None:
        payment = charge(database, books, key, asked, usage="payment.scheduled", ordered=ordered)
    else:
        payment = _failed(
            database, books, asked, ORDERED_ALREADY if taken else NO_KEY_TO_SCHEDULE
        )  # UNVERIFIED reasons
    _save(
        books,
        row,
        schedule_status="executed",
        executed_at=clock.now(database),
        imp_uid=payment["imp_uid"],
        payment_status=payment["status"],
        fail_reason=payment["fail_reason"],
    )
    return Changed(payment, outbox.queue(database, books, payment))  # schedules tell of a failure too


def _failed(database: Database, books: sqlite3.Connection, asked: Mapping[str, Any], reason: str) -> Payment:
    moment = clock.now(database)
    payment = new_payment(
        entries.unused_imp_uid(books, "imps_"),
        asked,
        moment,
        channel_of(None, f"{asked['pg_provider']}.{asked['pg_id']}") or CHANNELS[0],
        channel="api",
        custom_data=asked.get("custom_data"),
        customer_uid_usage="payment.scheduled",
        status="failed",
        failed_at=moment,
        fail_reason=reason,
    )
    entries.add(books, payment, moment, notice_url=asked["notice_url"])
    return payment


def _put_back(database: Database, books: sqlite3.Connection, row: sqlite3.Row, schedule_at: int) -> Schedule:
    if schedule_at <= clock.now(database):
        raise ApiRefused(SCHEDULE_IN_THE_PAST, 1, 400)
    waiting = {"schedule_status": "scheduled", "executed_at": 0, "revoked_at": 0, "imp_uid": None}
    return _save(books, row, schedule_at=schedule_at, payment_status=None, fail_reason=None, **waiting)


def _save(books: sqlite3.Connection, row: sqlite3.Row, **changes: Any) -> Schedule:
    schedule: Schedule = json.loads(row["body"]) | changes
    books.execute(
        "UPDATE schedules SET status = ?, schedule_at = ?, body = ? WHERE id = ?",
        (schedule["schedule_status"], schedule["schedule_at"], written(schedule), row["id"]),
    )
    return schedule


def _row(books: sqlite3.Connection, merchant_uid: str) -> sqlite3.Row:
    row: sqlite3.Row | None = books.execute(
        "SELECT * FROM schedules WHERE merchant_uid = ?", (merchant_uid,)
    ).fetchone()
    if row is None:
        raise ApiRefused(NO_SUCH_SCHEDULE, -1, 404)
    return row


def _must_be_over(row: sqlite3.Row) -> None:
    """Only a revoked or a failed schedule may be taken up again."""
    failed = row["status"] == "executed" and json.loads(row["body"])["payment_status"] == "failed"
    if row["status"] != "revoked" and not failed:
        raise ApiRefused(SCHEDULE_NOT_RETRIABLE, 1, 400)
