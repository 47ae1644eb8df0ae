"""A sandbox in a thread of this process, driven by methods, for tests and scripts. The fixture is in `testing.py`."""

import json
import socket
import threading
from calendar import monthrange
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from flask import Flask
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from . import Sandbox, create_sandbox
from .controls import controls
from .ledger import clock, lookups, outbox
from .ledger.merchant import API_KEY, API_SECRET, IMP_CODE

POLL_SECONDS = 0.02  # how soon the server notices that it should stop
MOST_ROWS = 1_000_000
NOT_RUNNING = "it is not running: write `with RunningSandbox(…) as sandbox:`"

JSON = dict[str, Any]


class SandboxError(Exception):
    """The sandbox refused a call of this class. The message names the field, or says what is missing."""


class RunningSandbox:
    """A sandbox on a free port of this machine, from `__enter__` to `__exit__`.

    Webhooks need no waiting: `pay`, `cancel`, `advance` and `deliveries` return only after every webhook that was due
    has been answered by the shop, or has failed. Those of a payment that somebody else made (a browser, a charge by
    the shop) are sent in the background; `settle` waits for them. A webhook that is to come later (`webhook_order`
    `late`) is sent by `advance`.
    """

    imp_code: str = IMP_CODE
    api_key: str = API_KEY
    api_secret: str = API_SECRET

    def __init__(
        self, database: Path | str, *, shop: str | None = None, webhook_hosts: Collection[str] = (), port: int = 0
    ) -> None:
        """`database`: a file, made if it is missing. `port` 0: a free one.

        `shop`: its origin, for a shop on another machine; webhooks go to it, and to `webhook_hosts`. Without it they go
        to any address on this machine. No setting of the environment is read.
        """
        self._database, self._port = Path(database), port
        self._app: Flask | None = None
        self._server: BaseWSGIServer | None = None
        self._options: JSON = {"shop_origin": shop, "webhook_hosts": webhook_hosts, "api_keys": (API_KEY, API_SECRET)}

    def __enter__(self) -> Self:
        with socket.create_server(("127.0.0.1", self._port)) as listening:  # OSError if the port is in use
            self._app = create_sandbox(self._database, **self._options)
            self._server = make_server(
                "127.0.0.1", 0, self._app, threaded=True, request_handler=_QuietHandler, fd=listening.fileno()
            )
        self._thread = threading.Thread(target=self._server.serve_forever, args=(POLL_SECONDS,), daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        server, sandbox = self._running_server, self._sandbox
        server.shutdown()
        self._thread.join()
        server.server_close()
        sandbox.close()
        self._app = self._server = None

    # --- what a shop is told ---

    @property
    def url(self) -> str:
        """The address of the REST API, in place of `https://api.iamport.kr`."""
        return f"http://127.0.0.1:{self._running_server.port}"

    @property
    def script_url(self) -> str:
        """The address of the browser's script, in place of `https://cdn.iamport.kr/v1/iamport.js`."""
        return f"{self.url}/v1/iamport.js"

    # --- buyers ---

    def pay(
        self,
        params: Mapping[str, Any],
        *,
        outcome: Literal["approve", "decline", "close"] = "approve",
        phone: str | None = None,
        device: Literal["pc", "mobile"] = "pc",
    ) -> JSON:
        """Open a payment window with these parameters and end it; what the page's callback would get.

        `params` is what the shop's page gives to `IMP.request_pay`. Nothing is filled in: what the shop forgets is
        refused as KG would, with `success` false. `phone` is the number typed into the window; its last four digits
        choose an outcome (docs/sandbox.md), and without it one that fits `outcome` is used.
        """
        given = dict(params)
        if phone is not None and "phone" in given:
            raise SandboxError("phone: the parameters have a `phone` of their own; leave one out")
        given |= {"outcome": outcome, "device": device} | ({} if phone is None else {"phone": phone})
        result = self._call("POST", "payments", given)
        self.settle()
        return result

    def payment(self, imp_uid: str) -> JSON:
        """One payment as V1's API gives it, test payments included. SandboxError if there is none."""
        found = lookups.payment(self._sandbox.database, imp_uid)
        if found is None:
            raise SandboxError(f"no payment {imp_uid}")
        return dict(json.loads(found["body"]))

    def payments(self, merchant_uid: str) -> list[JSON]:
        """All windows and charges of one order id, the newest first."""
        page = lookups.of_order(self._sandbox.database, merchant_uid, "", lookups.USUAL_ORDER, 1, MOST_ROWS)
        return [json.loads(text) for text in page.texts]

    # --- the merchant's console, and time ---

    def cancel(self, imp_uid: str, reason: str = "") -> JSON:
        """Cancel the whole amount as a person does in PortOne's console, with a webhook; the payment afterwards.

        SandboxError when KG refuses, such as in a later month.
        """
        self._call("POST", f"payments/{imp_uid}/cancel", {"reason": reason} if reason else {})
        self.settle()
        return self.payment(imp_uid)

    @property
    def now(self) -> datetime:
        """The business time in Seoul, in whole seconds. It is the machine's until `advance` moves it."""
        return clock.local(self._sandbox.database)

    def advance(self, to: datetime | str | None = None, *, months: int = 0, days: int = 0) -> datetime:
        """Move the business time forward, to a moment or by months and then days; the time afterwards.

        `to` without a zone is Seoul's; a text is ISO 8601. A month later is the same day, or the month's last one.
        Scheduled charges and webhooks on the way happen at their own moment; the shop itself does nothing meanwhile.
        SandboxError for a moment in the past.
        """
        if (to is None) != bool(months or days):
            raise SandboxError("to: either a moment, or months and days")
        moment = to if to is not None else _later(self.now, months, days)
        self._call("POST", "clock", {"to": moment.isoformat() if isinstance(moment, datetime) else moment})
        self.settle()
        return self.now

    # --- faults and settings ---

    def fault(self, path: str, fault: str, **more: Any) -> JSON:
        """Inject an error at an address of the REST API, such as `/subscribe/payments/again`; the rule.

        `fault` is `latency`, `status`, `broken_json`, `drop_before`, `drop_after`, `hang_after` or `decline`. `more`:
        `value` (seconds, an HTTP status, or KG's code), `count` (how often; for ever without), `body`, `probability`
        and `seed`.
        """
        return self._call("POST", "faults", {"path": path, "fault": fault} | more)

    def clear_faults(self) -> None:
        self._call("DELETE", "faults")

    def settings(self, **changes: Any) -> JSON:
        """Change settings, such as `webhook_url` or `webhook_order` (docs/sandbox.md); all of them afterwards."""
        return self._call("POST", "settings", changes)

    def reset(self) -> None:
        """Forget payments, keys, webhooks, faults, settings, and how far the time was moved."""
        self._call("POST", "reset")

    # --- webhooks ---

    def settle(self) -> None:
        """Charge what is scheduled until now, and wait until every webhook that is due has its answer."""
        self._sandbox.flush()

    def deliveries(self) -> list[JSON]:
        """All webhooks with their answers, the oldest first: `url`, `body`, `state`, `answer_status`, `answer` …

        `state` is `sent`, `waiting` or `kept back`. `answer_status` None: no answer, and `answer` says why.
        """
        self.settle()
        return [controls.delivery(row) for row in reversed(outbox.latest(self._sandbox.database, MOST_ROWS))]

    # --- how ---

    @property
    def _running_server(self) -> BaseWSGIServer:
        if self._server is None:
            raise SandboxError(NOT_RUNNING)
        return self._server

    @property
    def _running_app(self) -> Flask:
        if self._app is None:
            raise SandboxError(NOT_RUNNING)
        return self._app

    @property
    def _sandbox(self) -> Sandbox:
        found: Sandbox = self._running_app.extensions["sandbox"]
        return found

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> JSON:
        """Call one of the endpoints below /controls/, in this thread."""
        answer = self._running_app.test_client().open(f"/controls/{path}", method=method, json=body)
        told: JSON = answer.get_json()
        if answer.status_code >= 400:
            field = f"{told['field']}: " if "field" in told else ""
            raise SandboxError(f"{field}{told['message']}")
        return told


def _later(moment: datetime, months: int, days: int) -> datetime:
    """The same day and time so many months later, or that month's last day, and then so many days later."""
    years, month = divmod(moment.month - 1 + months, 12)
    year, month = moment.year + years, month + 1
    try:
        day = min(moment.day, monthrange(year, month)[1])
        return moment.replace(year=year, month=month, day=day) + timedelta(days=days)
    except (ValueError, OverflowError) as error:
        raise SandboxError(f"to: {error}") from None


class _QuietHandler(WSGIRequestHandler):
    """Logs no request: the output belongs to the tests."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass
