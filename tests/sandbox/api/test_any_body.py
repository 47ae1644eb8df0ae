"""Whatever is sent to whichever address, nothing answers 500 that was not asked to."""

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox import create_sandbox
from tests.sandbox.conftest import ASKED, Merchant, go_to, issue_key, open_window, pay
from tests.sandbox.driver import driven

NAMES = [
    "imp_key", "imp_secret", "imp_uid", "merchant_uid", "customer_uid", "amount", "checksum", "reason", "name",
    "currency", "buyer_tel", "buyer_email", "notice_url", "custom_data", "schedules", "schedule_at", "enable_webhook",
    "params", "user_code", "device", "to", "path", "fault", "value", "count", "probability", "seed", "outcome", "phone",
    "code",
    "carrier", "birth", "gender", "webhook_order", "confirm_timeout", "pay_method", "digital", "channelKey", "pg",
    "schedules[0][merchant_uid]", "schedules[0][schedule_at]", "merchant_uid[]", "a[b][c][d][e][f][g]", "[]", "",
]  # fmt: skip
KNOWN = ["key-1", "order-1", "ready-1", "first-of-key-1", 9900, "9900", 2688692400, "2055-05-01T00:00:00+09:00", "0016"]
QUERIES = ["page", "limit", "sorting", "from", "to", "schedule_from", "schedule_to", "schedule_status", "imp_uid[]"]
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=50),
    st.sampled_from(KNOWN),
    st.sampled_from([10**30, -1, "1e400", "nan", "\ud800", "\x00", "🐻" * 30, "http://[::1", "x" * 3000]),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.one_of(st.sampled_from(NAMES), st.text()), inner, max_size=4)
    ),
    max_leaves=12,
)
bodies = st.dictionaries(st.one_of(st.sampled_from(NAMES), st.text(max_size=5)), values, max_size=8)
SPARED = {"/controls/faults", "/controls/reset", "/static/<path:filename>"}  # the first is asked for 500s


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    app = create_sandbox(tmp_path_factory.mktemp("any") / "sandbox.sqlite3", start_worker=False)
    sandbox = driven(app)
    go_to(sandbox, "2055-01-15")
    issue_key(sandbox)
    pay(sandbox)
    open_window(sandbox, merchant_uid="ready-1")
    yield app
    sandbox.close()


@pytest.fixture(scope="module")
def addresses(app: Flask) -> list[tuple[str, str]]:
    """(method, path) of every endpoint."""
    rules = [rule for rule in app.url_map.iter_rules() if rule.rule not in SPARED]
    return [(method, rule.rule) for rule in rules for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})]


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_body_makes_a_500(data: st.DataObject, app: Flask, addresses: list[tuple[str, str]]) -> None:
    client = app.test_client()
    method, rule = data.draw(st.sampled_from(addresses))
    segment = st.one_of(st.sampled_from([str(one) for one in KNOWN]), st.text(min_size=1, max_size=20))
    path = re.sub(r"<[^>]+>", lambda _: quote(_writable(data.draw(segment)), safe=""), rule)
    query = data.draw(
        st.dictionaries(st.sampled_from(QUERIES), st.one_of(st.integers(), st.text(max_size=9)), max_size=4)
    )
    options: dict[str, Any] = {"query_string": {key: _writable(str(value)) for key, value in query.items()}}
    options |= data.draw(st.sampled_from([_as_json, _as_form, _as_noise]))(data)
    answer = client.open(path, method=method, headers={"Authorization": Merchant(client).token}, **options)
    assert answer.status_code < 500, (method, path, options, answer.data[:300])
    answer.close()


def _as_json(data: st.DataObject) -> dict[str, Any]:
    return {"data": json.dumps(data.draw(st.one_of(bodies, values))), "content_type": "application/json"}


def _as_form(data: st.DataObject) -> dict[str, Any]:
    fields = data.draw(bodies)
    return {"data": {_writable(key): _writable(str(value)) for key, value in fields.items()}}


def _as_noise(data: st.DataObject) -> dict[str, Any]:
    kind = st.sampled_from(["application/json", "application/x-www-form-urlencoded", "multipart/form-data", "text/x"])
    return {"data": data.draw(st.binary(max_size=80)), "content_type": data.draw(kind)}


def _writable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=bodies, outcome=st.sampled_from(["approve", "decline", "close"]))
def test_no_request_pay_makes_a_500(changes: dict[str, Any], outcome: str, app: Flask) -> None:
    client = app.test_client()
    body = ASKED | {"merchant_uid": "any-1"} | changes | {"outcome": outcome}
    answer = client.post("/controls/payments", data=json.dumps(body), content_type="application/json")
    assert answer.status_code < 500, answer.data[:300]


@pytest.mark.parametrize("field", ["merchant_uid", "name", "buyer_name", "custom_data", "notice_url", "m_redirect_url"])
def test_half_a_character_is_no_text(field: str, app: Flask) -> None:
    client = app.test_client()
    body = json.dumps(ASKED | {"merchant_uid": "any-2", field: "\ud800"})
    assert client.post("/controls/payments", data=body, content_type="application/json").status_code == 400
    token = Merchant(client).token
    answer = client.post("/payments/prepare", data=body, headers={"Authorization": token})
    assert answer.status_code == 400


@pytest.mark.parametrize("content", [b"[" * 100_000, b'{"a":' * 50_000, b"x" * 2_000_000])
def test_deep_and_large_bodies_are_refused_calmly(content: bytes, app: Flask) -> None:
    client = app.test_client()
    token = Merchant(client).token
    for path in ("/payments/prepare", "/subscribe/payments/schedule", "/controls/settings", "/window"):
        kind = "application/x-www-form-urlencoded" if content[:1] == b"x" else "application/json"
        answer = client.post(path, data=content, content_type=kind, headers={"Authorization": token})
        assert 400 <= answer.status_code < 500, path
