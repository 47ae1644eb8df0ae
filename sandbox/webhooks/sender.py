"""Sends the webhooks of the outbox to the shop by HTTP POST.

Webhooks and the browser's response are sent independently: either may arrive first, as with PortOne.
"""

import json
import logging
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import requests

from ..ledger import outbox
from ..ledger.database import Database
from .reach import Reach
from .worker import Worker

FIRST_TRY_SECONDS = (10, 30)  # PortOne's connect and read timeouts
LATER_TRY_SECONDS = 15

log = logging.getLogger(__name__)


class Sender:
    """Sends deliveries. `http` is the session of every call to the shop; `reach` allows or refuses addresses."""

    def __init__(self, database: Database, http: requests.Session, reach: Reach, worker: Worker) -> None:
        self.http = http
        self.reach = reach
        self._database = database
        self._worker = worker
        self._reset_after_fork()

    def announce(self, waiting: list[int]) -> None:
        """After a commit: deliver the webhooks that must arrive first, and wake the worker for the others."""
        for delivery_id in waiting:
            self.deliver(delivery_id)
        self._worker.wake()

    def flush(self) -> int:
        """Deliver all that is due in this thread, and wait for deliveries of other threads; the number of tries."""
        tried = 0
        while self._deliver_next():
            tried += 1
        if not self._in_delivery():  # a shop may call back during its delivery; do not wait for ourselves
            with self._changed:
                self._changed.wait_for(lambda: self._in_progress == 0, timeout=LATER_TRY_SECONDS)
        return tried

    def deliver(self, delivery_id: int) -> None:
        """Deliver this one now, due or not, delivered before or not."""
        delivery = outbox.find(self._database, delivery_id)
        if delivery is not None:
            with self._counted():
                self._send(delivery)

    def _deliver_next(self) -> bool:
        with self._counted():
            delivery = outbox.take(self._database)
            if delivery is None:
                return False
            self._send(delivery)
        return True

    @contextmanager
    def _counted(self) -> Iterator[None]:
        """Count a delivery in progress; `flush` in other threads waits for it."""
        if self._process != os.getpid():
            self._reset_after_fork()
        outer, self._local.delivering = self._in_delivery(), True
        with self._changed:
            self._in_progress += 1
        try:
            yield
        finally:
            self._local.delivering = outer
            with self._changed:
                self._in_progress -= 1
                self._changed.notify_all()

    def _in_delivery(self) -> bool:
        return getattr(self._local, "delivering", False)

    def _reset_after_fork(self) -> None:
        """Reset locks and counters, which other threads may have held during the fork."""
        self._process = os.getpid()
        self._in_progress = 0
        self._changed = threading.Condition()
        self._local = threading.local()

    def _send(self, delivery: sqlite3.Row) -> None:
        status, answer = self._post(delivery)
        log.info("webhook to %r: %s", delivery["url"], status or answer)
        outbox.record(self._database, delivery, status, answer)

    def _post(self, delivery: sqlite3.Row) -> tuple[int | None, str]:
        if not self.reach.allows(delivery["url"]):
            return None, outbox.NOT_SENT
        body = json.loads(delivery["body"])
        content = {"data": body} if delivery["format"] == "form" else {"json": body}
        timeout = LATER_TRY_SECONDS if delivery["attempts"] else FIRST_TRY_SECONDS
        try:
            answer = self.http.post(delivery["url"], timeout=timeout, allow_redirects=False, **content)
        except (requests.RequestException, ValueError) as error:
            return None, type(error).__name__
        return answer.status_code, answer.text
