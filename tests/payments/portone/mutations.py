"""Answers that PortOne never documented: mutations of the literal examples, and bodies that are no JSON.

Used by the tests of the border (`test_responses.py`) and by those that send them through the endpoints.
"""

import json
from typing import Any

from hypothesis import strategies as st

from .stubs import EXAMPLES, answer

DEEP = "@@deep@@"  # stands for a value that is nested too deep for json.dumps

DROPPED = "@@dropped@@"

# By name, so that an example that fails is told shortly.
HOSTILE: dict[str, Any] = {
    "dropped": DROPPED,
    "null": None,
    "true": True,
    "false": False,
    "0": 0,
    "-1": -1,
    "9900.0": 9900.0,
    "9900.5": 9900.5,
    "9900 as text": "9900",
    "beyond int4": 2**31,
    "beyond int8": 2**63,
    "30 digits": 10**30,
    "1e308": 1e308,
    "Infinity": float("inf"),
    "NaN": float("nan"),
    "milliseconds": 1788224442000,
    "a negative time": -1788224442,
    "empty": "",
    "a blank": " ",
    "NUL": "\x00",
    "NUL within": "a\x00b",
    "half a character": "\ud800",
    "half of one within": "half \udc00 of it",
    "41 characters": "x" * 41,
    "3000 syllables": "한" * 3000,
    "201 emojis": "😀" * 201,
    "a line break": "imp_\n1",
    "paid": "paid",
    "cancelled": "cancelled",
    "a telephone number": "010-1234-5678",
    "an empty list": [],
    "a list": ["x"],
    "an empty object": {},
    "an object of odd texts": {"\x00": "\ud800"},
    "some levels": [[{"a": [{"b": [{"c": "\x00"}]}]}]],
    "150 fields": {f"field {number}": "x" * 2000 for number in range(150)},
    "500 items": ["x" * 500] * 500,
    "400 levels": DEEP,
}
hostile = st.sampled_from(sorted(HOSTILE))

Changes = list[tuple[str, str]]


def changes(*keys: str) -> st.SearchStrategy[Changes]:
    """One to three of these fields, or fields that nobody documented, each with the name of a hostile value."""
    key = st.sampled_from([*keys, "new", "\x00", "\ud800"])
    return st.lists(st.tuples(key, hostile), min_size=1, max_size=3)


def changed(example: dict[str, Any], how: Changes) -> dict[str, Any]:
    found = example | {key: HOSTILE[name] for key, name in how}
    return {key: value for key, value in found.items() if value != DROPPED}


def as_bytes(answer: Any) -> bytes:
    """The answer as PortOne would send it: half characters as escapes, and depth that json.dumps cannot write."""
    return json.dumps(answer).encode().replace(f'"{DEEP}"'.encode(), b"[" * 400 + b"]" * 400)


WHOLE = json.dumps(answer({"amount": 9900} | EXAMPLES["paid_once_pc"])).encode()
NO_JSON: dict[str, bytes] = {
    "nothing": b"",
    "a number": b"7",
    "a text": b'"paid"',
    "null": b"null",
    "a list": b"[]",
    "half of it": WHOLE[:-3],
    "two of them": WHOLE + WHOLE,
    "a page": b"<html>502</html>",
    "other bytes": WHOLE.replace(b"mobilians", b"\xc1\xf6\xba\xd2"),
    "gzip": b"\x1f\x8b\x08\x00" + bytes(range(200)),
    "too deep": b'{"code": 0, "message": null, "response": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "a number of 5000 digits": WHOLE.replace(b'"card_quota": 0', b'"card_quota": ' + b"9" * 5000),
    "a field twice": WHOLE.replace(b'"amount": 9900', b'"amount": 1, "amount": 9900'),
    "NaN as the code": WHOLE.replace(b'"code": 0', b'"code": NaN'),
    "a code that is a list": WHOLE.replace(b'"code": 0', b'"code": [0]'),
    "no message": b'{"code": 0, "response": {}}',
    "a message of nested lists": b'{"code": 1, "message": ' + b"[" * 400 + b"]" * 400 + b', "response": null}',
    "a message with NUL": b'{"code": 1, "message": "\\u0000\\ud800", "response": null}',
    "a list as the response": b'{"code": 0, "message": null, "response": [null, 7, {}]}',
    "a text as the response": b'{"code": 0, "message": null, "response": "paid"}',
}
