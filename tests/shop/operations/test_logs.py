"""The log: one line for each thing, the payment as its thread, and nothing in it that must not be kept."""

import json
import logging
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from payments.signals import Call, portone_called
from shop.operations.logs import LineFormatter, Redactor
from tests.conftest import csrf_of
from tests.payments.fakes import FakeProvider

pytestmark = pytest.mark.sqlite_only

SECRET = "a-real-looking-secret"


class Lines(logging.Handler):
    """Keeps what would have been written."""

    def __init__(self, as_json: bool = True) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(LineFormatter(Redactor([SECRET]), as_json))
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))

    def of(self, logger: str) -> list[dict[str, Any]]:
        return [line for line in map(json.loads, self.lines) if line["logger"] == logger]


@pytest.fixture
def lines(app: Flask) -> Any:
    handler = Lines()
    logging.getLogger().addHandler(handler)
    yield handler
    logging.getLogger().removeHandler(handler)


def test_every_request_is_one_line_without_its_query(client: FlaskClient, lines: Lines) -> None:
    client.get("/products/nothing?password=hunter2&imp_uid=imp_1")
    client.get("/healthz")
    [line] = lines.of("shop.access")
    assert (line["method"], line["path"], line["status"]) == ("GET", "/products/nothing", 404)
    assert line["address"] == "127.0.0.1"
    assert line["ms"] >= 0
    assert "hunter2" not in "".join(lines.lines)


def test_what_a_door_heard_and_the_request_that_brought_it_share_the_payments_id(
    client: FlaskClient, lines: Lines, provider: FakeProvider
) -> None:
    client.post("/payment/webhook", json={"imp_uid": "imp_1", "merchant_uid": "261125-aaaa"})
    [heard], [request] = lines.of("shop.events"), lines.of("shop.access")
    assert (heard["source"], heard["outcome"]) == ("webhook", "not_found")
    assert heard["merchant_uid"] == request["merchant_uid"] == "261125-aaaa"
    assert heard["imp_uid"] == "imp_1"


def test_an_error_of_ours_is_told_with_its_traceback_and_without_secrets(own_app: Flask, lines: Lines) -> None:
    own_app.testing = False

    @own_app.get("/broken")
    def broken() -> str:
        raise RuntimeError(f"imp_secret={SECRET} 010-1234-5678 buyer@example.com")

    assert own_app.test_client().get("/broken").status_code == 500
    [line] = [line for line in map(json.loads, lines.lines) if line["level"] == "error"]
    assert "Traceback" in line["error"]
    assert "RuntimeError: imp_secret=[hidden] 010-****-5678 b***@example.com" in line["error"]
    assert SECRET not in "".join(lines.lines)


def test_a_call_to_portone_that_got_no_answer_is_a_warning(app: Flask, lines: Lines) -> None:
    portone_called.send(app.extensions["payments"].provider, call=Call("GET /payments/imp_1", 10.0, "no answer"))
    [line] = lines.of("shop.portone")
    assert (line["level"], line["call"], line["ms"]) == ("warning", "GET /payments/imp_1", 10_000.0)


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        (f"answer: {SECRET}!", "answer: [hidden]!"),
        ('{"access_token": "0123abcd", "now": 1}', '{"access_token": "[hidden]", "now": 1}'),
        ("{'imp_key': '1234567890123456'}", "{'imp_key': '[hidden]'}"),
        ("Authorization: Bearer abc.def-1", "Authorization: [hidden] [hidden]"),
        ("got Bearer abc.def-1", "got Bearer [hidden]"),
        ("email=a&password=hunter2&next=/", "email=a&password=[hidden]&next=/"),
        ("Cookie: session=eyJ.abc; language=ko", "Cookie: [hidden]; language=ko"),
        ("__Host-session=eyJ.abc", "__Host-session=[hidden]"),
        ("X-Demo-World: dw_6b0c9fee.Fqm1-x_Y, next", "X-Demo-World: [hidden], next"),
        ("csrf_token=IjAx", "csrf_token=[hidden]"),
        ("postgresql+psycopg://shop:hunter2@db/shop", "postgresql+psycopg://shop:[hidden]@db/shop"),
        ("tel 01012345678, 010 1234 5678", "tel 010-****-5678, 010-****-5678"),
        ("tel +82-10-1234-5678", "tel +82-10-****-5678"),
        ("mail to gildong.hong@shop.example.com", "mail to g***@shop.example.com"),
        ("imp_260901100005 260901-0123456789abcdef 9900", "imp_260901100005 260901-0123456789abcdef 9900"),
    ],
)
def test_what_must_not_be_kept_is_taken_out(written: str, kept: str) -> None:
    assert Redactor([SECRET, ""])(written) == kept


def test_a_line_for_people_is_one_line_whatever_it_was_told() -> None:
    record = logging.LogRecord("shop.access", logging.INFO, "", 0, "GET /a\nERROR shop all is lost", (), None)
    record.facts = {"reason": "x\x1b[31m", "status": 404}
    text = LineFormatter(Redactor([]), as_json=False).format(record)
    assert "\n" not in text
    assert "\x1b" not in text
    assert text.endswith(r"info shop.access GET /a\nERROR shop all is lost reason=x\x1b[31m")


def test_reading_the_log_needs_no_guess_about_the_clock() -> None:
    record = logging.LogRecord("shop", logging.INFO, "", 0, "x", (), None)
    assert json.loads(LineFormatter(Redactor([]), as_json=True).format(record))["time"].endswith("+00:00")


def test_signing_in_writes_neither_password_nor_cookie_nor_address(client: FlaskClient, lines: Lines) -> None:
    client.post("/login", data={"email": "buyer@example.com", "password": "demo-wrong"}, headers=csrf_of(client))
    written = "".join(lines.lines)
    assert "demo-wrong" not in written
    assert "buyer@example.com" not in written
