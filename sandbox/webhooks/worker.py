"""The background thread of each server process: sends due webhooks and runs due schedules."""

import logging
import os
import threading
from collections.abc import Callable

IDLE_SECONDS = 0.5

log = logging.getLogger(__name__)


class Worker:
    """Runs its jobs whenever something may be due. A daemon thread, so it never keeps a process alive."""

    def __init__(self, *, starts: bool) -> None:
        self._starts = starts
        self._jobs: list[Callable[[], object]] = []
        self._signal = threading.Event()
        self._lock = threading.Lock()
        self._started_in: int | None = None  # threads do not survive a fork, so each process starts its own
        self._stopped = False
        self._thread: threading.Thread | None = None

    def add(self, job: Callable[[], object]) -> None:
        self._jobs.append(job)

    def wake(self) -> None:
        """Run the jobs now instead of at the next interval."""
        self.start()
        self._signal.set()

    def start(self) -> None:
        """Start the thread if this process has none yet. Cheap enough for every request."""
        if self._started_in != os.getpid():
            self._start()

    def run_once(self) -> None:
        """Run the jobs in the calling thread."""
        for job in self._jobs:
            job()

    def stop(self) -> None:
        """Stop the thread and wait for it; it does not start again."""
        self._stopped = True
        self._signal.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout=5)

    def _start(self) -> None:
        if not self._starts or self._stopped:
            return
        if self._started_in is not None and self._started_in != os.getpid():  # forked: the parent may hold them
            self._lock, self._signal = threading.Lock(), threading.Event()
        with self._lock:
            if self._started_in == os.getpid():
                return
            self._started_in = os.getpid()
            self._thread = threading.Thread(target=self._run, name="sandbox-worker", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while not self._stopped:
            try:
                self.run_once()
            except Exception:  # one failing job must not stop later webhooks
                log.exception("a job of the sandbox's worker failed")
            self._signal.wait(IDLE_SECONDS)
            self._signal.clear()
