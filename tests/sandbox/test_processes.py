"""Several server processes share one file of books: one winner, one count, each webhook once."""

import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from pytest_httpserver import HTTPServer

from sandbox.ledger.merchant import API_KEY, API_SECRET
from tests.clocks import start_sandbox
from tests.sandbox.conftest import ASKED

ROOT = Path(__file__).parents[2]
PROCESSES = 3

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A sandbox that three processes serve."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    books = tmp_path_factory.mktemp("shared") / "sandbox.sqlite3"
    start_sandbox(books)
    app = f'sandbox:create_sandbox("{books}")'
    options = ["-w", str(PROCESSES), "-k", "gthread", "--threads", "4", "-b", f"127.0.0.1:{port}"]
    server = subprocess.Popen([sys.executable, "-m", "gunicorn", *options, "--log-level", "warning", app], cwd=ROOT)
    try:
        wait_for(f"http://127.0.0.1:{port}")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(timeout=20)


def wait_for(address: str) -> None:
    for _ in range(600):  # a minute: a busy machine starts slowly
        try:
            requests.get(f"{address}/controls/clock", timeout=5).raise_for_status()
        except requests.ConnectionError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("the server did not start")


def at_once(times: int, ask: Any) -> list[Any]:
    with ThreadPoolExecutor(16) as pool:
        return list(pool.map(ask, range(times)))


def token(address: str) -> str:
    body = {"imp_key": API_KEY, "imp_secret": API_SECRET}
    answer = requests.post(f"{address}/users/getToken", json=body, timeout=10).json()
    return str(answer["response"]["access_token"])


def pay(address: str, **asked: Any) -> dict[str, Any]:
    told: dict[str, Any] = requests.post(f"{address}/controls/payments", json=ASKED | asked, timeout=20).json()
    return told


def test_a_key_pair_has_one_token_whichever_process_grants_it(address: str) -> None:
    assert len(set(at_once(20, lambda _: token(address)))) == 1


def test_of_many_windows_for_one_order_one_pays(address: str) -> None:
    told = at_once(24, lambda _: pay(address, merchant_uid="one-order"))
    assert Counter(answer["success"] for answer in told) == {True: 1, False: 23}
    headers = {"Authorization": token(address)}
    found = requests.get(f"{address}/payments/findAll/one-order/paid", headers=headers, timeout=10).json()
    assert found["response"]["total"] == 1


def test_of_many_charges_of_one_month_one_takes_money(address: str) -> None:
    now = requests.get(f"{address}/controls/clock", timeout=10).json()["now"]
    pay(address, merchant_uid="first-month", customer_uid="key-1")
    year, month = int(now[:4]), int(now[5:7])
    later = f"{year + month // 12}-{month % 12 + 1:02}-{min(int(now[8:10]), 28):02}T12:00:00+09:00"
    requests.post(f"{address}/controls/clock", json={"to": later}, timeout=20).raise_for_status()
    headers = {"Authorization": token(address)}

    def charge(number: int) -> str:
        body = {"customer_uid": "key-1", "merchant_uid": f"again-{number}", "amount": ASKED["amount"]}
        answer = requests.post(f"{address}/subscribe/payments/again", json=body, headers=headers, timeout=20)
        return str(answer.json()["response"]["status"])

    assert Counter(at_once(24, charge)) == {"paid": 1, "failed": 23}


def test_a_counted_fault_strikes_as_often_as_it_was_told(address: str) -> None:
    rule = {"path": "/users/pg", "fault": "status", "value": 418, "count": 7}
    requests.post(f"{address}/controls/faults", json=rule, timeout=10).raise_for_status()
    statuses = at_once(40, lambda _: requests.get(f"{address}/users/pg", timeout=10).status_code)
    assert Counter(statuses) == {418: 7, 401: 33}


def test_every_webhook_is_sent_by_one_process_only(address: str, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/hook").respond_with_data("ok")
    hook = httpserver.url_for("/hook")
    at_once(20, lambda number: pay(address, merchant_uid=f"told-{number}", notice_url=hook))
    for _ in range(100):
        if len(httpserver.log) >= 20:
            break
        time.sleep(0.1)
    time.sleep(0.6)  # longer than a process rests: a second one would have sent by now
    assert Counter(request.get_json()["merchant_uid"] for request, _ in httpserver.log) == {
        f"told-{number}": 1 for number in range(20)
    }
