"""WSGI middleware that injects network faults: delayed, truncated, dropped or withheld responses, and HTTP errors.

Over a socket it shuts the server's own connection. In the same process there is no socket: a header of the response
tells `adapter.py` which exception to raise.
"""

import select
import socket
import time
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

from ..api.envelope import refusal
from ..api.problems import is_v1
from ..ledger import faults
from ..ledger.database import Database
from ..ledger.faults import MARKER, Fault
from ..ledger.refusals import ApiRefused

TIMEOUT_KEY = "sandbox.read_timeout"  # seconds; set by the adapter
SOCKETS = ("gunicorn.socket", "werkzeug.socket")
WITHOUT_FAULTS = ("/controls", "/static", "/openapi.json")
POLL_SECONDS = 0.2

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
App = Callable[[Environ, StartResponse], Iterable[bytes]]


class FaultMiddleware:
    """Wraps the sandbox's WSGI app. No request waits longer than `longest_wait` seconds, whatever a rule says."""

    def __init__(self, app: App, database: Database, longest_wait: float) -> None:
        self._app = app
        self._database = database
        self._longest_wait = longest_wait

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "/")
        hits = [] if path.startswith(WITHOUT_FAULTS) else faults.http_faults(self._database, path)
        response = _Response(self._app, environ)
        for fault in hits:
            early = self._before(fault, environ, response)
            if early is not None:
                return early(environ, start_response)
        body = response.fetch()
        for fault in hits:
            late = _AFTER.get(fault.fault)
            if late is not None:
                return late(self._seconds(fault), body)(environ, start_response)
        if response.marker:  # the outcome of a phone number withholds the response
            return _hang(min(HANG_SECONDS, self._longest_wait), response.marker)(environ, start_response)
        start_response(response.status, response.headers)
        return [body]

    def _before(self, fault: Fault, environ: Environ, response: "_Response") -> App | None:
        if fault.fault == "status":
            return _status(fault, environ.get("PATH_INFO", "/"))
        if fault.fault == "drop_before":
            return _drop
        if fault.fault == "latency":
            limit = environ.get(TIMEOUT_KEY)
            if limit is not None and fault.value >= limit:  # the caller times out anyway, so do not sleep
                response.fetch()
                return _hang(self._seconds(fault), "hang")
            time.sleep(self._seconds(fault))
        return None

    def _seconds(self, fault: Fault) -> float:
        """Return how long to wait; 0 for a fault of another kind."""
        return min(fault.value, self._longest_wait) if fault.fault in ("latency", "hang_after") else 0.0


HANG_SECONDS = 60.0


class _Response:
    """The response of the wrapped app, produced once."""

    def __init__(self, app: App, environ: Environ) -> None:
        self._app = app
        self._environ = environ
        self._body: bytes | None = None
        self.status = ""
        self.headers: list[tuple[str, str]] = []

    @property
    def marker(self) -> str | None:
        return next((value for name, value in self.headers if name == MARKER), None)

    def fetch(self) -> bytes:
        if self._body is None:
            chunks = self._app(self._environ, self._start)
            try:
                self._body = b"".join(chunks)
            finally:
                getattr(chunks, "close", lambda: None)()
        return self._body

    def _start(self, status: str, headers: list[tuple[str, str]], *_: Any) -> Callable[[bytes], object]:
        self.status, self.headers = status, headers
        return lambda _: None


def _status(fault: Fault, path: str) -> App:
    """An HTTP error with V1's body; with an HTML page when the fault says so, and outside of V1's paths."""
    if fault.body == "html" or not is_v1(path):
        return _plain(f"{fault.value} Sandbox fault", b"<html><body>Sandbox fault</body></html>")
    # Code -1 and "Unauthorized" were observed for 401. UNVERIFIED: the body of 429 and 5xx.
    return refusal(ApiRefused(_PHRASES.get(fault.value, "Sandbox fault"), -1, fault.value))


_PHRASES = {status.value: status.phrase for status in HTTPStatus}


def _plain(status: str, body: bytes, content_type: str = "text/html", marker: str | None = None) -> App:
    def response(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        headers = [("Content-Type", content_type), ("Content-Length", str(len(body)))]
        start_response(status, [*headers, (MARKER, marker)] if marker else headers)
        return [body]

    return response


def _drop(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """Shut the connection. The returned response reaches only a caller in the same process."""
    connection = _socket(environ)
    if connection is not None:
        _shut(connection)
    return _plain("503 Sandbox fault", b"", marker="drop")(environ, start_response)


def _hang(seconds: float, marker: str) -> App:
    def response(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        connection = _socket(environ)
        if connection is not None:
            _wait_for_disconnect(connection, seconds)
            _shut(connection)
        return _plain("503 Sandbox fault", b"", marker=marker)(environ, start_response)

    return response


def _wait_for_disconnect(connection: socket.socket, seconds: float) -> None:
    """Wait until the caller gives up: the socket becomes readable when it disconnects."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        readable, _, _ = select.select([connection], [], [], min(left, POLL_SECONDS))
        if readable:
            return


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # already disconnected


def _socket(environ: Environ) -> socket.socket | None:
    return next((environ[key] for key in SOCKETS if environ.get(key) is not None), None)


_AFTER: dict[str, Callable[[float, bytes], App]] = {
    "broken_json": lambda seconds, body: _plain("200 OK", body[: len(body) // 2], "application/json; charset=UTF-8"),
    "drop_after": lambda seconds, body: _drop,
    "hang_after": lambda seconds, body: _hang(seconds, "hang"),
}
