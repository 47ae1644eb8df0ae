"""How much of a person's data may be shown or kept? Phone numbers are masked wherever they leave
the order, e-mail addresses wherever a line is written to the log. Characters that nobody can see are left out."""

import re
from collections.abc import Mapping
from itertools import islice
from typing import Any

_MOBILE = re.compile(r"(?<!\d)(01[016789]|\+82[- .]?0?1[016789])[- .]?(\d{3,4})[- .]?(\d{4})(?!\d)")
# Each run of these characters is read once, whether a host follows it or not.
_EMAIL = re.compile(r"([\w.+-])[\w.+-]*(?:@((?:[\w-]+\.)+[a-zA-Z]{2,}))?")

LONGEST_TEXT = 2000  # characters of a text from outside that are kept or shown
# Characters that are printable and drawn as nothing: the fillers of Hangul, and Braille without a dot.
_DRAWN_AS_NOTHING = dict.fromkeys(map(ord, "\u115f\u1160\u2800\u3164\uffa0"))
_LONGEST_NUMBER = 20  # characters of a written phone number


def mask_phone(tel: str | None) -> str:
    """`010-1234-5678` becomes `010-****-5678`; anything that is no mobile number shows its last four digits."""
    digits = re.sub(r"\D", "", (tel or "")[:LONGEST_TEXT])
    if not digits:
        return ""
    head = digits[:3] if digits.startswith("01") and len(digits) >= 10 else "***"
    return f"{head}-****-{digits[-4:]}"


def printable(text: str, most: int) -> str:
    """At most `most` characters of a text from outside, without those that nobody can see or no column can hold."""
    return "".join(islice(filter(str.isprintable, text), most)).translate(_DRAWN_AS_NOTHING)


def mask_text(text: str) -> str:
    """The same text with every Korean mobile number in it masked."""
    return _MOBILE.sub(lambda found: f"{found[1]}-****-{found[3]}", text)


def mask_beginning(text: str, most: int = LONGEST_TEXT) -> str:
    """The first `most` characters of the text, masked; a few more are read, to see a number that the cut divides."""
    return mask_text(text[: most + _LONGEST_NUMBER])[:most]


def mask_emails(text: str) -> str:
    """The same text with every e-mail address in it cut down to its first letter and its host."""
    if "@" not in text:
        return text
    return _EMAIL.sub(lambda found: f"{found[1]}***@{found[2]}" if found[2] else found[0], text)


def mask_report(report: Mapping[str, Any]) -> dict[str, Any]:
    """What PortOne said, fit to be kept and shown: phone numbers masked, long texts cut, all else as it came."""
    return {key: _masked(value) for key, value in report.items()}


def _masked(value: Any) -> Any:
    if isinstance(value, str):
        return mask_beginning(value)
    if isinstance(value, Mapping):
        return mask_report(value)
    if isinstance(value, list):
        return [_masked(item) for item in value]
    return value


def listed_buyer(name: str, tel: str, email: str) -> dict[str, str]:
    """What a payment's row keeps of its buyer, to be listed and found by: the number masked, and its last digits."""
    return {"buyer_name": name, "buyer_email": email.lower(), "buyer_tel": mask_phone(tel), "tel_tail": tel[-4:]}
