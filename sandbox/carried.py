"""How does a fault reach the client? As it would on a real line: slow, cut in half, broken off, or never answered.

Over a socket the server's own connection is shut. Called inside the process there is none: a marker in the answer tells
`adapter.py` what the caller's `requests` has to raise.
"""

import select
import socket
import time
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

from .envelope import refusal
from .faults import Fault, Faults
from .problems import API
from .refusals import ApiRefused

MARKER = "X-Sandbox-Fault"  # drop | hang
TIMEOUT_KEY = "sandbox.read_timeout"  # seconds, put there by the adapter
SOCKETS = ("gunicorn.socket", "werkzeug.socket")
NEVER_STRUCK = ("/controls", "/static")
LOOK_EVERY_SECONDS = 0.2

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
App = Callable[[Environ, StartResponse], Iterable[bytes]]


class Carried:
    """WSGI middleware around the sandbox."""

    def __init__(self, app: App, faults: Faults) -> None:
        self._app = app
        self._faults = faults

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "/")
        struck = [] if path.startswith(NEVER_STRUCK) else self._faults.on_the_wire(path)
        answer = _Answer(self._app, environ)
        for fault in struck:
            early = self._before(fault, environ, answer)
            if early is not None:
                return early(environ, start_response)
        body = answer.fetch()
        for fault in struck:
            late = _AFTER.get(fault.fault)
            if late is not None:
                return late(fault, body)(environ, start_response)
        if answer.marker:  # an outcome of a phone number asks for it
            return _silence(KEPT_SILENT, answer.marker)(environ, start_response)
        start_response(answer.status, answer.headers)
        return [body]

    def _before(self, fault: Fault, environ: Environ, answer: "_Answer") -> App | None:
        if fault.fault == "status":
            return _status(fault, environ.get("PATH_INFO", "/"))
        if fault.fault == "drop_before":
            return _broken_off
        if fault.fault == "latency":
            limit = environ.get(TIMEOUT_KEY)
            if limit is not None and fault.value >= limit:  # nobody waits that long: no need to really wait here
                answer.fetch()
                return _silence(fault.value, "hang")
            time.sleep(fault.value)
        return None


KEPT_SILENT = 60.0


class _Answer:
    """What the sandbox answered, fetched once."""

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
    """An HTTP error with V1's body, or with a page: where the fault asks for one, and outside of V1's addresses."""
    if fault.body == "html" or not path.startswith(API):
        return _plain(f"{fault.value} Sandbox fault", b"<html><body>Sandbox fault</body></html>")
    # Code -1 and "Unauthorized" were seen for 401. UNVERIFIED: that 429 and 5xx come in the envelope, and their texts.
    return refusal(ApiRefused(_PHRASES.get(fault.value, "Sandbox fault"), -1, fault.value))


_PHRASES = {status.value: status.phrase for status in HTTPStatus}


def _plain(status: str, body: bytes, content_type: str = "text/html", marker: str | None = None) -> App:
    def answer(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        headers = [("Content-Type", content_type), ("Content-Length", str(len(body)))]
        start_response(status, [*headers, (MARKER, marker)] if marker else headers)
        return [body]

    return answer


def _broken_off(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """No answer: the connection is shut. What is returned reaches only a caller inside the process."""
    connection = _socket(environ)
    if connection is not None:
        _shut(connection)
    return _plain("503 Sandbox fault", b"", marker="drop")(environ, start_response)


def _silence(seconds: float, marker: str) -> App:
    def answer(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        connection = _socket(environ)
        if connection is not None:
            _wait_until_they_leave(connection, seconds)
            _shut(connection)
        return _plain("503 Sandbox fault", b"", marker=marker)(environ, start_response)

    return answer


def _wait_until_they_leave(connection: socket.socket, seconds: float) -> None:
    """The caller's time-out ends the wait: something to read, or the end, arrives on the line."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        readable, _, _ = select.select([connection], [], [], min(left, LOOK_EVERY_SECONDS))
        if readable:
            return


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # they were faster


def _socket(environ: Environ) -> socket.socket | None:
    return next((environ[key] for key in SOCKETS if environ.get(key) is not None), None)


_AFTER: dict[str, Callable[[Fault, bytes], App]] = {
    "broken_json": lambda fault, body: _plain("200 OK", body[: len(body) // 2], "application/json; charset=UTF-8"),
    "drop_after": lambda fault, body: _broken_off,
    "hang_after": lambda fault, body: _silence(fault.value, "hang"),
}
