"""How does the shop hear of a payment? By webhooks: real POSTs from an outbox that any server process empties.

A webhook is queued in the transaction that made the payment paid, so it is sent even if this process dies before.
The sender does not wait for the browser, and the browser not for it: who arrives first is open, as with PortOne.
"""

import json
import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import requests

from ..ledger.clock import Clock
from ..ledger.database import Database
from ..ledger.options import Options, options_of
from .reach import Reach

FIRST_TRY_SECONDS = (10, 30)  # PortOne's: to connect, to answer
LATER_TRY_SECONDS = 15
RETRIES = 5
RETRY_EVERY_SECONDS = 60
LATE_SECONDS = 30
HELD_SECONDS = 10  # a webhook that nothing overtakes goes out then
TAKEN_SECONDS = 90  # more than a post can last
LONGEST_ANSWER = 2000
NOT_SENT = "not sent: the sandbox posts to the shop, to this machine and to listed hosts only"


class Outbox:
    """The webhooks, waiting and sent. `due_at` is business time, so moving the clock makes late ones due."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def queue(
        self,
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
        options = options_of(self._database)
        body = {"imp_uid": payment["imp_uid"], "merchant_uid": payment["merchant_uid"], "status": payment["status"]}
        row = books.execute("SELECT notice_url FROM payments WHERE imp_uid = ?", (payment["imp_uid"],)).fetchone()
        urls = addresses(row["notice_url"], options)
        if from_console and urls and options.webhook_url:
            urls = [options.webhook_url]
        waiting = []
        for url in urls:
            for _ in range(2 if options.webhook_order == "twice" else 1):
                waiting.append(self._add(books, url, body | more, options, silent=silent))
        return waiting if options.webhook_order == "before" and not silent else []

    def _add(
        self, books: sqlite3.Connection, url: str, body: Mapping[str, str], options: Options, *, silent: bool
    ) -> int:
        now = self._clock.exactly()
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

    def take(self) -> sqlite3.Row | None:
        """One delivery that is due; no other process takes it for a while."""
        now, real_now = self._clock.exactly(), time.time()
        due = "due_at <= ? AND taken_until < ? ORDER BY due_at, id LIMIT 1"
        if self._database.one(f"SELECT 1 FROM deliveries WHERE {due}", now, real_now) is None:  # noqa: S608
            return None  # the usual case, without a write
        with self._database.writing(durable=False) as books:
            row: sqlite3.Row | None = books.execute(
                f"UPDATE deliveries SET taken_until = ? WHERE id = (SELECT id FROM deliveries WHERE {due}) RETURNING *",  # noqa: S608
                (real_now + TAKEN_SECONDS, now, real_now),
            ).fetchone()
        return row

    def find(self, delivery_id: int) -> sqlite3.Row | None:
        return self._database.one("SELECT * FROM deliveries WHERE id = ?", delivery_id)

    def latest(self, limit: int = 100) -> list[sqlite3.Row]:
        return self._database.all("SELECT * FROM deliveries ORDER BY id DESC LIMIT ?", limit)

    def next_due_at(self) -> float | None:
        """Business time of the next delivery, past or to come; None when nothing waits."""
        row = self._database.one("SELECT min(due_at) AS due_at FROM deliveries WHERE due_at IS NOT NULL")
        return row["due_at"] if row else None

    def record(self, delivery: sqlite3.Row, status: int | None, answer: str) -> None:
        """Note what came back; `status` None: nothing did. Decides whether it is tried again."""
        attempts = delivery["attempts"] + 1
        may_retry = options_of(self._database).webhook_retries and attempts <= RETRIES and answer != NOT_SENT
        again = may_retry and (status is None or status >= 500)  # a 4xx is never tried again
        now = self._clock.exactly()
        with self._database.writing(durable=False) as books:
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


class Postman:
    """Delivers what the outbox holds."""

    def __init__(self, outbox: Outbox, http: requests.Session, reach: Reach) -> None:
        self._outbox = outbox
        self._http = http
        self._reach = reach
        self._become_this_process()

    def flush(self) -> int:
        """Deliver all that is due now, in this thread; how many were tried. Waits for those under way elsewhere."""
        tried = 0
        while self._deliver_next():
            tried += 1
        if not self._in_delivery():  # the shop, called by us, may call us: no waiting for oneself
            with self._changed:
                self._changed.wait_for(lambda: self._under_way == 0, timeout=LATER_TRY_SECONDS)
        return tried

    def deliver(self, delivery_id: int) -> None:
        """Deliver this one now, due or not, as the first time or once more."""
        delivery = self._outbox.find(delivery_id)
        if delivery is not None:
            with self._counted():
                self._outbox.record(delivery, *self._post(delivery))

    def _deliver_next(self) -> bool:
        with self._counted():
            delivery = self._outbox.take()
            if delivery is None:
                return False
            self._outbox.record(delivery, *self._post(delivery))
        return True

    @contextmanager
    def _counted(self) -> Iterator[None]:
        """While a delivery is under way, `flush` elsewhere waits for it."""
        if self._process != os.getpid():
            self._become_this_process()
        outer, self._mine.delivering = self._in_delivery(), True
        with self._changed:
            self._under_way += 1
        try:
            yield
        finally:
            self._mine.delivering = outer
            with self._changed:
                self._under_way -= 1
                self._changed.notify_all()

    def _in_delivery(self) -> bool:
        return getattr(self._mine, "delivering", False)

    def _become_this_process(self) -> None:
        """What other threads held when this process was forked off is not ours."""
        self._process = os.getpid()
        self._under_way = 0
        self._changed = threading.Condition()
        self._mine = threading.local()

    def _post(self, delivery: sqlite3.Row) -> tuple[int | None, str]:
        if not self._reach.allows(delivery["url"]):
            return None, NOT_SENT
        body = json.loads(delivery["body"])
        content = {"data": body} if delivery["format"] == "form" else {"json": body}
        timeout = LATER_TRY_SECONDS if delivery["attempts"] else FIRST_TRY_SECONDS
        try:
            answer = self._http.post(delivery["url"], timeout=timeout, allow_redirects=False, **content)
        except (requests.RequestException, ValueError) as error:
            return None, type(error).__name__
        return answer.status_code, answer.text
