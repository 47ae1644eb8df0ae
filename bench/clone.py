"""Benchmark of a clean clone: from `git clone` to the first page, with the packages in a folder beside it.

The packages are fetched before, so that the network is not measured. `make run` does the rest, as in the README.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import requests

from bench.rows import row
from deploy.services import free_port

ROOT = Path(__file__).parents[1]
MOST_SECONDS = 30
PATIENCE_SECONDS = 180


def measure() -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        packages = Path(folder) / "packages"
        wanted = ["download", "--quiet", "--disable-pip-version-check", "-r", "requirements.txt", "-d", str(packages)]
        subprocess.run([sys.executable, "-m", "pip", *wanted], cwd=ROOT, check=True)
        began = time.monotonic()
        clone = Path(folder) / "clone"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        cloned = time.monotonic() - began
        first_page(clone, packages)
        seconds = time.monotonic() - began
    detail = f"git clone {cloned:.1f} s; the rest is `make run`, packages in a folder"
    return [row("clean clone to the first page, s", seconds, -MOST_SECONDS, detail, "s")]


def first_page(clone: Path, packages: Path) -> None:
    """Run `make run` in the clone until its first page is there, and stop it."""
    port = free_port()
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "PORTONE_"))}
    environ |= {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(packages), "PORT": str(port)}
    log = clone.with_name("log")
    with log.open("wb") as out:
        command = ["make", "run", f"PYTHON={sys.executable}"]
        server = subprocess.Popen(command, cwd=clone, env=environ, stdout=out, stderr=out, start_new_session=True)
    try:
        until = time.monotonic() + PATIENCE_SECONDS
        while not _answers(f"http://127.0.0.1:{port}/"):
            if server.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"`make run` in a clean clone shows no page:\n{log.read_text()[-2000:]}")
            time.sleep(0.1)
    finally:
        os.killpg(server.pid, signal.SIGTERM)  # make, and the server that it runs
        server.wait(timeout=60)


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=10).status_code == 200
    except requests.RequestException:
        return False
