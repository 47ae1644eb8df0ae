"""One process of the crash tests: `python -m tests.chaos.serve shop|sandbox|run`, to die at a given step.

The fuse is lit from here, not from the shop's code: it passes a step before and after every commit that writes and
every call to PortOne. At the step that CHAOS_DIE_AT names, the process kills itself as a power cut would.
"""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flask.cli import ScriptInfo
from sqlalchemy import event
from sqlalchemy.orm import Session
from werkzeug.serving import make_server

from app import create_app
from payments.database import TransactionSession
from sandbox import create_sandbox
from sandbox.ledger.database import Database


class Fuse:
    """Counts the steps of this process; at the last one it ends, in the middle of whatever is under way."""

    def __init__(self, die_at: int) -> None:
        self.passed, self._die_at, self._lock = 0, die_at, threading.Lock()

    def step(self, *_: Any) -> None:
        with self._lock:
            self.passed += 1
            if self.passed == self._die_at:
                os.kill(os.getpid(), signal.SIGKILL)


class Doomed:
    """The provider, with a step before and after each question."""

    def __init__(self, provider: Any, fuse: Fuse) -> None:
        self._provider, self._fuse = provider, fuse

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._provider, name)
        if not callable(found) or name == "close":
            return found

        def asked(*args: Any, **options: Any) -> Any:
            self._fuse.step()
            answer = found(*args, **options)
            self._fuse.step()
            return answer

        return asked


def shop(fuse: Fuse) -> Any:
    """The shop; its sandbox is another process, at PORTONE_API_URL."""

    def step(session: Session) -> None:
        fuse.step()

    event.listen(TransactionSession, "before_commit", step)
    event.listen(TransactionSession, "after_commit", step)
    app = create_app()
    app.extensions["payments"].provider = Doomed(app.extensions["payments"].provider, fuse)
    return app


def sandbox(fuse: Fuse) -> Any:
    """The sandbox alone, in the same folder."""
    before = Database.writing

    @contextmanager
    def writing(self: Database, *, durable: bool = True) -> Iterator[Any]:
        with before(self, durable=durable) as books:
            yield books
            fuse.step()
        fuse.step()

    Database.writing = writing  # type: ignore[method-assign]
    return create_sandbox(Path(os.environ["INSTANCE_PATH"]) / "sandbox.sqlite3", shop_origin=os.environ["PUBLIC_URL"])


def main() -> None:
    fuse = Fuse(int(os.environ.get("CHAOS_DIE_AT", "0")))
    what, *words = sys.argv[1:]
    if what == "run":
        app = shop(fuse)
        try:
            app.cli.main(args=words, prog_name="flask", obj=ScriptInfo(create_app=lambda: app))
        finally:
            print(f"steps: {fuse.passed}", flush=True)
        return

    def end(*_: Any) -> None:
        print(f"steps: {fuse.passed}", flush=True)
        os._exit(0)

    signal.signal(signal.SIGTERM, end)
    app = {"shop": shop, "sandbox": sandbox}[what](fuse)
    server = make_server("127.0.0.1", int(words[0]), app, threaded=True)
    server.daemon_threads = True  # type: ignore[attr-defined]
    server.serve_forever()


if __name__ == "__main__":
    main()
