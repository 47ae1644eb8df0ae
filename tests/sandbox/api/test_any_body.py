"""Whatever is sent to whichever address, nothing answers 500 that was not asked to."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox import create_sandbox
from tests import generated
from tests.sandbox.conftest import ASKED, Merchant, go_to, issue_key, open_window, pay
from tests.sandbox.driver import driven

NAMES = [
    "imp_key", "imp_secret", "imp_uid", "merchant_uid", "customer_uid", "amount", "checksum", "reason", "name",
    "currency", "buyer_tel", "buyer_email", "notice_url", "custom_data", "schedules", "schedule_at", "enable_webhook",
    "params", "user_code", "device", "to", "path", "fault", "value", "count", "probability", "seed", "outcome", "phone",
    "code",
    "carrier", "birth", "gender", "webhook_order", "confirm_timeout", "pay_method", "digital", "channelKey", "pg",
    "page", "limit", "sorting", "from", "schedule_from", "schedule_to", "schedule_status", "imp_uid[]",
    "schedules[0][merchant_uid]", "schedules[0][schedule_at]", "merchant_uid[]", "a[b][c][d][e][f][g]", "[]", "",
]  # fmt: skip
KNOWN = ["key-1", "order-1", "ready-1", "first-of-key-1", 9900, "9900", 2688692400, "2055-05-01T00:00:00+09:00", "0016"]
# The first is asked for 500s, the second forgets what the others need.
SPARED = {"/controls/faults", "/controls/reset", "/static/<path:filename>"}


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


def flood(app: Flask, addresses: list[tuple[str, str]], examples: int) -> Counter[int]:
    """Send that many requests, with and without a token; return how often each status came back."""
    statuses: Counter[int] = Counter()
    real = dict.fromkeys(["imp_uid", "merchant_uid", "customer_uid", "window_id"], "order-1") | {"status": "paid"}

    @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(data=st.data())
    def send(data: st.DataObject) -> None:
        client = app.test_client()
        method, rule = data.draw(st.sampled_from(addresses))
        address = data.draw(generated.path(rule, real | {"imp_uid": data.draw(st.sampled_from(KNOWN))}))
        options = data.draw(generated.options(NAMES, KNOWN))
        if data.draw(st.booleans()):
            options["headers"]["Authorization"] = Merchant(client).token
        with client.open(address, method=method, **options) as answer:
            statuses[answer.status_code] += 1
            assert answer.status_code < 500, (method, address, options, answer.data[:300])

    send()
    return statuses


def test_no_body_makes_a_500(app: Flask, addresses: list[tuple[str, str]]) -> None:
    flood(app, addresses, 120)


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_none_of_many_bodies_makes_a_500(app: Flask, addresses: list[tuple[str, str]]) -> None:
    print(flood(app, addresses, 4000))


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_no_harmful_body_to_any_address_makes_a_500(app: Flask, addresses: list[tuple[str, str]]) -> None:
    """The spared addresses too, at the end: none of these bodies is a fault that could be set."""
    statuses: Counter[int] = Counter()
    client = app.test_client()
    token = {"Authorization": Merchant(client).token}
    for method, rule in [*addresses, ("POST", "/controls/faults"), ("POST", "/controls/reset")]:
        address = re.sub(r"<[^>]+>", "order-1", rule)
        for headers in ({}, token):
            for content, kind in generated.HARMFUL_BODIES.items():
                with client.open(address, method=method, data=content, content_type=kind, headers=headers) as answer:
                    statuses[answer.status_code] += 1
                    assert answer.status_code < 500, (method, address, content[:99], kind, headers)
    print(statuses)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=generated.bodies(NAMES, KNOWN), outcome=st.sampled_from(["approve", "decline", "close"]))
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
