"""Compare a newer document of PortOne V1 with the one that the client and the sandbox are built on.

`make drift SCHEMA=path`, where the file is PortOne's published Swagger 2.0 document. Prints one line for each
difference and what it means for this project. Exit status: 0 no difference, 1 only what is new, 2 something that we
read or imitate has changed, 3 the file cannot be read.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

KNOWN = Path(__file__).parent / "sandbox" / "api" / "v1.schema.json"
NONE, NEW, CHANGED, UNREADABLE = range(4)  # exit statuses

# What `payments/portone/` reads of an answer and asks for; tests/test_drift.py holds it against the code.
READ = {
    "AuthAnnotation": {"access_token", "expired_at", "now"},
    "PaymentAnnotation": {
        *("imp_uid", "merchant_uid", "status", "amount", "cancel_amount", "currency", "pay_method", "pg_provider"),
        *("sandbox", "customer_uid", "pg_tid", "paid_at", "failed_at", "cancelled_at", "fail_reason", "cancel_reason"),
    },
    "PagedPaymentAnnotation": {"list", "next"},
    "PaymentPrepareAnnotation": {"amount"},
    "CustomerAnnotation": {"customer_uid", "pg_provider", "pg_id", "inserted", "sandbox"},
    "PgSettingAnnotation": {"channel_key", "pg_provider", "pg_id", "sandbox"},
}
# The states of a payment that the client reads; it refuses any other as unreadable.
STATES = {"ready", "paid", "failed", "cancelled"}


@dataclass(frozen=True)
class Difference:
    """`what` is different `where`; `fails`: the client or the sandbox is not right any more."""

    where: str
    what: str
    fails: bool

    def __str__(self) -> str:
        return f"{'CHANGED' if self.fails else 'new    '} {self.where}: {self.what}"


def reduce(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return what we compare of a Swagger 2.0 document: each call's parameters, statuses and response, each shape."""
    definitions = document["definitions"]
    answers = {
        f"{method.upper()} {path}": {
            "response": _response(call["responses"]["200"].get("schema", {}), definitions),
            "statuses": sorted(int(status) for status in call["responses"] if status.isdigit()),
            "parameters": {one["name"]: _parameter(one) for one in call.get("parameters", ())},
        }
        for path, calls in document["paths"].items()
        for method, call in calls.items()
        if method in ("get", "post", "put", "delete", "patch") and "200" in call["responses"]
    }
    shapes = {
        name: {
            "required": shape.get("required", []),
            "properties": {field: _property(rule) for field, rule in shape["properties"].items()},
        }
        for name, shape in definitions.items()
        if "properties" in shape
    }
    return {"answers": answers, "shapes": shapes, "states": dict(_states(document))}


