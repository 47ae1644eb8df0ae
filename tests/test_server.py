"""The production server: what it serves, what it refuses, and that it finishes what is under way when it must stop."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from bench.shopper import Shopper
from deploy.services import free_port

ROOT = Path(__file__).parents[1]
GUNICORN = Path(sys.executable).with_name("gunicorn")

pytestmark = pytest.mark.slow


@contextmanager
def gunicorn(instance_path: Path, **more: str) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """The shop with its sandbox, served as in production; its address and process."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    environ = os.environ | {"PORT": str(port), "PUBLIC_URL": url, "INSTANCE_PATH": str(instance_path), **more}
    with (instance_path / "log").open("wb") as log:
        server = subprocess.Popen([GUNICORN], cwd=ROOT, env=environ, stdout=log, stderr=log)
    try:
        until = time.monotonic() + 30
        while not _answers(port):
            assert server.poll() is None and time.monotonic() < until, (instance_path / "log").read_text()
            time.sleep(0.1)
        yield url, server
    finally:
        server.terminate()
        server.wait(timeout=40)


def _answers(port: int) -> bool:
    with socket.socket() as caller:
        return caller.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with gunicorn(tmp_path_factory.mktemp("served")) as (url, _):
        yield url


def test_a_whole_purchase_goes_through(served: str) -> None:
    shopper = Shopper(served, f"{served}/sandbox")
    shopper.sign_in()
    assert shopper.buy() in ("paid", "unchanged")  # the webhook may have been quicker
    shopper.close()


def test_the_very_first_requests_may_come_all_at_once(tmp_path: Path) -> None:
    with gunicorn(tmp_path) as (url, _):
        gate, statuses = threading.Barrier(12), []

        def ask() -> None:
            gate.wait()
            statuses.append(requests.get(url, timeout=30).status_code)

        threads = [threading.Thread(target=ask) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert statuses == [200] * 12


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_server_that_is_told_to_stop_finishes_the_checkout_that_is_under_way(tmp_path: Path, workers: str) -> None:
    with gunicorn(tmp_path, WEB_WORKERS=workers) as (url, server):
        shopper = Shopper(url, f"{url}/sandbox")
        shopper.sign_in()
        shopper.put_in_cart("bear-emoji")
        fault = {"path": "/payments/prepare", "fault": "latency", "value": 2.0, "count": 1}
        requests.post(f"{url}/sandbox/controls/faults", json=fault, timeout=5).raise_for_status()
        answers: list[str] = []
        checkout = threading.Thread(target=lambda: answers.append(shopper.check_out()["merchant_uid"]))
        checkout.start()
        time.sleep(0.7)
        assert answers == []  # still waiting for the sandbox
        server.send_signal(signal.SIGTERM)
        checkout.join()
        assert server.wait(timeout=40) == 0
        shopper.close()
    assert len(answers) == 1


def test_a_silent_client_gives_its_thread_back(tmp_path: Path) -> None:
    """Two threads, three clients that stop in the middle of a request."""
    with gunicorn(tmp_path, WEB_THREADS="2", CLIENT_SILENT_SECONDS="1") as (url, _):
        port = int(url.rpartition(":")[2])
        silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(3)]
        for one in silent:
            one.sendall(b"GET / HT")
        assert requests.get(url, timeout=10).status_code == 200
        for one in silent:
            one.close()


@pytest.mark.parametrize(
    ("request_line", "headers", "refused"),
    [
        ("GET /" + "x" * 5000, "", b"414"),
        ("GET /", "X-Long: " + "x" * 9000 + "\r\n", b"431"),
        ("GET /", "".join(f"X-{number}: 1\r\n" for number in range(80)), b"431"),
    ],
)
def test_a_request_that_is_too_large_is_refused(served: str, request_line: str, headers: str, refused: bytes) -> None:
    with socket.create_connection(("127.0.0.1", int(served.rpartition(":")[2]))) as caller:
        caller.settimeout(10)
        caller.sendall(f"{request_line} HTTP/1.1\r\nHost: shop\r\n{headers}\r\n".encode())
        assert refused in caller.recv(4000).partition(b"\r\n")[0]


def test_a_body_that_is_too_large_is_refused(served: str) -> None:
    answer = requests.post(f"{served}/payment/webhook", data=b"x" * 1_000_001, timeout=10)
    assert answer.status_code == 413


def test_nothing_but_a_trusted_peer_may_say_that_it_was_https(tmp_path: Path) -> None:
    spoofed = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.9", "X-Forwarded-Host": "evil.example"}
    with gunicorn(tmp_path, FORWARDED_ALLOW_IPS="192.0.2.1") as (url, _):
        answer = requests.get(f"{url}/orders", headers=spoofed, timeout=10, allow_redirects=False)
        assert answer.headers["Location"] == "/login?next=%2Forders"
        assert "evil.example" not in answer.text + str(answer.headers)
