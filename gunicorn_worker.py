"""gunicorn worker class that reads and writes through waitress, so that slow clients occupy no thread.

gunicorn starts, watches and stops the processes. In each of them waitress's loop receives requests and sends responses
on all connections at once, and hands a request to a thread only when it has arrived whole. gunicorn's own threaded
worker (27.0.1) gives a thread to every client that is still sending, and waits up to two seconds in its only loop for
a client that does not hang up, so a few dozen idle clients stop it: docs/decisions.md has the figures.
"""

import logging
import os
import time
from typing import Any

from gunicorn.workers.base import Worker
from waitress import wasyncore
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.server import BaseWSGIServer, create_server
from waitress.task import WSGITask
from waitress.utilities import BadRequest, Error, RequestHeaderFieldsTooLarge

MAX_REQUEST_LINE_BYTES = 4094
MAX_HEADER_LINE_BYTES = 8190
MAX_HEADER_LINES = 60
MAX_HEAD_BYTES = 32_768
MAX_BODY_BYTES = 2_000_000  # more than the shop accepts: up to here its own page says so (MAX_CONTENT_LENGTH in app.py)
IDLE_CHECK_SECONDS = 10
SPARE_CONNECTIONS = 20  # kept free for new clients by closing those that have been idle for the longest time
LOOP_SECONDS = 1.0  # at most this long without a look at the signals
LAST_REQUEST_SECONDS = 2.0  # a stopping worker still accepts requests on open connections for this long


class URITooLong(Error):
    code = 414
    reason = "URI Too Long"


class Parser(HTTPRequestParser):
    """HTTP parser that also limits single lines, and refuses heads that two servers could read differently.

    waitress (3.0.2) limits only the head as a whole, and accepts a length beside chunks, and none or several hosts.
    """

    def parse_header(self, header_plus: bytes) -> None:
        request_line, *header_lines = header_plus.split(b"\r\n")
        if len(request_line) > MAX_REQUEST_LINE_BYTES:
            self.error = URITooLong(f"The request line exceeds {MAX_REQUEST_LINE_BYTES} bytes.")
        elif len(header_lines) > MAX_HEADER_LINES or any(len(line) > MAX_HEADER_LINE_BYTES for line in header_lines):
            self.error = RequestHeaderFieldsTooLarge("Too many headers, or one that is too long.")
        elif ambiguity := _ambiguity(request_line, header_lines):
            self.error = BadRequest(ambiguity)
        # As waitress does for a head that is too large: the error response needs a parsed request.
        super().parse_header(b"GET / HTTP/1.0\r\n" if self.error else header_plus)
        if not self.content_length and not self.chunked:
            self.expect_continue = False  # nothing follows; waitress 3.0.2 would wait for it


def _ambiguity(request_line: bytes, header_lines: list[bytes]) -> str | None:
    """Return what RFC 9112 (3.2, 6.1) forbids in this head; a proxy in front may read it as another request."""
    names = [line.partition(b":")[0].lower() for line in header_lines]
    codings = names.count(b"transfer-encoding")
    if codings > 1 or (codings and (b"content-length" in names or request_line.endswith(b"/1.0"))):
        return "The length of the body is given in two ways."
    if names.count(b"host") > 1 or (b"host" not in names and request_line.endswith(b"/1.1")):
        return "There must be one Host header."
    return None


class Task(WSGITask):
    """One request in a thread."""

    def build_response_header(self) -> bytes:
        if not self.channel.server.accepting:  # the worker is stopping: tell the client not to send another request
            self.set_close_on_finish()
        head: bytes = super().build_response_header()
        return head

    def get_environment(self) -> dict[str, Any]:
        """Add the socket under gunicorn's name for it: the sandbox drops connections on demand."""
        environ: dict[str, Any] = super().get_environment()
        return environ | {"gunicorn.socket": self.channel.socket}


class Channel(HTTPChannel):
    """One client's connection."""

    parser_class = Parser
    task_class = Task


class WaitressWorker(Worker):
    """Worker process: serve until SIGTERM, then finish the running requests within `graceful_timeout`."""

    def run(self) -> None:
        self.sources: dict[int, Any] = {}  # what waitress's loop watches: listeners, clients, and a pipe to wake it
        self.listen()
        while self.alive and self.ppid == os.getppid():
            self.run_loop_once()
        for listener in self.watched(BaseWSGIServer):
            wasyncore.dispatcher.close(listener)  # its own close() would also remove the pipe, which is still needed
        self.drain()

    def listen(self) -> None:
        create_server(
            self.wsgi,
            map=self.sources,
            sockets=[listener.sock for listener in self.sockets],
            backlog=self.cfg.backlog,
            threads=self.cfg.threads,
            connection_limit=self.cfg.worker_connections,
            channel_timeout=self.cfg.keepalive,
            cleanup_interval=IDLE_CHECK_SECONDS,
            max_request_header_size=MAX_HEAD_BYTES,
            max_request_body_size=MAX_BODY_BYTES,
            clear_untrusted_proxy_headers=False,  # ProxyFix in app.py decides which of them to believe
            log_socket_errors=False,
            ident=None,
        )
        for listener in self.watched(BaseWSGIServer):
            listener.channel_class = Channel
        logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # else a line for each request that waits a moment

    def drain(self) -> None:
        """Finish running requests; after LAST_REQUEST_SECONDS close every connection that has none."""
        began = time.monotonic()
        while (clients := self.watched(Channel)) and time.monotonic() < began + self.cfg.graceful_timeout:
            if time.monotonic() > began + LAST_REQUEST_SECONDS:
                for client in clients:
                    if not client.requests:
                        client.close_when_flushed = True
            self.run_loop_once()

    def run_loop_once(self) -> None:
        self.notify()  # gunicorn replaces a worker that does not do so for `timeout` seconds
        self.make_room()
        wasyncore.loop(timeout=LOOP_SECONDS, use_poll=True, map=self.sources, count=1)

    def make_room(self) -> None:
        """Close idle connections while nearly all are taken, or waitress would accept no further client."""
        surplus = len(self.sources) - self.cfg.worker_connections + SPARE_CONNECTIONS
        if surplus > 0:
            idle = [client for client in self.watched(Channel) if not client.requests]
            for client in sorted(idle, key=lambda client: client.last_activity)[:surplus]:
                client.will_close = True

    def watched(self, kind: type) -> list[Any]:
        return [source for source in self.sources.values() if isinstance(source, kind)]
