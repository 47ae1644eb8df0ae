"""The V1 client against literal answers: the documented examples and the refusals seen on the wire, no sandbox."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import responses
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from payments.portone.client import LOOK_UP_SECONDS, MONEY_SECONDS, PortOne
from payments.portone.report import (
    ChargeRequest,
    NotFound,
    OutcomeUnknown,
    ProviderError,
    Refused,
    Unauthorized,
    UnreadableAnswer,
    UnreadableRow,
)
from payments.settings import PortOneSettings
from payments.signals import Call, portone_called

from .stubs import API, EXAMPLES, LIVE, answer, drip, server_that, token

PAID = EXAMPLES["paid_once_pc"] | {"imp_uid": "imp_1"}


@pytest.fixture
def live() -> PortOneSettings:
    return PortOneSettings.from_environ(LIVE)


@pytest.fixture
def wire() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        mock.post(f"{API}/users/getToken", json=token())
        yield mock


@pytest.fixture
def portone(live: PortOneSettings) -> Iterator[PortOne]:
    client = PortOne(live)
    yield client
    client.session.close()


def test_a_paid_payment_becomes_a_report(portone: PortOne, wire: responses.RequestsMock) -> None:
    wire.get(f"{API}/payments/imp_260901100005", json=answer(EXAMPLES["paid_once_pc"]))
    report = portone.get_payment("imp_260901100005")
    assert (report.status, report.amount, report.currency) == ("paid", 9900, "KRW")
    assert report.merchant_uid == "order-20260901-0001"
    assert report.pay_method == "phone"
    assert report.is_test_channel
    assert report.paid_at == datetime.fromtimestamp(1788224442, UTC)
    assert report.failed_at is None
    assert report.customer_uid is None
    assert report.as_received["buyer_tel"] == "010-****-1234"


def test_the_first_month_of_a_key_and_a_later_month_name_their_key(
    portone: PortOne, wire: responses.RequestsMock
) -> None:
    for example in ("paid_issue_mobile", "paid_again_api"):
        found = EXAMPLES[example]
        wire.get(f"{API}/payments/{found['imp_uid']}", json=answer(found))
        assert portone.get_payment(found["imp_uid"]).customer_uid == "cuid_7_a1"


def test_a_failed_payment_tells_kgs_reason(portone: PortOne, wire: responses.RequestsMock) -> None:
    wire.get(f"{API}/payments/imp_260901100501", json=answer(EXAMPLES["failed"]))
    report = portone.get_payment("imp_260901100501")
    assert report.status == "failed"
    assert report.paid_at is None
    assert report.fail_reason
    assert report.fail_reason.startswith("당월 한도 초과")


def test_a_cancelled_payment_tells_how_much_went_back(portone: PortOne, wire: responses.RequestsMock) -> None:
    wire.get(f"{API}/payments/imp_260901100005", json=answer(EXAMPLES["cancelled"]))
    report = portone.get_payment("imp_260901100005")
    assert (report.status, report.cancelled_amount, report.cancel_reason) == ("cancelled", 9900, "고객 변심")


def test_only_a_test_channel_asks_for_test_payments(live: PortOneSettings, wire: responses.RequestsMock) -> None:
    wire.get(f"{API}/payments/imp_1", json=answer(PAID))
    for is_test, query in ((True, "include_sandbox=true"), (False, "")):
        client = PortOne(replace(live, is_test_channel=is_test))
        client.get_payment("imp_1")
        assert wire.calls[-1].request.url.partition("?")[2] == query
        client.session.close()


def test_an_unknown_payment_is_not_found(portone: PortOne, wire: responses.RequestsMock) -> None:
    refusal = answer(None, -1, "존재하지 않는 결제정보입니다.")
    wire.get(f"{API}/payments/imp_1", json=refusal, status=404)
    with pytest.raises(NotFound, match="존재하지 않는 결제정보입니다") as caught:
        portone.get_payment("imp_1")
    assert caught.value.code == -1


def test_finding_asks_for_the_paid_one_first_because_the_newest_may_be_a_failed_retry(
    portone: PortOne, wire: responses.RequestsMock
) -> None:
    nothing = answer(None, -1, "존재하지 않는 결제정보입니다.")
    wire.get(f"{API}/payments/find/m-1/paid", json=nothing, status=404)
    wire.get(f"{API}/payments/find/m-1/cancelled", json=nothing, status=404)
    wire.get(f"{API}/payments/find/m-1", json=answer(EXAMPLES["failed"] | {"merchant_uid": "m-1"}))
    assert portone.find_payment("m-1").status == "failed"
    wire.replace("GET", f"{API}/payments/find/m-1/paid", json=answer(PAID | {"merchant_uid": "m-1"}))
    assert portone.find_payment("m-1").status == "paid"


def test_http_200_with_another_code_is_a_refusal(portone: PortOne, wire: responses.RequestsMock) -> None:
    wire.get(f"{API}/payments/imp_1", json=answer(None, 1, "취소할 결제건이 존재하지 않습니다."))
    with pytest.raises(Refused, match="취소할 결제건"):
        portone.get_payment("imp_1")


def test_the_amount_is_registered_beforehand(portone: PortOne, wire: responses.RequestsMock) -> None:
    registered = {"merchant_uid": "m-1", "amount": 9900, "currency": "KRW"}
    wire.post(f"{API}/payments/prepare", json=answer(registered))
    portone.prepare("m-1", 9900)
    assert json.loads(wire.calls[-1].request.body or "") == registered


@pytest.mark.parametrize(("registered", "accepted"), [(9900, True), (100, False)])
def test_an_amount_that_is_registered_already_is_compared(
    registered: int, accepted: bool, portone: PortOne, wire: responses.RequestsMock
) -> None:
    twice = "결제정보 사전등록에 실패하였습니다(이미 등록된 merchant_uid입니다)."
    wire.post(f"{API}/payments/prepare", json=answer(None, 1, twice))
    there = {"merchant_uid": "m-1", "amount": registered, "currency": "KRW"}
    wire.get(f"{API}/payments/prepare/m-1", json=answer(there))
    if accepted:
        portone.prepare("m-1", 9900)
        return
    with pytest.raises(Refused, match="이미 등록된"):
        portone.prepare("m-1", 9900)


def test_a_billing_key_is_read_back(portone: PortOne, wire: responses.RequestsMock) -> None:
    wire.get(f"{API}/subscribe/customers/cuid_7_a1", json=answer(EXAMPLES["billing_key"]))
    key = portone.get_billing_key("cuid_7_a1")
    assert key
    assert (key.customer_uid, key.pg_provider, key.pg_id) == ("cuid_7_a1", "mobilians", "170622040674")
    assert key.issued_at == datetime.fromtimestamp(1788610237, UTC)
    assert key.is_test_channel is True


@pytest.mark.parametrize(("told", "read"), [({"sandbox": False}, False), ({"sandbox": None}, None), ({}, None)])
def test_whether_a_billing_key_is_of_a_test_channel_may_be_untold_but_never_guessed(
    told: dict[str, Any], read: bool | None, portone: PortOne, wire: responses.RequestsMock
) -> None:
    key = {name: value for name, value in EXAMPLES["billing_key"].items() if name != "sandbox"}
    wire.get(f"{API}/subscribe/customers/cuid_7_a1", json=answer(key | told))
    found = portone.get_billing_key("cuid_7_a1")
    assert found
    assert found.is_test_channel is read
    wire.replace(responses.GET, f"{API}/subscribe/customers/cuid_7_a1", json=answer(key | {"sandbox": "no"}))
    with pytest.raises(UnreadableAnswer, match="sandbox"):
        portone.get_billing_key("cuid_7_a1")


@pytest.mark.parametrize(("status", "code"), [(200, 1), (404, -1)])
def test_both_ways_of_saying_that_there_is_no_key_are_understood(
    status: int, code: int, portone: PortOne, wire: responses.RequestsMock
) -> None:
    refusal = answer(None, code, "요청하신 customer_uid(key-1)로 등록된 정보를 찾을 수 없습니다.")
    wire.get(f"{API}/subscribe/customers/key-1", json=refusal, status=status)
    assert portone.get_billing_key("key-1") is None


V1 = answer(None, 1, "요청하신 customer_uid(key-1)로 등록된 정보를 찾을 수 없습니다.")
NO_ABSENCE = [
    {"status": 429, "json": V1},
    {"status": 429, "body": "<html>Too Many Requests</html>"},
    {"status": 403, "json": V1},
    {"status": 403, "body": "<html>Forbidden</html>"},
    {"status": 400, "json": answer(None, -1, "잘못된 요청입니다.")},
    {"status": 404, "body": "<html>Not Found</html>"},
    {"status": 200, "json": answer(None, -1, "등록된 정보를 찾을 수 없습니다.")},
    {"status": 200, "json": answer(None, 1, "요청이 너무 많습니다.")},
    {"status": 200, "body": "<html>maintenance</html>"},
]


@pytest.mark.parametrize("refusal", NO_ABSENCE)
def test_a_refusal_that_does_not_say_so_never_means_that_there_is_no_key(
    refusal: dict[str, Any], portone: PortOne, wire: responses.RequestsMock
) -> None:
    address = f"{API}/subscribe/customers/key-1"
    wire.get(address, **refusal)
    wire.delete(address, **refusal)
    with pytest.raises(ProviderError):
        portone.get_billing_key("key-1")
    with pytest.raises(ProviderError):
        portone.delete_billing_key("key-1")


@pytest.mark.parametrize("refusal", NO_ABSENCE)
def test_a_refused_charge_that_does_not_say_so_never_means_that_there_is_no_key(
    refusal: dict[str, Any], portone: PortOne, wire: responses.RequestsMock
) -> None:
    wire.post(f"{API}/subscribe/payments/again", **refusal)
    with pytest.raises(ProviderError) as caught:
        portone.charge(LATER_MONTH)
    assert not isinstance(caught.value, NotFound)


def test_wrong_credentials_are_told_apart_from_everything_else(portone: PortOne, wire: responses.RequestsMock) -> None:
    refusal = answer(None, -1, "인증에 실패하였습니다. API키와 secret을 확인하세요.")
    wire.replace("POST", f"{API}/users/getToken", json=refusal, status=401)
    for question in (portone.get_payment, portone.get_billing_key):
        with pytest.raises(Unauthorized, match="API키와 secret"):
            question("id-1")


@pytest.mark.parametrize(
    "trouble",
    [
        {"status": 500, "json": answer(None, -1, "error")},
        {"status": 502, "body": "<html>bad</html>"},
        {"status": 200, "body": "{broken"},
        {"status": 200, "body": "[]"},
        {"status": 200, "json": {"code": 0}},
        {"status": 200, "json": answer(None)},
        {"status": 200, "json": answer([])},
        {"status": 302, "headers": {"Location": "https://elsewhere.example/"}},
        {"body": requests.ConnectionError("cut")},
        {"body": requests.ReadTimeout("slow")},
    ],
)
def test_no_usable_answer_is_an_unknown_outcome_and_never_a_refusal(
    trouble: dict[str, Any], portone: PortOne, wire: responses.RequestsMock
) -> None:
    wire.get(f"{API}/payments/imp_1", **trouble)
    with pytest.raises(OutcomeUnknown):
        portone.get_payment("imp_1")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("amount", "9,900"),
        ("amount", None),
        ("paid_at", 10**20),
        ("amount", True),
        ("amount", 9900.5),
        ("status", "done"),
        ("imp_uid", ""),
    ],
)
def test_an_answer_of_the_wrong_type_is_not_believed(
    field: str, value: Any, portone: PortOne, wire: responses.RequestsMock
) -> None:
    wire.get(f"{API}/payments/imp_1", json=answer(PAID | {field: value}))
    with pytest.raises(OutcomeUnknown):
        portone.get_payment("imp_1")


def test_ids_cannot_climb_out_of_their_path(portone: PortOne, wire: responses.RequestsMock) -> None:
    wire.get(f"{API}/payments/..%2Fusers%2Fpg%3Fx%3D1", json=answer(None, -1, "없음"), status=404)
    with pytest.raises(NotFound):
        portone.get_payment("../users/pg?x=1")


# --- billing keys: charging again, deleting ---

LATER_MONTH = ChargeRequest(
    "cuid_7_a1", "sub-7-202610", 9900, "월 이용권 10월", "홍길동", "01012345678", "a@example.com"
)


def test_a_later_month_is_charged_with_the_buyers_data(portone: PortOne, wire: responses.RequestsMock) -> None:
    wire.post(f"{API}/subscribe/payments/again", json=answer(EXAMPLES["paid_again_api"]))
    report = portone.charge(LATER_MONTH)
    assert (report.status, report.merchant_uid) == ("paid", "sub-7-202610")
    assert json.loads(wire.calls[-1].request.body or "") == {
        "customer_uid": "cuid_7_a1",
        "merchant_uid": "sub-7-202610",
        "amount": 9900,
        "name": "월 이용권 10월",
        "currency": "KRW",
        "notice_url": "https://shop.example/payment/webhook",
        "buyer_name": "홍길동",
        "buyer_tel": "01012345678",
        "buyer_email": "a@example.com",
    }


def test_a_decline_is_a_failed_report_though_the_code_is_0(portone: PortOne, wire: responses.RequestsMock) -> None:
    ids = {"merchant_uid": LATER_MONTH.merchant_uid, "customer_uid": LATER_MONTH.customer_uid}
    declined = EXAMPLES["failed"] | ids | {"channel": "api"}
    wire.post(f"{API}/subscribe/payments/again", json=answer(declined))
    assert portone.charge(LATER_MONTH).status == "failed"


def test_an_unknown_key_is_refused_before_kg_is_asked(portone: PortOne, wire: responses.RequestsMock) -> None:
    wire.post(f"{API}/subscribe/payments/again", json=answer(None, 1, "등록되지 않은 구매자입니다."))
    with pytest.raises(NotFound, match="등록되지 않은 구매자입니다"):
        portone.charge(LATER_MONTH)


def test_a_404_of_the_charge_itself_does_not_say_that_the_key_is_gone(
    portone: PortOne, wire: responses.RequestsMock
) -> None:
    """V1 documents 404 for the key's look-up; a charge says it in words, with code 1."""
    wire.post(f"{API}/subscribe/payments/again", json=answer(None, -1, "Not Found"), status=404)
    with pytest.raises(Refused) as caught:
        portone.charge(LATER_MONTH)
    assert not isinstance(caught.value, NotFound)


