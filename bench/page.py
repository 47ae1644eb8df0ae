"""Benchmark of the front page against a bare Flask route: CPU time, requests per second, memory of a worker."""

import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from typing import Any

from flask import Flask
from werkzeug.test import EnvironBuilder

from bench import apps
from bench.rows import compared, row
from bench.shopper import Shopper
from deploy.services import free_port

ROOT = Path(__file__).parents[1]
CONNECTIONS = 8
SECONDS = 1.5


def measure() -> list[dict[str, Any]]:
    with Path(os.devnull).open("w") as nowhere, redirect_stderr(nowhere):
        return [*cpu(), *per_second(), *memory()]


# --- in process -----------------------------------------------------------------------------------------------------


def cpu() -> list[dict[str, Any]]:
    with apps.our_shop() as ours, apps.plain_shop() as plain:
        bare = apps.bare()
        buyers = [apps.buyer(app) for app in (ours, plain)]
        for one, product_id in zip(buyers, (1, 1), strict=True):
            one.post("/cart/items", data={"product_id": product_id, "quantity": 1})
            one.client.get("/")  # consumes the flash message, which is shown only once
        cookies = [one.cookie for one in buyers]
        told = "{ours:.0f} µs, {theirs:.0f} µs"
        shop, other, route = (
            turn(app, cookie) for app, cookie in zip((ours, plain, bare), (*cookies, ""), strict=True)
        )
        return [
            compared("front page, signed in: CPU against a bare route", shop, route, -20, told, turns=25),
            compared("  the plain way, for comparison", other, route, -1000, told, turns=25),
        ]


def turn(app: Flask, cookie: str) -> Any:
    """Return a function that measures the mean CPU time of one request, in microseconds."""
    environ = EnvironBuilder(path="/", headers={"Cookie": cookie, "Accept-Language": "ko-KR,ko;q=0.9"}).get_environ()
    count = 20 if cookie else 200

    def answered(status: str, headers: Any, exc_info: Any = None) -> Any:
        assert status.startswith("200"), status

    def run() -> float:
        began = time.process_time()
        for _ in range(count):
            pieces = app(dict(environ), answered)
            b"".join(pieces)
            pieces.close()  # type: ignore[attr-defined]
        return (time.process_time() - began) / count * 1e6

    run()
    return run


# --- through the production server ----------------------------------------------------------------------------------


@contextmanager
def server(wsgi_app: str = "app:create_app()", **more: str) -> Iterator[tuple[str, int]]:
    """Run gunicorn with the shop's settings; yield its URL and process id."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory() as folder:
        environ = os.environ | apps.QUIET | {"PORT": str(port), "PUBLIC_URL": url, "INSTANCE_PATH": folder} | more
        command = [str(Path(sys.executable).with_name("gunicorn")), "--log-level", "error", wsgi_app]
        process = subprocess.Popen(command, cwd=ROOT, env=environ, stderr=subprocess.DEVNULL)
        try:
            until = time.monotonic() + 60
            while time.monotonic() < until:
                with socket.socket() as caller:
                    if caller.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.1)
            yield url, process.pid
        finally:
            process.terminate()
            process.wait(timeout=60)


def per_second() -> list[dict[str, Any]]:
    with server() as (shop, _), server("bench.apps:bare()") as (bare, _):
        shopper = Shopper(shop, f"{shop}/sandbox")
        shopper.sign_in()
        shopper.put_in_cart("bear-emoji")
        cookie = f"session={shopper.http.cookies['session']}"
        shopper.close()
        told = "{ours:.0f}/s, {theirs:.0f}/s on the same server"
        return [
            compared(
                "front page, signed in: requests per second against a bare route",
                lambda: load(shop, cookie),
                lambda: load(bare, ""),
                0.40,
                told,
            )
        ]


def load(url: str, cookie: str, seconds: float = SECONDS) -> float:
    """Measure responses per second over keep-alive sockets; the client is minimal, so that it is not the bottleneck."""
    port = int(url.rpartition(":")[2])
    asked = f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nCookie: {cookie}\r\nAccept-Language: ko\r\n\r\n".encode()
    until = time.perf_counter() + seconds
    counts: list[int] = []

    def ask() -> None:
        count = 0
        with socket.create_connection(("127.0.0.1", port)) as line:
            while time.perf_counter() < until:
                line.sendall(asked)
                read_answer(line)
                count += 1
        counts.append(count)

    threads = [threading.Thread(target=ask) for _ in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / seconds


def read_answer(line: socket.socket) -> bytes:
    """Read one response with its body. Raises ConnectionError unless its status is 200."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = line.recv(65536)
        if not more:
            raise ConnectionError("closed")
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise ConnectionError(head.split(b"\r\n", 1)[0].decode())
    length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
    while len(body) < length:
        body += line.recv(65536)
    return body


def memory() -> list[dict[str, Any]]:
    with server() as (url, pid):
        shopper = Shopper(url, f"{url}/sandbox")
        shopper.sign_in()
        shopper.buy()
        for _ in range(250):
            for path in ("/", "/cart", "/orders", "/products/moon-mug"):
                shopper.page(path)
        shopper.close()
        used = max(proportional_mib(child) for child in children(pid))
    return [row("a worker's memory after 1,000 requests", used, -110, "PSS, shop and sandbox in one process", "MiB")]


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def proportional_mib(pid: int) -> float:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("Pss:")).split()[1]) / 1024
