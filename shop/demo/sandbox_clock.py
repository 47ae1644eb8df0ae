"""The sandbox's clock, which the shop follows. `clock_buttons.py` and `journey.py` move it.

`app.py` loads this file in sandbox mode only: with live settings no code path leads here.
"""

import threading
import time
from datetime import UTC, datetime, timedelta

import requests
from flask import Flask, has_app_context
from sqlalchemy import func, select

from payments import clock
from payments.database import db, in_transaction, reading
from payments.models import Payment

from . import clock_buttons, reset, rounds

FRESH_FOR_SECONDS = 1.0
TIMEOUT_SECONDS = 3.0
MOVE_SECONDS = 60.0  # schedules and webhooks on the way run before the sandbox answers


class SandboxClock:
    """Business time: the machine's time plus the sandbox's offset, which is requested at most once a second.

    Inside a transaction the last known offset is used, because no network call is allowed there.
    """

    def __init__(self, session: requests.Session, api_url: str) -> None:
        self._session = session
        self._address = f"{api_url}/controls/clock"
        self._offset = timedelta()
        self._asked_at = float("-inf")
        self._asking = threading.Lock()

    def __call__(self) -> datetime:
        stale = time.monotonic() - self._asked_at > FRESH_FOR_SECONDS
        if stale and not (has_app_context() and in_transaction()) and self._asking.acquire(blocking=False):
            try:
                self._ask()
            finally:
                self._asking.release()
        return datetime.now(UTC) + self._offset

    def move_to(self, moment: datetime) -> None:
        """Move the sandbox's clock forward, and ours with it. Raises requests.RequestException."""
        answer = self._session.post(self._address, json={"to": moment.isoformat()}, timeout=MOVE_SECONDS)
        answer.raise_for_status()
        self._ask()

    def catch_up(self) -> datetime | None:
        """Move to our latest payment if the sandbox is behind it, as after a reset of its own; return that moment.

        Raises requests.RequestException. None: it is not behind.
        """
        with reading():
            latest = db.session.scalar(select(func.max(Payment.paid_at)))
        if latest is None or latest <= clock.now():
            return None
        self.move_to(latest)
        return latest

    def _ask(self) -> None:
        self._asked_at = time.monotonic()
        try:
            answer = self._session.get(self._address, timeout=TIMEOUT_SECONDS).json()
            self._offset = timedelta(seconds=float(answer["offset"]))
        except (requests.RequestException, ValueError, KeyError, TypeError):
            return  # keep the offset: a sandbox that does not respond has not moved its clock


def install(app: Flask, session: requests.Session, api_url: str) -> None:
    """Make the shop use the sandbox's clock, and add its pages and the reset."""
    source = SandboxClock(session, api_url)
    app.extensions["sandbox_clock"] = source
    clock.use_source(app, source)

    @app.before_request
    def follow() -> None:
        source()  # refresh before the page opens a transaction

    rounds.install(app)
    clock_buttons.install(app)
    reset.install(app, session, api_url)