def test_deleting_a_key_is_done_also_when_there_is_none(portone: PortOne, wire: responses.RequestsMock) -> None:
    address = f"{API}/subscribe/customers/cuid_7_a1"
    wire.delete(address, json=answer(EXAMPLES["billing_key"]))
    portone.delete_billing_key("cuid_7_a1")
    gone = answer(None, 1, "요청하신 customer_uid(cuid_7_a1)로 등록된 정보를 찾을 수 없습니다.")
    wire.replace("DELETE", address, json=gone)
    wire.get(address, json=gone)
    portone.delete_billing_key("cuid_7_a1")
    wire.replace("GET", address, json=answer(EXAMPLES["billing_key"]))
    with pytest.raises(Refused):
        portone.delete_billing_key("cuid_7_a1")


# --- the token ---


def token_calls(wire: responses.RequestsMock) -> int:
    return sum(call.request.url == f"{API}/users/getToken" for call in wire.calls)


def test_one_token_serves_many_calls_and_travels_as_bearer(portone: PortOne, wire: responses.RequestsMock) -> None:
    wire.get(f"{API}/payments/imp_1", json=answer(PAID))
    for _ in range(5):
        portone.get_payment("imp_1")
    assert token_calls(wire) == 1
    assert wire.calls[-1].request.headers["Authorization"] == "Bearer 0123456789abcdef0123456789abcdef01234567"


