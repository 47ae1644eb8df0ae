"""The drift alarm: what it says of a document that is as known, and of hand-made newer ones."""

import copy
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from payments.portone import responses
from payments.portone.report import UnreadableAnswer
from tests import drift

Document = dict[str, Any]


class Recorded(Mapping[str, Any]):
    """An object of PortOne's that remembers which of its fields were read."""

    def __init__(self, fields: dict[str, Any]) -> None:
        self._fields, self.read = fields, set[str]()

    def __getitem__(self, key: str) -> Any:
        self.read.add(key)
        return self._fields[key]

    def __iter__(self) -> Iterator[str]:
        return iter(())  # the masked copy for the event log walks through all fields; that is no reading

    def __len__(self) -> int:
        return len(self._fields)


TEXTS = dict.fromkeys(
    ("imp_uid", "merchant_uid", "currency", "pay_method", "pg_provider", "pg_id", "customer_uid"), "x"
)
OBJECT = TEXTS | {"status": "paid", "amount": 1, "cancel_amount": 0, "as_received": None}


@pytest.mark.parametrize(
    ("shape", "parse"),
    [
        ("PaymentAnnotation", responses.payment_report),
        ("CustomerAnnotation", responses.billing_key_report),
        ("PgSettingAnnotation", responses.channel),
    ],
)
def test_the_alarm_knows_every_field_that_the_client_reads(shape: str, parse: Callable[[Any], object]) -> None:
    found = Recorded(OBJECT)
    parse(found)
    assert found.read & set(json.loads(drift.KNOWN.read_text())["shapes"][shape]["properties"]) == drift.READ[shape]


def published() -> Document:
    """A Swagger document with the calls and shapes that the sandbox imitates, as PortOne would publish it."""
    known = json.loads(drift.KNOWN.read_text())
    definitions: Document = {
        name: {
            "required": list(shape["required"]),
            "properties": {field: _published_property(rule) for field, rule in shape["properties"].items()},
        }
        for name, shape in known["shapes"].items()
    }
    paths: Document = {}
    for number, (call, answer) in enumerate(known["answers"].items()):
        method, path = call.split(" ")
        envelope = {"allOf": [{"properties": {"response": _published_response(answer["response"])}}]}
        definitions[f"Answer{number}"] = envelope
        statuses: Document = {str(status): {"description": ""} for status in answer["statuses"]}
        statuses["200"]["schema"] = {"$ref": f"#/definitions/Answer{number}"}
        parameters = [
            {"name": name, **({"maxLength": str(rule["longest"])} if "longest" in rule else {}), **rule}
            for name, rule in answer["parameters"].items()
        ]
        paths.setdefault(path, {})[method.lower()] = {"parameters": parameters, "responses": statuses}
    return {"swagger": "2.0", "paths": paths, "definitions": definitions}


def _published_response(response: str | list[str]) -> Document:
    if isinstance(response, list):
        return {"type": "array", "items": {"$ref": f"#/definitions/{response[0]}"}}
    return {"$ref": f"#/definitions/{response}"}


def _published_property(rule: Document) -> Document:
    if "is" in rule:
        return {"$ref": f"#/definitions/{rule['is']}"}
    made: Document = {"type": rule["type"]}
    if "of" in rule:
        plain = rule["of"] in ("string", "integer", "number", "object", "boolean")
        made["items"] = {"type": rule["of"]} if plain else {"$ref": f"#/definitions/{rule['of']}"}
    return made | ({"maxLength": str(rule["longest"])} if "longest" in rule else {})


def payment(document: Document) -> Document:
    shape: Document = document["definitions"]["PaymentAnnotation"]
    return shape


def cancel(document: Document) -> Document:
    call: Document = document["paths"]["/payments/cancel"]["post"]
    return call


def amount_becomes_text(document: Document) -> None:
    payment(document)["properties"]["amount"] = {"type": "string"}


def sandbox_flag_vanishes(document: Document) -> None:
    del payment(document)["properties"]["sandbox"]
    payment(document)["required"].remove("sandbox")


def status_becomes_optional(document: Document) -> None:
    payment(document)["required"].remove("status")


def receipt_becomes_a_number(document: Document) -> None:
    payment(document)["properties"]["receipt_url"] = {"type": "integer"}


def again_vanishes(document: Document) -> None:
    del document["paths"]["/subscribe/payments/again"]


def cancel_needs_a_checksum(document: Document) -> None:
    cancel(document)["parameters"].append({"name": "nonce", "in": "formData", "required": True, "type": "string"})


