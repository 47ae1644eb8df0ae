"""How does gunicorn serve the shop? It reads this file by itself: `gunicorn` in this folder is enough.

One process with many threads. A thread waits while PortOne answers, and that is most of what a shop's server does; a
second process would count limits and metrics for itself (docs/deploy.md says what it needs).
"""

import os
import socket
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

wsgi_app = "app:create_app()"
bind = f"{os.environ.get('HOST', '127.0.0.1')}:{os.environ.get('PORT', '8000')}"
worker_class = "gthread"
workers = int(os.environ.get("WEB_WORKERS", "1"))
threads = int(os.environ.get("WEB_THREADS", "32"))  # also how many payments may wait for PortOne at once

# SIGTERM: no new requests, the running ones get this long. More than a call to PortOne may last.
graceful_timeout = 30
timeout = 60  # a process that shows no sign of life for so long is replaced
keepalive = 75  # longer than a balancer's 60: it must not be us who hang up on a request that is on its way

# A request that is larger is refused before the shop sees it; bodies are limited by MAX_CONTENT_LENGTH in app.py.
limit_request_line = 4094
limit_request_fields = 60
limit_request_field_size = 8190
SILENT_SECONDS = int(
    os.environ.get("CLIENT_SILENT_SECONDS", "15")
)  # a client that falls silent in the middle of its request gives its thread back then

# gunicorn believes these peers when they say "it was https"; whose X-Forwarded-For counts is TRUSTED_PROXIES' matter.
forwarded_allow_ips = os.environ.get("FORWARDED_ALLOW_IPS", "127.0.0.1")

control_socket_disable = True  # it would be a file in $HOME, and an image's is read-only
MEMORY = Path("/dev/shm")  # noqa: S108 - gunicorn makes a private file there
worker_tmp_dir = str(MEMORY) if MEMORY.is_dir() else None  # the sign of life must not wait for a disk
accesslog = None  # the shop writes its own line for each request


def when_ready(server: Any) -> None:
    """gthread reads a request without a limit of time. What a listener waits at most, its connections inherit."""
    limit = struct.pack("ll", SILENT_SECONDS, 0)
    for listener in server.LISTENERS:
        listener.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)


def on_starting(server: Any) -> None:
    """End with status 1 and one line if the shop's settings are wrong, before a worker is started.

    They are read in a process of its own: what this one imports would still be the old code after a reload.
    """
    if server.app.app_uri == wsgi_app:  # not the sandbox, served alone
        command = [sys.executable, "-c", "import app; app.check_environment()"]
        if subprocess.run(command, check=False).returncode:  # noqa: S603 - no outside text
            sys.exit(1)
