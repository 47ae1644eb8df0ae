"""Benchmark of the monthly run: charges per second, and that each month is charged once.

    python -m bench.monthly

The fake PortOne (`bench.gateway`) responds to each charge after 50 ms, over HTTP, in a separate process. Every measured
run is a separate process too. The ideal rate is workers ÷ 50 ms.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import requests
from sqlalchemy import insert

from app import create_app
from bench.rows import row
from payments import clock
from payments.database import db, end_reading, transaction
from payments.models import Payment
from payments.monthly import batch, charging
from payments.monthly.models import BillingKey, Subscription
from shop.config import load_settings
from shop.orders.models import Order, Product, User

ROOT = Path(__file__).parents[1]
LATENCY = 0.05
CHARGES = 1_000
TURNS = 3


def measure() -> list[dict[str, Any]]:
    """Return the rows about the monthly run. The runs alternate; the table shows the median and the range."""
    with gateway(LATENCY) as url:
        turns = [{workers: run(url, CHARGES, workers)["rate"] for workers in (8, 16)} for _ in range(TURNS)]
        told = requests.get(f"{url}/charged", timeout=10).json()
    due = 2 * TURNS * CHARGES
    wrong = abs(told["charges"] - due) + abs(told["payments"] - due)
    return [
        _rate(turns, 8, 0.70),
        _rate(turns, 16, 0.55),
        row("monthly run, months that were not charged exactly once", wrong, -0.5, f"of {due:,}", ""),
    ]


def _rate(turns: list[dict[int, float]], workers: int, target: float) -> dict[str, Any]:
    rates, ideal = sorted(turn[workers] for turn in turns), workers / LATENCY
    middle = statistics.median(rates)
    detail = f"{middle:.0f}/s; {CHARGES:,} charges, SQLite; ideal is {workers} ÷ {LATENCY * 1000:.0f} ms"
    facts = {f"charges_per_second_by_{workers}": middle}
    told = row(f"monthly run, {workers} at a time, share of the ideal", middle / ideal, target, detail, **facts)
    return told | {"low": rates[0] / ideal, "high": rates[-1] / ideal}


@contextmanager
def gateway(seconds: float) -> Iterator[str]:
    command = [sys.executable, "-m", "bench.gateway", str(seconds)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        try:
            yield f"http://127.0.0.1:{server.stdout.readline().strip()}"  # type: ignore[union-attr]
        finally:
            server.terminate()


def run(gateway_url: str, count: int, workers: int, database_url: str = "") -> dict[str, Any]:
    """Run over `count` due subscriptions, in separate processes."""
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        for step in ("populate", "charge"):
            command = [sys.executable, "-m", "bench.monthly", step, folder, gateway_url, count, workers, database_url]
            finished = subprocess.run([str(part) for part in command], cwd=ROOT, capture_output=True, text=True)
            if finished.returncode:
                raise RuntimeError(finished.stderr)
        return json.loads(finished.stdout)  # type: ignore[no-any-return]
    finally:
        shutil.rmtree(folder)


def populate(count: int, tag: str = "b") -> None:
    """Insert `count` subscriptions that were started a month ago and are due today."""
    due_on = clock.today()
    month_ago = (due_on.replace(day=1) - timedelta(days=1)).replace(day=min(due_on.day, 28))
    started_at = datetime.combine(month_ago, datetime.min.time(), clock.SEOUL).astimezone(UTC) + timedelta(hours=1)
    plan = db.session.query(Product).filter_by(kind="monthly").first()
    assert plan
    end_reading()
    buyer = {"buyer_name": "홍길동", "buyer_tel": "01012345678", "buyer_email": "b@example.com"}
    with transaction():
        first = (db.session.query(db.func.max(User.id)).scalar() or 0) + 1
        ids = range(first, first + count)
        rows: dict[Any, list[dict[str, Any]]] = {
            User: [{"id": n, "email": f"{tag}{n}@example.com", "password_hash": "x"} for n in ids],
            Order: [
                {"id": n, "user_id": n, "kind": "monthly", "status": "paid", "amount": plan.price, "digital": True}
                | buyer
                | {"expires_at": started_at, "paid_at": started_at, "paid_by": f"first-{n}"}
                for n in ids
            ],
            BillingKey: [
                {"customer_uid": f"key-{n}", "customer_ref": str(n), "status": "active"}
                | {"issued_at": started_at}
                | buyer
                for n in ids
            ],
            Subscription: [
                {"customer_ref": str(n), "plan_ref": str(plan.id), "purchase_id": str(n), "name": "x"}
                | {"customer_uid": f"key-{n}", "status": "active"}
                | {"amount": plan.price, "anchor_day": due_on.day, "next_charge_on": due_on, "started_at": started_at}
                for n in ids
            ],
            Payment: [
                {"merchant_uid": f"first-{n}", "kind": "first", "purchase_id": str(n), "name": "x"}
                | {"customer_uid": f"key-{n}"}
                | {"amount": plan.price, "is_test_channel": True, "status": "paid", "imp_uid": f"imp_{n}"}
                | {"paid_at": started_at}
                for n in ids
            ],
        }
        for model, values in rows.items():
            db.session.execute(insert(model), values)


def charge(workers: int) -> dict[str, Any]:
    """Carry out the monthly run; return its rate and this process's CPU time per charge."""
    from flask import current_app

    app = current_app._get_current_object()  # type: ignore[attr-defined]
    provider = app.extensions["payments"].provider
    count = charging.count_due().count
    began, cpu = time.monotonic(), time.process_time()
    results = Counter(done.result for done in batch.charge_all(app, provider, batch.due_now(), workers))
    seconds, cpu = time.monotonic() - began, time.process_time() - cpu
    if results != {"charged": count}:
        raise RuntimeError(f"not all were charged: {results}")
    return {"rate": count / seconds, "cpu_ms": cpu / count * 1000}


def step() -> None:
    """Entry point of a child process."""
    parser = argparse.ArgumentParser()
    for name in ("step", "folder", "gateway", "count", "workers", "database_url"):
        parser.add_argument(name)
    asked = parser.parse_args()
    environ = {"PORTONE_API_URL": asked.gateway, "DATABASE_URL": asked.database_url}
    app = create_app(load_settings(environ, Path(asked.folder)))
    with app.app_context():
        if asked.step == "populate":
            populate(int(asked.count))
        else:
            print(json.dumps(charge(int(asked.workers))))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        step()
    else:
        for line in measure():
            print(line)
