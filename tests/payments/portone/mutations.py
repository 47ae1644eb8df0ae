"""Answers that PortOne never documented: mutations of the literal examples, and bodies that are no JSON.

Used by the tests of the border (`test_responses.py`) and by those that send them through the endpoints.
"""

import json
from typing import Any

from hypothesis import strategies as st

from .stubs import EXAMPLES, answer

DEEP = "@@deep@@"  # stands for a value that is nested too deep for json.dumps

HOSTILE_VALUES = [
    None,
    True,
    False,
    0,
    -1,
    9900.0,
    9900.5,
    "9900",
    "9900.00",
    2**31,
    2**63,
    10**30,
    1e308,
    float("inf"),
    float("nan"),
    1788224442000,  # milliseconds
    -1788224442,
    "",
    " ",
    "\x00",
    "a\x00b",
    "\ud800",
    "half \udc00 of it",
    "x" * 41,
    "한" * 3000,
    "😀" * 201,
    "imp_\n1",
    "paid",
    "cancelled",
    "010-1234-5678",
    [],
    ["x"],
    {},
    {"\x00": "\ud800"},
    [[{"a": [{"b": [{"c": "\x00"}]}]}]],
    {f"field {number}": "x" * 2000 for number in range(150)},
    ["x" * 500] * 500,
    DEEP,
    [DEEP],
]

hostile = st.sampled_from(HOSTILE_VALUES)


@st.composite
def mutations(draw: st.DrawFn, example: dict[str, Any]) -> dict[str, Any]:
    """One example with one to three of its fields dropped, retyped or replaced, or with fields that it never had."""
    found = dict(example)
    for key in draw(st.lists(st.sampled_from([*example, "new", "\x00", "\ud800"]), min_size=1, max_size=3)):
        if draw(st.integers(0, 5)) == 0:
            found.pop(key, None)
        else:
            found[key] = draw(hostile)
    return found


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
