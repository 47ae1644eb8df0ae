"""The shops of `examples/` as processes of their own, each beside a sandbox, and the check as its command."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import requests

from sandbox.ledger.merchant import API_KEY, API_SECRET

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
START_SECONDS = 60  # a busy machine starts slowly


@dataclass
class Shop:
    """A running shop and its sandbox. `folder` holds the shop's file."""

    folder: Path
    url: str
    sandbox_url: str

    def check(self, *more: str) -> "Checked":
        """Run the command of the check."""
        report = self.folder / "report.xml"
        options = ["--sandbox", self.sandbox_url, "--shop", self.url, "--junit", str(report), "--lang", "en", *more]
        run = subprocess.run(
            [sys.executable, "-m", "sandbox", "check", str(self.folder / "shop.toml"), *options],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        assert report.exists(), run.stdout + run.stderr
        return Checked(run.returncode, run.stdout + run.stderr, results_of(report))

    def keys_left(self) -> set[str]:
        """The billing keys that the sandbox would still charge."""
        payments = requests.get(f"{self.sandbox_url}/controls/payments", timeout=20).json()["payments"]
        asked = {"imp_key": API_KEY, "imp_secret": API_SECRET}
        granted = requests.post(f"{self.sandbox_url}/users/getToken", json=asked, timeout=20).json()["response"]
        found = requests.get(
            f"{self.sandbox_url}/subscribe/customers",
            params={"customer_uid[]": sorted({one["customer_uid"] for one in payments if one["customer_uid"]})},
            headers={"Authorization": granted["access_token"]},
            timeout=20,
        ).json()
        return {key["customer_uid"] for key in found["response"] or ()}


@dataclass
class Checked:
    """What the check said: its exit status, its table, and each case's result."""

    status: int
    table: str
    results: Mapping[str, str]  # ok, broken, not described, not played

    def those(self, result: str) -> set[str]:
        return {name for name, one in self.results.items() if one == result}


def results_of(report: Path) -> dict[str, str]:
    """The result of each case in the JUnit file."""
    kinds = {"failure": "broken", "error": "not played", "skipped": "not described"}
    found = {}
    for case in ElementTree.parse(report).iter("testcase"):  # noqa: S314 - our own file
        told = [kinds[child.tag] for child in case if child.tag in kinds]
        found[case.attrib["name"]] = told[0] if told else "ok"
    return found


@contextmanager
def shop_running(folder: Path, command: Sequence[str]) -> Iterator[Shop]:
    """Start a sandbox and the shop in `folder`, with the settings of its `sandbox.env`, on free ports."""
    port, sandbox_port = free_port(), free_port()
    url, sandbox_url = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{sandbox_port}"
    lines = (folder / "sandbox.env").read_text().replace("http://127.0.0.1:5001", sandbox_url).splitlines()
    settings = dict(line.split("=", 1) for line in lines) | {"PORT": str(port)}
    books = ["--database", str(folder / "sandbox.sqlite3")]
    sandbox = [sys.executable, "-m", "sandbox", "--port", str(sandbox_port), "--shop", url, *books]
    with (
        started(sandbox, ROOT, folder / "sandbox.log", f"{sandbox_url}/controls/clock"),
        started(command, folder, folder / "shop.log", url, settings),
    ):
        yield Shop(folder, url, sandbox_url)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


@contextmanager
def started(
    command: Sequence[str], folder: Path, log: Path, url: str, settings: Mapping[str, str] | None = None
) -> Iterator[None]:
    """A process that answers at `url`; it is ended afterwards."""
    with log.open("w") as output:
        environ = {**os.environ, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1", **(settings or {})}
        process = subprocess.Popen(command, cwd=folder, env=environ, stdout=output, stderr=output)
    try:
        until = time.monotonic() + START_SECONDS
        while not answers(url):
            assert process.poll() is None and time.monotonic() < until, log.read_text()
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(timeout=20)


def answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).ok
    except requests.RequestException:
        return False
