"""Who does what falls due by itself, webhooks and scheduled charges? One background thread in every server process."""

import logging
import os
import threading
from collections.abc import Callable

IDLE_SECONDS = 0.5

log = logging.getLogger(__name__)


class Worker:
    """Runs its jobs whenever something may be due. A daemon: it never keeps a process alive."""

    def __init__(self, *, starts: bool) -> None:
        self._starts = starts
        self._jobs: list[Callable[[], object]] = []
        self._signal = threading.Event()
        self._lock = threading.Lock()
        self._started_in: int | None = None  # a thread does not survive a fork, so each process starts its own
        self._stopped = False
        self._thread: threading.Thread | None = None

    def add(self, job: Callable[[], object]) -> None:
        self._jobs.append(job)

    def wake(self) -> None:
        """Something may be due: look now."""
        self.start()
        self._signal.set()

    def start(self) -> None:
        """Start the thread if this process has none yet. Cheap enough for every request."""
        if self._started_in != os.getpid():
            self._start()

    def run_once(self) -> None:
        """All that is due, in this thread."""
        for job in self._jobs:
            job()

    def stop(self) -> None:
        """End the thread and wait for it; it does not start again."""
        self._stopped = True
        self._signal.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout=5)

    def _start(self) -> None:
        if not self._starts or self._stopped:
            return
        if self._started_in is not None and self._started_in != os.getpid():  # forked: a lock or event may be held
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
            except Exception:  # one bad job must not silence every later webhook
                log.exception("the sandbox's worker stumbled")
            self._signal.wait(IDLE_SECONDS)
            self._signal.clear()
