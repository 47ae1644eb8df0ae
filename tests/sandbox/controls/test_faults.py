"""Faults, as the client sees them: over a real socket, and inside one process."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from flask import Flask
from flask.testing import FlaskClient

from sandbox import Sandbox, create_sandbox
from sandbox.ledger.faults import matches
from tests.sandbox.conftest import Merchant, PortOneClient, go_to, issue_key, pay, payments_of, portone_client, served
from tests.sandbox.driver import driven

AGAIN = "/subscribe/payments/again"
LONGEST_WAIT = 10  # seconds for an answer that comes at once
CHARGE = {"customer_uid": "key-1", "merchant_uid": "sub-2", "amount": 9900}


@pytest.fixture(params=["in one process", "over a socket"])
def client(request: pytest.FixtureRequest, sandbox_app: Flask) -> Iterator[PortOneClient]:
    if request.param == "in one process":
        with portone_client(sandbox_app) as client:
            yield client
        return
    with served(sandbox_app) as address, requests.Session() as session:
        yield PortOneClient(session, address)


@pytest.fixture
def due(sandbox: Sandbox) -> None:
    """A key that may be charged today."""
    go_to(sandbox, "2055-01-15")
    issue_key(sandbox)
    go_to(sandbox, "2055-02-15")


def break_it(sandbox: Sandbox, fault: str, path: str = AGAIN, **more: Any) -> None:
    sandbox.ledger.faults.add({"path": path, "fault": fault, "count": 1} | more)


@pytest.mark.parametrize(("fault", "charged"), [("drop_before", 0), ("drop_after", 1)])
@pytest.mark.usefixtures("due")
def test_a_dropped_connection_is_a_connection_error(
    fault: str, charged: int, client: PortOneClient, sandbox: Sandbox
) -> None:
    break_it(sandbox, fault)
    with pytest.raises(requests.ConnectionError):
        client.post(AGAIN, CHARGE)
    assert len(payments_of(sandbox, "sub-2")) == charged
    assert client.get("/users/pg").status_code == 200  # once, and no more


@pytest.mark.usefixtures("due")
def test_a_hang_after_charging_is_a_read_timeout_and_the_money_is_taken(
    client: PortOneClient, sandbox: Sandbox
) -> None:
    break_it(sandbox, "hang_after")
    started = time.monotonic()
    with pytest.raises(requests.ReadTimeout):
        client.post(AGAIN, CHARGE, timeout=0.5)
    assert time.monotonic() - started < 3
    assert payments_of(sandbox, "sub-2")[0]["status"] == "paid"


@pytest.mark.usefixtures("due")
def test_a_broken_answer_is_no_json_though_the_work_is_done(client: PortOneClient, sandbox: Sandbox) -> None:
    break_it(sandbox, "broken_json")
    answer = client.post(AGAIN, CHARGE)
    assert answer.status_code == 200
    with pytest.raises(requests.JSONDecodeError):
        answer.json()
    assert payments_of(sandbox, "sub-2")[0]["status"] == "paid"


@pytest.mark.usefixtures("due")
@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_status_answers_instead_of_the_work(status: int, client: PortOneClient, sandbox: Sandbox) -> None:
    break_it(sandbox, "status", value=status)
    assert client.post(AGAIN, CHARGE).status_code == status
    assert payments_of(sandbox, "sub-2") == []


@pytest.mark.parametrize(
    ("status", "message"), [(401, "Unauthorized"), (429, "Too Many Requests"), (503, "Service Unavailable")]
)
def test_a_status_fault_answers_with_v1s_body(
    status: int, message: str, client: PortOneClient, sandbox: Sandbox
) -> None:
    break_it(sandbox, "status", "/payments/{imp_uid}", value=status)
    answer = client.get("/payments/imp_1")
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/json; charset=UTF-8")
    assert answer.json() == {"code": -1, "message": message, "response": None}


def test_a_status_fault_with_body_html_answers_as_a_proxy_in_front_of_portone_would(
    client: PortOneClient, sandbox: Sandbox
) -> None:
    break_it(sandbox, "status", "/payments/{imp_uid}", value=429, body="html")
    answer = client.get("/payments/imp_1")
    assert (answer.status_code, answer.headers["Content-Type"]) == (429, "text/html")
    with pytest.raises(requests.JSONDecodeError):
        answer.json()


def test_a_status_fault_outside_of_v1s_addresses_answers_html(anybody: FlaskClient, sandbox: Sandbox) -> None:
    break_it(sandbox, "status", "*", value=503)
    answer = anybody.get("/window/none")
    assert (answer.status_code, answer.mimetype) == (503, "text/html")


@pytest.mark.usefixtures("due")
def test_latency_delays_the_answer_or_runs_into_the_time_out(client: PortOneClient, sandbox: Sandbox) -> None:
    break_it(sandbox, "latency", value=0.3)
    started = time.monotonic()
    assert client.post(AGAIN, CHARGE).json()["response"]["status"] == "paid"
    assert time.monotonic() - started >= 0.3
    break_it(sandbox, "latency", "/users/pg", value=1)
    with pytest.raises(requests.ReadTimeout):
        client.get("/users/pg", timeout=0.2)


@pytest.mark.parametrize("fault", ["latency", "hang_after"])
def test_no_fault_keeps_a_thread_longer_than_the_sandbox_was_told(fault: str, tmp_path: Path) -> None:
    app = create_sandbox(tmp_path / "public.sqlite3", start_worker=False, longest_wait=0)
    driven(app).ledger.faults.add({"path": "/users/pg", "fault": fault, "value": 100})
    with served(app) as address:
        outcome = "answered"
        try:
            requests.get(f"{address}/users/pg", timeout=LONGEST_WAIT)
        except requests.RequestException as error:
            outcome = type(error).__name__
    assert outcome == {"latency": "answered", "hang_after": "ConnectionError"}[fault]
    app.extensions["sandbox"].close()


@pytest.mark.usefixtures("due")
@pytest.mark.parametrize("pg_code", ["0016", "0060", "0098"])
def test_kg_declines_with_the_code_of_choice(pg_code: str, merchant: Merchant, sandbox: Sandbox) -> None:
    break_it(sandbox, "decline", value=pg_code)
    failed = merchant("POST", AGAIN, json=CHARGE)
    assert (failed[0], failed[1], failed[3]["status"]) == (200, 0, "failed")
    assert merchant("POST", AGAIN, json=CHARGE | {"merchant_uid": "sub-2b"})[3]["status"] == "paid"
    break_it(sandbox, "decline", "/payments/cancel", value="0098")
    assert "시스템 오류" in merchant("POST", "/payments/cancel", json={"merchant_uid": "sub-2b"})[2]
    break_it(sandbox, "decline", "/window/{id}/confirm", value=pg_code)
    with pytest.raises(Exception, match=failed[3]["fail_reason"][:10]):
        pay(sandbox)


def test_a_chance_repeats_itself_from_its_seed(anybody: FlaskClient, sandbox: Sandbox) -> None:
    def draw() -> list[int]:
        anybody.post(
            "/controls/faults",
            json={"path": "/users/pg", "fault": "status", "value": 500, "probability": 0.5, "seed": 7},
        )
        statuses = [anybody.get("/users/pg").status_code for _ in range(30)]
        assert anybody.delete("/controls/faults").json == {"cleared": 1}
        return statuses

    first = draw()
    assert draw() == first
    assert set(first) == {401, 500}


def test_a_count_is_used_up_once_however_many_ask(sandbox_app: Flask, sandbox: Sandbox) -> None:
    sandbox.ledger.faults.add({"path": "*", "fault": "status", "count": 5})
    statuses: list[int] = []

    def ask() -> None:
        client = sandbox_app.test_client()
        statuses.extend(client.get("/users/pg").status_code for _ in range(5))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [401] * 15 + [503] * 5
    assert sandbox.ledger.faults.rules() == []


@pytest.mark.parametrize(
    ("pattern", "path", "fits"),
    [
        ("*", "/anything/at/all", True),
        ("/payments/*", "/payments/cancel", True),
        ("/payments/{imp_uid}", "/payments/imp_1", True),
        ("/payments/{imp_uid}", "/payments/imp_1/balance", False),
        (AGAIN, f"{AGAIN}/", True),
        ("/payments", "/payments/cancel", False),
        ("/a.c", "/abc", False),
        ("/window/*/confirm", "/window/w-1/confirm", True),
        ("/window/*/confirm", "/window/w-1/confirm/again", False),
        ("*/confirm/*/confirm", "/confirm/confirm", False),
        ("*a*b*a", "/ab/ba", True),
        ("*a*b*a", "/aab", False),
        ("*/{x}/c", "/a/b/c", True),
        ("*/{x}/c", "/c", False),
    ],
)
def test_a_rule_means_its_paths_and_no_others(pattern: str, path: str, fits: bool) -> None:
    assert matches(pattern, path) == fits


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "path"),
        ({"path": "/users/pg"}, "fault"),
        ({"path": "nonsense", "fault": "latency"}, "path"),
        ({"path": "/no/such/address", "fault": "latency"}, "path"),
        ({"path": "/payments/*{imp_uid}", "fault": "latency"}, "path"),
        ({"path": "/users/pg", "fault": "explode"}, "fault"),
        ({"path": "/users/pg", "fault": "latency", "value": -1}, "value"),
        ({"path": "/users/pg", "fault": "latency", "value": "1"}, "value"),
        ({"path": "/users/pg", "fault": "status", "value": 200}, "value"),
        ({"path": "/users/pg", "fault": "status", "value": True}, "value"),
        ({"path": "/users/pg", "fault": "status", "body": "xml"}, "body"),
        ({"path": "/users/pg", "fault": "latency", "body": "html"}, "body"),
        ({"path": "/users/pg", "fault": "decline", "value": "1234"}, "value"),
        ({"path": "/users/pg", "fault": "drop_after", "value": 1}, "value"),
        ({"path": "/users/pg", "fault": "latency", "count": 0}, "count"),
        ({"path": "/users/pg", "fault": "latency", "count": 1.5}, "count"),
        ({"path": "/users/pg", "fault": "latency", "probability": 2}, "probability"),
        ({"path": "/users/pg", "fault": "latency", "seed": "x"}, "seed"),
        ({"path": "/users/pg", "fault": "latency", "chance": 1}, "chance"),
    ],
)
def test_a_bad_fault_is_a_400_that_names_the_field(body: dict[str, Any], field: str, anybody: FlaskClient) -> None:
    answer = anybody.post("/controls/faults", json=body)
    assert (answer.status_code, answer.json and answer.json["field"]) == (400, field)
    assert anybody.get("/controls/faults").json == {"faults": []}


def test_one_fault_is_cleared_and_the_others_stay(anybody: FlaskClient) -> None:
    added = [anybody.post("/controls/faults", json={"path": "*", "fault": "status", "count": n}).json for n in (1, 2)]
    assert added[0] and added[1]
    assert anybody.delete(f"/controls/faults/{added[0]['id']}").json == {"cleared": 1}
    assert anybody.delete(f"/controls/faults/{added[0]['id']}").json == {"cleared": 0}
    assert anybody.get("/controls/faults").json == {"faults": [added[1]]}
