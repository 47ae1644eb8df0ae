"""Webhooks: queued with the money, really posted, never to strangers, each once."""

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from flask import Flask
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from sandbox import Sandbox, build, create_sandbox
from sandbox.adapter import WSGIAdapter
from sandbox.ledger import options
from sandbox.webhooks.reach import Reach
from tests.sandbox.conftest import pay
from tests.sandbox.driver import Ledger, driven, travel


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
    other = Ledger(*build(sandbox.database.path, Reach(None), start_worker=False)[:2])
    for number in range(10):
        pay(sandbox, merchant_uid=f"order-{number}", notice_url=httpserver.url_for("/hook"))
    postmen = [threading.Thread(target=one.postman.flush) for one in (sandbox.ledger, other)]
    for postman in postmen:
        postman.start()
    for postman in postmen:
        postman.join()
    other.database.close()
    other.postman.http.close()
    assert sorted(body["merchant_uid"] for body in heard) == sorted(f"order-{number}" for number in range(10))


# --- the switches ---


def merchant_uids(heard: list[dict[str, str]]) -> list[str]:
    return [body["merchant_uid"] for body in heard]


def test_a_form_is_posted_when_the_console_says_so(sandbox: Sandbox, httpserver: HTTPServer) -> None:
    options.change(sandbox.database, {"webhook_format": "form", "webhook_url": httpserver.url_for("/form")})
    httpserver.expect_request("/form").respond_with_data("ok")
    paid = pay(sandbox)
    sandbox.flush()
    [(request, _)] = httpserver.log
    assert request.mimetype == "application/x-www-form-urlencoded"
    assert request.form.to_dict() == {"imp_uid": paid["imp_uid"], "merchant_uid": "order-1", "status": "paid"}


def test_the_consoles_address_is_for_payments_without_their_own(
    sandbox: Sandbox, httpserver: HTTPServer, heard: list[dict[str, str]]
) -> None:
    options.change(sandbox.database, {"webhook_url": httpserver.url_for("/hook")})
    pay(sandbox, merchant_uid="no-notice-url")
    pay(sandbox, merchant_uid="own-notice-url", notice_url="http://127.0.0.1:9/elsewhere")
    sandbox.flush()
    assert merchant_uids(heard) == ["no-notice-url"]


def test_before_means_that_the_shop_knows_before_the_browser(
    sandbox: Sandbox, httpserver: HTTPServer, heard: list[dict[str, str]]
) -> None:
    options.change(sandbox.database, {"webhook_order": "before", "webhook_url": httpserver.url_for("/hook")})
    pay(sandbox)
    assert merchant_uids(heard) == ["order-1"]
    assert sandbox.ledger.postman.flush() == 0


def test_twice_late_never_and_reordered(sandbox: Sandbox, httpserver: HTTPServer, heard: list[dict[str, str]]) -> None:
    def order(webhook_order: str, *merchant_uids: str) -> None:
        options.change(sandbox.database, {"webhook_order": webhook_order, "webhook_url": httpserver.url_for("/hook")})
        for merchant_uid in merchant_uids:
            pay(sandbox, merchant_uid=merchant_uid)
        sandbox.flush()

    order("twice", "twice-1")
    assert merchant_uids(heard) == ["twice-1"] * 2
    heard.clear()
    order("never", "never-1")
    assert heard == []
    order("late", "late-1")
    assert heard == []
    travel(sandbox.ledger, sandbox.clock.local() + timedelta(minutes=1))
    assert merchant_uids(heard) == ["late-1"]
    heard.clear()
    order("reordered", "first-1", "second-1")
    sandbox.clock.move_to(sandbox.clock.local() + timedelta(seconds=2))
    sandbox.flush()
    assert merchant_uids(heard) == ["second-1", "first-1"]
    heard.clear()
    order("reordered", "alone-1")
    assert heard == []
    travel(sandbox.ledger, sandbox.clock.local() + timedelta(minutes=1))
    assert merchant_uids(heard) == ["alone-1"]


def test_a_webhook_that_was_never_sent_can_be_sent_by_hand(
    sandbox: Sandbox, httpserver: HTTPServer, heard: list[dict[str, str]]
) -> None:
    pay(sandbox, "01000007003", notice_url=httpserver.url_for("/hook"))
    sandbox.flush()
    assert heard == []
    [kept] = sandbox.ledger.outbox.latest()
    sandbox.ledger.postman.deliver(kept["id"])
    assert merchant_uids(heard) == ["order-1"]


@pytest.mark.parametrize(("status", "tries"), [(500, 6), (503, 6), (404, 1), (200, 1)])
def test_retries_are_five_a_minute_apart_for_server_errors_only(
    status: int, tries: int, sandbox: Sandbox, httpserver: HTTPServer
) -> None:
    options.change(sandbox.database, {"webhook_retries": True, "webhook_url": httpserver.url_for("/hook")})
    httpserver.expect_request("/hook").respond_with_data("", status=status)
    pay(sandbox)
    sandbox.flush()
    assert len(httpserver.log) == 1
    travel(sandbox.ledger, sandbox.clock.local() + timedelta(seconds=59))
    assert len(httpserver.log) == 1
    travel(sandbox.ledger, sandbox.clock.local() + timedelta(minutes=30))
    assert len(httpserver.log) == tries


def test_a_postman_who_died_on_the_way_is_followed_by_another(
    sandbox: Sandbox, httpserver: HTTPServer, heard: list[dict[str, str]]
) -> None:
    pay(sandbox, notice_url=httpserver.url_for("/hook"))
    with time_machine.travel(datetime.now(UTC) - timedelta(minutes=5), tick=False):
        sandbox.database.change("UPDATE deliveries SET due_at = due_at - 600")
        assert sandbox.ledger.outbox.take() is not None  # and now he is gone
    sandbox.flush()
    assert merchant_uids(heard) == ["order-1"]


def test_the_worker_delivers_by_itself(tmp_path: Path, httpserver: HTTPServer) -> None:
    arrived = threading.Event()

    def listen(request: Request) -> Response:
        arrived.set()
        return Response("ok")

    httpserver.expect_request("/hook").respond_with_handler(listen)
    app = create_sandbox(tmp_path / "sandbox.sqlite3")
    pay(driven(app), notice_url=httpserver.url_for("/hook"))
    assert arrived.wait(5)
    app.extensions["sandbox"].close()


def test_a_shop_that_calls_back_while_it_is_being_told_stops_nothing(sandbox: Sandbox) -> None:
    shop = Flask("shop")

    @shop.post("/hook")
    def hook() -> str:
        sandbox.flush()  # the shop's command line does so, and the shop may sit in the same process
        return "ok"

    sandbox.http.mount("http://127.0.0.1:5000", WSGIAdapter(shop, "http://127.0.0.1:5000"))
    options.change(sandbox.database, {"webhook_order": "twice"})
    pay(sandbox, notice_url="http://127.0.0.1:5000/hook")
    sandbox.flush()
    assert [row["answer_status"] for row in sandbox.ledger.outbox.latest()] == [200, 200]
