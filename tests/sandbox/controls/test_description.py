"""`/openapi.json` is what the sandbox answers: every address, and real and generated answers."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.test import Client, TestResponse

from sandbox import __version__, create_sandbox
from sandbox.controls.description import DOCUMENT
from tests.sandbox.api.test_contract import CALLS
from tests.sandbox.conftest import ASKED, Merchant, go_to, issue_key, open_window, pay
from tests.sandbox.driver import DrivenSandbox, driven

# Pages for people, the browser's script with the window that it opens, and this description itself.
NOT_DESCRIBED = {
    "static", "controls.panel", "controls.attack_lab", "controls.sign_in", "description.openapi",
    "window.sdk", "window.hints", "window.opening", "window.open_window", "window.page", "window.send_code",
    "window.confirm", "window.close",
}  # fmt: skip


def test_every_address_but_those_of_pages_is_described_and_no_other(anybody: FlaskClient, sandbox_app: Flask) -> None:
    answer = anybody.get("/openapi.json")
    assert answer.status_code == 200 and answer.json
    assert {rule.endpoint for rule in sandbox_app.url_map.iter_rules()} >= NOT_DESCRIBED
    served = {
        (method.lower(), re.sub(r"<(?:[^:>]+:)?(\w+)>", r"{\1}", rule.rule))
        for rule in sandbox_app.url_map.iter_rules()
        if rule.endpoint not in NOT_DESCRIBED
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert {(method, path) for path, item in answer.json["paths"].items() for method in item} == served


def test_the_description_names_this_version_and_where_it_is_mounted(anybody: FlaskClient, sandbox_app: Flask) -> None:
    assert anybody.get("/openapi.json").json["info"]["version"] == __version__  # type: ignore[index]
    outer = Client(DispatcherMiddleware(Flask("shop"), {"/sandbox": sandbox_app}))
    for client, root in ((anybody, "/"), (outer, "/sandbox")):
        answer = client.get("/openapi.json" if root == "/" else f"{root}/openapi.json")
        assert (answer.json or {})["servers"] == [{"url": root}]


def schemas_in(part: Any) -> Iterator[dict[str, Any]]:
    """Every object of the document that could be a schema."""
    if isinstance(part, dict):
        yield part
    for inner in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        yield from schemas_in(inner)


def test_every_field_that_is_required_is_described() -> None:
    """schemathesis would take one that is required and not described as if it might be anything."""
    for schema in schemas_in(DOCUMENT):
        if isinstance(schema.get("required"), list):
            assert set(schema["required"]) <= set(schema["properties"]), schema["required"]


# --- answers ----------------------------------------------------------------------------------------------------------

KNOWN_PAYMENT = {
    "imp_uid": "imp_1", "merchant_uid": "moved-1", "name": "Pass", "amount": 9900, "paid_at": 1790000000,
    "buyer_name": "Buyer", "buyer_tel": "01012345678", "buyer_email": "b@example.com",
}  # fmt: skip
KNOWN_KEY = {"customer_uid": "moved-key", "phone": "01012345678", "payments": [KNOWN_PAYMENT]}
# (method, path, body, status): what the contract with V1's own schema does not call, in a possible order
MORE_CALLS: list[tuple[str, str, Any, int]] = [
    ("GET", "/payments/{paid}", None, 404),
    ("GET", "/payments/{paid}?include_sandbox=true", None, 200),
    ("GET", "/payments/{paid}/balance", None, 404),
    ("GET", "/payments/find/nobodys", None, 404),
    ("GET", "/payments/findAll", None, 400),
    ("GET", "/payments/findAll/failed-1/failed", None, 200),
    ("GET", "/payments/findAll/failed-1/none", None, 400),
    ("POST", "/payments/cancel", {"merchant_uid": "nobodys"}, 200),
    ("POST", "/payments/cancel", {}, 400),
    ("POST", "/subscribe/payments/onetime", {}, 200),
    ("POST", "/subscribe/customers/key-1", {}, 200),
    ("GET", "/subscribe/customers/nobodys", None, 200),
    ("GET", "/subscribe/customers?customer_uid[]=nobodys", None, 404),
    ("GET", "/subscribe/payments/schedule/nobodys", None, 404),
    ("POST", "/subscribe/payments/schedule/nobodys/retry", None, 404),
    ("PUT", "/subscribe/payments/schedule/sub-3", {}, 400),
    ("GET", "/controls/clock", None, 200),
    ("POST", "/controls/clock", {"to": "2055-02-16T12:00:00"}, 200),
    ("POST", "/controls/clock", {"to": "yesterday"}, 400),
    ("POST", "/controls/clock/with-shop", {"to": "tomorrow"}, 409),
    ("GET", "/controls/payments", None, 200),
    ("POST", "/controls/payments", ASKED | {"merchant_uid": "shut-1", "outcome": "close"}, 200),
    ("POST", "/controls/payments", ASKED | {"merchant_uid": "left-1", "outcome": "open"}, 200),
    ("GET", "/controls/payments?merchant_uid=left-1", None, 200),
    ("POST", "/controls/payments", ASKED | {"merchant_uid": 7}, 200),
    ("POST", "/controls/payments", ASKED | {"outcome": "win"}, 400),
    ("POST", "/controls/payments/{open}/window", {"outcome": "approve"}, 200),
    ("POST", "/controls/payments/{open}/window", {"outcome": "approve"}, 404),
    ("POST", "/controls/payments/{paid}/undo-at-kg", None, 200),
    ("POST", "/controls/payments/{paid}/cancel", {"reason": "x"}, 409),
    ("POST", "/controls/payments/{open}/cancel", None, 200),
    ("POST", "/controls/billing-keys", {"keys": [KNOWN_KEY]}, 200),
    ("DELETE", "/controls/billing-keys/moved-key", None, 200),
    ("DELETE", "/controls/billing-keys/moved-key", None, 404),
    ("GET", "/controls/deliveries", None, 200),
    ("GET", "/controls/deliveries?imp_uid={paid}", None, 200),
    ("POST", "/controls/deliveries/1/redeliver", None, 200),
    ("POST", "/controls/deliveries/99/redeliver", None, 404),
    ("POST", "/controls/faults", {"path": "/users/pg", "fault": "status", "body": "html"}, 201),
    ("GET", "/controls/faults", None, 200),
    ("DELETE", "/controls/faults/1", None, 200),
    ("DELETE", "/controls/faults", None, 200),
    ("GET", "/controls/settings", None, 200),
    ("POST", "/controls/settings", {"schedule_lists": "page"}, 200),
    ("GET", "/subscribe/payments/schedule?schedule_from=2688692400&schedule_to=2688692500", None, 200),
    ("POST", "/controls/settings", {"colour": "red"}, 400),
    ("POST", "/controls/attacks/none", None, 404),
    ("POST", "/controls/attacks/forged-webhook", None, 409),
    ("POST", "/controls/reset", None, 200),
]


class Description:
    """The served description as schemathesis reads it."""

    def __init__(self, app: Flask) -> None:
        import schemathesis  # takes a while, which the other tests of this file need not wait for

        self._schema = schemathesis.openapi.from_wsgi("/openapi.json", app)
        self._urls = app.url_map.bind("")
        self.operations = {(found := each.ok()).label: found for each in self._schema.get_all_operations()}

    def expect_described(self, method: str, path: str, answer: TestResponse) -> str:
        """Compare an answer with the description of its address; the operation's name."""
        rule, _ = self._urls.match(path.partition("?")[0], method, return_rule=True)
        label = f"{method} " + re.sub(r"<(?:[^:>]+:)?(\w+)>", r"{\1}", str(rule))
        operation = self.operations[label]
        assert str(answer.status_code) in operation.definition.raw["responses"], (label, answer.status_code)
        operation.validate_response(answer)
        return label


