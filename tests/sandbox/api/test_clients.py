"""Two public clients of PortOne V1, unchanged: iamport-rest-client 0.9.0 and async-iamport 0.2.0."""

import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from flask import Flask

from sandbox import Sandbox
from sandbox.ledger.merchant import CHANNELS
from tests.sandbox.conftest import go_to, issue_key, pay, served

ROOT = Path(__file__).parents[3]
WANTED = Path(__file__).parent / "clients-requirements.txt"
CLIENTS = ROOT / ".venv-clients"


@pytest.fixture(scope="session")
def clients() -> Path:
    """The folder that holds the clients, filled when it is not."""
    CLIENTS.mkdir(exist_ok=True)
    with (CLIENTS / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the tests may run in several processes
        installed = CLIENTS / ".installed"
        if not installed.exists() or installed.read_text() != WANTED.read_text():
            options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--upgrade", "--target", str(CLIENTS)]
            subprocess.run([sys.executable, "-m", "pip", "install", *options, "-r", str(WANTED)], check=True)
            installed.write_text(WANTED.read_text())
    return CLIENTS


@pytest.mark.slow  # installs the clients, the first time
def test_both_clients_look_up_find_cancel_charge_schedule_and_read_keys(
    clients: Path, sandbox_app: Flask, sandbox: Sandbox
) -> None:
    live_looking = CHANNELS[-1].key  # these clients know nothing of include_sandbox
    go_to(sandbox, "2055-01-15")
    for customer_uid in ("key-1", "key-2"):
        issue_key(sandbox, customer_uid=customer_uid)
    go_to(sandbox, "2055-02-15")
    facts = {
        "imp_uid": pay(sandbox, channelKey=live_looking)["imp_uid"],
        "merchant_uid": "order-1",
        "other_merchant_uid": pay(sandbox, merchant_uid="order-2")["merchant_uid"],
        "later": sandbox.clock.now() + 28 * 24 * 3600,
    }
    script = Path(__file__).parent / "use_clients.py"
    with served(sandbox_app) as address:
        run = subprocess.run(
            [sys.executable, str(script), address, json.dumps(facts)],
            env=os.environ | {"PYTHONPATH": str(clients)},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    assert run.stdout.strip() == "both clients were served", run.stderr
