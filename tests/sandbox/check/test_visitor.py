"""A visitor of the shop: redirects within it, never to another host, and bodies that an attacker changes."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
import requests
from flask import Flask, redirect, request

from sandbox.adapter import WSGIAdapter
from sandbox.check.patterns import Answer, take_of
from sandbox.check.seen_texts import SEEN
from sandbox.check.shopfile import Sign, Step
from sandbox.check.trouble import Unplayable
from sandbox.check.visitor import Visitor, changed, holds
from sandbox.check.wording import request_text

SHOP = "http://127.0.0.1:3000"


@pytest.fixture
def visitor() -> Iterator[Visitor]:
    app = Flask("shop")

    @app.route("/seen", methods=["GET", "POST"])
    def seen() -> dict[str, object]:
        return {"method": request.method, "form": request.form.to_dict(), "cookie": request.cookies.get("who")}

    @app.post("/sign-in")
    def sign_in() -> object:
        answer = redirect("http://localhost:3000/seen")  # another name of this machine
        answer.set_cookie("who", "me")
        return answer

    @app.get("/away")
    def away() -> object:
        return redirect("http://elsewhere.example/seen")

    @app.get("/round")
    def around() -> object:
        return redirect("/round")

    with requests.Session() as http:
        http.mount(SHOP, WSGIAdapter(app, SHOP))
        yield Visitor(http, SHOP, lambda request, answer: None)


def test_redirects_are_followed_within_the_shop_only(visitor: Visitor) -> None:
    answer = visitor.call("POST", "/sign-in", form={"a": "1"})
    assert (answer.status, answer.url) == (200, f"{SHOP}/seen")
    assert '"cookie":"me"' in answer.text
    assert '"method":"GET"' in answer.text
    assert visitor.call("GET", "/away").status == 302
    assert visitor.call("GET", "/round").status == 302


@pytest.mark.parametrize(
    ("path", "key", "location"),
    [("/away", "redirect_outside", "http://elsewhere.example/seen"), ("/round", "redirect_endless", "/round")],
)
def test_a_redirect_that_is_not_followed_is_explained_with_its_place(
    path: str, key: str, location: str, visitor: Visitor
) -> None:
    said: list[str] = []
    visitor.listen = lambda request, answer: said.append(answer)
    for step in (Step("order[1]", "GET", path, status=200), Step("order[1]", "GET", path, take={"a": take_of("(x)y")})):
        with pytest.raises(Unplayable) as raised:
            visitor.do(step, {})
        for language in ("ko", "en"):
            assert location in SEEN[language][raised.value.key].format_map(raised.value.facts)
        assert raised.value.key == key
        assert location in said[-1]
    assert visitor.do(Step("order[1]", "GET", path, take={"to": take_of("header:Location")}), {}) == {"to": location}


def test_an_address_of_another_host_is_not_called(visitor: Visitor) -> None:
    for address in ("http://elsewhere.example/", "http://127.0.0.1:3001/", "ftp://127.0.0.1:3000/", "http://[", "x"):
        with pytest.raises(Unplayable, match="outside"):
            visitor.call("GET", address)
    assert visitor.address("http://localhost:3000/hook?a=1") == f"{SHOP}/hook?a=1"


@contextmanager
def answering(reply: bytes, *, endless: bool = False) -> Iterator[str]:
    """A server that answers one request with these bytes, and then closes, or sends a byte now and then."""
    ended = threading.Event()

    def answer() -> None:
        connection, _ = listening.accept()
        with connection, suppress(OSError):
            connection.recv(65_536)
            connection.sendall(reply)
            while endless and not ended.wait(0.05):
                connection.sendall(b".")

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=answer)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            ended.set()
            thread.join(timeout=60)


def test_an_answer_that_dribbles_past_the_limit_or_is_cut_is_no_answer() -> None:
    for reply, endless, error in (
        (b"HTTP/1.1 200 OK\r\n\r\n", True, "ReadTimeout"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf", False, "ProtocolError"),
    ):
        with answering(reply, endless=endless) as url, requests.Session() as http:
            visitor = Visitor(http, url, lambda request, answer: None)
            visitor.seconds = 1
            with pytest.raises(Unplayable, match="no_answer") as raised:
                visitor.call("GET", "/")
        assert raised.value.facts["error"] == error


def test_a_step_that_finds_nothing_names_the_step_and_what_it_looked_for(visitor: Visitor) -> None:
    step = Step("order[2]", "GET", "/seen", take={"csrf": take_of('csrf="(.+?)"')})
    with pytest.raises(Unplayable) as raised:
        visitor.do(step, {})
    assert (raised.value.key, raised.value.facts["step"], raised.value.facts["name"]) == (
        "nothing_found", "order[2]", "csrf",
    )  # fmt: skip
    with pytest.raises(Unplayable) as raised:
        visitor.do(Step("order[1]", "GET", "/nowhere"), {})
    assert (raised.value.key, raised.value.facts["got"]) == ("status", 404)


def test_an_attackers_fields_are_set_where_the_file_says_and_added_where_there_are_none() -> None:
    body = {"items": [{"id": 1, "quantity": 1}], "coupon": {}}
    assert changed(body, {"items.0.quantity": -3, "price": 301, "coupon.off": 1, "items.7.x": 1, "none.x": 1}) == {
        "items": [{"id": 1, "quantity": -3}], "coupon": {"off": 1}, "price": 301,
    }  # fmt: skip
    assert body["items"] == [{"id": 1, "quantity": 1}]


def test_all_that_a_sign_names_must_hold() -> None:
    step, values = Step("paid", "GET", "/"), {"order": "7.1"}
    page = Answer(200, SHOP, {}, '{"status": "paid", "order": "7.1"}')
    assert holds(Sign(step, text="paid", without="failed", pattern='"{order}"', json={"status": "paid"}), page, values)
    for sign in (
        Sign(step, text="failed"),
        Sign(step, without="paid"),
        Sign(step, pattern="7.1x"),
        Sign(step, json={"status": "ready"}),
        Sign(Step("paid", "GET", "/", status=404)),
    ):
        assert not holds(sign, page, values), sign
    assert not holds(Sign(step, pattern='"{order}"'), Answer(200, SHOP, {}, '"7x1"'), values)  # a dot is a dot
    assert not holds(Sign(step, text="paid"), Answer(500, SHOP, {}, "paid"), values)


def test_what_is_shown_of_a_request_has_no_token_password_or_buyer() -> None:
    body = {"csrf_token": "s3cret", "password": "s3cret", "buyer_tel": "s3cret", "imp_uid": "imp_1", "ok": True}
    assert request_text("POST", "/complete", body) == "POST /complete  {imp_uid: imp_1, ok: true}"
