"""Benchmark of page latency while PortOne hangs: 16 buyers wait in the checkout, 3 s a call; others load pages."""

import socket
import statistics
import threading
import time
from typing import Any

import requests

from bench.page import read_answer, server
from bench.rows import row
from bench.shopper import Shopper
from bench.talk import portone

BUYERS, VISITORS = 16, 4
HANGS_FOR = 3.0
SECONDS = 8.0
PAUSE = 0.05  # seconds between two pages of a visitor


def measure() -> list[dict[str, Any]]:
    calm, hanging = latencies(0.0), latencies(HANGS_FOR)
    told = "{:.1f} ms while PortOne hangs, {:.1f} ms while it answers"
    rows = []
    for name, place in (("median", 0.5), ("95th percentile", 0.95)):
        slow, quick = (at(place, times) * 1000 for times in (hanging, calm))
        what = f"front page while {BUYERS} buyers wait for PortOne ({name})"
        rows.append(row(what, slow / quick, -1.5, told.format(slow, quick)))
    return rows


def at(place: float, times: list[float]) -> float:
    return statistics.quantiles(times, n=100)[round(place * 100) - 1]


def latencies(seconds: float) -> list[float]:
    """Measure how long each page took, with a PortOne that takes `seconds` for every call.

    The buyers' load does not depend on `seconds`: each checks out once in the time that a hanging call takes.
    """
    with portone(seconds) as gateway, server(PORTONE_API_URL=gateway) as (shop, _):
        buyers = [signed_in(shop, number) for number in range(BUYERS)]
        until = time.perf_counter() + SECONDS
        times: list[float] = []
        threads = [threading.Thread(target=keep_checking_out, args=(buyer, until)) for buyer in buyers]
        threads += [threading.Thread(target=look_around, args=(shop, until, times)) for _ in range(VISITORS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for buyer in buyers:
            buyer.close()
        return times


def signed_in(shop: str, number: int) -> Shopper:
    buyer = Shopper(shop, shop)
    buyer.sign_up(f"waiting{number}@example.com")
    buyer.put_in_cart("bear-emoji")
    return buyer


def keep_checking_out(buyer: Shopper, until: float) -> None:
    while (began := time.perf_counter()) < until:
        try:
            buyer.check_out()
        except requests.HTTPError as error:
            if error.response.status_code not in (429, 503):  # the shop may refuse under load
                raise
        time.sleep(max(0.0, HANGS_FOR + 0.5 - (time.perf_counter() - began)))


def look_around(shop: str, until: float, times: list[float]) -> None:
    port = int(shop.rpartition(":")[2])
    asked = f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept-Language: ko\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", port)) as line:
        while time.perf_counter() < until:
            began = time.perf_counter()
            line.sendall(asked)
            read_answer(line)
            times.append(time.perf_counter() - began)
            time.sleep(PAUSE)
