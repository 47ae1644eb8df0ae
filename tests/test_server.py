"""The production server: what it serves, what it refuses, and that it finishes what is under way when it must stop."""

import os
import re
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import requests

from bench.shopper import Shopper
from deploy.services import free_port

ROOT = Path(__file__).parents[1]
GUNICORN = Path(sys.executable).with_name("gunicorn")

STOP_SECONDS = 40  # graceful_timeout and a little more

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
        server.wait(timeout=STOP_SECONDS)


def port_of(url: str) -> int:
    return int(url.rpartition(":")[2])


def wait_until(true: Callable[[], bool]) -> None:
    until = time.monotonic() + 30
    while not true():
        assert time.monotonic() < until
        time.sleep(0.05)


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
        assert server.wait(timeout=STOP_SECONDS) == 0
        shopper.close()
    assert len(answers) == 1


def test_a_stopping_server_finishes_a_slow_response_and_announces_the_end_of_the_connection(tmp_path: Path) -> None:
    with gunicorn(tmp_path) as (url, server), ThreadPoolExecutor(1) as pool:
        fault = {"path": "/users/pg", "fault": "latency", "value": 5.0, "count": 1}
        requests.post(f"{url}/sandbox/controls/faults", json=fault, timeout=30).raise_for_status()
        slow = pool.submit(requests.get, f"{url}/sandbox/users/pg", timeout=STOP_SECONDS)
        wait_until(lambda: not requests.get(f"{url}/sandbox/controls/faults", timeout=5).json()["faults"])
        server.send_signal(signal.SIGTERM)
        wait_until(lambda: not _answers(port_of(url)))
        answer = slow.result()
        assert (answer.status_code, answer.headers["Connection"]) == (401, "close")
        assert server.wait(timeout=STOP_SECONDS) == 0


def test_a_server_with_half_sent_requests_stops_without_waiting_for_them(tmp_path: Path) -> None:
    with gunicorn(tmp_path) as (url, server), connections(url, HALF_HEADER, 20), connections(url, HALF_BODY, 20):
        assert requests.get(f"{url}/healthz", timeout=30).status_code == 200
        server.send_signal(signal.SIGTERM)
        assert server.wait(timeout=STOP_SECONDS) == 0


# --- clients that take their time -----------------------------------------------------------------------------------

HALF_HEADER = b"GET /healthz HTTP/1.1\r\nHost: shop\r\nX-Half: "
WEBHOOK = b"POST /payment/webhook HTTP/1.1\r\nHost: shop\r\nContent-Type: application/json\r\n"
HALF_BODY = WEBHOOK + b'Content-Length: 500\r\n\r\n{"'
WHOLE = b"GET /healthz HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n"  # and then the client never hangs up
NOTHING = b""
VISITOR_WAITS_SECONDS = 2
ROUNDS = 3
MORE_THAN_ALL = 1200  # open connections: worker_connections in gunicorn.conf.py is 800
PROBES = 10


@contextmanager
def connections(url: str, sent: bytes, count: int) -> Iterator[None]:
    """Clients that send this much, and then neither read, write nor close."""
    with ExitStack() as kept:
        for _ in range(count):
            client = kept.enter_context(socket.create_connection(("127.0.0.1", port_of(url)), timeout=5))
            client.sendall(sent)
        yield


@pytest.mark.parametrize(
    "clients",
    [
        pytest.param({HALF_HEADER: 20, WHOLE: 20, NOTHING: 60}, id="all kinds at once"),
        pytest.param({WHOLE: 20}, id="never hang up"),
        pytest.param({NOTHING: 60}, id="silent"),
        pytest.param({HALF_HEADER: 40}, id="half a header"),
        pytest.param({HALF_BODY: 40}, id="half a body"),
    ],
)
def test_clients_that_take_their_time_do_not_keep_another_visitor_waiting(
    tmp_path: Path, clients: dict[bytes, int]
) -> None:
    """With the shipped settings. Each round adds the same clients again, as attackers come back."""
    with gunicorn(tmp_path) as (url, _), ExitStack() as kept:
        requests.get(f"{url}/healthz", timeout=30).raise_for_status()  # the shop has started
        for _ in range(ROUNDS):
            for sent, count in clients.items():
                kept.enter_context(connections(url, sent, count))
            for _ in range(PROBES):
                assert requests.get(f"{url}/healthz", timeout=VISITOR_WAITS_SECONDS).status_code == 200
                time.sleep(0.2)


@pytest.mark.parametrize("sent", [NOTHING, HALF_HEADER, HALF_BODY], ids=["silent", "half a header", "half a body"])
def test_more_idle_clients_than_the_server_has_connections_keep_nobody_waiting(tmp_path: Path, sent: bytes) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4000)), hard))
    with gunicorn(tmp_path) as (url, _), connections(url, sent, MORE_THAN_ALL):
        requests.get(f"{url}/healthz", timeout=30).raise_for_status()  # all of them have been accepted
        for _ in range(PROBES):
            assert requests.get(f"{url}/healthz", timeout=VISITOR_WAITS_SECONDS).status_code == 200
        with connections(url, sent, 50):
            assert requests.get(url, timeout=VISITOR_WAITS_SECONDS).status_code == 200