def _states(document: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """Yield where the document lists a payment's states, and which: a field's `enum` or that of a parameter."""
    payment = document["definitions"].get("PaymentAnnotation", {}).get("properties", {})
    yield "PaymentAnnotation.status", payment.get("status", {}).get("enum", [])
    for path, calls in document["paths"].items():
        for one in calls.get("get", {}).get("parameters", ()):
            if one["name"] == "payment_status":
                yield f"GET {path} payment_status", one.get("enum", [])


def _name(ref: str) -> str:
    return ref.rpartition("/")[2]


def _response(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> str | list[str] | None:
    """Return the shape of `response` inside the envelope; a list of it for an array; None for no documented one."""
    if "properties" in schema and "response" not in schema["properties"]:  # one of several answers: the first is V1's
        schema = next(iter(schema["properties"].values()))
    if "$ref" in schema:
        schema = definitions[_name(schema["$ref"])]
    properties: dict[str, Any] = {}
    for part in schema.get("allOf", [schema]):
        properties |= part.get("properties", {})
    response = properties.get("response", {})
    if response.get("type") == "array":
        return [_name(response["items"].get("$ref", response["items"].get("type", "")))]
    return _name(response["$ref"]) if "$ref" in response else None


def _parameter(rule: Mapping[str, Any]) -> dict[str, Any]:
    kept = {"in": rule["in"], "required": rule.get("required", False), "type": rule.get("type", "body")}
    return kept | ({"longest": int(rule["maxLength"])} if "maxLength" in rule else {})


def _property(rule: Mapping[str, Any]) -> dict[str, Any]:
    if "$ref" in rule:
        return {"is": _name(rule["$ref"])}
    kept: dict[str, Any] = {"type": rule.get("type", "object")}
    if kept["type"] == "array":
        items = rule.get("items", {})
        kept["of"] = _name(items["$ref"]) if "$ref" in items else items.get("type", "object")
    if "maxLength" in rule:
        kept["longest"] = int(rule["maxLength"])
    return kept


def compare(known: Mapping[str, Any], newer: Mapping[str, Any]) -> Iterator[Difference]:
    """Yield the differences of two reduced documents."""
    for call, before in known["answers"].items():
        after = newer["answers"].get(call)
        if after is None:
            yield Difference(call, "has vanished; the sandbox imitates it", fails=True)
        else:
            yield from _compare_calls(call, before, after)
    for name, before in known["shapes"].items():
        after = newer["shapes"].get(name)
        if after is None:
            yield Difference(name, "has vanished; the sandbox's answers have this shape", fails=True)
        else:
            yield from _compare_shapes(name, before, after)
    for where, states in newer.get("states", {}).items():
        for state in sorted(set(states) - STATES - {"all", ""}):
            yield Difference(where, f"may be {state!r}, which the client refuses as unreadable", fails=True)
    for call in newer["answers"].keys() - known["answers"].keys():
        yield Difference(call, "a call that the sandbox does not imitate", fails=False)


def _compare_calls(call: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Difference]:
    for what in ("response", "statuses"):
        if before[what] != after[what]:
            yield Difference(f"{call} {what}", f"{before[what]} is now {after[what]}", fails=True)
    for name, rule in before["parameters"].items():
        now = after["parameters"].get(name)
        if now is None:
            yield Difference(f"{call} {name}", "the parameter has vanished; the sandbox takes it", fails=True)
        elif now != rule:
            yield Difference(f"{call} {name}", f"the parameter was {rule} and is {now}", fails=True)
    for name in after["parameters"].keys() - before["parameters"].keys():
        required = after["parameters"][name]["required"]
        what = "a new required parameter: our call would be refused" if required else "a new parameter"
        yield Difference(f"{call} {name}", what, fails=required)


def _compare_shapes(name: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Difference]:
    for field, rule in before["properties"].items():
        use = "the client reads it" if field in READ.get(name, ()) else "the sandbox answers it"
        now = after["properties"].get(field)
        if now is None:
            yield Difference(f"{name}.{field}", f"has vanished; {use}", fails=True)
        elif now != rule:
            yield Difference(f"{name}.{field}", f"was {rule} and is {now}; {use}", fails=True)
        if now is not None and (field in before["required"]) != (field in after["required"]):
            became = "optional" if field in before["required"] else "required"
            yield Difference(f"{name}.{field}", f"became {became}; {use}", fails=True)
    for field in after["properties"].keys() - before["properties"].keys():
        yield Difference(f"{name}.{field}", "a field that neither the client nor the sandbox knows", fails=False)


def main(path: str) -> int:
    known = json.loads(KNOWN.read_text())
    try:
        document = json.loads(Path(path).read_text())
        newer = document if "answers" in document else reduce(document)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        print(f"{path} is no Swagger 2.0 document of PortOne V1: {type(error).__name__}: {error}", file=sys.stderr)
        return UNREADABLE
    found = sorted(compare(known, newer), key=lambda one: (not one.fails, one.where))
    print(*found, sep="\n") if found else print("no difference")
    if not found:
        return NONE
    return CHANGED if any(one.fails for one in found) else NEW


def run(arguments: list[str]) -> int:
    if len(arguments) == 1 and arguments[0]:
        return main(arguments[0])
    print("Name one file: make drift SCHEMA=path, or python -m tests.drift path", file=sys.stderr)
    return UNREADABLE


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
