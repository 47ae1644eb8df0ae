"""Background workers: the same charges, handed out by a broker. The rows, not the messages, are the promise."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from flask import Flask

from app import close_app, create_app
from bench.monthly import gateway, populate
from payments.database import db, end_reading, transaction
from payments.models import Payment
from payments.monthly.models import LATER_MONTH, BillingKey
from shop.config import load_settings
from shop.operations.worker import create_worker
from shop.orders.messages import Message
from shop.orders.models import User
from tests import clocks
from tests.clocks import NOON
from tests.payments.fakes import FakeProvider
from tests.shop.bought import started

ROOT = Path(__file__).parents[3]


@pytest.fixture
def celery(app: Flask) -> Celery:
    """Tasks are carried out where they are called, so no broker is needed."""
    celery = create_worker(app, app.extensions["settings"])
    celery.conf.update(broker_url="memory://", task_always_eager=True, task_eager_propagates=True)
    return celery


def test_a_tick_hands_out_what_is_due_and_every_task_charges_one(
    celery: Celery, provider: FakeProvider, shop: Any
) -> None:
    clocks.stand_at(datetime(2055, 1, 15, 3, tzinfo=UTC))
    with transaction():
        buyers = [User(email=f"b{number}@example.com", password_hash="x") for number in range(3)]
        db.session.add_all(buyers)
    subscriptions = [started(provider, buyer) for buyer in buyers]
    end_reading()
    assert celery.tasks["shop.tick"].delay().get() == 0
    clocks.stand_at(datetime(2055, 2, 15, 3, tzinfo=UTC))
    assert celery.tasks["shop.tick"].delay().get() == 3
    assert celery.tasks["shop.charge"].delay(subscriptions[0].id).get() == "skipped"
    assert len(provider.charges) == 3


def test_the_sweep_brings_ended_keys_to_their_end(celery: Celery, provider: FakeProvider, buyer: User) -> None:
    key_id = db.session.query(BillingKey.id).filter_by(customer_uid=started(provider, buyer).customer_uid).scalar()
    with transaction():
        db.session.get_one(BillingKey, key_id).status = "ended"
    celery.tasks["shop.sync"].delay()
    assert provider.keys == {}


def test_the_notify_task_sends_what_waits(celery: Celery, provider: FakeProvider, buyer: User) -> None:
    started(provider, buyer)
    celery.tasks["shop.notify"].delay()
    [message] = db.session.query(Message)
    assert (message.next_try_at, message.error) == (None, "no_mail_url")


def test_the_schedule_bills_every_hour_and_names_tasks_that_exist(celery: Celery) -> None:
    assert {entry["task"] for entry in celery.conf.beat_schedule.values()} <= set(celery.tasks)
    assert celery.conf.beat_schedule["bill"]["schedule"].minute == {5}
    assert (celery.conf.task_acks_late, celery.conf.worker_prefetch_multiplier) == (True, 1)


@pytest.mark.parametrize("command", ["worker", "scheduler"])
def test_without_a_broker_the_commands_say_what_to_do(command: str, app: Flask) -> None:
    refused = app.test_cli_runner().invoke(args=[command])
    assert refused.exit_code == 1
    assert "CELERY_BROKER_URL is not set" in refused.output


def test_the_shop_and_its_monthly_run_need_no_celery(tmp_path: Path) -> None:
    script = "import sys; sys.modules['celery'] = None; from app import create_app; app = create_app();"
    script += "print(app.test_cli_runner().invoke(args=['bill']).output);"
    script += "print(app.test_cli_runner().invoke(args=['worker']).output)"
    environ = os.environ | {"INSTANCE_PATH": str(tmp_path), "CELERY_BROKER_URL": "redis://127.0.0.1:9/0"}
    run = subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=environ, capture_output=True, text=True)
    assert "0 charged" in run.stdout, run.stderr
    assert "pip install -r requirements-scale.txt" in run.stdout


# --- two workers on a real Redis and a real PostgreSQL ---

DUE = 2_000


@pytest.fixture
def scaled(postgres_url: str, redis_url: str, tmp_path: Path) -> Iterator[tuple[Flask, str, dict[str, str]]]:
    """The shop with 2,000 subscriptions due, the address of its gateway, and its settings."""
    with gateway(0.02) as url:
        _move_clock(url, (NOON - datetime.now(UTC)).total_seconds())
        environ = {"PORTONE_API_URL": url, "DATABASE_URL": postgres_url, "CELERY_BROKER_URL": redis_url}
        app = create_app(load_settings(environ, tmp_path))
        with app.app_context():
            populate(DUE)
        yield app, url, environ | {"INSTANCE_PATH": str(tmp_path)}
        close_app(app)


@pytest.mark.slow
def test_two_workers_share_two_thousand_charges_and_one_is_killed_half_way(
    scaled: tuple[Flask, str, dict[str, str]], tmp_path: Path
) -> None:
    app, url, environ = scaled
    workers = [_worker(environ, tmp_path / f"worker-{number}.log") for number in range(2)]
    try:
        celery = create_worker(app, app.extensions["settings"])
        celery.send_task("shop.tick")
        _wait_until(lambda: _charged(url)["payments"] > DUE / 2, lambda: _charged(url)["payments"])
        workers[0].kill()
        _wait_until(lambda: _waiting(celery) == 0, lambda: _waiting(celery))
        time.sleep(2)  # the last ones in hand
        assert 0 < _open(app) < DUE / 2  # what the killed one had in hand, and what it had not handed out yet
        _move_clock(url, 660)  # its rows are free again after ten minutes
        time.sleep(1.1)  # the shop asks for the time once a second
        celery.send_task("shop.tick")
        _wait_until(lambda: _open(app) == 0, lambda: _open(app))
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
    assert (_charged(url)["payments"], _charged(url)["charges"]) == (DUE, DUE)
    for number in range(2):
        assert (tmp_path / f"worker-{number}.log").read_text().count(": charged") > DUE / 10, "they did not share"


def _worker(environ: dict[str, str], log: Path) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "flask", "--app", "app", "worker", "--concurrency", "8"]
    with log.open("w") as output:
        return subprocess.Popen(command, cwd=ROOT, env=os.environ | environ, stdout=output, stderr=output)


def _wait_until(true: Callable[[], bool], count: Callable[[], int]) -> None:
    """Wait as long as `count` goes on changing: a slow machine is no failure, two minutes without a change are."""
    last, until = count(), time.monotonic() + 120
    while not true():
        if count() != last:
            last, until = count(), time.monotonic() + 120
        assert time.monotonic() < until, f"nothing changed any more; at {last}"
        time.sleep(0.1)


def _waiting(celery: Celery) -> int:
    with celery.connection_for_read() as connection:
        return int(connection.default_channel.client.llen("celery"))


def _open(app: Flask) -> int:
    """How many of the due months are not paid yet."""
    with app.app_context():
        return DUE - db.session.query(Payment).filter(Payment.kind == LATER_MONTH, Payment.status == "paid").count()


def _charged(url: str) -> dict[str, int]:
    return _ask(f"{url}/charged")


def _move_clock(url: str, seconds: float) -> None:
    _ask(f"{url}/controls/clock", json.dumps({"ahead": seconds}).encode())


def _ask(url: str, body: bytes | None = None) -> Any:
    with urllib.request.urlopen(url, body, timeout=10) as answer:
        return json.load(answer)
