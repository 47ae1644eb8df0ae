"""Logging: one line per request, per event and per failed call to PortOne.

LOG_FORMAT chooses JSON for machines or text for people. Once a request knows its payment, all of its lines contain the
`merchant_uid`. Secrets, phone numbers and e-mail addresses are removed from every finished line, including tracebacks
and lines of libraries.
"""

import json
import logging
import re
import sys
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, TextIO, cast
from urllib.parse import urlsplit

from flask import Flask, Response, g, has_request_context, request
from flask.logging import wsgi_errors_stream

from payments.models import Event
from payments.privacy import mask_emails, mask_text
from payments.signals import Call, event_recorded, portone_called
from shop.config import Settings

access = logging.getLogger("shop.access")
events = logging.getLogger("shop.events")
calls = logging.getLogger("shop.portone")

HIDDEN = "[hidden]"
ASKED = "shop.asked"  # in the environ: method and path of the request, if it was led to another path
QUIET = {"health.healthz", "health.readyz", "metrics.metrics", "static"}  # polled every few seconds, or of no interest

IN_MESSAGE = {"method", "path", "status", "source", "outcome", "call", "result"}  # the text format does not repeat them

# Hide the value behind these words in a URL, a form, JSON, a header or a Python dict.
_NAMED_SECRET = re.compile(
    r"""((?:password|passwd|secret|imp_key|api_key|token|authorization|cookie|session)["']?\s*[=:]\s*["']?)[^\s"',;&}]+""",
    re.IGNORECASE,
)
_BEARER = re.compile(r"(bearer\s+)[\w.~+/=-]+", re.IGNORECASE)
_WORLD_SECRET = re.compile(r"dw_[\w.-]+")  # of any visitor's world: one process has many (world_settings.py)
_URL_PASSWORD = re.compile(r"(\w://[^\s:/@]*:)[^\s/@]+@")


LONGEST_END = 10_000  # characters that a long text keeps at each end
BESIDE_THE_CUT = 1000  # longer than any secret


class Redactor:
    """Removes secrets and personal data from a text, and the middle of a long text."""

    def __init__(self, secrets: Iterable[str]) -> None:
        known = [re.escape(secret) for secret in secrets if len(secret) >= 6]
        self._known = re.compile("|".join(known) or r"(?!)")

    def __call__(self, text: str) -> str:
        if len(text) <= 2 * LONGEST_END:
            return self._redacted(text)
        # A secret that the cut splits is not recognised: after redacting, drop the characters next to the cut.
        beginning = self._redacted(text[:LONGEST_END])[:-BESIDE_THE_CUT]
        end = self._redacted(text[-LONGEST_END:])[BESIDE_THE_CUT:]
        return f"{beginning} […] {end}"

    def _redacted(self, text: str) -> str:
        text = self._known.sub(HIDDEN, text)
        text = _WORLD_SECRET.sub(HIDDEN, text)
        text = _BEARER.sub(rf"\1{HIDDEN}", text)
        text = _NAMED_SECRET.sub(rf"\1{HIDDEN}", text)
        text = _URL_PASSWORD.sub(rf"\1{HIDDEN}@", text)
        return mask_emails(mask_text(text))


class LineFormatter(logging.Formatter):
    """Formats a record as one line. Facts are passed as `extra={"facts": {...}}`."""

    def __init__(self, redact: Redactor, as_json: bool) -> None:
        super().__init__()
        self._redact = redact
        self._as_json = as_json

    def format(self, record: logging.LogRecord) -> str:
        facts = {**_thread(), **getattr(record, "facts", {})}
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": self._redact(record.getMessage()),
            **{name: self._clean(value) for name, value in facts.items() if value not in (None, "")},
        }
        if record.exc_info:
            line["error"] = self._redact(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False) if self._as_json else _as_text(line)

    def _clean(self, value: Any) -> Any:
        return value if isinstance(value, int | float) else self._redact(str(value))


def _thread() -> dict[str, str | None]:
    """Return the `merchant_uid` of the payment that this request is about, once it is known."""
    return {"merchant_uid": g.get("merchant_uid")} if has_request_context() else {}


def _as_text(line: dict[str, Any]) -> str:
    error = line.pop("error", "")
    head = " ".join(str(line.pop(part)) for part in ("time", "level", "logger", "message"))
    facts = "".join(f" {name}={value}" for name, value in line.items() if name not in IN_MESSAGE)
    one_line = "".join(one if one.isprintable() else repr(one)[1:-1] for one in head + facts)
    return f"{one_line}\n{error}" if error else one_line


def install(app: Flask, settings: Settings) -> None:
    """Log to standard error, with one line for each request of `app`."""
    passwords = (urlsplit(settings.database_url).password or "", getattr(settings.mail_server, "password", ""))
    secrets = (settings.secret_key, settings.api_secret, settings.api_key, settings.metrics_token, *passwords)
    handler = logging.StreamHandler(cast("TextIO", wsgi_errors_stream))
    handler.set_name("shop")
    handler.setFormatter(LineFormatter(Redactor(secrets), settings.log_format == "json"))
    root = logging.getLogger()
    earlier = [one for one in root.handlers if one.get_name() == "shop"]
    root.addHandler(handler)  # first: a line that another app writes now is rather written twice than lost
    for old in earlier:
        root.removeHandler(old)
    for package in ("payments", "shop"):
        logging.getLogger(package).setLevel(logging.INFO)
    logging.getLogger("werkzeug").setLevel(logging.WARNING)  # its own access log contains the query

    event_recorded.connect(_write_event)
    portone_called.connect(_write_call)
    app.before_request(_begin)
    app.after_request(_write_access)


def _begin() -> None:
    g.began = time.perf_counter()
    named = (request.view_args or {}).get("merchant_uid")
    if named:
        g.merchant_uid = named


def _write_access(response: Response) -> Response:
    if request.endpoint not in QUIET:
        method, path = request.environ.get(ASKED, (request.method, request.path))
        ms = round((time.perf_counter() - g.began) * 1000, 1) if "began" in g else None
        write_access(method, path, response.status_code, ms, request.remote_addr)
    return response


def write_access(method: str, path: str, status: int, ms: float | None, address: str | None) -> None:
    """Log method, path and status; never the query, which anybody may fill with anything."""
    facts = {"method": method, "path": path, "status": status, "ms": ms, "address": address}
    access.info("%s %s %s", method, path, status, extra={"facts": facts})


def _write_event(line: Event) -> None:
    if has_request_context():
        g.merchant_uid = line.merchant_uid or g.get("merchant_uid")
    elif sys.stderr.isatty():
        return  # a command that is run by hand shows a progress bar
    names = ("merchant_uid", "imp_uid", "customer_uid", "source", "outcome", "reason", "actor")
    facts = {name: getattr(line, name) for name in names}
    events.info("%s: %s", line.source, line.outcome, extra={"facts": facts})


def _write_call(_client: object, call: Call) -> None:
    failed = call.result == "no answer" or call.result.startswith("5") or call.result == "401"
    facts = {"call": call.request, "result": call.result, "ms": round(call.seconds * 1000, 1)}
    calls.log(logging.WARNING if failed else logging.DEBUG, "%s: %s", call.request, call.result, extra={"facts": facts})