def fill(sandbox: DrivenSandbox) -> dict[str, str]:
    """Payments in each state, a key whose month is due, a webhook; ids of a paid and of an open payment."""
    go_to(sandbox, "2055-01-15")
    issue_key(sandbox)
    go_to(sandbox, "2055-02-15")
    paid = pay(sandbox, merchant_uid="paid-1", custom_data={"cart": 42}, notice_url="http://127.0.0.1:9/hook")
    pay(sandbox, merchant_uid="to-cancel-1")
    open_window(sandbox, merchant_uid="ready-1")
    sandbox.ledger.close_window(open_window(sandbox, merchant_uid="failed-1"))
    view = sandbox.ledger.get_window(open_window(sandbox, merchant_uid="open-1"))
    assert view
    return {"paid": paid["imp_uid"], "open": view.imp_uid}


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    """A sandbox that knows no shop: these tests must not attack whatever else runs on this machine."""
    app = create_sandbox(tmp_path / "sandbox.sqlite3", start_worker=False)
    yield app
    app.extensions["sandbox"].close()


@pytest.mark.slow
def test_real_answers_of_every_address_are_as_described(app: Flask) -> None:
    description, ids, client = Description(app), fill(driven(app)), app.test_client()
    token = {"Authorization": Merchant(client).token}
    keys = {"imp_key": "imp_apikey", "imp_secret": "sandbox_secret"}
    tokens = [("POST", "/users/getToken", body, status) for body, status in ((keys, 200), ({}, 400), (ASKED, 400))]
    contract = [(call.split()[0], path, options.get("json"), None) for call, path, options in CALLS]
    tried = set()
    for method, path, body, status in [*tokens, *contract, *MORE_CALLS]:
        path = path.format_map(ids)
        answer = client.open(path, method=method, json=body, headers=token)
        assert status in (None, answer.status_code), (method, path, answer.data)
        tried.add(description.expect_described(method, path, answer))
    assert tried == set(description.operations)


