"""Scheduled charges: PortOne runs `again` for the shop, once each, and reports the result by webhook."""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from . import billing_keys, clock, entries, faults, outbox
from .charges import charge
from .database import Database
from .kg import Refusal
from .lookups import Page
from .merchant import CHANNELS, channel_with
from .objects import Payment, new_payment, new_schedule, to_json
from .outbox import Changed
from .outcomes import outcome_at
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
    """Add all or none. Raises ApiRefused: unknown key, time in the past, merchant_uid in use."""
    now = clock.now(database)
    with database.writing() as connection:
        key = billing_keys.row(connection, customer_uid)
        if key is None:
            raise ApiRefused(NO_KEY_TO_SCHEDULE)
        body = json.loads(key["body"])
        return [_add(connection, new_schedule(item, body), item.get("notice_url"), now) for item in items]


def _add(connection: sqlite3.Connection, schedule: Schedule, notice_url: Any, now: int) -> Schedule:
    if schedule["schedule_at"] <= now:
        raise ApiRefused(SCHEDULE_IN_THE_PAST)
    taken = connection.execute("SELECT 1 FROM schedules WHERE merchant_uid = ?", (schedule["merchant_uid"],)).fetchone()
    if taken or entries.approved_row(connection, schedule["merchant_uid"]):
        raise ApiRefused(SCHEDULED_ALREADY)
    connection.execute(
        "INSERT INTO schedules (merchant_uid, customer_uid, status, schedule_at, notice_url, body)"
        " VALUES (?, ?, 'scheduled', ?, ?, ?)",
        (
            schedule["merchant_uid"],
            schedule["customer_uid"],
            schedule["schedule_at"],
            json.dumps(notice_url) if notice_url else None,
            to_json(schedule),
        ),
    )
    return schedule


def revoke(database: Database, customer_uid: str | None, merchant_uids: Sequence[str]) -> list[Schedule]:
    """Revoke waiting schedules: of a key, of these merchant_uids, or of both. Raises ApiRefused for none."""
    with database.writing() as connection:
        rows = connection.execute(
            "SELECT * FROM schedules WHERE status = 'scheduled' AND (? IS NULL OR customer_uid = ?) ORDER BY id",
            (customer_uid, customer_uid),
        ).fetchall()
        chosen = [row for row in rows if not merchant_uids or row["merchant_uid"] in merchant_uids]
        if not chosen or not (customer_uid or merchant_uids):
            raise ApiRefused(NOTHING_TO_UNSCHEDULE)
        now = clock.now(database)
        return [_save(connection, row, schedule_status="revoked", revoked_at=now) for row in chosen]


def find(database: Database, merchant_uid: str) -> Schedule:
    """Raises ApiRefused (404) when there is none."""
    with database.reading() as connection:
        found: Schedule = json.loads(_row(connection, merchant_uid)["body"])
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
) -> Page:
    """Schedules with `since` <= time < `until`; empty `status` and `customer_uid` mean any."""
    order = "schedule_at, id" if oldest_first else "schedule_at DESC, id DESC"
    where = "schedule_at >= ? AND schedule_at < ? AND (? = '' OR status = ?) AND (? = '' OR customer_uid = ?)"
    values = (since, until, status, status, customer_uid, customer_uid)
    with database.reading() as connection:
        total = connection.execute(f"SELECT count(*) FROM schedules WHERE {where}", values).fetchone()[0]  # noqa: S608
        rows = connection.execute(
            f"SELECT body FROM schedules WHERE {where} ORDER BY {order} LIMIT ? OFFSET ?",  # noqa: S608
            (*values, limit, (page - 1) * limit),
        ).fetchall()
    return Page(total, page, limit, [row["body"] for row in rows])


def move(database: Database, merchant_uid: str, schedule_at: int) -> Schedule:
    """Change the time of a waiting schedule. Raises ApiRefused."""
    with database.writing() as connection:
        row = _row(connection, merchant_uid)
        if row["status"] != "scheduled":
            raise ApiRefused(SCHEDULE_NOT_WAITING, 1, 400)
        return _put_back(database, connection, row, schedule_at)


def again(database: Database, merchant_uid: str, schedule_at: int) -> Schedule:
    """Schedule a failed or revoked one again. Raises ApiRefused."""
    with database.writing() as connection:
        row = _row(connection, merchant_uid)
        _require_finished(row)
        return _put_back(database, connection, row, schedule_at)


