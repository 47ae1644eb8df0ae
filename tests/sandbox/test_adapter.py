"""Two apps in one process talk through `requests` without a socket."""

from collections.abc import Iterator

import pytest
import requests
from flask import Flask, g, request

from sandbox.adapter import WSGIAdapter


@pytest.fixture
def session() -> Iterator[requests.Session]:
    app = Flask("callee")

    @app.route("/echo", methods=["GET", "POST"])
    def echo() -> dict[str, object]:
        return {
            "method": request.method,
            "root": request.script_root,
            "query": request.query_string.decode(),
            "json": request.get_json(silent=True),
            "form": request.form.to_dict(),
            "token": request.headers.get("Authorization"),
        }

    session = requests.Session()
    session.mount("http://127.0.0.1:5000/sandbox", WSGIAdapter(app, "http://127.0.0.1:5000/sandbox"))
    yield session
    session.close()


def test_a_call_arrives_as_it_was_sent(session: requests.Session) -> None:
    address = "http://127.0.0.1:5000/sandbox/echo"
    answer = session.post(address, params={"a": "가"}, json={"amount": 9900}, headers={"Authorization": "Bearer t"})
    assert answer.status_code == 200
    assert answer.json() == {
        "method": "POST",
        "root": "/sandbox",
        "query": "a=%EA%B0%80",
        "json": {"amount": 9900},
        "form": {},
        "token": "Bearer t",
    }
    assert session.post(address, data={"name": "홍길동"}).json()["form"] == {"name": "홍길동"}
    assert session.get(address).json()["method"] == "GET"


def test_errors_come_back_as_answers(session: requests.Session) -> None:
    answer = session.get("http://127.0.0.1:5000/sandbox/nowhere")
    assert (answer.status_code, answer.reason) == (404, "NOT FOUND")
    with pytest.raises(requests.HTTPError):
        answer.raise_for_status()


def test_an_app_that_calls_itself_has_a_context_of_its_own_in_the_inner_request() -> None:
    app = Flask("caller of itself")
    session = requests.Session()
    session.mount("http://127.0.0.1:5000/", WSGIAdapter(app, "http://127.0.0.1:5000"))

    @app.get("/outer")
    def outer() -> str:
        g.mark = "outer"
        return session.get("http://127.0.0.1:5000/inner").text + g.mark

    @app.get("/inner")
    def inner() -> str:
        seen = g.get("mark", "nothing")
        g.mark = "inner"
        return f"{seen} "

    assert app.test_client().get("/outer").text == "nothing outer"
    session.close()
