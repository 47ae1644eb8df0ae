"""Sends webhooks to the shop: real POSTs of what the outbox holds.

The sender does not wait for the browser, and the browser not for it: who arrives first is open, as with PortOne.
"""

import json
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

FIRST_TRY_SECONDS = (10, 30)  # PortOne's: to connect, to answer
LATER_TRY_SECONDS = 15


class Sender:
    """Posts what the outbox holds. Every call to a shop goes through `http`, and only to where `reach` allows."""

    def __init__(self, database: Database, http: requests.Session, reach: Reach, worker: Worker) -> None:
        self.http = http
        self.reach = reach
        self._database = database
        self._worker = worker
        self._become_this_process()

    def announce(self, waiting: list[int]) -> None:
        """After a commit: deliver the webhooks that must arrive first, and have the worker send the others."""
        for delivery_id in waiting:
            self.deliver(delivery_id)
        self._worker.wake()

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
        delivery = outbox.find(self._database, delivery_id)
        if delivery is not None:
            with self._counted():
                outbox.record(self._database, delivery, *self._post(delivery))

    def _deliver_next(self) -> bool:
        with self._counted():
            delivery = outbox.take(self._database)
            if delivery is None:
                return False
            outbox.record(self._database, delivery, *self._post(delivery))
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
