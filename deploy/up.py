"""`make up`: runs all processes of the Procfile on this machine, with real PostgreSQL and Redis.

Everything listens on loopback. Ctrl-C stops all started processes by id, clients before the servers that they call. If
a process exits by itself, PostgreSQL and Redis included, it is not restarted: its name is printed, the others are
stopped, and the exit code is 1.
The processes' settings are written to `instance/up/environment`, so that other commands can use them:

    set -a; . instance/up/environment; set +a; .venv/bin/flask sync
"""

import os
import shlex
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.error import URLError

from deploy.services import Server, postgres_server, redis_server

ROOT = Path(__file__).parents[1]
READY_SECONDS = 60
END_SECONDS = 40  # gunicorn's graceful_timeout and a little more


@dataclass
class Process:
    """One running process of the Procfile."""

    name: str
    popen: "subprocess.Popen[str]"

    def tell(self) -> None:
        """Print its output, each line with its name."""
        assert self.popen.stdout  # noqa: S101 - opened below
        for line in self.popen.stdout:
            print(f"{self.name:<9} | {line}", end="", flush=True)

    def end(self) -> None:
        """Terminate it; kill it if it has not exited after `END_SECONDS`."""
        self.popen.terminate()
        try:
            self.popen.wait(timeout=END_SECONDS)
        except subprocess.TimeoutExpired:
            print(f"{self.name} did not finish in {END_SECONDS} s", flush=True)
            os.killpg(self.popen.pid, signal.SIGKILL)  # its whole session, child processes included
            self.popen.wait()


def main() -> int:
    """Run until a signal arrives or a process exits by itself; return the exit code."""
    for asked in (signal.SIGINT, signal.SIGTERM):  # a shell ignores SIGINT for background processes
        signal.signal(asked, _interrupt)
    folder = Path(os.environ.get("INSTANCE_PATH", ROOT / "instance")).absolute()
    home = folder / "up"
    home.mkdir(parents=True, exist_ok=True)
    try:
        with postgres_server(home, durable=True) as database, redis_server(home, durable=True) as broker:
            settings = settings_of_the_set(folder, database.url, broker.url)
            lines = "".join(f"{name}={shlex.quote(value)}\n" for name, value in settings.items())
            (home / "environment").write_text(lines)
            return run(procfile(), settings, {"postgres": database, "redis": broker})
    except KeyboardInterrupt:
        return 0


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def settings_of_the_set(folder: Path, database: str, broker: str) -> dict[str, str]:
    """Return the settings of all processes; variables already in the environment take precedence."""
    port, sandbox = os.environ.get("PORT", "8000"), f"127.0.0.1:{os.environ.get('SANDBOX_PORT', '5001')}"
    ours = {
        "PORT": port,
        "INSTANCE_PATH": str(folder),
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "DATABASE_URL": database,
        "CELERY_BROKER_URL": broker,
        "RATELIMIT_STORAGE_URL": broker,
        "SANDBOX_BIND": sandbox,
        "PORTONE_API_URL": f"http://{sandbox}",
        "SANDBOX_CLOCK_URL": f"http://127.0.0.1:{port}/demo/clock",
    }
    return {name: os.environ.get(name) or value for name, value in ours.items()}


def procfile() -> dict[str, str]:
    """Return name → command in the order of the Procfile, where clients come before the servers that they call."""
    lines = (ROOT / "Procfile").read_text().splitlines()
    return {name: command.strip() for name, _, command in (line.partition(":") for line in lines if line.strip())}


def run(commands: Mapping[str, str], settings: Mapping[str, str], stores: Mapping[str, Server]) -> int:
    """Start all, wait until one of them or of the stores exits, stop all that were started; return the exit code."""
    running: list[Process] = []
    watched: dict[str, subprocess.Popen[Any]] = {name: store.process for name, store in stores.items()}
    try:
        for name, store in stores.items():
            print(f"{name:<9} | process {store.process.pid}", flush=True)
        for name, command in reversed(list(commands.items())):
            running.insert(0, start(name, command, settings))
        threading.Thread(target=say_when_ready, args=(settings["PUBLIC_URL"],), daemon=True).start()
        watched |= {process.name: process.popen for process in running}
        while all(popen.poll() is None for popen in watched.values()):
            time.sleep(0.2)
        for name, popen in watched.items():
            if popen.poll() is not None:
                print(f"{name} ended by itself ({popen.returncode}); ending the others", flush=True)
        return 1
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must not interrupt the stopping
        for process in running:
            process.end()


def start(name: str, command: str, settings: Mapping[str, str]) -> Process:
    environ = os.environ | settings | {"PYTHONUNBUFFERED": "1"}
    environ["PATH"] = f"{Path(sys.executable).parent}:{environ['PATH']}"  # the programs of this virtualenv
    words = [environ.get(word[1:], "") if word.startswith("$") else word for word in shlex.split(command)]
    popen = subprocess.Popen(
        words,
        cwd=ROOT,
        env=environ,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,  # Ctrl-C reaches only this process, which stops the others in order
    )
    print(f"{name:<9} | process {popen.pid}", flush=True)
    process = Process(name, popen)
    threading.Thread(target=process.tell, daemon=True).start()
    return process


def say_when_ready(url: str) -> None:
    until = time.monotonic() + READY_SECONDS
    while time.monotonic() < until:
        try:
            urllib.request.urlopen(url, timeout=5).close()  # noqa: S310 - our own address
        except (URLError, OSError):
            time.sleep(0.2)
        else:
            print(f"\n  {url}\n", flush=True)
            return


if __name__ == "__main__":
    sys.exit(main())
