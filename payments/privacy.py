"""Masking of personal data, and cleaning of text from outside.

Phone numbers are masked in payments, events and the log, e-mail addresses in the log. Invisible characters are removed.
"""

import re
from collections.abc import Callable, Mapping
from itertools import count, islice
from string import hexdigits
from typing import Any

# A mobile number, also in full-width digits, with any signs between its groups: `010-1234-5678`, `+82 (0)10.1234.5678`.
# Signs of an escape are none of them: `010%201234` is read once it is `010 1234`.
_GAP = r"(?:[^\w%\\]|[_ーㅡ]){0,5}"
_HEX = r"[\da-fA-F]"
_NUMBER = (
    # The first digit: no digit stands before it, except that of `%20` or `\u0020`, and it begins none of PortOne's ids.
    rf"([0０8８](?:(?<!\d.)|(?<=%{_HEX}{{2}}.)|(?<=\\u{_HEX}{{4}}.))(?<!imp_.)(?<!imps_.)"
    rf"(?:(?<=[0０])|(?:(?<=[8８])|[0０][8８])[2２]{_GAP}[0０]?{_GAP})[1１][016789０１６７８９])"
    rf"{_GAP}(\d{{3,4}}){_GAP}(\d{{4}})(?!\d)"
)
_MOBILE = re.compile(_NUMBER)
# The host is optional, so that each run of these characters is scanned once even if no host follows (linear time).
_EMAIL = re.compile(r"([\w.+-])[\w.+-]*(?:@((?:[\w-]+\.)+[a-zA-Z]{2,}))?")
# An escape of JSON, also inside a JSON text that is itself a JSON value.
_JSON_ESCAPE = re.compile(r"\\(?<!\\\\)\\{0,7}(?:u([\da-fA-F]{4})|[nrtbf/])")
_ENCODED = {(one + two).encode(): bytes.fromhex(one + two) for one in hexdigits for two in hexdigits}

LONGEST_TEXT = 2000  # characters of a text from outside that are stored or shown
# Characters that str.isprintable accepts but that are invisible: the Hangul fillers and the blank Braille pattern.
_INVISIBLE = dict.fromkeys(map(ord, "\u115f\u1160\u2800\u3164\uffa0"))
_LONGEST_NUMBER = 600  # characters of a written phone number, %-encoded three times
_MOST_LAYERS = 3  # of escapes inside escapes that are undone


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


def one_line(text: str, most: int) -> str:
    """Return the beginning of a text from outside: in one line, without invisible characters, phone numbers masked."""
    read = " ".join(text[: 2 * (most + _LONGEST_NUMBER)].split())  # `printable` would drop line breaks
    return mask_beginning(" ".join(printable(read, len(read)).split()), most)


def mask_text(text: str) -> str:
    """Mask every Korean mobile number in the text, also if it is %-encoded or escaped as in JSON."""
    return _in_every_spelling(text, lambda plain: _MOBILE.sub(r"\1-****-\3", plain))


def mask_beginning(text: str, most: int = LONGEST_TEXT) -> str:
    """Mask the first `most` characters of the text.

    A few more characters are read, to recognise a number that the cut would divide.
    """
    read = text[: most + _LONGEST_NUMBER]
    masked = mask_text(read)
    if len(read) < len(text):  # a number may be divided where reading ended
        masked = masked[:-_LONGEST_NUMBER]
    return masked[:most]


def mask_emails(text: str) -> str:
    """Shorten every e-mail address in the text to its first letter and its host, also if it is %-encoded or escaped."""
    return _in_every_spelling(text, _mask_plain_emails)


def _mask_plain_emails(text: str) -> str:
    if "@" not in text:
        return text
    return _EMAIL.sub(lambda match: f"{match[1]}***@{match[2]}" if match[2] else match[0], text)


def _in_every_spelling(text: str, mask: Callable[[str], str]) -> str:
    """Mask the text as it is written, and with its escapes undone, layer by layer.

    The result keeps the escapes in which nothing had to be masked.
    """
    plain = shown = mask(text)
    for _ in range(_MOST_LAYERS):
        before, plain = plain, _unescaped(plain)
        if plain == before:
            break
        masked = mask(plain)
        if masked != plain:
            plain = masked
            shown = "".join(one if one.isprintable() else " " for one in plain)
    return shown


def _unescaped(text: str) -> str:
    """Undo one layer of %-encoding and of JSON escapes."""
    if "%" in text:
        first, *others = text.encode(errors="replace").split(b"%")
        pieces = [_ENCODED.get(each[:2], b"%" + each[:2]) + each[2:] for each in others]
        text = (first + b"".join(pieces)).decode(errors="replace")
    if "\\" in text:
        text = _JSON_ESCAPE.sub(lambda escape: chr(int(escape[1], 16)) if escape[1] else " ", text)
    return text


def mask_report(report: Mapping[str, Any]) -> dict[str, Any]:
    """Mask phone numbers and cut long texts in PortOne's JSON, for storing and showing; leave the rest unchanged."""
    return {mask_beginning(key): _masked(value) for key, value in report.items()}


def _masked(value: Any) -> Any:
    if isinstance(value, str):
        return mask_beginning(value)
    if isinstance(value, Mapping):
        return mask_report(value)
    if isinstance(value, list):
        return [_masked(item) for item in value]
    if isinstance(value, int) and mask_text(str(value)) != str(value):  # a phone number without its leading zero
        return mask_text(str(value))
    return value
