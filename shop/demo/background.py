"""The demo's own cron: a thread of `make run` that syncs and bills every minute of the sandbox's clock.

Nothing starts the thread but `python app.py`: no command, no test and no production server, where cron or the
scheduler runs. worlds.py calls `look` for each open world of a demo with a shop for each visitor.
"""

import logging
import threading
from datetime import datetime, timedelta

from flask import Flask

from payments import clock

from . import rounds

LOOK_SECONDS = 1.0
EVERY = timedelta(minutes=1)

log = logging.getLogger(__name__)


class Background:
    """Runs a round whenever a minute of business time has passed, so also at once after the clock was moved."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._last: datetime | None = None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._keep_looking, name="demo-rounds", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()

    def look(self) -> bool:
        """Run a round if one is due. False: the latest was less than a minute ago, or one is under way."""
        with self._app.app_context():
            now = clock.now()
            if self._last and timedelta() <= now - self._last < EVERY:  # the clock goes back when the sandbox is reset
                return False
            lock = rounds.one_at_a_time()
            if not lock.acquire(blocking=False):  # a journey of the clock runs rounds of its own, and may take minutes
                return False
            try:
                self._last = now
                rounds.run()
            finally:
                lock.release()
        return True

    def _keep_looking(self) -> None:
        while True:
            try:
                self.look()
            except Exception:
                log.exception("the demo's round failed; the next one goes on")
            if self._stopped.wait(LOOK_SECONDS):
                return
