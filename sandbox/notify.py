"""How does the shop hear of a payment? By webhooks: real POSTs from an outbox that any server process empties.

A webhook is queued in the transaction that made the payment paid, so it is sent even if this process dies before.
The sender does not wait for the browser, and the browser not for it: who arrives first is open, as with PortOne.
"""

import json
import os
import sqlite3
import threading
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import requests

from .clock import Clock
from .database import Database

TIMEOUT_SECONDS = (10, 30)  # PortOne's, for the first try
TAKEN_SECONDS = 60
IDLE_SECONDS = 0.5
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Notifier:
    """The outbox and its postman."""

    def __init__(self, database: Database, clock: Clock, http: requests.Session, shop_origin: str | None) -> None:
        self._database = database
        self._clock = clock
        self._http = http
        self._shop_origin = shop_origin
        self._wake = threading.Event()
        self._postman: threading.Thread | None = None
        self._started_in: int | None = None  # the process that the postman runs in: a thread does not survive a fork
        self._lock = threading.Lock()
        self._stopped = False

    def queue(self, books: sqlite3.Connection, payment: Mapping[str, Any], status: str) -> None:
        """Put the webhooks about a payment into the outbox; call inside the transaction that changed it."""
        row = books.execute("SELECT notice_url FROM payments WHERE imp_uid = ?", (payment["imp_uid"],)).fetchone()
        urls = json.loads(row["notice_url"]) if row and row["notice_url"] else []
        body = {"imp_uid": payment["imp_uid"], "merchant_uid": payment["merchant_uid"], "status": status}
        for url in [urls] if isinstance(urls, str) else urls:
            books.execute(
                "INSERT INTO deliveries (url, format, body, due_at, created_at) VALUES (?, 'json', ?, ?, ?)",
                (url, json.dumps(body), time.time(), self._clock.now()),
            )

    def wake(self) -> None:
        """Something may be due: let the postman look, starting him if this process has none yet."""
        with self._lock:
            if self._started_in != os.getpid() and not self._stopped:
                self._started_in = os.getpid()
                self._postman = threading.Thread(target=self._run, name="sandbox-webhooks", daemon=True)
                self._postman.start()
        self._wake.set()

    def stop(self) -> None:
        """Let the postman finish the delivery in his hands; afterwards the database may be closed."""
        self._stopped = True
        self._wake.set()
        if self._postman and self._started_in == os.getpid():
            self._postman.join()

    def flush(self) -> int:
        """Deliver all that is due now, in this thread; how many were tried."""
        tried = 0
        while not self._stopped and (delivery := self._take()) is not None:
            self._deliver(delivery)
            tried += 1
        return tried

    def _run(self) -> None:
        while not self._stopped:
            self.flush()
            self._wake.wait(IDLE_SECONDS)
            self._wake.clear()

    def _take(self) -> sqlite3.Row | None:
        """One due delivery, which no other process will take for a while."""
        now = time.time()
        row: sqlite3.Row | None = (
            self._database.connection()
            .execute(
                "UPDATE deliveries SET taken_until = ?, attempts = attempts + 1 WHERE id ="
                " (SELECT id FROM deliveries WHERE done = 0 AND due_at <= ? AND taken_until < ? ORDER BY id LIMIT 1)"
                " RETURNING *",
                (now + TAKEN_SECONDS, now, now),
            )
            .fetchone()
        )
        return row

    def _deliver(self, delivery: sqlite3.Row) -> None:
        status, answer = self._post(delivery["url"], json.loads(delivery["body"]))
        self._database.connection().execute(
            "UPDATE deliveries SET done = 1, answer_status = ?, answer = ? WHERE id = ?",
            (status, answer[:2000], delivery["id"]),
        )

    def _post(self, url: str, body: dict[str, Any]) -> tuple[int | None, str]:
        if not self._may_post_to(url):
            return None, "not sent: the sandbox posts to the shop and to this machine only"
        try:
            answer = self._http.post(url, json=body, timeout=TIMEOUT_SECONDS, allow_redirects=False)
        except requests.RequestException as error:
            return None, type(error).__name__
        return answer.status_code, answer.text

    def _may_post_to(self, url: str) -> bool:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https"):
            return False
        return parts.hostname in LOOPBACK or f"{parts.scheme}://{parts.netloc}" == self._shop_origin
