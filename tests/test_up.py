"""`make up`: the whole set of processes on real PostgreSQL and Redis. The four journeys pass against it in a real
browser, and whichever process is killed, nothing is lost."""

import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
import requests
from dotenv import dotenv_values
from flask import Flask

from app import close_app, create_app
from bench.shopper import Shopper
from deploy.services import free_port
from payments import clock, reconcile, sweep
from payments.database import db
from payments.models import Payment
from shop.config import load_settings
from shop.orders.models import Order
from tests.clocks import NOON
from tests.servers import Server

ROOT = Path(__file__).parents[1]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@dataclass
class ProcessSet:
    """A running `make up`: its address, its process, and the ids of those it has started."""

    instance_path: Path
    port: int
    sandbox_port: int
    popen: "subprocess.Popen[str]"
    lines: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def listen(self) -> None:
        assert self.popen.stdout
        self.lines.extend(self.popen.stdout)

    def id_of(self, name: str) -> int:
        return int(next(match[1] for line in self.lines if (match := re.match(rf"{name} +\| process (\d+)", line))))

    def wait_until_it_answers(self) -> None:
        until = time.monotonic() + 60
        while not any(line.strip() == self.url for line in self.lines):
            assert self.popen.poll() is None and time.monotonic() < until, "".join(self.lines)
            time.sleep(0.1)


@contextmanager
def process_set(instance_path: Path, port: int, sandbox_port: int) -> Iterator[ProcessSet]:
    environ = os.environ | {"PORT": str(port), "SANDBOX_PORT": str(sandbox_port), "INSTANCE_PATH": str(instance_path)}
    environ |= {"CHECKOUT_LIMIT": "off", "SIGN_UP_LIMIT": "off"}
    command = [sys.executable, "-m", "deploy.up"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    popen: subprocess.Popen[str] = subprocess.Popen(command, cwd=ROOT, env=environ, **pipes)
    assert popen.stdout
    running = ProcessSet(instance_path, port, sandbox_port, popen)
    listener = threading.Thread(target=running.listen)
    listener.start()
    try:
        running.wait_until_it_answers()
        yield running
    finally:
        popen.send_signal(signal.SIGINT)
        popen.wait(timeout=120)
        listener.join()
        popen.stdout.close()


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Not below pytest's own folder: that is closed to PostgreSQL's account."""
    path = Path(tempfile.mkdtemp(prefix="up-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="module")
def running(folder: Path) -> Iterator[ProcessSet]:
    with process_set(folder, free_port(), free_port()) as running:
        yield running


@contextmanager
def joined(instance_path: Path) -> Iterator[Flask]:
    """The shop's app in this process, told the same as the processes of the set."""
    told = {name: value or "" for name, value in dotenv_values(instance_path / "up" / "environment").items()}
    app = create_app(load_settings(told, instance_path))
    try:
        yield app
    finally:
        close_app(app)


@pytest.fixture
def server(running: ProcessSet) -> Iterator[Server]:
    """What the journeys want: the address, and an app that reads the same books. The demo begins anew for each."""
    with joined(running.instance_path) as app:
        reset = app.test_cli_runner().invoke(args=["reset-demo"])
        assert reset.exit_code == 0, reset.output
        app.extensions["sandbox_clock"].move_to(NOON)
        yield Server(running.url, app)


def test_the_worker_and_the_scheduler_are_there(running: ProcessSet) -> None:
    until = time.monotonic() + 30
    while not any("ready." in line for line in running.lines) or not any("beat" in line for line in running.lines):
        assert time.monotonic() < until, "".join(running.lines)
        time.sleep(0.2)


def test_whichever_process_is_killed_nothing_is_lost() -> None:
    path = Path(tempfile.mkdtemp(prefix="up-"))
    path.chmod(0o755)
    ports = free_port(), free_port()
    for killed in ("web", "worker", "scheduler", "sandbox"):
        with process_set(path, *ports) as running:
            buy_while_one_is_killed(running, killed)
    with process_set(path, *ports), joined(path) as app:
        # Until an approval number has run out, a silent payment may be one whose buyer is still typing.
        with app.app_context():
            app.extensions["sandbox_clock"].move_to(clock.now() + sweep.LOOK_AFTER)
        assert app.test_cli_runner().invoke(args=["sync"]).exit_code == 0
        with app.app_context():
            today = clock.today()
            assert reconcile.compare(app.extensions["payments"].provider, today - timedelta(days=1), today) == []
            paid = db.session.query(Payment).filter_by(status="paid", held_reason=None).count()
            assert db.session.query(Order).filter_by(status="paid").count() == paid > 3
    shutil.rmtree(path)


@pytest.mark.parametrize("store", ["postgres", "redis"])
def test_a_store_that_dies_is_named_and_ends_the_set(store: str, folder: Path) -> None:
    """Without it the shop only answers 503, and the worker waits for ever."""
    with process_set(folder / store, free_port(), free_port()) as running:
        os.kill(running.id_of(store), signal.SIGKILL)
        assert running.popen.wait(timeout=90) == 1
    assert any(f"{store} ended by itself (-9)" in line for line in running.lines), "".join(running.lines)


def buy_while_one_is_killed(running: ProcessSet, killed: str) -> None:
    """Three buyers buy without a break; after a while one process dies, is named, and the others are ended."""
    buyers = [threading.Thread(target=buy_until_it_fails, args=(running,)) for _ in range(3)]
    for buyer in buyers:
        buyer.start()
    time.sleep(2)
    os.killpg(running.id_of(killed), signal.SIGKILL)
    assert running.popen.wait(timeout=90) == 1
    for buyer in buyers:
        buyer.join()
    assert any(f"{killed} ended by itself" in line for line in running.lines), "".join(running.lines)


def buy_until_it_fails(running: ProcessSet) -> None:
    shopper = Shopper(running.url, f"http://127.0.0.1:{running.sandbox_port}")
    try:
        shopper.sign_up(f"{secrets.token_hex(4)}@example.com")
        while running.popen.poll() is None:
            shopper.buy()
    except (requests.RequestException, ValueError, KeyError):
        pass  # the set is going down
    finally:
        shopper.close()
