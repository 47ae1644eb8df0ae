"""Which charges wait for their day? PortOne runs `again` for the shop, once each, and tells the outcome by webhook."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from . import entries
from .charges import charge, key_row
from .kg import Refusal
from .merchant import CHANNELS, channel_of
from .objects import Payment, new_payment, new_schedule, written
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

if TYPE_CHECKING:
    from .ledger import Ledger

SCHEDULE_PATH = "/subscribe/payments/schedule"

Schedule = dict[str, Any]


class Schedules:
    """The waiting, executed and revoked ones. Moments in unix seconds, amounts in won."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.database = ledger.database

    def add(self, customer_uid: str, items: Sequence[Mapping[str, Any]]) -> list[Schedule]:
        """All of them or none. Raises ApiRefused: no such key, a moment in the past, a merchant_uid in use."""
        now = self.ledger.clock.now()
        with self.database.writing() as books:
            key = key_row(books, customer_uid)
            if key is None:
                raise ApiRefused(NO_KEY_TO_SCHEDULE)
            body = json.loads(key["body"])
            return [self._add(books, new_schedule(item, body), item.get("notice_url"), now) for item in items]

    def _add(self, books: sqlite3.Connection, schedule: Schedule, notice_url: Any, now: int) -> Schedule:
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

    def revoke(self, customer_uid: str | None, merchant_uids: Sequence[str]) -> list[Schedule]:
        """Take back what still waits: of a key, of these order ids, or of both. Raises ApiRefused for nothing."""
        with self.database.writing() as books:
            rows = books.execute(
                "SELECT * FROM schedules WHERE status = 'scheduled' AND (? IS NULL OR customer_uid = ?) ORDER BY id",
                (customer_uid, customer_uid),
            ).fetchall()
            chosen = [row for row in rows if not merchant_uids or row["merchant_uid"] in merchant_uids]
            if not chosen or not (customer_uid or merchant_uids):
                raise ApiRefused(NOTHING_TO_UNSCHEDULE)
            now = self.ledger.clock.now()
            return [self._save(books, row, schedule_status="revoked", revoked_at=now) for row in chosen]

    def find(self, merchant_uid: str) -> Schedule:
        """Raises ApiRefused (404) when there is none."""
        with self.database.reading() as books:
            found: Schedule = json.loads(_row(books, merchant_uid)["body"])
        return found

    def between(
        self, since: int, until: int, status: str, customer_uid: str, *, oldest_first: bool, page: int, limit: int
    ) -> list[str]:
        """The schedules with `since` <= moment < `until`, as JSON texts; empty `status` and `customer_uid`: any."""
        order = "schedule_at, id" if oldest_first else "schedule_at DESC, id DESC"
        where = "schedule_at >= ? AND schedule_at < ? AND (? = '' OR status = ?) AND (? = '' OR customer_uid = ?)"
        rows = self.database.all(
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

    def move(self, merchant_uid: str, schedule_at: int) -> Schedule:
        """Another moment for one that waits. Raises ApiRefused."""
        with self.database.writing() as books:
            row = _row(books, merchant_uid)
            if row["status"] != "scheduled":
                raise ApiRefused(SCHEDULE_NOT_WAITING, 1, 400)
            return self._put_back(books, row, schedule_at)

    def again(self, merchant_uid: str, schedule_at: int) -> Schedule:
        """Let one that failed or was revoked wait once more. Raises ApiRefused."""
        with self.database.writing() as books:
            row = _row(books, merchant_uid)
            _must_be_over(row)
            return self._put_back(books, row, schedule_at)

    def retry(self, merchant_uid: str) -> Payment:
        """Charge one that failed or was revoked now; the payment, `paid` or `failed`. Raises ApiRefused."""
        ordered = self.ledger.faults.decline(f"{SCHEDULE_PATH}/{merchant_uid}/retry")
        with self.database.writing() as books:
            row = _row(books, merchant_uid)
            _must_be_over(row)
            payment, waiting = self._execute(books, row, ordered)
        self.ledger.tell(waiting)
        return payment

    def next_at(self) -> int | None:
        """When the next one is due; None when nothing waits."""
        row = self.database.one("SELECT min(schedule_at) AS moment FROM schedules WHERE status = 'scheduled'")
        return row["moment"] if row else None

    def run_due(self) -> int:
        """Charge all that are due; how many. Several processes may do so at once: each schedule runs once."""
        done = 0
        while (moment := self.next_at()) is not None and moment <= self.ledger.clock.now():
            ordered = self.ledger.faults.decline(SCHEDULE_PATH)
            with self.database.writing() as books:
                row = books.execute(
                    "SELECT * FROM schedules WHERE status = 'scheduled' AND schedule_at <= ? ORDER BY schedule_at, id",
                    (self.ledger.clock.now(),),
                ).fetchone()
                waiting = self._execute(books, row, ordered)[1] if row else []
            self.ledger.tell(waiting)
            done += 1
        return done

    def _execute(
        self, books: sqlite3.Connection, row: sqlite3.Row, ordered: Refusal | None
    ) -> tuple[Payment, list[int]]:
        schedule = json.loads(row["body"])
        notice_url = json.loads(row["notice_url"]) if row["notice_url"] else None
        asked = {**schedule, "notice_url": notice_url}
        key = key_row(books, row["customer_uid"])
        taken = entries.approved_row(books, row["merchant_uid"])
        if key is not None and taken is None:
            payment = charge(self.ledger, books, key, asked, usage="payment.scheduled", ordered=ordered)
        else:
            payment = self._failed(books, asked, ORDERED_ALREADY if taken else NO_KEY_TO_SCHEDULE)  # UNVERIFIED reasons
        self._save(
            books,
            row,
            schedule_status="executed",
            executed_at=self.ledger.clock.now(),
            imp_uid=payment["imp_uid"],
            payment_status=payment["status"],
            fail_reason=payment["fail_reason"],
        )
        return payment, self.ledger.outbox.queue(books, payment)  # schedules tell of a failure too

    def _failed(self, books: sqlite3.Connection, asked: Mapping[str, Any], reason: str) -> Payment:
        moment = self.ledger.clock.now()
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

    def _put_back(self, books: sqlite3.Connection, row: sqlite3.Row, schedule_at: int) -> Schedule:
        if schedule_at <= self.ledger.clock.now():
            raise ApiRefused(SCHEDULE_IN_THE_PAST, 1, 400)
        waiting = {"schedule_status": "scheduled", "executed_at": 0, "revoked_at": 0, "imp_uid": None}
        return self._save(books, row, schedule_at=schedule_at, payment_status=None, fail_reason=None, **waiting)

    def _save(self, books: sqlite3.Connection, row: sqlite3.Row, **changes: Any) -> Schedule:
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
