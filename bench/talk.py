"""Benchmark of calls to PortOne: look-ups against iamport-rest-client, whole purchases against the plain shop."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import requests
from flask import Flask

from bench import apps
from bench.rows import compared
from payments.portone.client import PortOne
from shop.config import load_settings

ROOT = Path(__file__).parents[1]
CLIENTS = ROOT / ".venv-clients"  # shared with tests/sandbox/api/test_clients.py
WANTED = ROOT / "tests" / "sandbox" / "api" / "clients-requirements.txt"
SECONDS = 0.7
BUYERS = 8


def measure() -> list[dict[str, Any]]:
    return [*look_ups(), *purchases(0.0, 1.2), *purchases(0.05, 1.8)]


@contextmanager
def portone(seconds: float) -> Iterator[str]:
    """Run the benchmarks' fake PortOne, which takes `seconds` for every call; yield its URL."""
    command = [sys.executable, "-m", "bench.gateway", str(seconds), "every"]
    server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert server.stdout
    with server.stdout:
        yield f"http://127.0.0.1:{server.stdout.readline().strip()}"
        server.terminate()
        server.wait()


def approved(url: str, merchant_uid: str, amount: int = 9900) -> str:
    """Approve a payment in the window; return its `imp_uid`."""
    wanted = {"merchant_uid": merchant_uid, "amount": amount}
    imp_uid: str = HTTP.post(f"{url}/approve", json=wanted, timeout=10).json()["response"]["imp_uid"]
    return imp_uid


HTTP = requests.Session()
HTTP.trust_env = False  # keep the buyer's side cheap: only the shops are measured


# --- look-ups -------------------------------------------------------------------------------------------------------


def look_ups() -> list[dict[str, Any]]:
    from_pypi = iamport_client()
    with portone(0.0) as url, tempfile.TemporaryDirectory() as folder:
        imp_uid = approved(url, "looked-up")
        ours = PortOne(load_settings({"PORTONE_API_URL": url}, Path(folder)))
        theirs = from_pypi("imp_apikey", "sandbox_secret", f"{url}/")
        rows = []
        for threads in (1, 8):
            rows.append(
                compared(
                    f"verified look-ups, {threads} thread{'s' if threads > 1 else ''}: against iamport-rest-client",
                    lambda count=threads: rate([lambda: ours.get_payment(imp_uid)] * count),
                    lambda count=threads: rate([lambda: theirs.find(imp_uid=imp_uid)] * count),
                    2.3,
                    "{ours:.0f}/s, {theirs:.0f}/s, 0 ms gateway",
                )
            )
        theirs.requests_session.close()
        ours.close()
    return rows


def iamport_client() -> Any:
    """Return PyPI's client, unchanged, from a separate folder: its pinned dependencies conflict with ours."""
    if not (CLIENTS / "iamport").exists():
        options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--upgrade", "--target", str(CLIENTS)]
        subprocess.run([sys.executable, "-m", "pip", "install", *options, "-r", str(WANTED)], check=True)
    sys.path.append(str(CLIENTS))  # after our own packages, which take precedence
    from iamport import Iamport  # type: ignore[import-not-found]

    return Iamport


def rate(works: Sequence[Callable[[], object]], seconds: float = SECONDS) -> float:
    """Return how many calls finish per second, when each of these functions is called repeatedly in its own thread."""
    until = time.perf_counter() + seconds

    def repeat(work: Callable[[], object]) -> int:
        count = 0
        while time.perf_counter() < until:
            work()
            count += 1
        return count

    began = time.perf_counter()
    with ThreadPoolExecutor(len(works)) as pool:
        done = sum(pool.map(repeat, works))
    return done / (time.perf_counter() - began)


# --- whole purchases ------------------------------------------------------------------------------------------------


def purchases(seconds: float, target: float) -> list[dict[str, Any]]:
    with portone(seconds) as url, apps.our_shop(url) as ours, apps.plain_shop(url) as plain:
        shops = [crowd(app, url) for app in (ours, plain)]
        what = f"whole purchases, {BUYERS} buyers, {seconds * 1000:.0f} ms gateway: against the plain way"
        fact = f"purchases_at_{seconds * 1000:.0f}_ms"
        return [compared(what, *shops, target, "{ours:.1f}/s, {theirs:.1f}/s", turns=5, fact=fact)]


def crowd(app: Flask, url: str) -> Callable[[], float]:
    """Return a function that measures purchases per second of eight buyers, each buying repeatedly."""
    buyers = [apps.buyer(app, number) for number in range(BUYERS)]
    works = [partial(purchase, buyer, url) for buyer in buyers]
    return lambda: rate(works, seconds=2.0)


def purchase(buyer: apps.Buyer, url: str) -> None:
    """Make one whole purchase: cart, checkout, payment window, callback."""
    buyer.forget_messages()
    buyer.post("/cart/items", data={"product_id": 3, "quantity": 1})
    asked = {"kind": "once", "buyer_name": "홍길동", "buyer_tel": "01012345678", "buyer_email": "b@example.com"}
    told = buyer.post("/checkout", json=asked).get_json()
    amount = told["request_pay"]["amount"]
    ids = {"merchant_uid": told["merchant_uid"], "imp_uid": approved(url, told["merchant_uid"], amount)}
    outcome = buyer.post("/payment/complete", json=ids).get_json()["outcome"]
    assert outcome == "paid", outcome