def test_a_token_in_its_last_minute_is_renewed_early(portone: PortOne, wire: responses.RequestsMock) -> None:
    wire.replace("POST", f"{API}/users/getToken", json=token(lifetime=59))
    wire.get(f"{API}/payments/imp_1", json=answer(PAID))
    portone.get_payment("imp_1")
    portone.get_payment("imp_1")
    assert token_calls(wire) == 2


def test_a_token_that_dies_early_is_renewed_once_and_the_call_repeated(
    portone: PortOne, wire: responses.RequestsMock
) -> None:
    wire.get(f"{API}/payments/imp_1", json=answer(None, -1, "Unauthorized"), status=401)
    wire.get(f"{API}/payments/imp_1", json=answer(PAID))
    assert portone.get_payment("imp_1").status == "paid"
    assert token_calls(wire) == 2


def test_a_401_after_renewal_is_final(portone: PortOne, wire: responses.RequestsMock) -> None:
    wire.get(f"{API}/payments/imp_1", json=answer(None, -1, "Unauthorized"), status=401)
    with pytest.raises(Unauthorized):
        portone.get_payment("imp_1")
    assert token_calls(wire) == 2


def test_threads_share_one_token(live: PortOneSettings, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/users/getToken").respond_with_json(token())
    httpserver.expect_request("/payments/imp_1").respond_with_json(answer(PAID))
    client = PortOne(replace(live, api_url=httpserver.url_for("").rstrip("/")))
    threads = [threading.Thread(target=client.get_payment, args=("imp_1",)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    client.session.close()
    assert sum(request.path == "/users/getToken" for request, _ in httpserver.log) == 1
    assert len(httpserver.log) == 9


# --- over real sockets ---


def test_a_provider_that_hangs_is_given_up_on(live: PortOneSettings, httpserver: HTTPServer) -> None:
    released = threading.Event()

    def hang(_request: Request) -> Response:
        released.wait(5)
        return Response("late")

    httpserver.expect_request("/users/getToken").respond_with_handler(hang)
    client = PortOne(replace(live, api_url=httpserver.url_for("").rstrip("/")), look_up_seconds=0.2)
    with pytest.raises(OutcomeUnknown, match="Timeout"):
        client.prepare("m-1", 9900)
    released.set()
    client.session.close()


# --- money back, lists, and a PortOne that hangs ---


def test_a_cancel_names_the_amount_that_it_believes_is_left(portone: PortOne, wire: responses.RequestsMock) -> None:
    wire.post(f"{API}/payments/cancel", json=answer(EXAMPLES["cancelled"]))
    report = portone.cancel("imp_260901100005", 9900, "고객 변심")
    assert report.status == "cancelled"
    assert json.loads(wire.calls[-1].request.body or "") == {
        "imp_uid": "imp_260901100005",
        "amount": 9900,
        "checksum": 9900,
        "reason": "고객 변심",
    }


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (1, "취소할 결제건이 존재하지 않습니다."),
        (1, "이미 전액취소된 주문입니다."),
        (-1, "결제취소에 실패하였습니다.(취소기간이 경과되어 구매취소를 하실 수 없습니다.)"),
    ],
)
def test_a_refused_cancel_comes_with_http_200_and_is_a_refusal(
    code: int, message: str, portone: PortOne, wire: responses.RequestsMock
) -> None:
    wire.post(f"{API}/payments/cancel", json=answer(None, code, message))
    with pytest.raises(Refused) as caught:
        portone.cancel("imp_1", 9900, "고객 변심")
    assert (caught.value.message, caught.value.code) == (message, code)


def test_a_list_is_read_to_its_last_page(portone: PortOne, wire: responses.RequestsMock) -> None:
    first, second = EXAMPLES["paid_once_pc"], EXAMPLES["paid_again_api"]
    for page, found, following in ((1, first, 2), (2, second, 0)):
        wire.get(
            f"{API}/payments/status/paid",
            json=answer({"total": 2, "previous": page - 1, "next": following, "list": [found]}),
            match=[responses.matchers.query_param_matcher({"page": str(page)}, strict_match=False)],
        )
    since, until = datetime(2026, 9, 1, tzinfo=UTC), datetime(2026, 10, 31, tzinfo=UTC)
    assert [report.imp_uid for report in portone.payments_between("paid", since, until)] == [
        first["imp_uid"],
        second["imp_uid"],
    ]


def test_a_long_span_is_asked_for_in_windows_that_portone_takes(portone: PortOne, wire: responses.RequestsMock) -> None:
    wire.get(f"{API}/payments/status/paid", json=answer({"total": 0, "previous": 0, "next": 0, "list": []}))
    since, until = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 8, 1, tzinfo=UTC)
    assert list(portone.payments_between("paid", since, until)) == []
    urls = [urlsplit(call.request.url or "") for call in wire.calls]
    asked = [parse_qs(url.query) for url in urls if url.path == "/payments/status/paid"]
    windows = [(int(query["from"][0]), int(query["to"][0])) for query in asked]
    assert windows[0][0] == since.timestamp()
    assert windows[-1][1] == until.timestamp() - 1
    assert all(last - first < 90 * 24 * 3600 for first, last in windows)
    assert all(later[0] == earlier[1] + 1 for earlier, later in pairwise(windows))


