"""Benchmark of the sandbox's speed, against a bare route and raw `sqlite3` on the same server and disk.

A look-up against a bare Flask route, and a charge against a durable insert by raw `sqlite3`: measured alternately in
one run, medians of each. Charges are measured twice, in process and over HTTP, because HTTP takes most of the time of a
call. `python -m bench.sandbox` prints the rows.
"""

import http.client
import itertools
import json
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from flask import Flask, jsonify
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from bench.rows import row
from sandbox import Sandbox, create_sandbox
from sandbox.ledger import charges, clock
from sandbox.ledger.merchant import API_KEY, API_SECRET, IMP_CODE
from sandbox.window import windows

ROOT = Path(__file__).parents[1]
ROUNDS = 7
CONNECTIONS = 4
LOOKUPS = 400  # a round
CHARGES = 80
ASKED = {"pay_method": "phone", "name": "이용권", "amount": 9900, "buyer_tel": "01012345678", "digital": True}
START_SECONDS = 15


def measure() -> list[dict[str, Any]]:
    """Return the rows of this benchmark: what, ratio, target, unit, detail."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sandbox.sqlite3"
        imp_uid = _fill(path)
        in_process = _charges_in_process(path)
        with serving(path) as port:
            clients = [Client(port) for _ in range(CONNECTIONS)]
            return [_lookups(clients, imp_uid), in_process, _charges_over_http(clients)]


def _lookups(clients: "list[Client]", imp_uid: str) -> dict[str, Any]:
    address = f"/payments/{imp_uid}?include_sandbox=true"
    bare, ours = _in_turns(
        lambda: _all(clients, lambda client: client.ask("GET", "/bare/"), LOOKUPS),
        lambda: _all(clients, lambda client: client.ask("GET", address), LOOKUPS),
        LOOKUPS,
    )
    return _row("GET /payments/{imp_uid} against a bare Flask route", ours, bare, 0.6, "requests/s")


def _charges_in_process(path: Path) -> dict[str, Any]:
    sandbox: Sandbox = create_sandbox(path, start_worker=False).extensions["sandbox"]
    insert, numbers = raw_inserts(path.with_name("raw.sqlite3")), itertools.count()
    raw, ours = _in_turns(
        lambda: [insert() for _ in range(CHARGES)],
        lambda: [charges.again(sandbox.database, _charge(next(numbers))) for _ in range(CHARGES)],
        CHARGES,
    )
    sandbox.close()
    return _row("`again` against a durable insert of raw sqlite3, both in one process", ours, raw, 0.4, "writes/s")


def _charges_over_http(clients: "list[Client]") -> dict[str, Any]:
    numbers = itertools.count((ROUNDS + 1) * CHARGES)
    raw, ours = _in_turns(
        lambda: _all(clients, lambda client: client.ask("POST", "/bare/insert", {}), CHARGES),
        lambda: _all(clients, lambda client: client.charge(next(numbers)), CHARGES),
        CHARGES,
    )
    return _row("`again` against a Flask route with one durable insert, both over HTTP", ours, raw, 0.4, "requests/s")


def _in_turns(one: Callable[[], object], other: Callable[[], object], times: int) -> tuple[float, float]:
    """Return the rate per second of both, medians of alternating rounds; one call does the work `times` times."""
    rates: tuple[list[float], list[float]] = ([], [])
    for _ in range(ROUNDS + 1):
        for work, found in zip((one, other), rates, strict=True):
            started = time.perf_counter()
            work()
            found.append(times / (time.perf_counter() - started))
    return statistics.median(rates[0][1:]), statistics.median(rates[1][1:])  # the first round is a warm-up


def _all(clients: "list[Client]", ask: "Callable[[Client], object]", times: int) -> None:
    """Send `times` requests, spread over all connections at once."""
    with ThreadPoolExecutor(len(clients)) as pool:
        share = times // len(clients)
        for done in [pool.submit(lambda c=client: [ask(c) for _ in range(share)]) for client in clients]:
            done.result()


def _row(what: str, ours: float, theirs: float, target: float, unit: str) -> dict[str, Any]:
    return row(what, ours / theirs, target, f"{ours:,.0f} against {theirs:,.0f} {unit}")


def raw_inserts(path: Path) -> Callable[[], object]:
    """Return a function that inserts one row of a payment's size, committed as durably as the sandbox does."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE payments (body TEXT)")
    text, one_at_a_time = json.dumps(ASKED) * 12, threading.Lock()

    def insert() -> None:
        with one_at_a_time:
            connection.execute("INSERT INTO payments VALUES (?)", (text,))

    return insert


