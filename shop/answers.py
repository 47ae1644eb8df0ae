"""What does PortOne's JSON say, in our types? An answer that is not as its documents promise is no answer.

Every answer of V1 is `{code, message, response}`; HTTP 200 with `code` ≠ 0 is a refusal. Whatever cannot be read raises
OutcomeUnknown: nothing is guessed.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import requests

from .privacy import mask_report
from .provider import NotFound, OutcomeUnknown, PaymentReport, Refused, Unauthorized


def response_of(answer: requests.Response) -> Mapping[str, Any]:
    """The `response` inside the envelope. Raises Refused for a definite no, OutcomeUnknown for no usable answer."""
    if answer.status_code >= 500:
        raise OutcomeUnknown(f"PortOne answered HTTP {answer.status_code}")
    try:
        envelope = answer.json()
        code, message, response = envelope["code"], envelope["message"], envelope["response"]
    except (ValueError, KeyError, TypeError) as error:
        raise OutcomeUnknown(f"PortOne answered HTTP {answer.status_code} without its envelope") from error
    if answer.status_code == 401:
        raise Unauthorized(str(message), code)
    if answer.status_code == 404:
        raise NotFound(str(message), code)
    if code != 0 or answer.status_code >= 400:
        raise Refused(str(message), code)
    if isinstance(response, list):  # only the list of channels comes bare
        return {"list": response}
    if not isinstance(response, Mapping):
        raise OutcomeUnknown("PortOne answered code 0 without a response")
    return response


# --- out of their JSON, into our types ---


def payment_report(found: Mapping[str, Any]) -> PaymentReport:
    """A payment as V1 describes it. Raises OutcomeUnknown for a field that is missing or of another type."""
    status = text(found, "status")
    if status not in ("ready", "paid", "failed", "cancelled"):
        raise OutcomeUnknown(f"PortOne answered a status that we do not know: {status[:20]!r}")
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
    """A text that is there and not empty. Raises OutcomeUnknown, as all of these do."""
    value = found.get(key)
    if not isinstance(value, str) or not value:
        raise OutcomeUnknown(f"PortOne's answer has no usable {key}")
    return value


def optional(found: Mapping[str, Any], key: str) -> str | None:
    """A text, or None for all the ways in which V1 leaves one out."""
    value = found.get(key)
    return str(value) if value else None


def number(found: Mapping[str, Any], key: str) -> int:
    """A whole number: won, or unix seconds. The documents say number, so 9900.0 is one too."""
    value = found.get(key)
    whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    if isinstance(value, bool) or not whole:
        raise OutcomeUnknown(f"PortOne's answer has no whole number as {key}")
    return int(value or 0)


def rows(found: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    """A list of objects."""
    value = found.get(key)
    if not isinstance(value, list) or not all(isinstance(item, Mapping) for item in value):
        raise OutcomeUnknown(f"PortOne's answer has no list as {key}")
    return value


def moment(found: Mapping[str, Any], key: str) -> datetime | None:
    """V1 writes unix seconds, and 0 for "has not happened"."""
    seconds = number(found, key) if found.get(key) is not None else 0
    return datetime.fromtimestamp(seconds, UTC) if seconds else None
