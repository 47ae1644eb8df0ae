"""The sandbox: an imitation of PortOne V1 and of KG Mobilians' payment window, for use without an account or a network.

It is an app of its own with its own database, and knows the shop by URL only: it calls the addresses that the shop
gives it, as PortOne would. What no source tells about the real ones is marked UNVERIFIED in its code.
"""

from dataclasses import dataclass
from pathlib import Path

import requests
from flask import Flask

from . import controls, rest, window
from .clock import Clock
from .database import Database
from .ledger import Ledger
from .notify import Notifier
from .windows import Windows

LARGEST_REQUEST_BYTES = 1_000_000


@dataclass(frozen=True)
class Sandbox:
    """The parts that the pages share. `http` is what every call to a shop goes through."""

    database: Database
    clock: Clock
    ledger: Ledger
    windows: Windows
    notifier: Notifier
    http: requests.Session

    def close(self) -> None:
        self.notifier.stop()
        self.http.close()
        self.database.close()


def create_sandbox(database: Path, *, shop_origin: str | None = None) -> Flask:
    """The sandbox as a WSGI app, its books in the file `database`. It posts to `shop_origin` and to loopback only."""
    app = Flask(__name__, static_folder="static", template_folder="templates")
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_REQUEST_BYTES
    app.json.sort_keys = True  # type: ignore[attr-defined]  # V1 answers in alphabetical order
    app.url_map.strict_slashes = False  # PortOne's own plugin calls with a slash at the end
    app.extensions["sandbox"] = build(database, shop_origin)
    for part in (rest, window, controls):
        app.register_blueprint(part.bp)
    return app


def build(path: Path, shop_origin: str | None) -> Sandbox:
    database = Database(path)
    clock = Clock(database)
    ledger = Ledger(database, clock)
    http = requests.Session()
    notifier = Notifier(database, clock, http, shop_origin)
    windows = Windows(ledger, on_paid=lambda books, payment: notifier.queue(books, payment, "paid"))
    return Sandbox(database, clock, ledger, windows, notifier, http)
