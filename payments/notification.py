"""Reader of notifications: the ids, claims and raw body of the current request, in whatever form they arrive.

PortOne sends JSON or a form. Proxies, in-app browsers and other people's scripts change content types, encodings and
ids on the way. All of it is hints (money law 1), so what can be read is read.
"""

import codecs
import json
import zlib
from collections.abc import Sequence
from urllib.parse import parse_qsl, unquote

from flask import request
from sqlalchemy import select

from .database import db, reading
from .events import Notification
from .models import Payment
from .privacy import one_line, printable

CLAIMS = (
    "imp_uid",
    "merchant_uid",
    "status",
    "imp_success",
    "success",
    "error_code",
    "error_msg",
    "cancellation_id",
    "amount",
)
USELESS_IDS = ("", "undefined", "null", "none", "nan", "[object object]")  # what scripts send instead of an id

LONGEST_CLAIM = 200  # characters
LONGEST_RAW = 2000
LARGEST_UNPACKED = 100_000  # bytes; a notification has a few hundred
MOST_FIELDS = 1000
MOST_ENCODINGS = 3  # %-encodings of an id, one inside the other

Fields = list[tuple[str, object]]


class Unreadable(Exception):
    """Neither the body nor the query is JSON or a form that says anything about a payment."""


def read_notification(source: str) -> Notification:
    """Read the current request. An id that is useless, or that comes twice and differs, is None. Raises Unreadable."""
    body = _text(_unpacked(request.get_data()))
    in_body = _multipart() or _fields(body)  # a body is read by what it is, whatever its content type says
    in_query = _form(request.query_string.decode(errors="replace"))
    if in_query is None and in_body is None:
        raise Unreadable(one_line(body, LONGEST_CLAIM))
    claims: dict[str, list[str]] = {}
    for name, value in [*(in_query or ()), *(in_body or ())]:
        if name in CLAIMS and isinstance(value, str | int | float):
            claims.setdefault(name, []).append(str(value))
    claimed = {name: one_line(", ".join(dict.fromkeys(values)), LONGEST_CLAIM) for name, values in claims.items()}
    return Notification(
        source,
        imp_uid=_only(_usable_ids(claims.get("imp_uid", []))),
        merchant_uid=_merchant_uid(_usable_ids(claims.get("merchant_uid", []))),
        claimed={name: text for name, text in claimed.items() if text},
        address=request.remote_addr,
        raw=one_line(body, LONGEST_RAW) if source == "webhook" else None,
    )


# --- body and query to fields -----------------------------------------------------------------------------------------


def _multipart() -> Fields:
    """Return the fields of a multipart body; none if it is not one."""
    return list(request.form.items(multi=True)) if request.mimetype == "multipart/form-data" else []


def _unpacked(body: bytes) -> bytes:
    """Unpack gzip and deflate; empty if that would be too large."""
    if request.content_encoding in (None, "", "identity") and not body.startswith(b"\x1f\x8b"):
        return body
    for window_bits in (47, -15):  # gzip or zlib, told apart by the first bytes; then deflate without a header
        try:
            plain = zlib.decompressobj(window_bits).decompress(body, LARGEST_UNPACKED + 1)
        except zlib.error:
            continue
        return plain if len(plain) <= LARGEST_UNPACKED else b""
    return body  # a proxy has unpacked it and left the header


def _text(body: bytes) -> str:
    is_utf16 = body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return body.decode("utf-16" if is_utf16 else "utf-8", errors="replace").lstrip("\ufeff")


def _fields(text: str) -> Fields | None:
    """Return the fields of a JSON object or a form, a repeated name each time; None if it is neither."""
    try:
        value = json.loads(text, object_pairs_hook=tuple)
    except (ValueError, RecursionError):
        return _form(text)
    return list(value) if isinstance(value, tuple) else None


def _form(text: str) -> Fields | None:
    """Return the fields of a form; None if it says nothing about a payment. It may be %-encoded as a whole."""
    for written in (text, unquote(text[:LARGEST_UNPACKED])):
        try:
            fields = parse_qsl(written, keep_blank_values=True, max_num_fields=MOST_FIELDS)
        except ValueError:
            return None
        found: Fields = [(printable(name, LONGEST_CLAIM).strip(), value) for name, value in fields]
        if any(name in CLAIMS for name, _ in found):
            return found
    return None


# --- ids --------------------------------------------------------------------------------------------------------------


def _usable_ids(values: list[str]) -> list[str]:
    """Return the different ids among the values: without blanks, and %-encoded no longer."""
    ids = []
    for value in values:
        plain = value[: 10 * LONGEST_CLAIM]
        for _ in range(MOST_ENCODINGS):
            plain = unquote(plain)
        ids.append(printable(plain, LONGEST_CLAIM).strip(" \"'"))
    return [each for each in dict.fromkeys(ids) if each.casefold() not in USELESS_IDS]


def _merchant_uid(ids: list[str]) -> str | None:
    """Return the only id; of several the one that is ours."""
    if len(ids) < 2:
        return _only(ids)
    with reading():
        return _only(db.session.scalars(select(Payment.merchant_uid).where(Payment.merchant_uid.in_(ids[:10]))).all())


def _only(ids: Sequence[str]) -> str | None:
    return ids[0] if len(ids) == 1 else None