def retry(database: Database, merchant_uid: str) -> Changed:
    """Charge a failed or revoked one now; the payment is `paid` or `failed`. Raises ApiRefused."""
    ordered = faults.decline(database, f"{SCHEDULE_PATH}/{merchant_uid}/retry")
    with database.writing() as connection:
        row = _row(connection, merchant_uid)
        _require_finished(row)
        return _execute(database, connection, row, ordered)


def next_at(database: Database) -> int | None:
    """Business time of the next waiting schedule; None when there is none."""
    row = database.one("SELECT min(schedule_at) AS moment FROM schedules WHERE status = 'scheduled'")
    return row["moment"] if row else None


def run_next(database: Database) -> Changed | None:
    """Run the earliest due schedule; None when none is due. Safe in several processes: each schedule runs once."""
    while (moment := next_at(database)) is not None and moment <= clock.now(database):
        ordered = faults.decline(database, SCHEDULE_PATH)
        with database.writing() as connection:
            row = connection.execute(
                "SELECT * FROM schedules WHERE status = 'scheduled' AND schedule_at <= ? ORDER BY schedule_at, id",
                (clock.now(database),),
            ).fetchone()
            if row is not None:  # else another process has just run it
                return _execute(database, connection, row, ordered)
    return None


def _execute(database: Database, connection: sqlite3.Connection, row: sqlite3.Row, ordered: Refusal | None) -> Changed:
    schedule = json.loads(row["body"])
    notice_url = json.loads(row["notice_url"]) if row["notice_url"] else None
    asked = {**schedule, "notice_url": notice_url}
    key = billing_keys.row(connection, row["customer_uid"])
    taken = entries.approved_row(connection, row["merchant_uid"])
    if key is not None and taken is None:
        payment = charge(database, connection, key, asked, usage="payment.scheduled", ordered=ordered)
    else:
        payment = _failed(
            database, connection, asked, ORDERED_ALREADY if taken else NO_KEY_TO_SCHEDULE
        )  # UNVERIFIED reasons
    _save(
        connection,
        row,
        schedule_status="executed",
        executed_at=clock.now(database),
        imp_uid=payment["imp_uid"],
        payment_status=payment["status"],
        fail_reason=payment["fail_reason"],
    )
    silent = key is not None and payment["status"] == "paid" and outcome_at(key["phone"], "renewal").silent
    # schedules send webhooks for failures, too
    return Changed(payment, outbox.queue(database, connection, payment, silent=silent))


def _failed(database: Database, connection: sqlite3.Connection, asked: Mapping[str, Any], reason: str) -> Payment:
    moment = clock.now(database)
    payment = new_payment(
        entries.unused_imp_uid(connection, "imps_"),
        asked,
        moment,
        channel_with(asked["pg_provider"], asked["pg_id"]) or CHANNELS[0],
        channel="api",
        custom_data=asked.get("custom_data"),
        customer_uid_usage="payment.scheduled",
        status="failed",
        failed_at=moment,
        fail_reason=reason,
    )
    entries.add(connection, payment, moment, notice_url=asked["notice_url"])
    return payment


def _put_back(database: Database, connection: sqlite3.Connection, row: sqlite3.Row, schedule_at: int) -> Schedule:
    if schedule_at <= clock.now(database):
        raise ApiRefused(SCHEDULE_IN_THE_PAST, 1, 400)
    waiting = {"schedule_status": "scheduled", "executed_at": 0, "revoked_at": 0, "imp_uid": None}
    return _save(connection, row, schedule_at=schedule_at, payment_status=None, fail_reason=None, **waiting)


def _save(connection: sqlite3.Connection, row: sqlite3.Row, **changes: Any) -> Schedule:
    schedule: Schedule = json.loads(row["body"]) | changes
    connection.execute(
        "UPDATE schedules SET status = ?, schedule_at = ?, body = ? WHERE id = ?",
        (schedule["schedule_status"], schedule["schedule_at"], to_json(schedule), row["id"]),
    )
    return schedule


def _row(connection: sqlite3.Connection, merchant_uid: str) -> sqlite3.Row:
    row: sqlite3.Row | None = connection.execute(
        "SELECT * FROM schedules WHERE merchant_uid = ?", (merchant_uid,)
    ).fetchone()
    if row is None:
        raise ApiRefused(NO_SUCH_SCHEDULE, -1, 404)
    return row


def _require_finished(row: sqlite3.Row) -> None:
    """Raise ApiRefused unless the schedule is revoked or failed."""
    failed = row["status"] == "executed" and json.loads(row["body"])["payment_status"] == "failed"
    if row["status"] != "revoked" and not failed:
        raise ApiRefused(SCHEDULE_NOT_RETRIABLE, 1, 400)
