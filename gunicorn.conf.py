"""Settings of the production server. gunicorn reads this file by itself: `gunicorn` in this folder is enough.

One process with many threads. A thread waits while PortOne answers, and that is most of what a shop's server does; a
second process would count limits and metrics for itself (docs/deploy.md says what it needs).
"""

import os
from pathlib import Path

wsgi_app = "app:create_app()"
bind = f"{os.environ.get('HOST', '127.0.0.1')}:{os.environ.get('PORT', '8000')}"
worker_class = "gunicorn_worker.WaitressWorker"  # limits of requests stand there
workers = int(os.environ.get("WEB_WORKERS", "1"))
threads = int(os.environ.get("WEB_THREADS", "32"))  # also how many payments may wait for PortOne at once
# Open connections of one process; a client that is slow or idle holds one of these and no thread. Fewer than the 1,024
# files that a process may usually open: the database and the log need some.
worker_connections = 800

# SIGTERM: no new requests, the running ones get this long. More than a call to PortOne may last.
graceful_timeout = 30
timeout = 60  # a process that shows no sign of life for so long is replaced
# A connection on which nothing happens for so long is closed, also in the middle of a request. Longer than a load
# balancer's 60: the server must not hang up on a request that is on its way.
keepalive = 75

control_socket_disable = True  # it would be a file in $HOME, and an image's is read-only
MEMORY = Path("/dev/shm")  # noqa: S108 - gunicorn makes a private file there
worker_tmp_dir = str(MEMORY) if MEMORY.is_dir() else None  # the sign of life must not wait for a disk
accesslog = None  # the shop writes its own line for each request
