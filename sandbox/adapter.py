"""How do two apps of one process call each other? Through `requests`, without a socket.

Over sockets, a server whose threads all wait for an answer from itself would stand still.
"""

import io
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict
from werkzeug.test import EnvironBuilder, run_wsgi_app

WSGI = Any


class WSGIAdapter(BaseAdapter):
    """Answers the requests that a `requests.Session` sends below `mounted_at` by calling `app` in the same thread."""

    def __init__(self, app: WSGI, mounted_at: str) -> None:
        super().__init__()
        self._app = app
        self._script_root = urlsplit(mounted_at).path

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: Any = True,
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        environ = self._environ(request)
        body, status, headers = run_wsgi_app(self._app, environ, buffered=True)
        return _response(request, body, status, headers)

    def close(self) -> None:
        """Nothing is held open."""

    def _environ(self, request: requests.PreparedRequest) -> dict[str, Any]:
        parts = urlsplit(request.url or "")
        body = request.body or b""
        builder = EnvironBuilder(
            path=parts.path.removeprefix(self._script_root) or "/",
            base_url=f"{parts.scheme}://{parts.netloc}{self._script_root}",
            query_string=parts.query,
            method=request.method or "GET",
            headers=list(request.headers.items()),
            input_stream=io.BytesIO(body.encode() if isinstance(body, str) else bytes(body)),
        )
        try:
            return builder.get_environ()
        finally:
            builder.close()


def _response(request: requests.PreparedRequest, body: Iterable[bytes], status: str, headers: Any) -> requests.Response:
    response = requests.Response()
    response.status_code = int(status.split(" ", 1)[0])
    response.reason = status.partition(" ")[2]
    response.headers = CaseInsensitiveDict(headers)
    response.url = request.url or ""
    response.request = request
    response._content = b"".join(body)
    response.encoding = requests.utils.get_encoding_from_headers(response.headers)
    return response
