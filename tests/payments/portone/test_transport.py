"""One HTTP request to PortOne, over real sockets: its limits, its retries, and what of the environment applies."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest
import responses
from pytest_httpserver import HTTPServer

from payments.portone.report import OutcomeUnknown
from payments.portone.transport import LARGEST_ANSWER, MOST_AT_ONCE, Transport

from .stubs import API, server_that


@pytest.fixture
def transport(httpserver: HTTPServer) -> Iterator[Transport]:
    client = Transport(httpserver.url_for("").rstrip("/"))
    yield client
    client.session.close()


def soon() -> float:
    """A deadline that none of these requests reaches."""
    return time.monotonic() + 60


def test_a_look_up_is_repeated_after_a_503_but_a_post_never_is(transport: Transport, httpserver: HTTPServer) -> None:
    httpserver.expect_oneshot_request("/payments/imp_1").respond_with_data(status=503)
    httpserver.expect_request("/payments/imp_1").respond_with_data("found")
    found = transport.send("GET", "/payments/imp_1", soon())
    assert (found.status, found.body) == (200, b"found")

    httpserver.expect_request("/payments/prepare").respond_with_data(status=503)
    assert transport.send("POST", "/payments/prepare", soon(), json={}).status == 503
    assert [request.path for request, _ in httpserver.log] == [
        "/payments/imp_1",
        "/payments/imp_1",
        "/payments/prepare",
    ]


def test_a_redirect_is_never_followed(transport: Transport, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/payments/imp_1").respond_with_data(
        status=302, headers={"Location": httpserver.url_for("/elsewhere")}
    )
    assert transport.send("GET", "/payments/imp_1", soon(), "token").status == 302
    assert [request.path for request, _ in httpserver.log] == ["/payments/imp_1"]


def test_a_hung_portone_keeps_only_so_many_callers_waiting() -> None:
    """The bulkhead: a caller who finds every slot taken gets an error soon, instead of waiting too."""
    arrived, released = threading.Semaphore(0), threading.Event()

    def hang(connection: socket.socket) -> None:
        arrived.release()
        released.wait(60)
        connection.close()

    def wait_in_vain(transport: Transport) -> None:
        with pytest.raises(OutcomeUnknown):
            transport.send("GET", "/payments/imp_1", soon())

    with server_that(hang) as url:
        transport = Transport(url, patience_seconds=0.05)
        waiting = [threading.Thread(target=wait_in_vain, args=(transport,)) for _ in range(MOST_AT_ONCE)]
        for thread in waiting:
            thread.start()
        for _ in waiting:
            assert arrived.acquire(timeout=60)
        with pytest.raises(OutcomeUnknown, match="too many calls"):
            transport.send("GET", "/payments/imp_1", soon())
        assert not arrived.acquire(blocking=False), "the one too many reached PortOne"
        released.set()
        for thread in waiting:
            thread.join(60)
        transport.session.close()


def test_a_slot_is_free_again_after_each_request(transport: Transport, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/users/pg").respond_with_data("ok")
    for _ in range(MOST_AT_ONCE + 1):
        assert transport.send("GET", "/users/pg", soon()).status == 200


@pytest.mark.parametrize(("extra", "is_read"), [(0, True), (1, False)])
def test_an_answer_that_is_too_large_is_not_read_to_its_end(
    extra: int, is_read: bool, transport: Transport, httpserver: HTTPServer
) -> None:
    httpserver.expect_request("/payments/imp_1").respond_with_data(b" " * (LARGEST_ANSWER + extra))
    if is_read:
        assert len(transport.send("GET", "/payments/imp_1", soon()).body) == LARGEST_ANSWER
        return
    with pytest.raises(OutcomeUnknown, match="bytes"):
        transport.send("GET", "/payments/imp_1", soon())


NO_HTTP = [
    b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 9\r\n\r\n\x1f\x8b\x08garbag",
    b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 3\r\n\r\nabc",
    b"HTTP/1.1 302 Found\r\nLocation: http://[\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 302 Found\r\nLocation: /\xff\xfe\r\nContent-Length: 0\r\n\r\n",
    b"\x16\x03\x01\x00",
    b"HTTP/1.1 200 OK\r\n" + b"X: " + b"y" * 70_000 + b"\r\n\r\n",
]


@pytest.mark.parametrize("sent", NO_HTTP)
def test_what_is_no_http_answer_is_an_unknown_outcome(sent: bytes) -> None:
    def send(connection: socket.socket) -> None:
        connection.sendall(sent)
        connection.close()

    with server_that(send) as url:
        transport = Transport(url)
        try:
            body = transport.send("POST", "/payments/cancel", soon(), json={}).body
        except OutcomeUnknown:
            return
        finally:
            transport.session.close()
    assert body in (b"abc", b""), "without a decoder for br its bytes come as they are; a redirect has none"


def test_after_its_deadline_nothing_is_sent(transport: Transport, httpserver: HTTPServer) -> None:
    with pytest.raises(OutcomeUnknown, match="too long"):
        transport.send("POST", "/payments/cancel", time.monotonic(), json={})
    assert httpserver.log == []


def test_the_environments_proxy_and_ca_bundle_apply_and_no_netrc_replaces_the_token(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/etc/ssl/ours.pem")
    session = Transport("https://portone.example").session
    assert session.proxies["https"] == "http://proxy.example:3128"
    assert session.verify == "/etc/ssl/ours.pem"
    assert session.trust_env is False
    session.close()


def test_an_entry_in_netrc_does_not_replace_the_token(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path_factory.mktemp("home") / "netrc"
    netrc.write_text("machine api.iamport.kr login somebody password something\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with responses.RequestsMock() as wire:
        wire.get(f"{API}/users/pg", body="ok")
        Transport(API).send("GET", "/users/pg", soon(), "our-token")
        assert wire.calls[0].request.headers["Authorization"] == "Bearer our-token"
