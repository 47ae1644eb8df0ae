"""One request and its answer as a line for people: without tokens, passwords and what only fills the page."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from .patterns import as_text, json_of

LONGEST_SHOWN = 240
HIDDEN = ("csrf", "password", "token", "buyer_")  # in the name of a field


def request_text(method: str, path: str, body: Any) -> str:
    """Such as `POST /payment/complete  {imp_uid: imp_1, merchant_uid: order-1}`."""
    fields = body if isinstance(body, Mapping) else {}
    shown = {name: value for name, value in fields.items() if not any(part in name.lower() for part in HIDDEN)}
    pairs = ", ".join(f"{name}: {as_text(value)}" for name, value in shown.items() if value not in (None, ""))
    return (f"{method} {path}" + (f"  {{{pairs}}}" if pairs else ""))[:LONGEST_SHOWN]


def answer_text(status: int, ended_at: str, text: str, asked: str) -> str:
    """The status, and the JSON or the address at which it ended."""
    found = json_of(text)
    if isinstance(found, Mapping):
        said = json.dumps({name: _pay(value) for name, value in found.items()}, ensure_ascii=False)
    else:
        said = "" if ended_at == (urlsplit(asked).path if "://" in asked else asked) else f"→ {ended_at}"
    return f"{status} {said}".strip()[:LONGEST_SHOWN]


def redirect_text(unfollowed: str, location: str) -> str:
    """What follows an answer whose redirect was not followed; "" for any other."""
    why = {"outside": "not an address of the shop", "endless": "too many redirects"}.get(unfollowed)
    return f"  (not followed, {why}: {location})" if why else ""


def _pay(value: Any) -> Any:
    """Of the parameters of `IMP.request_pay` only what matters here."""
    if isinstance(value, Mapping) and "merchant_uid" in value:
        return {name: value.get(name) for name in ("merchant_uid", "amount")}
    return value