# --- the server ---


def create_bench_app(path: str) -> Any:
    """Create a WSGI app with the sandbox, and a minimal Flask app under `/bare`."""
    bare, insert = Flask("bare"), raw_inserts(Path(path).with_name("bare.sqlite3"))
    bare.add_url_rule("/", "answer", lambda: jsonify(code=0))
    bare.add_url_rule("/insert", "insert", lambda: jsonify(code=insert()), methods=["POST"])
    return DispatcherMiddleware(create_sandbox(path), {"/bare": bare})


@contextmanager
def serving(path: Path) -> Any:
    """Run one gunicorn process with threads, as the shop is served; yield its port."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    command = [sys.executable, "-m", "gunicorn", "-k", "gthread", "--threads", "4", "-b", f"127.0.0.1:{port}"]
    app = f"bench.sandbox:create_bench_app({str(path)!r})"
    server = subprocess.Popen([*command, "--keep-alive", "30", "--log-level", "error", app], cwd=ROOT)
    try:
        _wait_for(port)
        yield port
    finally:
        server.terminate()
        server.wait(timeout=START_SECONDS)


def _wait_for(port: int) -> None:
    until = time.monotonic() + START_SECONDS
    while True:
        try:
            Client(port)
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
        else:
            return


class Client:
    """A client with a keep-alive connection, so that connecting is not measured."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port)
        self._headers = {"Content-Type": "application/json"}
        granted = self.ask("POST", "/users/getToken", {"imp_key": API_KEY, "imp_secret": API_SECRET})
        self._headers["Authorization"] = granted["response"]["access_token"]

    def charge(self, number: int) -> None:
        told = self.ask("POST", "/subscribe/payments/again", _charge(number))
        if told["response"]["status"] != "paid":
            raise RuntimeError(told["response"]["fail_reason"])

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        self._connection.request(method, path, None if body is None else json.dumps(body), self._headers)
        answer = self._connection.getresponse()
        told = json.loads(answer.read())
        if answer.status != 200:
            raise RuntimeError(f"{method} {path}: {answer.status} {told}")
        return told


# --- test data ---


def _charge(number: int) -> dict[str, Any]:
    return ASKED | {"customer_uid": f"key-{number}", "merchant_uid": f"again-{number}"}


def _fill(path: Path) -> str:
    """Create billing keys whose second month is due; return the `imp_uid` of one payment."""
    sandbox: Sandbox = create_sandbox(path, start_worker=False).extensions["sandbox"]
    _to_the_middle_of_next_month(sandbox)
    for number in range(2 * (ROUNDS + 1) * CHARGES):
        imp_uid = _issue(sandbox, f"key-{number}")
    _to_the_middle_of_next_month(sandbox)
    sandbox.close()
    return imp_uid


def _to_the_middle_of_next_month(sandbox: Sandbox) -> None:
    next_month = clock.local(sandbox.database).replace(day=1) + timedelta(days=32)
    clock.move_to(sandbox.database, next_month.replace(day=15))


def _issue(sandbox: Sandbox, customer_uid: str) -> str:
    asked = ASKED | {"customer_uid": customer_uid, "merchant_uid": f"first-of-{customer_uid}"}
    window = windows.open_window(
        sandbox.database, IMP_CODE, asked, device="pc", page_url="", user_agent="", callback=True
    )
    view = windows.send_code(sandbox.database, window, carrier="SKT", phone="01012345678", birth="900101", gender="1")
    return windows.confirm_code(sandbox.database, sandbox.sender, window, view.sms_code or "").imp_uid


if __name__ == "__main__":
    for line in measure():
        print(f"{line['ratio']:.2f}×  (at least {line['target']}×)  {line['what']}: {line['detail']}")
