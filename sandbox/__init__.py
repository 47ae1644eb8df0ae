"""A sandbox of PortOne V1 and KG Mobilians' payment window, usable without an account or a network.

It is a Flask app with a database of its own. It reaches a shop by URL only, at the addresses that the shop sends.
Behaviour that no source documents is marked UNVERIFIED in the code.

Rooms, each importing only those before it: `ledger` (payments, keys and KG's rules in one SQLite database), `webhooks`
(calls to the shop), `window` (the payment window), `api` (V1's REST API), `controls` (panel, faults), `check` (cases
against a shop), `attacks` (their page).
"""

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from math import inf
from pathlib import Path

import requests
from flask import Flask

from .api import problems, rest_payments, rest_schedules, rest_subscribe
from .api.envelope import StrictJSON
from .api.rest import bp as rest
from .attacks import lab
from .check import names, shopfile
from .check.cases import CASES
from .controls import clock_with_shop, controls, description, keys, panel
from .controls.middleware import FaultMiddleware
from .ledger.database import Database
from .ledger.merchant import API_KEY, API_SECRET, own_keys
from .webhooks.due import run_due
from .webhooks.reach import Reach
from .webhooks.sender import Sender
from .webhooks.worker import Worker
from .window import views as window

__version__ = "2.0.0"  # pyproject.toml and /openapi.json read it here

__all__ = [
    "Sandbox",
    "clock_with_shop",
    "create_sandbox",
    "keys",
    "lab",
    "panel",
    "rest_payments",
    "rest_schedules",
    "rest_subscribe",
]

LARGEST_REQUEST_BYTES = 1_000_000


@dataclass(frozen=True)
class Sandbox:
    """What the views share; found in `app.extensions["sandbox"]`."""

    database: Database
    sender: Sender
    worker: Worker
    api_keys: tuple[str, str]  # key and secret of the REST API
    controls_token: str | None = None
    shop_origin: str | None = None
    shop_names: Mapping[str, str] | None = None  # the merchant's name in the contract with KG, by language
    clock_url: str | None = None  # where the shop moves the clock itself, doing its charge days on the way
    shop_file: shopfile.ShopFile | None = None  # how the shop describes itself, for the attack lab

    @property
    def http(self) -> requests.Session:
        """The session of every call to the shop."""
        return self.sender.http

    def flush(self) -> None:
        """Run all due scheduled charges, then send all due webhooks, in this thread."""
        run_due(self.database, self.sender)

    def close(self) -> None:
        """Stop the background thread and close files and sockets."""
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
    api_keys: tuple[str, str] | None = None,
    clock_url: str | None = None,
    shop_file: Path | None = None,
    longest_wait: float = inf,
) -> Flask:
    """Create the sandbox as a WSGI app that stores everything in the SQLite file `database`.

    Outgoing calls go only to `shop_origin` and `webhook_hosts` (default: SANDBOX_WEBHOOK_HOSTS, separated by commas),
    and to loopback addresses while the shop is on one. `shop_names` holds the name that the window shows, by language.
    `controls_token` protects /controls/. `api_keys`: key and secret; default: SANDBOX_API_KEY and SANDBOX_API_SECRET,
    else the published ones for a shop on this machine, else those in the file `sandbox_keys` beside the database.
    `clock_url`: the shop's address that moves this clock from charge day to charge day, for the panel's buttons.
    `shop_file`: how the shop describes itself (docs/check-file.md), for the attack lab; raises BadFile for a wrong one.
    `longest_wait`: seconds that a fault may keep a thread of the server, for a public sandbox; a longer one is cut.
    With `start_worker=False` no thread starts, and due work waits for `Sandbox.flush()`.
    """
    reach = Reach(shop_origin, _hosts_from_environment() if webhook_hosts is None else webhook_hosts)
    keys = api_keys or _keys(Path(database), reach.is_local)
    described = _shop_described_by(shop_file) if shop_file else None
    app = Flask(__name__, static_folder="static", template_folder="templates")
    app.config.update(MAX_CONTENT_LENGTH=LARGEST_REQUEST_BYTES, SANDBOX_VERSION=__version__)
    app.json = StrictJSON(app)
    app.url_map.strict_slashes = False  # PortOne's own plugin calls with a trailing slash
    parts = build(Path(database), reach, start_worker=start_worker)
    sandbox = Sandbox(*parts, keys, controls_token or None, shop_origin, shop_names, clock_url or None, described)
    app.extensions["sandbox"] = sandbox
    for part in (rest, window.bp, controls.bp, description.bp):
        app.register_blueprint(part)
    problems.install(app)
    app.before_request(sandbox.worker.start)
    app.wsgi_app = FaultMiddleware(app.wsgi_app, sandbox.database, longest_wait)  # type: ignore[method-assign]
    return app


def _shop_described_by(path: Path) -> shopfile.ShopFile:
    shop = shopfile.read(path, tuple(CASES))
    names.check(path.name, shop)
    return shop


def build(path: Path, reach: Reach, *, start_worker: bool) -> tuple[Database, Sender, Worker]:
    """Create the database, the webhook sender and the background worker."""
    database = Database(path)
    http = requests.Session()
    http.trust_env = False  # ignore this machine's proxy settings and .netrc
    worker = Worker(starts=start_worker)
    sender = Sender(database, http, reach, worker)
    worker.add(lambda: run_due(database, sender))
    return database, sender, worker


def _keys(database: Path, is_local: bool) -> tuple[str, str]:
    given = os.environ.get("SANDBOX_API_KEY", "").strip(), os.environ.get("SANDBOX_API_SECRET", "").strip()
    if all(given):
        return given
    return (API_KEY, API_SECRET) if is_local else own_keys(database.with_name("sandbox_keys"))


def _hosts_from_environment() -> list[str]:
    return [host.strip() for host in os.environ.get("SANDBOX_WEBHOOK_HOSTS", "").split(",") if host.strip()]
