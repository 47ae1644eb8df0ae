"""Real servers on loopback for the browser tests: the shop with its sandbox, on a free port."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from flask import Flask
from werkzeug.serving import BaseWSGIServer, make_server

from app import close_app, create_app
from shop.config import load_settings
from tests.clocks import NOON, start_sandbox

POLL_SECONDS = 0.02  # how long the server may take to notice that it is to end


@dataclass
class Server:
    url: str
    app: Flask


@contextmanager
def serving(instance_path: Path, moment: datetime | None = NOON, **environ: str) -> Iterator[Server]:
    """The shop on a free port, as `make run` serves it; business time begins at `moment`, or is the system's."""
    if moment:
        start_sandbox(instance_path / "sandbox.sqlite3", moment)
    server: BaseWSGIServer = make_server("127.0.0.1", 0, Flask("placeholder"), threaded=True)
    app = create_app(load_settings({"PORT": str(server.port), **environ}, instance_path))
    server.app = app
    thread = threading.Thread(target=server.serve_forever, args=(POLL_SECONDS,), daemon=True)
    thread.start()
    try:
        yield Server(f"http://127.0.0.1:{server.port}", app)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        close_app(app)
