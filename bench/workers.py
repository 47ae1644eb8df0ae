"""Benchmark of purchases on PostgreSQL: two worker processes against one.

Buyers put something in the cart, check out, are approved by the fake PortOne and call back, over HTTP. The database,
the fake PortOne and the buyers run on the same machine, so on two cores this tells what they leave to the shop.
"""

import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from app import create_app
from bench import apps
from bench.page import server
from bench.rows import row
from bench.shopper import Shopper
from bench.talk import approved, portone, rate
from deploy.services import postgres_server
from shop.config import load_settings

BUYERS = 8
SECONDS = 4.0
TURNS = 3


def measure() -> list[dict[str, Any]]:
    rates: dict[int, list[float]] = {1: [], 2: []}
    with tempfile.TemporaryDirectory() as folder, postgres_server() as (url, _), portone(0.0) as gateway:
        environ = {"DATABASE_URL": url, "PORTONE_API_URL": gateway, "INSTANCE_PATH": folder}
        create_app(load_settings(apps.QUIET | environ, Path(folder)))  # the tables and the goods, once
        with running(environ, gateway, 1) as one, running(environ, gateway, 2) as two:
            for _ in range(TURNS):
                rates[1].append(per_second(one, gateway))
                rates[2].append(per_second(two, gateway))
    ratios = sorted(two / one for one, two in zip(rates[1], rates[2], strict=True))
    single, double = (statistics.median(rates[workers]) for workers in (1, 2))
    detail = f"{double:.1f}/s, {single:.1f}/s; database, PortOne and buyers share the cores"
    what = "purchases on PostgreSQL, 2 workers against 1"
    told = row(what, statistics.median(ratios), None, detail, purchases_on_postgresql=single, purchases_by_two=double)
    return [told | {"low": ratios[0], "high": ratios[-1]}]


@contextmanager
def running(environ: dict[str, str], gateway: str, workers: int) -> Iterator[list[Shopper]]:
    """Run the shop with so many processes; yield its signed-in buyers."""
    with server(**environ, WEB_WORKERS=str(workers)) as (shop, _):
        buyers = [Shopper(shop, gateway) for _ in range(BUYERS)]
        for number, buyer in enumerate(buyers):
            buyer.sign_up(f"buyer{number}of{workers}@example.com")
        yield buyers
        for buyer in buyers:
            buyer.close()


def per_second(buyers: list[Shopper], gateway: str) -> float:
    """Return the purchases per second of these buyers, each buying repeatedly."""
    return rate([partial(buy, buyer, gateway) for buyer in buyers], SECONDS)


def buy(buyer: Shopper, gateway: str) -> None:
    """Buy one thing without loading its page."""
    answer = buyer.http.post(
        f"{buyer.shop}/cart/items",
        data={"product_id": 3, "quantity": 1},
        headers={"X-CSRFToken": buyer.token, "Referer": f"{buyer.shop}/"},
        allow_redirects=False,
        timeout=60,
    )
    answer.raise_for_status()
    told = buyer.check_out()
    merchant_uid = told["merchant_uid"]
    imp_uid = approved(gateway, merchant_uid, told["request_pay"]["amount"])
    outcome = buyer.come_back({"imp_uid": imp_uid, "merchant_uid": merchant_uid})["outcome"]
    if outcome != "paid":
        raise RuntimeError(outcome)
