"""PortOne's JSON, read into our types. An answer that is not as documented counts as no answer.

Every answer of V1 is `{code, message, response}`; HTTP 200 with `code` ≠ 0 is a refusal. What cannot be read raises
UnreadableAnswer: nothing is guessed.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import requests

from ..privacy import mask_report
from .report import NotFound, OutcomeUnknown, PaymentReport, Refused, Unauthorized, UnreadableAnswer


@dataclass(frozen=True)
class Answer:
    """One HTTP answer, read to its end, and what it answers."""

    request: requests.PreparedRequest
    status: int
    body: bytes


def response_of(answer: Answer) -> Mapping[str, Any]:
    """The `response` inside the envelope. Raises NotFound, Unauthorized, Refused or OutcomeUnknown.

    429 (too many requests) says nothing about what was asked for, with V1's envelope or without.
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
    if isinstance(response, list):  # only the list of channels comes bare
        return {"list": response}
    if not isinstance(response, Mapping):
        raise OutcomeUnknown("PortOne answered code 0 without a response")
    return response


# How PortOne says that it has no such billing key, seen on the wire with HTTP 200 and code 1: to a look-up or a
# deletion, and to a charge. By its documents a look-up answers 404.
NO_SUCH_KEY = ("등록된 정보를 찾을 수 없습니다", "등록되지 않은 구매자입니다")


def says_no_such_key(refusal: Refused) -> bool:
    """Whether this refusal says, in the words seen on the wire, that there is no such billing key."""
    if isinstance(refusal, Unauthorized):
        return False
    return refusal.code == 1 and any(text in refusal.message for text in NO_SUCH_KEY)


# --- out of their JSON, into our types ---


def payment_report(found: Mapping[str, Any]) -> PaymentReport:
    """A payment as V1 describes it. Raises UnreadableAnswer for a field that is missing or of another type."""
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
        is_test_channel=found.get("sandbox") is True,  # the field came in 2025-11; older answers lack it
        customer_uid=optional(found, "customer_uid"),
        pg_tid=optional(found, "pg_tid"),
        paid_at=moment(found, "paid_at"),
        failed_at=moment(found, "failed_at"),
        cancelled_at=moment(found, "cancelled_at"),
        fail_reason=optional(found, "fail_reason"),
        cancel_reason=optional(found, "cancel_reason"),
        as_received=mask_report(found),
    )


def text(found: Mapping[str, Any], key: str) -> str:
    """A text that is there and not empty. Raises UnreadableAnswer, as all of these do."""
    value = found.get(key)
    if not isinstance(value, str) or not value:
        raise UnreadableAnswer(f"PortOne's answer has no usable {key}")
    return value


def optional(found: Mapping[str, Any], key: str) -> str | None:
    """A text, or None for all the ways in which V1 leaves one out."""
    value = found.get(key)
    return str(value) if value else None


def number(found: Mapping[str, Any], key: str) -> int:
    """A whole number: won, or unix seconds."""
    value = whole_number(found.get(key))
    if value is None:
        raise UnreadableAnswer(f"PortOne's answer has no whole number as {key}")
    return value


LONGEST_NUMBER = 20  # characters; the largest amount has nine


def whole_number(value: object) -> int | None:
    """A number of V1's as a whole one: 9900, 9900.0 and "9900" are the same; None for anything else.

    The documents say `number`, and forms write text. Every endpoint reads numbers by this function.
    """
    if isinstance(value, str) and len(value) <= LONGEST_NUMBER and re.fullmatch(r"[0-9]+(\.0+)?", value):
        return int(value.partition(".")[0])
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return int(value) if isinstance(value, float) and value.is_integer() else None


def rows(found: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    """A list. Each item that is not an object becomes an empty one, which is then unreadable by itself."""
    value = found.get(key)
    if not isinstance(value, list):
        raise UnreadableAnswer(f"PortOne's answer has no list as {key}")
    return [item if isinstance(item, Mapping) else {} for item in value]


def moment(found: Mapping[str, Any], key: str) -> datetime | None:
    """V1 writes unix seconds, and 0 for "has not happened"."""
    seconds = number(found, key) if found.get(key) is not None else 0
    try:
        return datetime.fromtimestamp(seconds, UTC) if seconds else None
    except (ValueError, OverflowError, OSError) as error:
        raise UnreadableAnswer(f"PortOne's answer has no time in seconds as {key}") from error