# --- bounded waits ---

TIME_GIVEN = 0.4  # seconds that a call may take in these tests
BOUND = 5.0  # seconds within which it has ended, on a busy machine too; unbounded, each case takes 20 or more


SLOW_SERVERS: dict[str, Callable[[socket.socket], None]] = {
    "silent": lambda connection: time.sleep(20),
    "dripping its headers": lambda connection: drip(connection, b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n"),
    "dripping its body": lambda connection: drip(connection, b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n", b"{"),
    "asking to come again later": lambda connection: connection.sendall(
        b"HTTP/1.1 503 Busy\r\nRetry-After: 25\r\nContent-Length: 0\r\n\r\n"
    ),
}


@pytest.mark.parametrize("behaviour", SLOW_SERVERS)
@pytest.mark.parametrize("call", ["get_payment", "find_payment", "charge", "cancel"])
def test_every_call_ends_in_time_whatever_the_server_sends(call: str, behaviour: str, live: PortOneSettings) -> None:
    with server_that(SLOW_SERVERS[behaviour]) as url:
        client = PortOne(replace(live, api_url=url))
        arguments: dict[str, tuple[Any, ...]] = {"charge": (LATER_MONTH,), "cancel": ("imp_1", 9900, "고객 변심")}
        began = time.monotonic()
        with pytest.raises(OutcomeUnknown):
            getattr(client.within(TIME_GIVEN), call)(*arguments.get(call, ("id-1",)))
        assert time.monotonic() - began < BOUND
        client.close()


def test_a_look_up_may_take_ten_seconds_and_a_charge_or_cancel_thirty() -> None:
    assert (LOOK_UP_SECONDS, MONEY_SECONDS) == (10, 30)


def test_listeners_hear_of_bounded_calls_from_the_same_sender(portone: PortOne, wire: responses.RequestsMock) -> None:
    wire.get(f"{API}/payments/imp_1", json=answer(PAID))
    calls: list[Call] = []

    def listen(_sender: object, call: Call) -> None:
        calls.append(call)

    with portone_called.connected_to(listen, sender=portone):
        portone.within(5).get_payment("imp_1")
    assert [call.request for call in calls] == ["POST /users/getToken", "GET /payments/imp_1"]
    assert [call.result for call in calls] == ["200", "200"]
    assert calls[1].answer
    assert json.loads(calls[1].answer.body) == answer(PAID)


def test_a_row_that_cannot_be_read_hides_none_of_the_others(portone: PortOne, wire: responses.RequestsMock) -> None:
    good, foreign = EXAMPLES["paid_once_pc"], EXAMPLES["paid_once_pc"] | {"imp_uid": "imp_2", "currency": None}
    odd = EXAMPLES["paid_once_pc"] | {"imp_uid": "imp_3", "status": "settled"}
    page = answer({"total": 4, "previous": 0, "next": 0, "list": [foreign, "text", odd, good]})
    wire.get(f"{API}/payments/status/paid", json=page)
    since, until = datetime(2026, 9, 1, tzinfo=UTC), datetime(2026, 10, 31, tzinfo=UTC)
    found = list(portone.payments_between("paid", since, until))
    assert [row.imp_uid for row in found] == ["imp_2", "", "imp_3", good["imp_uid"]]
    assert [isinstance(row, UnreadableRow) for row in found] == [True, True, True, False]


OTHERS = EXAMPLES["paid_once_pc"]  # another imp_uid and merchant_uid than those asked for


@pytest.mark.parametrize(
    ("ask", "method", "path", "found"),
    [
        (lambda portone: portone.get_payment("imp_1"), "GET", "/payments/imp_1", OTHERS),
        (lambda portone: portone.find_payment("m-1"), "GET", "/payments/find/m-1/paid", OTHERS),
        (lambda portone: portone.cancel("imp_1", 9900, "고객 변심"), "POST", "/payments/cancel", OTHERS),
        (lambda portone: portone.charge(LATER_MONTH), "POST", "/subscribe/payments/again", OTHERS),
        (
            lambda portone: portone.get_billing_key("key-1"),
            "GET",
            "/subscribe/customers/key-1",
            EXAMPLES["billing_key"],
        ),
    ],
)
def test_an_answer_about_something_else_than_was_asked_is_no_answer(
    ask: Callable[[PortOne], Any],
    method: str,
    path: str,
    found: dict[str, Any],
    portone: PortOne,
    wire: responses.RequestsMock,
) -> None:
    wire.add(method, f"{API}{path}", json=answer(found))
    with pytest.raises(UnreadableAnswer, match="another"):
        ask(portone)


def test_a_list_whose_pages_lead_back_ends(portone: PortOne, wire: responses.RequestsMock) -> None:
    page = answer({"total": 2, "previous": 0, "next": 1, "list": [PAID]})
    wire.get(f"{API}/payments/status/paid", json=page)
    since, until = datetime(2026, 9, 1, tzinfo=UTC), datetime(2026, 9, 30, tzinfo=UTC)
    with pytest.raises(UnreadableAnswer, match="leads back"):
        list(portone.payments_between("paid", since, until))


@pytest.mark.parametrize("facts", [{"access_token": "토큰"}, {"access_token": "a\nb"}, {"now": 10**400}])
def test_a_token_that_cannot_be_used_is_no_answer_and_is_asked_for_again(
    facts: dict[str, Any], portone: PortOne, wire: responses.RequestsMock
) -> None:
    wire.get(f"{API}/payments/imp_1", json=answer(PAID))
    wire.replace("POST", f"{API}/users/getToken", json=answer(token()["response"] | facts))
    with pytest.raises(OutcomeUnknown):
        portone.get_payment("imp_1")
    wire.replace("POST", f"{API}/users/getToken", json=token())
    assert portone.get_payment("imp_1").status == "paid"
