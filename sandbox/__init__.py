"""The sandbox: an imitation of PortOne V1 and of KG Mobilians' payment window, for use without an account or a network.

It is an app of its own with its own database, and knows the shop by URL only: it calls the addresses that the shop
gives it, as PortOne would. What no source tells about the real ones is marked UNVERIFIED in its code.
"""

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import requests
from flask import Flask

from .api import problems, rest_payments, rest_schedules, rest_subscribe
from .api.envelope import CarefulJSON
from .api.rest import bp as rest
from .attacks import lab
from .controls import controls, panel
from .controls.middleware import FaultMiddleware
from .ledger.database import Database
from .webhooks.due import run_due
from .webhooks.reach import Reach
from .webhooks.sender import Sender
from .webhooks.worker import Worker
from .window import views as window

__all__ = ["Sandbox", "create_sandbox", "lab", "panel", "rest_payments", "rest_schedules", "rest_subscribe"]

LARGEST_REQUEST_BYTES = 1_000_000


@dataclass(frozen=True)
class Sandbox:
    """What the pages of one sandbox share, in `app.extensions["sandbox"]`."""

    database: Database
    sender: Sender
    worker: Worker
    controls_token: str | None = None
    shop_origin: str | None = None
    shop_names: Mapping[str, str] | None = None  # as the contract with KG has them, by language

    @property
    def http(self) -> requests.Session:
        """What every call to a shop goes through."""
        return self.sender.http

    def flush(self) -> None:
        """Do all that is due now, in this thread: scheduled charges, then every webhook."""
        run_due(self.database, self.sender)

    def close(self) -> None:
        """End the background thread and let go of files and sockets."""
        self.worker.stop()
        self.http.close()
        self.database.close()


def create_sandbox(
    database: Path | str,
    *,
    shop_origin: str | None = None,
    shop_names: Mapping[str, str] | None = None,
    controls_token: str | None = None,
    start_worker: bool = True,
    webhook_hosts: Collection[str] | None = None,
) -> Flask:
    """The sandbox as a WSGI app, its books in the file `database`.

    It calls `shop_origin`, loopback addresses and `webhook_hosts` (without it: SANDBOX_WEBHOOK_HOSTS, separated by
    commas), nobody else. The window calls the shop by `shop_names`, one for each language. `controls_token` guards
    what is below /controls/. Without `start_worker` no thread is started, and what falls due waits for `flush()`.
    """
    hosts = _hosts_of_the_environment() if webhook_hosts is None else webhook_hosts
    app = Flask(__name__, static_folder="static", template_folder="templates")
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_REQUEST_BYTES
    app.json = CarefulJSON(app)
    app.url_map.strict_slashes = False  # PortOne's own plugin calls with a slash at the end
    books, sender, worker = build(Path(database), Reach(shop_origin, hosts), start_worker=start_worker)
    app.extensions["sandbox"] = Sandbox(books, sender, worker, controls_token or None, shop_origin, shop_names)
    for part in (rest, window.bp, controls.bp):
        app.register_blueprint(part)
    problems.install(app)
    app.before_request(worker.start)
    app.wsgi_app = FaultMiddleware(app.wsgi_app, books)  # type: ignore[method-assign]
    return app


def build(path: Path, reach: Reach, *, start_worker: bool) -> tuple[Database, Sender, Worker]:
    """The database, what calls the shop, and the background thread, put together."""
    database = Database(path)
    http = requests.Session()
    http.trust_env = False  # no proxy and no .netrc of this machine between the sandbox and the shop
    worker = Worker(starts=start_worker)
    sender = Sender(database, http, reach, worker)
    worker.add(lambda: run_due(database, sender))
    return database, sender, worker


def _hosts_of_the_environment() -> list[str]:
    return [host.strip() for host in os.environ.get("SANDBOX_WEBHOOK_HOSTS", "").split(",") if host.strip()]