def cancel_answers_a_list(document: Document) -> None:
    document["definitions"]["PaymentResponse2"] = {
        "properties": {"response": {"type": "array", "items": {"$ref": "#/definitions/PaymentAnnotation"}}}
    }
    cancel(document)["responses"]["200"]["schema"] = {"$ref": "#/definitions/PaymentResponse2"}


def a_payment_has_a_carrier(document: Document) -> None:
    payment(document)["properties"]["carrier"] = {"type": "string"}


def there_is_a_call_for_receipts(document: Document) -> None:
    document["paths"]["/receipts/{imp_uid}"] = copy.deepcopy(document["paths"]["/payments/{imp_uid}"])


def a_payment_may_be_pending(document: Document) -> None:
    payment(document)["properties"]["status"]["enum"] = ["ready", "paid", "cancelled", "failed", "pending"]


def payments_may_be_listed_as_reversed(document: Document) -> None:
    listed = document["paths"]["/payments/status/{payment_status}"]["get"]["parameters"]
    [states] = [one for one in listed if one["name"] == "payment_status"]
    states["enum"] = ["all", "ready", "paid", "cancelled", "failed", "reversed"]


def states_are_listed_in_another_order(document: Document) -> None:
    payment(document)["properties"]["status"]["enum"] = ["failed", "cancelled", "paid", "ready"]


def said_of(document: Document, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    path = tmp_path / "schema.json"
    path.write_text(json.dumps(document))
    status = drift.main(str(path))
    return status, capsys.readouterr().out


def test_the_schema_in_the_repository_has_no_difference(capsys: pytest.CaptureFixture[str]) -> None:
    assert drift.main(str(drift.KNOWN)) == drift.NONE
    assert capsys.readouterr().out == "no difference\n"


def test_a_published_document_with_the_known_calls_has_no_difference(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert said_of(published(), tmp_path, capsys) == (drift.NONE, "no difference\n")


@pytest.mark.parametrize(
    ("change", "status", "said"),
    [
        (amount_becomes_text, drift.CHANGED, "CHANGED PaymentAnnotation.amount: was {'type': 'number'} and is"),
        (sandbox_flag_vanishes, drift.CHANGED, "CHANGED PaymentAnnotation.sandbox: has vanished; the client reads it"),
        (status_becomes_optional, drift.CHANGED, "CHANGED PaymentAnnotation.status: became optional; the client reads"),
        (receipt_becomes_a_number, drift.CHANGED, "is {'type': 'integer'}; the sandbox answers it"),
        (again_vanishes, drift.CHANGED, "CHANGED POST /subscribe/payments/again: has vanished; the sandbox imitates"),
        (cancel_needs_a_checksum, drift.CHANGED, "CHANGED POST /payments/cancel nonce: a new required parameter"),
        (cancel_answers_a_list, drift.CHANGED, "POST /payments/cancel response: PaymentAnnotation is now ['Payment"),
        (
            a_payment_may_be_pending,
            drift.CHANGED,
            "CHANGED PaymentAnnotation.status: may be 'pending', which the client",
        ),
        (
            payments_may_be_listed_as_reversed,
            drift.CHANGED,
            "payment_status: may be 'reversed', which the client refuses",
        ),
        (states_are_listed_in_another_order, drift.NONE, "no difference"),
        (a_payment_has_a_carrier, drift.NEW, "new     PaymentAnnotation.carrier: a field that neither"),
        (there_is_a_call_for_receipts, drift.NEW, "new     GET /receipts/{imp_uid}: a call that the sandbox does not"),
    ],
)
def test_a_changed_document_is_told_with_its_severity(
    change: Callable[[Document], None],
    status: int,
    said: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    document = published()
    change(document)
    found, told = said_of(document, tmp_path, capsys)
    assert found == status, told
    assert said in told
    assert told.count("\n") == 1


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"openapi": "3.0.0", "paths": {}}', "<html></html>"])
def test_a_file_that_is_no_such_document_is_refused(
    content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "schema.json"
    path.write_text(content)
    assert drift.main(str(path)) == drift.UNREADABLE
    assert "is no Swagger 2.0 document of PortOne V1" in capsys.readouterr().err


@pytest.mark.parametrize("state", sorted(drift.STATES))
def test_the_states_that_the_alarm_knows_are_those_that_the_client_reads(state: str) -> None:
    assert responses.payment_report(OBJECT | {"status": state}).status == state
    with pytest.raises(UnreadableAnswer):
        responses.payment_report(OBJECT | {"status": f"{state}-anew"})


@pytest.mark.parametrize("arguments", [[], [""], ["one.json", "two.json"]])
def test_without_one_file_the_alarm_says_how_it_is_called(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert drift.run(arguments) == drift.UNREADABLE
    assert "make drift SCHEMA=" in capsys.readouterr().err