@pytest.mark.slow
def test_a_closed_sandbox_answers_as_described(tmp_path: Path) -> None:
    app = create_sandbox(tmp_path / "x.sqlite3", controls_token="9a8b7c6d5e4f3a2b1c0d", start_worker=False)
    description, stranger = Description(app), app.test_client()
    for label in description.operations:
        method, path = label.split()
        path = path.replace("{delivery_id}", "1").replace("{fault_id}", "1").replace("{", "").replace("}", "")
        answer = stranger.open(path, method=method, json={})
        open_to_all = label in ("GET /controls/clock", "POST /users/getToken")
        assert (answer.status_code == 401) != open_to_all, label
        description.expect_described(method, path, answer)
        if method != "GET" and path.startswith("/controls"):
            from_elsewhere = stranger.open(path, method=method, json={}, headers={"Sec-Fetch-Site": "cross-site"})
            assert from_elsewhere.status_code == 403, label
            description.expect_described(method, path, from_elsewhere)
    app.extensions["sandbox"].close()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_answers_to_generated_requests_are_as_described(app: Flask) -> None:
    """schemathesis' requests, with ids that exist in half of them; the same ones in every run."""
    from schemathesis import GenerationMode, checks

    description, client = Description(app), app.test_client()
    fill(driven(app))
    compared = [checks.not_a_server_error, checks.status_code_conformance]
    compared += [checks.content_type_conformance, checks.response_schema_conformance]
    token = {"Authorization": Merchant(client).token}
    known: dict[str, Any] = {"imp_uid": "imp_1", "merchant_uid": "paid-1", "customer_uid": "key-1", "status": "paid"}
    known |= {"delivery_id": 1, "fault_id": 1}
    labels = sorted(set(description.operations) - {"POST /controls/reset"})
    counted = dict.fromkeys(labels, 0)

    def ask(label: str, mode: GenerationMode, examples: int) -> None:
        @seed(20261129)
        @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(case=description.operations[label].as_strategy(generation_mode=mode), is_known=st.booleans())
        def run(case: Any, is_known: bool) -> None:
            if is_known and case.path_parameters:
                case.path_parameters |= {name: known[name] for name in case.path_parameters if name in known}
            answer = case.call(headers=token)
            if label == "POST /controls/faults":
                client.delete("/controls/faults")  # before it strikes: the description is of answers without faults
            case.validate_response(answer, checks=compared)
            counted[label] += 1

        run()

    for label in labels:
        ask(label, GenerationMode.POSITIVE, 12)
        if description.operations[label].body or description.operations[label].query:
            ask(label, GenerationMode.NEGATIVE, 6)
    assert min(counted.values()) >= 1
