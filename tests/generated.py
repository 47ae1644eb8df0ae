"""Generated requests: bodies of any shape and content type, queries and headers, to any address."""

import gzip
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from hypothesis import strategies as st

HARMFUL = [10**30, 2**31, 2**63, -1, "1e400", "nan", "\ud800", "\x00", "🐻" * 30, "http://[::1", "x" * 3000, "1" * 5000]
JSON, FORM, PARTS = "application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"
HARMFUL_BODIES = {
    b"": JSON,
    b"\x00": JSON,
    b"null": JSON,
    b"[" * 50_000: JSON,
    b'{"a":' * 20_000: JSON,
    b'{"imp_uid": "\\ud800", "merchant_uid": "\\u0000", "amount": 1e400, "reason": "\\ud800"}': JSON,
    b'{"imp_uid": "\\u0000", "merchant_uid": "a\\u0000b", "amount": 99999999999999999999999}': JSON,
    b'{"kind": "once", "product_id": 99999999999999999999, "quantity": 1e30, "buyer_name": {"a": [1]}}': JSON,
    b"email=%00&password=%ff%fe&product_id=%EF%BC%91&quantity=99999999999999999999&reason=%ED%A0%80&next=//%00": FORM,
    b"email=a%00@b.example&password=a%00bcdefgh&reason=a%00b&note=%00&account=%00&refunded_at=99999-01-01": FORM,
    b'--x\r\nContent-Disposition: form-data; name="reason"\r\n\r\n\xff\x00\r\n--x--\r\n': PARTS,
    b"a&" * 1200: FORM,
    b"\xff\xfe{\x00}\x00": "application/json; charset=utf-16",
    b"x" * 70_000: "text/plain",
}
KINDS = [
    JSON, FORM, PARTS, "multipart/form-data",
    "text/plain", "application/json; charset=utf-16", "application/octet-stream", "a/b; charset=nonsense", "\xff", "",
]  # fmt: skip
HEADERS = {
    "Accept-Language": ["en", "zz;q=x", ",,;q=9", "\xe9"],
    "Cookie": ["session=x; language=zz", "language=\xff", "=;;", "session=" + "a" * 3000],
    "Referer": ["http://[::1", "\x7f", "//x", "http://localhost/a?b"],
    "X-CSRFToken": ["x", "\xff"],
    "X-Forwarded-For": ["x, ::1", ","],
    "Range": ["bytes=5-1", "bytes=x", "lines=1-2"],
    "If-Modified-Since": ["never", "Thu, 99 Foo 9999 99:99:99 GMT"],
    "If-None-Match": ['W/"x', "*"],
    "Authorization": ["Bearer", "Basic eA", "Bearer " + "x" * 500, "\xff"],
    "Content-Encoding": ["gzip", "br"],
    "Host": ["[::1", "a:b", "evil.example"],
}


def values(names: Sequence[str], known: Sequence[Any]) -> st.SearchStrategy[Any]:
    """Values that JSON can hold; `names` and `known` are the ones that mean something to the app."""
    scalars = st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(max_size=50),
        st.sampled_from(list(known)),
        st.sampled_from(HARMFUL),
    )
    keys = st.one_of(st.sampled_from(list(names)), st.text(max_size=5))
    return st.recursive(
        scalars,
        lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(keys, inner, max_size=4)),
        max_leaves=12,
    )


def bodies(names: Sequence[str], known: Sequence[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Objects whose fields are mostly the app's own."""
    keys = st.one_of(st.sampled_from(list(names)), st.text(max_size=5))
    return st.dictionaries(keys, values(names, known), max_size=8)


@st.composite
def options(draw: st.DrawFn, names: Sequence[str], known: Sequence[Any]) -> dict[str, Any]:
    """What `client.open` takes: a body of some kind, perhaps a query and some headers."""
    sent: dict[str, Any] = {"headers": {}}
    kind = draw(st.sampled_from(["json", "form", "noise", "harmful"]))
    if kind == "json":
        anything = st.one_of(bodies(names, known), values(names, known))
        sent |= {"data": json.dumps(draw(anything)), "content_type": "application/json"}
    elif kind == "form":
        fields = draw(bodies(names, known))
        sent["data"] = {writable(name): writable(str(value)) for name, value in fields.items()}
    else:
        content = draw(st.binary(max_size=80) if kind == "noise" else st.sampled_from(list(HARMFUL_BODIES)))
        sent |= {"data": content, "content_type": draw(st.sampled_from(KINDS))}
    query = st.dictionaries(st.sampled_from(list(names)), values(names, known), max_size=4)
    sent["query_string"] = {writable(name): writable(str(value)) for name, value in draw(query).items()}
    for name in draw(st.lists(st.sampled_from(sorted(HEADERS)), max_size=3, unique=True)):
        sent["headers"][name] = draw(st.sampled_from(HEADERS[name]))
    if sent["headers"].get("Content-Encoding") == "gzip" and isinstance(sent["data"], bytes) and draw(st.booleans()):
        sent["data"] = gzip.compress(sent["data"])
    return sent


@st.composite
def path(draw: st.DrawFn, rule: str, real: Mapping[str, Any]) -> str:
    """The rule's address, with real names of things or any others."""

    def segment(found: re.Match[str]) -> str:
        name = found[1].rpartition(":")[2]
        anything = st.one_of(st.text(min_size=1, max_size=20), st.sampled_from([str(one) for one in HARMFUL[:8]]))
        chosen = draw(st.one_of(st.just(str(real[name])), anything)) if name in real else draw(anything)
        return quote(writable(chosen), safe="")

    return re.sub(r"<([^>]+)>", segment, rule)


def real_path(rule: str, real: Mapping[str, Any]) -> str:
    """The rule's address with the real name of everything in it."""
    return re.sub(r"<([^>]+)>", lambda found: quote(str(real[found[1].rpartition(":")[2]]), safe=""), rule)


def writable(text: str) -> str:
    """The text without half characters, which no URL and no form can hold."""
    return text.encode("utf-8", "replace").decode()
