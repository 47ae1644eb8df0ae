"""Benchmark of the callback endpoint under load: its slow responses against its median one.

Each request is another payment's first callback: the shop looks it up at the fake PortOne, and records it as paid. Some
callers find the endpoint's maximum; then requests are sent at 80 % of it, at fixed moments. A response is timed from
the moment at which its request was due, so a request that waits because others are slow counts as slow. Three such
turns make a minute; each finds the maximum anew, which is not the same all the time on a machine that others use.

    python -m bench.callback 10        ten seconds instead of sixty
"""

import http.client
import json
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import text

from app import create_app
from bench import apps
from bench.page import server
from bench.rows import row
from bench.talk import approved, portone
from payments.database import db
from shop.config import load_settings

SECONDS = 60.0
SECONDS_AT_MOST = 4.0
TURNS = 3
CALLERS = 16
SHARE = 0.8
MOST = 5.0  # p99 × median
PAYMENTS = 20_000  # more than are needed at 250 a second
AMOUNT = 3900


def measure(seconds: float = SECONDS) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder, portone(0.0) as gateway:
        environ = apps.QUIET | {"PORTONE_API_URL": gateway, "INSTANCE_PATH": folder}
        app = create_app(load_settings(environ, Path(folder)))
        fill(app)
        payments = iter(range(1, PAYMENTS + 1))
        with server(**environ) as (shop, _):
            turns = sorted(turn(shop, gateway, payments, seconds / TURNS) for _ in range(TURNS))
    ratio, slow, median, most = turns[TURNS // 2]
    what = f"callback endpoint at 80 % of its maximum for {seconds:.0f} s: 99th percentile against the median"
    detail = f"{slow * 1000:.1f} ms, {median * 1000:.1f} ms, maximum {most:.0f}/s"
    told = row(what, ratio, -MOST, detail, callbacks_per_second=most)
    return [told | {"low": turns[0][0], "high": turns[-1][0]}]


def turn(shop: str, gateway: str, payments: Iterator[int], seconds: float) -> tuple[float, float, float, float]:
    """Find the maximum, then send at 80 % of it. Return p99 ÷ median, both in seconds, and the maximum per second."""
    most = at_most(shop, approve(gateway, payments, round(SECONDS_AT_MOST * 250)))
    ready = approve(gateway, payments, round(most * SHARE * seconds) + CALLERS)
    times = at_rate(shop, ready, most * SHARE, seconds)
    median, slow = statistics.median(times), statistics.quantiles(times, n=100)[98]
    return slow / median, slow, median, most


def fill(app: Flask, payments: int = PAYMENTS) -> None:
    """Insert orders of as many buyers, each with an open payment, as the shop itself would have written them."""
    numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :count)"
    now, later = "datetime('now')", "datetime('now', '30 minutes')"
    with app.app_context(), db.engine.begin() as books:
        for statement in (
            "INSERT INTO users (id, email, password_hash, role, created_at)"
            f" {numbers} SELECT 100 + i, 'caller' || i || '@example.com', '-', 'buyer', {now} FROM n",
            "INSERT INTO orders (id, number, user_id, kind, status, amount, digital, buyer_name, buyer_tel,"
            f" buyer_email, tel_tail, created_at, expires_at) {numbers} SELECT i, printf('20541115-%06d', i),"
            f" 100 + i, 'once', 'pending', {AMOUNT}, 1, '홍길동', '01012345678', 'b@example.com', '5678', {now},"
            f" {later} FROM n",
            "INSERT INTO order_lines (order_id, product_id, name_ko, name_en, unit_price, quantity)"
            f" {numbers} SELECT i, 3, '곰', 'Bear', {AMOUNT}, 1 FROM n",
            "INSERT INTO payments (id, merchant_uid, kind, purchase_id, period, name, amount, is_test_channel, status,"
            f" cancelled_amount, created_at) {numbers}"
            f" SELECT i, 'm-' || i, 'once', i, '', '곰', {AMOUNT}, 1, 'ready', 0, {now} FROM n",
        ):
            books.execute(text(statement), {"count": payments})
        db.engine.dispose()


def approve(gateway: str, payments: Iterator[int], wanted: int) -> list[dict[str, str]]:
    """Have so many payments approved; return what their callbacks send."""
    ids = []
    for number, _ in zip(payments, range(wanted), strict=False):
        merchant_uid = f"m-{number}"
        ids.append({"merchant_uid": merchant_uid, "imp_uid": approved(gateway, merchant_uid, AMOUNT)})
    return ids


def at_most(shop: str, ids: list[dict[str, str]]) -> float:
    """Return the callbacks per second of callers that do not pause."""
    until = time.perf_counter() + SECONDS_AT_MOST
    left, done = iter(ids), count()

    def work(call: Callable[[dict[str, str]], None], lock: threading.Lock) -> None:
        while time.perf_counter() < until:
            with lock:
                one = next(left, None)
            if one is None:
                return
            call(one)
            next(done)

    began = time.perf_counter()
    at_once(shop, work)
    return next(done) / (time.perf_counter() - began)


def at_rate(shop: str, ids: list[dict[str, str]], rate: float, seconds: float) -> list[float]:
    """Send one callback every 1/rate seconds; return the seconds from when each was due to its response."""
    began, numbers, times = time.perf_counter() + 0.1, count(), list[float]()

    def work(call: Callable[[dict[str, str]], None], _lock: threading.Lock) -> None:
        while (number := next(numbers)) < len(ids) and number / rate < seconds:
            due = began + number / rate
            time.sleep(max(0.0, due - time.perf_counter()))
            call(ids[number])
            times.append(time.perf_counter() - due)

    at_once(shop, work)
    return times


def at_once(shop: str, work: Callable[[Callable[[dict[str, str]], None], threading.Lock], None]) -> None:
    """Run `work` in as many threads as there are callers, each with a function that sends a callback."""
    lock = threading.Lock()

    def run(_caller: int) -> None:
        with closing(http.client.HTTPConnection(shop.removeprefix("http://"), timeout=60)) as connection:
            work(lambda ids: _send(connection, ids), lock)

    with ThreadPoolExecutor(CALLERS) as pool:
        list(pool.map(run, range(CALLERS)))


def _send(connection: http.client.HTTPConnection, ids: dict[str, str]) -> None:
    connection.request("POST", "/payment/complete", json.dumps(ids), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    told = answer.read()
    if answer.status != 200 or json.loads(told)["outcome"] != "paid":
        raise RuntimeError(f"{answer.status}: {told[:200]!r}")


if __name__ == "__main__":
    for line in measure(float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS):
        print(line)
