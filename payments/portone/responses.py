"""Parser of PortOne's JSON responses into our types.

Every V1 response is `{code, message, response}`; HTTP 200 with `code` ≠ 0 is a refusal. A field that is not as
documented raises UnreadableAnswer, a kind of OutcomeUnknown: no value is guessed.
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
        envelope = json.loads(answer.body)
        code, message, response = envelope["code"], envelope["message"], envelope["response"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise OutcomeUnknown(f"PortOne answered HTTP {answer.status} without its envelope") from error
    if answer.status in (401, 403):
        raise Unauthorized(str(message), code)
    if answer.status == 404:
        raise NotFound(str(message), code)
    if code != 0 or answer.status >= 400:
        raise Refused(str(message), code)
    if isinstance(response, list):  # only the list of channels is a bare list
        return {"list": response}
    if not isinstance(response, Mapping):
        raise OutcomeUnknown("PortOne answered code 0 without a response")
    return response


# PortOne's messages for "no such billing key", observed with HTTP 200 and code 1: the first after a look-up or a
# deletion, the second after a charge. By its documents a look-up returns 404.
NO_SUCH_KEY = ("등록된 정보를 찾을 수 없습니다", "등록되지 않은 구매자입니다")


def says_no_such_key(refusal: Refused) -> bool:
    """Return whether this refusal has code 1 and one of the messages for "no such billing key"."""
    if isinstance(refusal, Unauthorized):
        return False
    return refusal.code == 1 and any(text in refusal.message for text in NO_SUCH_KEY)


def says_key_is_absent(refusal: Refused) -> bool:
    """Return whether a look-up or deletion of a billing key was refused because there is none.

    The schema says so with 404, observed responses with a message and code 1.
    """
    return isinstance(refusal, NotFound) or says_no_such_key(refusal)


UNDONE_AT_KG = "이미 취소가 완료"  # in the text of KG's code 0044


def says_undone_at_kg(refusal: Refused) -> bool:
    """Return whether a cancel was refused because KG itself has cancelled the payment, as it does on test channels."""
    return UNDONE_AT_KG in refusal.message


# --- JSON objects to our types ---


def payment_report(found: Mapping[str, Any]) -> PaymentReport:
    """Parse a payment. Raises UnreadableAnswer for a field that is missing or of another type."""
    status = text(found, "status")
    if status not in ("ready", "paid", "failed", "cancelled"):
        raise UnreadableAnswer(f"PortOne answered a status that we do not know: {status[:20]!r}")
    return PaymentReport(
        imp_uid=text(found, "imp_uid"),
        merchant_uid=text(found, "merchant_uid"),
        status=status,  # type: ignore[arg-type]  # checked above
        amount=number(found, "amount"),
        cancelled_amount=number(found, "cancel_amount"),
        currency=text(found, "currency"),
        pay_method=text(found, "pay_method"),
        pg_provider=text(found, "pg_provider"),
        is_test_channel=found.get("sandbox") is True,  # added in 2025-11; older responses lack it
        customer_uid=optional(found, "customer_uid"),
        pg_tid=optional(found, "pg_tid"),
        paid_at=moment(found, "paid_at"),
        failed_at=moment(found, "failed_at"),
        cancelled_at=moment(found, "cancelled_at"),
        fail_reason=optional(found, "fail_reason"),
        cancel_reason=optional(found, "cancel_reason"),
        as_received=mask_report(found),
    )


def listed_payment(found: Mapping[str, Any]) -> PaymentReport | UnreadableRow:
    """Parse one row of a list; an unreadable row becomes an UnreadableRow, so that the others are still returned."""
    try:
        return payment_report(found)
    except UnreadableAnswer as error:
        # These ids are stored and shown, so they are cleaned and cut.
        ids = [printable(optional(found, key) or "", LONGEST_ID) for key in ("imp_uid", "merchant_uid")]
        return UnreadableRow(imp_uid=ids[0], merchant_uid=ids[1], why=str(error))


def billing_key_report(found: Mapping[str, Any]) -> BillingKeyReport:
    """Parse a billing key. Raises UnreadableAnswer."""
    return BillingKeyReport(
        customer_uid=text(found, "customer_uid"),
        pg_provider=text(found, "pg_provider"),
        pg_id=text(found, "pg_id"),
        issued_at=moment(found, "inserted"),
    )


def channel(found: Mapping[str, Any]) -> Channel:
    """Parse one contract of the account. Raises UnreadableAnswer."""
    return Channel(
        key=optional(found, "channel_key"),
        pg_provider=text(found, "pg_provider"),
        pg_id=text(found, "pg_id"),
        is_test_channel=found.get("sandbox") is True,
    )


# --- JSON fields to Python types ---

LONGEST_ID = 80  # characters of an id in a row that could not be parsed
LONGEST_NUMBER = 20  # characters; the largest amount has nine


def text(found: Mapping[str, Any], key: str) -> str:
    """Return a text field that must not be empty. Raises UnreadableAnswer, as `number`, `rows` and `moment` do."""
    value = found.get(key)
    if not isinstance(value, str) or not value:
        raise UnreadableAnswer(f"PortOne's answer has no usable {key}")
    return value


def optional(found: Mapping[str, Any], key: str) -> str | None:
    """Return a text field, or None if it is missing, null, empty or 0: V1 uses all of these."""
    value = found.get(key)
    return str(value) if value else None


def number(found: Mapping[str, Any], key: str) -> int:
    """Return a whole number: won, or unix seconds."""
    value = whole_number(found.get(key))
    if value is None:
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
    seconds = number(found, key) if found.get(key) is not None else 0
    try:
        return datetime.fromtimestamp(seconds, UTC) if seconds else None
    except (ValueError, OverflowError, OSError) as error:
        raise UnreadableAnswer(f"PortOne's answer has no time in seconds as {key}") from error
