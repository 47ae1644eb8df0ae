"""Parser of PortOne's JSON responses into our types.

Every V1 response is `{code, message, response}`; HTTP 200 with `code` ≠ 0 is a refusal. Whatever arrives becomes a
report that SQLite and PostgreSQL can both hold, or a ProviderError. An id, a status, an amount or a time that is not as
documented is unreadable: no value is guessed. Other texts are cleaned and cut, or left out.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import requests

from ..privacy import mask_report, printable
from .report import (
    BillingKeyReport,
    Channel,
    NotFound,
    OutcomeUnknown,
    PaymentReport,
    Refused,
    Unauthorized,
    UnreadableAnswer,
    UnreadableRow,
)


@dataclass(frozen=True)
class Answer:
    """One complete HTTP response and its request. The status may be any."""

    request: requests.PreparedRequest
    status: int
    body: bytes


def response_of(answer: Answer) -> Mapping[str, Any]:
    """Return the `response` inside the envelope. Raises NotFound, Unauthorized, Refused or OutcomeUnknown.

    429 (too many requests) is OutcomeUnknown, with V1's envelope or without: it says nothing about the payment.
    """
    if answer.status >= 500 or answer.status == 429:
        raise OutcomeUnknown(f"PortOne answered HTTP {answer.status}")
    try:
        envelope = json.loads(answer.body, object_pairs_hook=_without_doubles)
        code, response = whole_number(envelope["code"]), envelope["response"]
        message = optional(envelope, "message") or ""
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise OutcomeUnknown(f"PortOne answered HTTP {answer.status} without its envelope") from error
    if code is None:
        raise OutcomeUnknown("PortOne answered without a code")
    if answer.status in (401, 403):
        raise Unauthorized(message, code)
    if answer.status == 404:
        raise NotFound(message, code)
    if code != 0 or answer.status >= 400:
        raise Refused(message, code)
    if isinstance(response, list):  # only the list of channels is a bare list
        return {"list": response}
    if not isinstance(response, Mapping):
        raise OutcomeUnknown("PortOne answered code 0 without a response")
    return response


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a JSON object; a field that is there twice has no value that could be believed."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a field is there twice")
    return found


# PortOne's messages for "no such billing key", observed with HTTP 200 and code 1: the first after a look-up or a
# deletion, the second after a charge. By its documents a look-up returns 404.
NO_SUCH_KEY = ("등록된 정보를 찾을 수 없습니다", "등록되지 않은 구매자입니다")


def says_no_such_key(refusal: Refused) -> bool:
    """Return whether this refusal has code 1 and one of the messages for "no such billing key"."""
    if isinstance(refusal, Unauthorized):
        return False
    return refusal.code == 1 and any(text in refusal.message for text in NO_SUCH_KEY)


def says_key_is_absent(refusal: Refused) -> bool:
    """Return whether a key's look-up or deletion says that there is none: 404 in the schema, code 1 as observed."""
    return isinstance(refusal, NotFound) or says_no_such_key(refusal)


UNDONE_AT_KG = "이미 취소가 완료"  # in the text of KG's code 0044


def says_undone_at_kg(refusal: Refused) -> bool:
    """Return whether a cancel was refused because KG itself has cancelled the payment, as it does on test channels."""
    return UNDONE_AT_KG in refusal.message


# --- JSON objects to our types ---


def payment_report(found: Mapping[str, Any], *, imp_uid: str = "", merchant_uid: str = "") -> PaymentReport:
    """Parse a payment, which must be the one that was asked for, if an id is given. Raises UnreadableAnswer."""
    status = text(found, "status")
    if status not in ("ready", "paid", "failed", "cancelled"):
        raise UnreadableAnswer(f"PortOne answered a status that we do not know: {status!r}")
    return PaymentReport(
        imp_uid=_asked(text(found, "imp_uid"), imp_uid, "imp_uid"),
        merchant_uid=_asked(text(found, "merchant_uid"), merchant_uid, "merchant_uid"),
        status=status,  # type: ignore[arg-type]  # checked above
        amount=number(found, "amount"),
        cancelled_amount=number(found, "cancel_amount", number(found, "amount")),
        currency=text(found, "currency"),
        pay_method=optional(found, "pay_method"),
        pg_provider=optional(found, "pg_provider"),
        is_test_channel=is_test_channel(found),
        customer_uid=text(found, "customer_uid") if found.get("customer_uid") else None,
        pg_tid=optional(found, "pg_tid"),
        paid_at=moment(found, "paid_at"),
        failed_at=moment(found, "failed_at"),
        cancelled_at=moment(found, "cancelled_at"),
        fail_reason=optional(found, "fail_reason"),
        cancel_reason=optional(found, "cancel_reason"),
        as_received=mask_report(found),
    )


def _asked(value: str, asked: str, key: str) -> str:
    if asked and value != asked:
        raise UnreadableAnswer(f"PortOne's answer is about another {key}")
    return value


