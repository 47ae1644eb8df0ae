"""Masking of personal data, and cleaning of text from outside.

Phone numbers are masked in payments, events and the log, e-mail addresses in the log. Invisible characters are removed.
"""

import math
import re
from collections.abc import Callable, Mapping
from itertools import count, islice
from string import hexdigits
from typing import Any

# A mobile number, also in full-width digits, with any signs between its groups: `010-1234-5678`, `+82 (0)10.1234.5678`.
# Signs of an escape are none of them: `010%201234` is read once it is `010 1234`.
_GAP = r"(?:[^\w%\\]|[_ーㅡ]){0,5}"
_NUMBER = (
    r"(?<!\d)(?<!imp_)(?<!imps_)"  # the digits of PortOne's ids are none
    rf"((?:[0０]|(?:[0０]{{2}})?[8８][2２]{_GAP}[0０]?{_GAP})[1１][016789０１６７８９])"
    rf"{_GAP}(\d{{3,4}}){_GAP}(\d{{4}})(?!\d)"
)
_MOBILE = re.compile(_NUMBER)
_DIGIT = re.compile(r"\d")
# The host is optional, so that each run of these characters is scanned once even if no host follows (linear time).
_EMAIL = re.compile(r"([\w.+-])[\w.+-]*(?:@((?:[\w-]+\.)+[a-zA-Z]{2,}))?")
# An escape of JSON, also inside a JSON text that is itself a JSON value.
_JSON_ESCAPE = re.compile(r"\\(?<!\\\\)\\{0,7}(?:u([\da-fA-F]{4})|[nrtbf/])")
_ENCODED = {(one + two).encode(): bytes.fromhex(one + two) for one in hexdigits for two in hexdigits}

LONGEST_TEXT = 2000  # characters of a text from outside that are stored or shown
# Characters that str.isprintable accepts but that are invisible: the Hangul fillers and the blank Braille pattern.
_INVISIBLE = dict.fromkeys(map(ord, "\u115f\u1160\u2800\u3164\uffa0"))
LARGEST_REPORT = 20_000  # characters of a payment's JSON that are stored; a usual one has 2,000
DEEPEST = 5  # levels of it; the documents have three
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
    if not _DIGIT.search(text):  # in any of these spellings it has some
        return text
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
    """Mask the text with its escapes undone, layer by layer, and as it is written.

    The innermost layer comes first: in an outer one the digits of an escape can stand between those of a number. Where
    nothing has to be masked, the text keeps its escapes.
    """
    layers = [text]
    while len(layers) <= _MOST_LAYERS and (plain := _unescaped(layers[-1])) != layers[-1]:
        layers.append(plain)
    for layer in reversed(layers):
        masked = mask(layer)
        if masked != layer:
            return masked if layer is text else "".join(one if one.isprintable() else " " for one in masked)
    return text


def _unescaped(text: str) -> str:
    """Undo one layer of %-encoding and of JSON escapes."""
    if "%" in text:
        first, *others = text.encode(errors="replace").split(b"%")
        pieces = [
            _ENCODED.get(each[:2], b"%" + each[:2]) + each[2:] if len(each) > 1 else b"%" + each for each in others
        ]
        text = (first + b"".join(pieces)).decode(errors="replace")
    if "\\" in text:
        text = _JSON_ESCAPE.sub(lambda escape: chr(int(escape[1], 16)) if escape[1] else " ", text)
    return text


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
    if isinstance(value, int) and mask_text(str(value)) != str(value):  # 821012345678
        return mask_text(str(value))
    if not isinstance(value, Mapping | list):
        return value
    if levels == 0:
        return "…"
    if isinstance(value, list):
        return [_masked(item, levels - 1) for item in value]
    return {
        mask_beginning(printable(key, LONGEST_TEXT)): _masked_field(key, item, levels) for key, item in value.items()
    }


def _masked_field(key: str, value: Any, levels: int) -> Any:
    if key.endswith("_tel") and isinstance(value, str | int):  # in any spelling, such as 10-1234-5678
        return mask_phone(str(value)) or _masked(value, levels - 1)
    return _masked(value, levels - 1)
