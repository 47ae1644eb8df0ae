"""A `requests` transport that calls a WSGI app in the same process, without a socket.

Over sockets, a server whose threads all wait for a response from itself would deadlock. Injected network faults arrive
as a header of the response, and are raised here as the exceptions of `requests`.
"""

import io
import logging
import time
from collections.abc import Mapping
from contextvars import Context
from email.message import Message
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote, urlsplit

import requests
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict
from werkzeug.test import run_wsgi_app

from .controls.middleware import TIMEOUT_KEY
from .ledger.faults import MARKER

WSGI = Any
WITHOUT_PREFIX = {"CONTENT_TYPE", "CONTENT_LENGTH"}

log = logging.getLogger(__name__)


class WSGIAdapter(BaseAdapter):
    """Handles every request of a `requests.Session` below `mounted_at` by calling `app` in the same thread.

    Raises ConnectionError for a connection that the sandbox drops, ReadTimeout for a response that it withholds or
    that took longer than the caller's timeout. An exception in `app` becomes a 500.
    """

    def __init__(self, app: WSGI, mounted_at: str) -> None:
        super().__init__()
        self._app = app
        self._script_root = urlsplit(mounted_at).path.rstrip("/")

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: Any = True,
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        limit = timeout[1] if isinstance(timeout, tuple) else timeout
        started = time.monotonic()
        try:
            # In a context of its own: else Flask lets an app that calls itself share `g` and the database session.
            run = Context().run
            body, status, headers = run(run_wsgi_app, self._app, self._environ(request, limit), buffered=True)
        except Exception:  # a real server would respond with 500 as well
            log.exception("%s %s failed", request.method, request.url)
            body, status, headers = [b""], "500 Internal Server Error", {}  # type: ignore[assignment]
        marker = dict(headers).get(MARKER)
        if marker == "drop":
            raise requests.ConnectionError("the sandbox dropped the connection", request=request)
        if marker == "hang" or (limit is not None and time.monotonic() - started > limit):
            raise requests.ReadTimeout("no response within the timeout", request=request)
        return _response(request, b"".join(body), status, headers)

    def close(self) -> None:
        """There is nothing to close."""

    def _environ(self, request: requests.PreparedRequest, limit: float | None) -> dict[str, Any]:
        parts = urlsplit(request.url or "")
        body = request.body or b""
        content = body.encode() if isinstance(body, str) else bytes(body)
        environ: dict[str, Any] = {
            "REQUEST_METHOD": request.method or "GET",
            "SCRIPT_NAME": self._script_root,
            "PATH_INFO": unquote(parts.path.removeprefix(self._script_root) or "/", "latin-1"),
            "QUERY_STRING": parts.query,
            "SERVER_NAME": parts.hostname or "",
            "SERVER_PORT": str(parts.port or (443 if parts.scheme == "https" else 80)),
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1",
            "HTTP_HOST": parts.netloc,
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": parts.scheme,
            "wsgi.input": io.BytesIO(content),
            "wsgi.errors": io.StringIO(),
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
            TIMEOUT_KEY: limit,
        }
        for name, value in request.headers.items():
            key = name.upper().replace("-", "_")
            environ[key if key in WITHOUT_PREFIX else f"HTTP_{key}"] = value
        environ["CONTENT_LENGTH"] = str(len(content))
        return environ


def _raw(headers: Any) -> Any:
    """A stand-in for the raw response: `requests` reads cookies from its http.client message."""
    message = Message()
    for name, value in headers.items():
        message[name] = value
    return SimpleNamespace(_original_response=SimpleNamespace(msg=message))


def _response(request: requests.PreparedRequest, body: bytes, status: str, headers: Any) -> requests.Response:
    response = requests.Response()
    response.status_code = int(status.split(" ", 1)[0])
    response.reason = status.partition(" ")[2]
    response.headers = CaseInsensitiveDict(headers)
    response.url = request.url or ""
    response.request = request
    response._content = body
    response._content_consumed = True  # type: ignore[attr-defined]  # so that a caller may read it as a stream
    response.raw = _raw(headers)
    response.encoding = requests.utils.get_encoding_from_headers(response.headers)
    return response
