"""confirm_url: only HTTP 200 lets the payment go on, and the reason is kept in PortOne's words."""

import threading
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from sandbox import Sandbox
from sandbox.ledger import options
from sandbox.ledger.kg import Declined
from tests.sandbox.conftest import pay, payments_of

STOPPED = "고객사 요청에 의해 결제를 중단합니다. (상세사유 : {})"


def expect_stopped(sandbox: Sandbox, reason: str, **asked: Any) -> None:
    with pytest.raises(Declined) as caught:
        pay(sandbox, **asked)
    assert (caught.value.message, caught.value.final) == (STOPPED.format(reason), True)
    [payment] = payments_of(sandbox, "order-1")
    assert (payment["status"], payment["fail_reason"]) == ("failed", STOPPED.format(reason))


def test_the_shop_is_asked_and_lets_it_go_on(sandbox: Sandbox, httpserver: HTTPServer) -> None:
    asked: list[Any] = []

    def answer(request: Request) -> Response:
        asked.append(request.get_json())
        return Response("anything")

    httpserver.expect_request("/confirm", method="POST").respond_with_handler(answer)
    paid = pay(sandbox, confirm_url=httpserver.url_for("/confirm"))
    assert paid["status"] == "paid"
    assert asked == [{"imp_uid": paid["imp_uid"], "merchant_uid": "order-1", "amount": 9900}]


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        ({"reason": "재고 부족"}, 500, "재고 부족"),
        ({"reason": "재고 부족"}, 409, "재고 부족"),
        ({}, 500, "알 수 없음"),
        ({"reason": 7}, 500, "알 수 없음"),
        ([], 404, "알 수 없음"),
        ({"reason": "나중에"}, 201, "나중에"),
    ],
)
def test_anything_but_200_stops_the_payment(
    body: Any, status: int, reason: str, sandbox: Sandbox, httpserver: HTTPServer
) -> None:
    httpserver.expect_request("/confirm").respond_with_json(body, status=status)
    expect_stopped(sandbox, reason, confirm_url=httpserver.url_for("/confirm"))


def test_no_answer_within_the_time_out_stops_the_payment(sandbox: Sandbox, httpserver: HTTPServer) -> None:
    over = threading.Event()

    def sleep(request: Request) -> Response:
        over.wait(5)
        return Response("too late")

    options.change(sandbox.database, {"confirm_timeout": 0.2})
    httpserver.expect_request("/confirm").respond_with_handler(sleep)
    expect_stopped(sandbox, "알 수 없음", confirm_url=httpserver.url_for("/confirm"))
    over.set()


@pytest.mark.parametrize("address", ["http://elsewhere.example/confirm", "http://127.0.0.1:9/confirm", "nonsense"])
def test_an_address_that_cannot_be_asked_stops_the_payment(address: str, sandbox: Sandbox) -> None:
    expect_stopped(sandbox, "알 수 없음", confirm_url=address)


def test_it_is_ignored_for_a_shop_that_is_not_enabled(sandbox: Sandbox) -> None:
    options.change(sandbox.database, {"confirm_url_enabled": False})
    assert pay(sandbox, confirm_url="http://127.0.0.1:9/confirm")["status"] == "paid"
