"""Benchmark of the front page against a bare Flask route: CPU time, statements; and the memory of a worker."""

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from typing import Any

from flask import Flask
from werkzeug.test import EnvironBuilder

from bench import apps
from bench.counted import counted
from bench.profile import divided_of
from bench.rows import compared, row
from bench.shopper import Shopper
from deploy.services import free_port

ROOT = Path(__file__).parents[1]
MOST_CPU, MOST_STATEMENTS, MOST_MIB = 30, 3, 90
SAMPLED = 20  # turns


def measure() -> list[dict[str, Any]]:
    with Path(os.devnull).open("w") as nowhere, redirect_stderr(nowhere):
        return [*cpu(), *memory()]


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
        with counted(ours) as found:
            buyers[0].client.get("/")
        what, shares = "front page, signed in: statements", divided_of(lambda: [shop() for _ in range(SAMPLED)])
        front = compared("front page, signed in: CPU against a bare route", shop, route, -MOST_CPU, told, turns=25)
        return [
            front | {"detail": f"{front['detail']}; {shares}"},
            compared("  the plain way, for comparison", other, route, None, told, turns=25),
            row(what, len(found.statements), -MOST_STATEMENTS, "the products, the user, the size of the cart", ""),
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
    what, detail = "a worker's memory after 1,000 requests", "PSS, shop and sandbox in one process"
    return [row(what, used, -MOST_MIB, detail, "MiB", worker_mib=used)]


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def proportional_mib(pid: int) -> float:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("Pss:")).split()[1]) / 1024
