"""Start PostgreSQL and Redis for `make up` and the tests, from Debian's packages.

They listen on loopback, use separate folders and are stopped by process id. A deployed shop uses its own servers.
"""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

DEBIANS_POSTGRES = Path("/usr/lib/postgresql")
UNPRIVILEGED = "postgres"  # PostgreSQL refuses to run as root; Debian's package creates this account
START_SECONDS = 30


class Server(NamedTuple):
    """A running server: its URL and its process."""

    url: str
    process: "subprocess.Popen[bytes]"


@contextmanager
def postgres_server(folder: Path | None = None, *, durable: bool = False) -> Iterator[Server]:
    """Run a PostgreSQL cluster and yield it, with the URL of its database `postgres`.

    The data stays in `folder`; without one it is deleted at the end. Not durable: without fsync, faster.
    """
    programs = max(DEBIANS_POSTGRES.glob("*/bin"), key=lambda path: int(path.parent.name))
    home, port = _home_of_an_unprivileged_account(folder), free_port()
    data = home / "data"
    trust = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8"]
    if not data.exists():
        make = _unprivileged(programs / "initdb", "-N", "-D", data, *trust)
        subprocess.run(make, stdout=subprocess.DEVNULL, cwd=home, check=True)
    settings = ("listen_addresses=127.0.0.1", "max_connections=200", f"fsync={'on' if durable else 'off'}")
    options = [word for setting in settings for word in ("-c", setting)]
    server = _started(_unprivileged(programs / "postgres", "-D", data, "-p", port, "-k", home, *options), home)
    try:
        ready = _unprivileged(programs / "pg_isready", "-q", "-h", "127.0.0.1", "-p", port)
        _wait_until(lambda: subprocess.run(ready, cwd=home).returncode == 0, server, home / "log")
        yield Server(f"postgresql://postgres@127.0.0.1:{port}/postgres", server)
    finally:
        mode = "fast" if durable else "immediate"
        stop = _unprivileged(programs / "pg_ctl", "-D", data, "-m", mode, "stop")
        subprocess.run(stop, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=home)
        server.wait(timeout=START_SECONDS)
        if folder is None:
            shutil.rmtree(home, ignore_errors=True)


@contextmanager
def redis_server(folder: Path, *, durable: bool = False) -> Iterator[Server]:
    """Run a Redis server and yield it. Not durable: it writes nothing to disk."""
    port = free_port()
    command = ["redis-server", "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--dir", str(folder)]
    command += ["--appendonly", "yes"] if durable else []
    server = _started(command, folder)
    try:
        _wait_until(lambda: _answers(port), server, folder / "log")
        yield Server(f"redis://127.0.0.1:{port}/0", server)
    finally:
        server.terminate()
        server.wait(timeout=START_SECONDS)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    return port


def _answers(port: int) -> bool:
    with socket.socket() as caller:
        return caller.connect_ex(("127.0.0.1", port)) == 0


def _home_of_an_unprivileged_account(folder: Path | None) -> Path:
    """Create a folder that the server's account may write; a temporary one outside pytest's, which it cannot enter."""
    home = folder / "postgres" if folder else Path(tempfile.mkdtemp(prefix="postgres-"))
    home.mkdir(mode=0o700, exist_ok=True)
    if os.geteuid() == 0:
        account = pwd.getpwnam(UNPRIVILEGED)
        shutil.chown(home, account.pw_uid, account.pw_gid)
    return home


def _unprivileged(*command: object) -> list[str]:
    words = [str(word) for word in command]
    if os.geteuid() != 0:
        return words
    return ["setpriv", f"--reuid={UNPRIVILEGED}", f"--regid={UNPRIVILEGED}", "--clear-groups", *words]


def _started(command: Sequence[str], folder: Path) -> "subprocess.Popen[bytes]":
    with (folder / "log").open("wb") as log:
        # A separate session, so that Ctrl-C reaches only the parent process, which stops the server in order.
        return subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, cwd=folder, start_new_session=True)


def _wait_until(ready: Callable[[], bool], server: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while not ready():
        if server.poll() is not None or time.monotonic() > until:
            raise RuntimeError(f"the server did not start:\n{log.read_text()}")
        time.sleep(0.05)