def listed_payment(found: Mapping[str, Any]) -> PaymentReport | UnreadableRow:
    """Parse one row of a list; an unreadable row becomes an UnreadableRow, so that the others are still returned."""
    try:
        return payment_report(found)
    except UnreadableAnswer as error:
        ids = [optional(found, key) or "" for key in ("imp_uid", "merchant_uid")]
        return UnreadableRow(imp_uid=ids[0], merchant_uid=ids[1], why=str(error))


def billing_key_report(found: Mapping[str, Any], *, customer_uid: str = "") -> BillingKeyReport:
    """Parse a billing key, which must be `customer_uid` if that is given. Raises UnreadableAnswer."""
    return BillingKeyReport(
        customer_uid=_asked(text(found, "customer_uid"), customer_uid, "customer_uid"),
        pg_provider=optional(found, "pg_provider"),
        pg_id=optional(found, "pg_id"),
        issued_at=moment(found, "inserted"),
        is_test_channel=None if found.get("sandbox") is None else is_test_channel(found),
    )


def channel(found: Mapping[str, Any]) -> Channel:
    """Parse one contract of the account. Raises UnreadableAnswer."""
    return Channel(
        key=optional(found, "channel_key"),
        pg_provider=text(found, "pg_provider"),
        pg_id=text(found, "pg_id"),
        is_test_channel=is_test_channel(found),
    )


def access_token(granted: Mapping[str, Any]) -> tuple[str, int, int]:
    """Return a token, PortOne's time and the time until which it is valid, in unix seconds. Raises UnreadableAnswer."""
    token = text(granted, "access_token")
    if not token.isascii():  # it becomes an HTTP header
        raise UnreadableAnswer("PortOne's answer has no usable access_token")
    return token, number(granted, "now", LATEST), number(granted, "expired_at", LATEST)


# --- JSON fields to Python types ---

# Characters of a text, never more than its columns hold. Longer texts are cut; a longer id or word is unreadable.
LONGEST = {
    **dict.fromkeys(("status", "currency", "pay_method"), 16),
    **dict.fromkeys(("merchant_uid", "pg_provider"), 40),
    **dict.fromkeys(("imp_uid", "customer_uid", "pg_id", "pg_tid", "channel_key"), 80),
    **dict.fromkeys(("fail_reason", "cancel_reason", "message"), 300),
    "access_token": 2000,
}
LONGEST_NUMBER = 20  # characters; the largest amount has nine
LARGEST_WON = 2**31 - 1  # what an integer column of PostgreSQL holds
EARLIEST, LATEST = 946_684_800, 4_102_444_800  # unix seconds of the years 2000 and 2100: milliseconds are far beyond


def text(found: Mapping[str, Any], key: str) -> str:
    """Return an id or a word: not empty, printable, not too long. Raises UnreadableAnswer, as the others here do."""
    value = found.get(key)
    if not isinstance(value, str) or not value.strip() or value != printable(value, LONGEST[key]):
        raise UnreadableAnswer(f"PortOne's answer has no usable {key}")
    return value


def optional(found: Mapping[str, Any], key: str) -> str | None:
    """Return a text cleaned and cut, or None if it is missing, null, empty, 0 or no text: V1 uses most of these."""
    value = found.get(key)
    if isinstance(value, int) and value and not isinstance(value, bool):
        value = str(value)
    return printable(value, LONGEST[key]).strip() or None if isinstance(value, str) else None


def is_test_channel(found: Mapping[str, Any]) -> bool:
    """Return V1's field `sandbox`. It was added in 2025-11; older responses lack it."""
    value = found.get("sandbox")
    if value is not None and not isinstance(value, bool):
        raise UnreadableAnswer("PortOne's answer has no usable sandbox")
    return value is True


def number(found: Mapping[str, Any], key: str, largest: int = LARGEST_WON) -> int:
    """Return a whole number from 0: won, or unix seconds up to LATEST."""
    value = whole_number(found.get(key))
    if value is None or not 0 <= value <= largest:
        raise UnreadableAnswer(f"PortOne's answer has no whole number as {key}")
    return value


def whole_number(value: object) -> int | None:
    """Convert 9900, 9900.0 or "9900" to the int 9900; return None for anything else.

    V1's documents say `number`, but forms send text. Every endpoint parses numbers with this function.
    """
    if isinstance(value, str) and len(value) <= LONGEST_NUMBER and re.fullmatch(r"[0-9]+(\.0+)?", value):
        return int(value.partition(".")[0])
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return int(value) if isinstance(value, float) and value.is_integer() else None


def rows(found: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    """Return a list of objects. An item of another type becomes an empty object, so only that row is unreadable."""
    value = found.get(key)
    if not isinstance(value, list):
        raise UnreadableAnswer(f"PortOne's answer has no list as {key}")
    return [item if isinstance(item, Mapping) else {} for item in value]


def moment(found: Mapping[str, Any], key: str) -> datetime | None:
    """Return a time in UTC. V1 sends unix seconds; 0, null or a missing field means "has not happened" (None)."""
    seconds = number(found, key, LATEST) if found.get(key) is not None else 0
    if 0 < seconds < EARLIEST:
        raise UnreadableAnswer(f"PortOne's answer has no time in seconds as {key}")
    return datetime.fromtimestamp(seconds, UTC) if seconds else None
