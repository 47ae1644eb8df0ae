"""Load test (`make soak`): buyers at 80 % of the shop's maximum rate, for ten minutes.

Every webhook is sent twice, and one call in a hundred to PortOne fails. The shop passes if no other errors occur, its
memory does not grow, and both ledgers agree at the end.

    python -m bench.soak --seconds 60
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import requests
from sqlalchemy import func, select

from bench.apps import QUIET
from bench.page import children, proportional_mib
from bench.shopper import Shopper
from deploy.services import free_port

ROOT = Path(__file__).parents[1]
BUYERS = 8
FULL_SPEED_SECONDS = 10
SHARE = 0.8
FAULTY = 0.01
GROWTH = 1.10  # memory in the last quarter against the second one


@dataclass
class Shop:
    url: str
    sandbox: str
    folder: Path
    environ: dict[str, str]
    web: "subprocess.Popen[bytes]"
    counts: Counter[str] = field(default_factory=Counter)
    unexpected: list[str] = field(default_factory=list)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument("--seconds", type=int, default=600)
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as shop:
        buyers = [signed_up(shop, number) for number in range(BUYERS)]
        most = run(shop, buyers, FULL_SPEED_SECONDS, 0.0)
        print(f"at full speed: {most:.1f} purchases a second")
        make_trouble(shop)
        shop.counts.clear()
        memory: list[float] = []
        watching = threading.Thread(target=watch, args=(shop, seconds, memory))
        watching.start()
        rate = run(shop, buyers, seconds, BUYERS / (most * SHARE))
        watching.join()
        for buyer in buyers:
            buyer.close()
        return judged(shop, rate, memory)


@contextmanager
def running(folder: Path) -> Iterator[Shop]:
    """Run the shop and its sandbox, each as a separate production server."""
    port, sandbox_port = free_port(), free_port()
    url, sandbox = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{sandbox_port}"
    environ = os.environ | QUIET | {"INSTANCE_PATH": str(folder), "PUBLIC_URL": url, "PORTONE_API_URL": sandbox}
    gunicorn = [str(Path(sys.executable).with_name("gunicorn")), "--log-level", "warning"]
    with (folder / "log").open("wb") as log:
        options: dict[str, Any] = {"cwd": ROOT, "stdout": log, "stderr": log}
        web = subprocess.Popen(gunicorn, env=environ | {"PORT": str(port)}, **options)
        beside = subprocess.Popen(
            [*gunicorn, "sandbox.server:create()"], env=environ | {"PORT": str(sandbox_port)}, **options
        )
        try:
            for address in (f"{url}/healthz", f"{sandbox}/controls/clock"):
                wait_for(address)
            yield Shop(url, sandbox, folder, environ, web)
        finally:
            for process in (web, beside):
                process.terminate()
                process.wait(timeout=60)


def wait_for(address: str) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            requests.get(address, timeout=5).raise_for_status()
        except requests.RequestException:
            time.sleep(0.2)
        else:
            return
    raise TimeoutError(address)


def signed_up(shop: Shop, number: int) -> Shopper:
    buyer = Shopper(shop.url, shop.sandbox)
    buyer.sign_up(f"soak{number}@example.com")
    return buyer


def make_trouble(shop: Shop) -> None:
    """Send webhooks twice; one call in a hundred returns 503, one in two hundred loses its response after success."""
    for path, body in (
        ("settings", {"webhook_order": "twice"}),
        ("faults", {"path": "/payments/*", "fault": "status", "value": 503, "probability": FAULTY, "seed": 1}),
        ("faults", {"path": "/payments/*", "fault": "drop_after", "probability": FAULTY / 2, "seed": 2}),
    ):
        requests.post(f"{shop.sandbox}/controls/{path}", json=body, timeout=10).raise_for_status()


def run(shop: Shop, buyers: list[Shopper], seconds: float, period: float) -> float:
    """Let all buyers buy, each once in `period` seconds (0: without a pause); return the purchases per second."""
    until = time.monotonic() + seconds
    before = shop.counts.total()
    threads = [threading.Thread(target=keep_buying, args=(shop, buyer, until, period)) for buyer in buyers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return (shop.counts.total() - before) / seconds


def keep_buying(shop: Shop, buyer: Shopper, until: float, period: float) -> None:
    due = time.monotonic()
    while time.monotonic() < until:
        try:
            shop.counts[buyer.buy()] += 1
        except requests.HTTPError as error:
            answer = error.response
            if answer.status_code == 503:  # PortOne did not respond: an injected fault
                shop.counts["told to come back"] += 1
            else:
                shop.unexpected.append(f"{answer.status_code} {answer.url}")
        except requests.RequestException as error:
            shop.unexpected.append(repr(error))
        due += period
        time.sleep(max(0.0, min(due, until) - time.monotonic()))


def watch(shop: Shop, seconds: float, memory: list[float]) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        memory.append(sum(proportional_mib(child) for child in children(shop.web.pid)))
        time.sleep(min(5.0, seconds / 20))


def judged(shop: Shop, rate: float, memory: list[float]) -> int:
    """Print the figures; return 0 if the shop passes, else 1."""
    requests.delete(f"{shop.sandbox}/controls/faults", timeout=10).raise_for_status()
    time.sleep(2)  # wait for the last webhooks
    ours, theirs, differences = books(shop)
    quarter = len(memory) // 4
    early, late = statistics.median(memory[quarter : 2 * quarter]), statistics.median(memory[-quarter:])
    log = (shop.folder / "log").read_text()
    print(f"purchases: {rate:.1f} a second; {dict(shop.counts)}")
    print(f"unexpected: {len(shop.unexpected)} {shop.unexpected[:5]}")
    if "Traceback" in log:
        print(f"{log.count('Traceback')} tracebacks in the log, the first:\n{log[log.index('Traceback') :][:2000]}")
    print(f"memory: {early:.1f} MiB in the second quarter, {late:.1f} MiB in the last (at most {GROWTH}×)")
    print(f"ledgers: ours {ours:,} won, theirs {theirs:,} won, {differences} differences")
    good = not shop.unexpected and late <= early * GROWTH and ours == theirs and not differences
    print("passed" if good else "FAILED")
    return 0 if good else 1


def books(shop: Shop) -> tuple[int, int, int]:
    """Run one sweep; return the won received by our ledger and by PortOne's, and the number of differences."""
    from app import create_app
    from payments import clock, reconcile, sweep
    from payments.database import db, end_reading
    from payments.models import Payment
    from shop.config import load_settings

    app = create_app(load_settings(shop.environ, shop.folder))
    with app.app_context():
        provider = app.extensions["payments"].provider
        # The sweep skips a payment while its approval number is valid, so move the clock past that.
        # Moving it ends thousands of windows and sends their webhooks, which takes the sandbox a while.
        ahead = {"to": (clock.now() + sweep.LOOK_AFTER).isoformat()}
        requests.post(f"{shop.sandbox}/controls/clock", json=ahead, timeout=120).raise_for_status()
        time.sleep(2)  # the shop reads the sandbox's clock once a second
        print(f"sweep: {dict(sweep.sweep(provider))}")
        ours = db.session.scalar(select(func.sum(Payment.reported_amount - Payment.cancelled_amount))) or 0
        end_reading()
        since, until = clock.now() - timedelta(days=2), clock.now() + timedelta(days=1)
        theirs = sum(report.amount for report in provider.payments_between("paid", since, until))
        today = clock.today()
        differences = reconcile.compare(provider, today - timedelta(days=1), today)
        return int(ours), theirs, len(differences)


if __name__ == "__main__":
    sys.exit(main())
