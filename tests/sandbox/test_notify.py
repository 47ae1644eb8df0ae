"""Webhooks: queued with the money, really posted, never to strangers, each once."""

import json
import threading
from collections.abc import Iterator

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from sandbox import Sandbox, build
from sandbox.reach import Reach
from tests.sandbox.conftest import pay


@pytest.fixture
def heard(httpserver: HTTPServer) -> Iterator[list[dict[str, str]]]:
    """What a shop on this machine hears at /hook."""
    bodies: list[dict[str, str]] = []

    def listen(request: Request) -> Response:
        bodies.append(json.loads(request.get_data()))
        return Response("ok")

    httpserver.expect_request("/hook", method="POST").respond_with_handler(listen)
    yield bodies


def test_a_paid_window_is_told_to_the_shop(
    sandbox: Sandbox, httpserver: HTTPServer, heard: list[dict[str, str]]
) -> None:
    paid = pay(sandbox, notice_url=httpserver.url_for("/hook"))
    assert sandbox.ledger.postman.flush() == 1
    assert heard == [{"imp_uid": paid["imp_uid"], "merchant_uid": "order-1", "status": "paid"}]
    delivery = sandbox.database.one("SELECT * FROM deliveries")
    assert delivery
    assert (delivery["due_at"], delivery["answer_status"], delivery["answer"]) == (None, 200, "ok")


def test_several_addresses_are_all_told(sandbox: Sandbox, httpserver: HTTPServer, heard: list[dict[str, str]]) -> None:
    pay(sandbox, notice_url=[httpserver.url_for("/hook"), httpserver.url_for("/hook")])
    assert sandbox.ledger.postman.flush() == 2
    assert len(heard) == 2


def test_a_declined_payment_is_told_to_nobody(sandbox: Sandbox, httpserver: HTTPServer) -> None:
    with pytest.raises(Exception, match="한도"):
        pay(sandbox, phone="01000000031", notice_url=httpserver.url_for("/hook"))
    assert sandbox.ledger.postman.flush() == 0


@pytest.mark.parametrize(
    "address",
    ["http://elsewhere.example/hook", "https://10.0.0.1/hook", "file:///etc/hosts", "ftp://127.0.0.1/x", "nonsense"],
)
def test_nothing_is_posted_to_strangers(address: str, sandbox: Sandbox) -> None:
    pay(sandbox, notice_url=address)
    assert sandbox.ledger.postman.flush() == 1
    delivery = sandbox.database.one("SELECT * FROM deliveries")
    assert delivery
    assert delivery["answer_status"] is None
    assert delivery["answer"].startswith("not sent")


def test_a_shop_that_does_not_answer_is_noted_and_not_asked_again(sandbox: Sandbox) -> None:
    pay(sandbox, notice_url="http://127.0.0.1:9/hook")
    assert sandbox.ledger.postman.flush() == 1
    assert sandbox.ledger.postman.flush() == 0
    delivery = sandbox.database.one("SELECT * FROM deliveries")
    assert delivery
    assert (delivery["due_at"], delivery["answer_status"], delivery["answer"]) == (None, None, "ConnectionError")


def test_two_processes_share_one_outbox(sandbox: Sandbox, httpserver: HTTPServer, heard: list[dict[str, str]]) -> None:
    other = build(sandbox.database.path, Reach(None), start_worker=False)
    for number in range(10):
        pay(sandbox, merchant_uid=f"order-{number}", notice_url=httpserver.url_for("/hook"))
    postmen = [threading.Thread(target=one.postman.flush) for one in (sandbox.ledger, other)]
    for postman in postmen:
        postman.start()
    for postman in postmen:
        postman.join()
    other.database.close()
    other.http.close()
    assert sorted(body["merchant_uid"] for body in heard) == sorted(f"order-{number}" for number in range(10))
