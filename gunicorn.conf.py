"""Settings of the production server. gunicorn finds this file by itself: run `gunicorn` in this folder.

One process with many threads, because threads mostly wait for PortOne's responses. A second process would count limits
and metrics separately (docs/deploy.md says what it needs).
"""

import os
import sys
from pathlib import Path

from shop.server import given, problems

if found := list(problems(os.environ)):  # gunicorn would print a traceback, or words without the setting's name
    sys.exit("\n".join(found))

wsgi_app = "worlds:create()" if given(os.environ, "DEMO_WORLDS", "0") != "0" else "app:create_app()"
bind = f"{os.environ.get('HOST', '127.0.0.1')}:{given(os.environ, 'PORT', '8000')}"
worker_class = "gunicorn_worker.WaitressWorker"  # with the limits of requests
workers = int(given(os.environ, "WEB_WORKERS", "1"))
threads = int(given(os.environ, "WEB_THREADS", "32"))  # also the most payments that can wait for PortOne at once
# Open connections of one process; a slow or idle client takes one of these and no thread. When nearly all are taken,
# those that have been idle for the longest time are closed. Less than the usual limit of 1,024 open files per process,
# because the database and the log need some.
worker_connections = 800

# Seconds that running requests get after SIGTERM, with no new ones accepted. Longer than a call to PortOne may take.
graceful_timeout = 30
timeout = 60  # a process without a heartbeat for so many seconds is replaced
# A connection without traffic for so many seconds is closed, even during a request. Longer than a load balancer's 60:
# the server must not close a connection on which the load balancer is sending a request.
keepalive = 75

control_socket_disable = True  # it would be a file in $HOME, which is read-only in the image
MEMORY = Path("/dev/shm")  # noqa: S108 - gunicorn creates a private file there
worker_tmp_dir = str(MEMORY) if MEMORY.is_dir() else None  # the heartbeat must not wait for a disk
accesslog = None  # the shop logs each request itself
