"""Masking of personal data, and cleaning of text from outside.

Phone numbers are masked in payments, events and the log, e-mail addresses in the log. Invisible characters are removed.
"""

import math
import re
from collections.abc import Mapping
from itertools import count, islice
from typing import Any

_MOBILE = re.compile(r"(?<!\d)(01[016789]|\+82[- .]?0?1[016789])[- .]?(\d{3,4})[- .]?(\d{4})(?!\d)")
# The host is optional, so that each run of these characters is scanned once even if no host follows (linear time).
_EMAIL = re.compile(r"([\w.+-])[\w.+-]*(?:@((?:[\w-]+\.)+[a-zA-Z]{2,}))?")

LONGEST_TEXT = 2000  # characters of a text from outside that are stored or shown
# Characters that str.isprintable accepts but that are invisible: the Hangul fillers and the blank Braille pattern.
_INVISIBLE = dict.fromkeys(map(ord, "\u115f\u1160\u2800\u3164\uffa0"))
LARGEST_REPORT = 20_000  # characters of a payment's JSON that are stored; a usual one has 2,000
DEEPEST = 5  # levels of it; the documents have three
_LONGEST_NUMBER = 20  # characters of a written phone number


def mask_phone(tel: str | None) -> str:
    """Mask `010-1234-5678` as `010-****-5678`; of anything else show only the last four digits."""
    digits = re.sub(r"\D", "", (tel or "")[:LONGEST_TEXT])
    if not digits:
        return ""
    head = digits[:3] if digits.startswith("01") and len(digits) >= 10 else "***"
    return f"{head}-****-{digits[-4:]}"


def mask_account(account: str) -> str:
    """Mask all but the last four digits of a bank account; the bank's name stays."""
    shown = len(re.findall(r"\d", account)) - 4
    digits = count(1)
    return re.sub(r"\d", lambda digit: "*" if next(digits) <= shown else digit[0], account)


def printable(text: str, most: int) -> str:
    """Return at most `most` characters, without those that are invisible or that no database column can store."""
    return "".join(islice(filter(str.isprintable, text), most)).translate(_INVISIBLE)


def mask_text(text: str) -> str:
    """Mask every Korean mobile number in the text."""
    return _MOBILE.sub(lambda match: f"{match[1]}-****-{match[3]}", text)


def mask_beginning(text: str, most: int = LONGEST_TEXT) -> str:
    """Mask the first `most` characters of the text.

    A few more characters are read, to recognise a number that the cut would divide.
    """
    return mask_text(text[: most + _LONGEST_NUMBER])[:most]


def mask_emails(text: str) -> str:
    """Shorten every e-mail address in the text to its first letter and its host."""
    if "@" not in text:
        return text
    return _EMAIL.sub(lambda match: f"{match[1]}***@{match[2]}" if match[2] else match[0], text)


def mask_report(report: Mapping[str, Any]) -> dict[str, Any]:
    """Mask phone numbers in PortOne's JSON, and make it fit to be stored and shown.

    Its texts are cleaned and cut, what is nested deeper than `DEEPEST` is left out, and a report of more than
    `LARGEST_REPORT` characters becomes its beginning, as one text.
    """
    masked: dict[str, Any] = _masked(report, DEEPEST)
    written = str(masked)
    return masked if len(written) <= LARGEST_REPORT else {"…": written[:LARGEST_REPORT]}


def _masked(value: Any, levels: int) -> Any:
    if isinstance(value, str):
        return mask_beginning(printable(value, LONGEST_TEXT + _LONGEST_NUMBER))
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # NaN and Infinity are not JSON
    if not isinstance(value, Mapping | list):
        return value
    if levels == 0:
        return "…"
    if isinstance(value, list):
        return [_masked(item, levels - 1) for item in value]
    return {printable(key, LONGEST_TEXT): _masked(item, levels - 1) for key, item in value.items()}
