"""Public clients of PortOne V1, unchanged, from PyPI and npm: they are served, apart from named differences."""

import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from sandbox.ledger.merchant import CHANNELS
from sandbox.running import RunningSandbox
from tests.sandbox.conftest import ASKED

pytestmark = pytest.mark.slow  # installs the clients, the first time

ROOT = Path(__file__).parents[3]
HERE = Path(__file__).parent
PYTHON_CLIENTS = HERE / "clients-requirements.txt"
NODE_CLIENTS = HERE / "npm-clients"
CLIENTS = ROOT / ".venv-clients"
NODE = CLIENTS / "npm"

# What a client is refused here, each with its reason. The programs print the names of those that they met.
TEST = "test payments are hidden"  # since 2026-01-26, without include_sandbox=true, which these clients do not know
CARD = "no keys from card numbers"  # KG issues keys for phone bills in its window only; PortOne refuses, too
OTHER = "other V1 addresses are not imitated"  # identity checks, virtual accounts, banks: not about phone payments
PARTS = "no parts of an amount"  # PortOne tells them for PAYCO and KCP only
ARRAY = "schedules are listed as an array"  # by V1's schema; with schedule_lists=page this client is served
PYPI = {
    "iamport-rest-client": {TEST},
    "async-iamport": {TEST},
    "iamporter": {TEST, CARD, OTHER},
}
NPM = {
    "iamport": {TEST, CARD, OTHER},
    "iamport-rest-client-nodejs": {TEST, PARTS, ARRAY, CARD, OTHER},
    "iamporter": {TEST, CARD, OTHER},
}


def install_once(folder: Path, wanted: str, install: Callable[[], object]) -> None:
    """Install into `folder` unless exactly this is there. The tests may run in several processes."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        installed = folder / ".installed"
        if not installed.exists() or installed.read_text() != wanted:
            install()
            installed.write_text(wanted)


@pytest.fixture(scope="session")
def python_clients() -> Path:
    """The folder that holds PyPI's clients, filled when it is not."""
    options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--upgrade", "--target", str(CLIENTS)]
    pip = [sys.executable, "-m", "pip", "install", *options, "-r", str(PYTHON_CLIENTS)]
    install_once(CLIENTS, PYTHON_CLIENTS.read_text(), lambda: subprocess.run(pip, check=True))
    return CLIENTS


@pytest.fixture(scope="session")
def node_clients() -> Path:
    """The folder that holds npm's clients, filled when it is not: exactly what the lock file names."""

    def install() -> None:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(NODE_CLIENTS / name, NODE / name)
        options = ["--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
        subprocess.run(["npm", "ci", *options], cwd=NODE, check=True)

    install_once(NODE, (NODE_CLIENTS / "package-lock.json").read_text(), install)
    return NODE / "node_modules"


def differences_met(
    command: Sequence[str], clients: dict[str, str], sandbox: RunningSandbox, facts: dict[str, Any]
) -> set[str]:
    """Run a client's program against the sandbox; the differences that it met."""
    run = subprocess.run(
        [*command, sandbox.url, json.dumps(facts)],
        env=os.environ | clients | {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    *differences, last = run.stdout.splitlines() or [""]
    assert last == "served", run.stderr
    return set(differences)


@pytest.fixture
def facts(portone_sandbox: RunningSandbox) -> dict[str, Any]:
    """A key whose month is due, a payment of the live-looking channel, one of a test channel, and a moment to come."""
    portone_sandbox.advance("2055-01-15T12:00")
    portone_sandbox.pay(ASKED | {"merchant_uid": "first-of-key-1", "customer_uid": "key-1"})
    portone_sandbox.advance(months=1)
    return {
        "imp_uid": portone_sandbox.pay(ASKED | {"channelKey": CHANNELS[-1].key})["imp_uid"],
        "test_imp_uid": portone_sandbox.pay(ASKED | {"merchant_uid": "order-2"})["imp_uid"],
        "later": int(portone_sandbox.now.timestamp()) + 28 * 24 * 3600,
    }


@pytest.mark.parametrize("client", PYPI)
def test_a_client_of_pypi_is_served(
    client: str, python_clients: Path, portone_sandbox: RunningSandbox, facts: dict[str, Any]
) -> None:
    command = [sys.executable, str(HERE / "use_clients.py"), client]
    assert differences_met(command, {"PYTHONPATH": str(python_clients)}, portone_sandbox, facts) == PYPI[client]


@pytest.mark.parametrize("client", NPM)
def test_a_client_of_npm_is_served(
    client: str, node_clients: Path, portone_sandbox: RunningSandbox, facts: dict[str, Any]
) -> None:
    command = ["node", str(HERE / "use_clients.js"), client]
    assert differences_met(command, {"NODE_PATH": str(node_clients)}, portone_sandbox, facts) == NPM[client]