def test_half_sent_requests_hold_no_thread(tmp_path: Path) -> None:
    with gunicorn(tmp_path, WEB_THREADS="2") as (url, _), connections(url, b"GET / HT", 3):
        assert requests.get(url, timeout=10).status_code == 200


# --- what is refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_line", "headers", "refused"),
    [
        ("GET /" + "x" * 5000, "", b"414"),
        ("GET /", "X-Long: " + "x" * 9000 + "\r\n", b"431"),
        ("GET /", "".join(f"X-{number}: 1\r\n" for number in range(80)), b"431"),
    ],
)
def test_a_request_that_is_too_large_is_refused(served: str, request_line: str, headers: str, refused: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port_of(served))) as caller:
        caller.settimeout(10)
        caller.sendall(f"{request_line} HTTP/1.1\r\nHost: shop\r\n{headers}\r\n".encode())
        assert refused in caller.recv(4000).partition(b"\r\n")[0]


def test_a_body_that_is_too_large_is_refused(served: str) -> None:
    answer = requests.post(f"{served}/payment/webhook", data=b"x" * 1_000_001, timeout=10)
    assert answer.status_code == 413


@pytest.mark.parametrize("body", [b"zz\r\nhello\r\n0\r\n\r\n", b"5\r\nhelloXX0\r\n\r\n"], ids=["size", "end"])
def test_a_malformed_chunk_is_answered_with_400(served: str, body: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port_of(served)), timeout=30) as caller:
        caller.sendall(WEBHOOK + b"Transfer-Encoding: chunked\r\n\r\n" + body)
        assert caller.recv(4000).startswith(b"HTTP/1.1 400 ")


CHUNKED = b"Transfer-Encoding: chunked\r\n"


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(WEBHOOK + b"Content-Length: 2\r\n" + CHUNKED, id="length and chunks"),
        pytest.param(WEBHOOK + CHUNKED + b"content-length: 2\r\n", id="chunks and length"),
        pytest.param(WEBHOOK + CHUNKED + CHUNKED, id="chunks twice"),
        pytest.param(WEBHOOK.replace(b"1.1", b"1.0") + b"Content-Length: 2\r\n" + CHUNKED, id="in HTTP/1.0"),
        pytest.param(WEBHOOK.replace(b"Host: shop\r\n", b"") + CHUNKED, id="no host"),
        pytest.param(WEBHOOK + CHUNKED + b"Host: other\r\n", id="two hosts"),
    ],
)
def test_a_head_that_two_servers_could_read_differently_is_answered_with_400(served: str, head: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port_of(served)), timeout=30) as caller:
        caller.sendall(head + b"\r\n2\r\n{}\r\n0\r\n\r\n")
        assert caller.recv(4000).split(b"\r\n")[0].endswith(b" 400 Bad Request")


def test_http_1_0_needs_no_host(served: str) -> None:
    with socket.create_connection(("127.0.0.1", port_of(served)), timeout=30) as caller:
        caller.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
        assert caller.recv(4000).startswith(b"HTTP/1.0 200 ")


@pytest.mark.parametrize(
    "request_line", [b"GET /healthz HTTP/1.1", b"POST /payment/webhook HTTP/1.1\r\nContent-Length: 0"]
)
def test_a_request_without_a_body_that_expects_100_continue_is_answered(served: str, request_line: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port_of(served)), timeout=30) as caller:
        caller.sendall(request_line + b"\r\nHost: shop.example\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n")
        status = caller.recv(4000).split(b" ")[1]
        assert status in (b"200", b"400")


def test_nothing_but_a_trusted_peer_may_say_that_it_was_https(tmp_path: Path) -> None:
    spoofed = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.9", "X-Forwarded-Host": "evil.example"}
    with gunicorn(tmp_path) as (url, _):
        answer = requests.get(f"{url}/orders", headers=spoofed, timeout=10, allow_redirects=False)
        assert answer.headers["Location"] == "/login?next=%2Forders"
        assert "evil.example" not in answer.text + str(answer.headers)


def test_the_address_that_a_trusted_proxy_passes_on_is_the_visitors(tmp_path: Path) -> None:
    with gunicorn(tmp_path, TRUSTED_PROXIES="1") as (url, _):
        requests.get(url, headers={"X-Forwarded-For": "203.0.113.9"}, timeout=30).raise_for_status()
    assert re.search(r"GET / 200 .*address=203\.0\.113\.9", (tmp_path / "log").read_text())


def test_a_fault_of_the_sandbox_breaks_the_connection_of_the_production_server(served: str) -> None:
    fault = {"path": "/users/pg", "fault": "drop_before", "count": 1}
    requests.post(f"{served}/sandbox/controls/faults", json=fault, timeout=30).raise_for_status()
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{served}/sandbox/users/pg", timeout=5)
    assert requests.get(f"{served}/sandbox/users/pg", timeout=5).status_code == 401
