"""What people type about themselves, normalised and checked: name, phone number, e-mail, address, delivery.

Every text is normalised (NFC, or NFKC where digits are read), and characters that nobody sees are left out. Lengths are
checked first: normalising takes quadratic time for some texts.
"""

import re
import unicodedata

from payments.portone.kg_text import KG_BUYER_NAME_BYTES, fits_kg, kg_character

# Visible ASCII characters. The host contains a dot that is neither its first character nor its last. The first such dot
# is matched separately, so that matching takes linear time.
EMAIL = r"[!-?A-~]+@[!-?A-~][!-,\-/-?A-~]*\.[!-?A-~]+"
LONGEST_EMAIL = 254
LONGEST_NAME = 120  # as typed: decomposed Hangul has up to three characters a syllable
LONGEST_TEL = 40  # as typed, with spaces and dashes
LONGEST_ADDR = 200
LONGEST_RECIPIENT = 40
LONGEST_ADDR_DETAIL = 100
LONGEST_NOTE = 100
POSTCODE_DIGITS = 5
CONTACT_DIGITS = (9, 12)  # a land line of Seoul, and a safe number (안심번호)

MOBILE = ("010", "011", "016", "017", "018", "019")
LAND_LINES = ("02", "03", "04", "05", "06", "070")  # those of internet and forwarded numbers among them
LONGEST_MOBILE = 11
LETTERS_AS_DASHES = "ーㅡ"
AS_WRITTEN = re.compile(r"(02|050\d|0\d\d)(\d{3,4})(\d{4})|(1\d{3})(\d{4})")  # area or kind, exchange, line

FILLERS = "\u115f\u1160\u2800\u3164\uffa0"  # blank, though Unicode calls them letters or symbols
OVERRIDES = "\u202d\u202e"  # they reorder what is shown, so they are refused and not left out


class InvalidText(Exception):
    """What is wrong with a text: the key of a message (`field` of `labels.py`) and the facts that it names."""

    def __init__(self, code: str, **facts: object) -> None:
        super().__init__(code)
        self.code = code
        self.facts = facts


def checked_name(typed: str) -> str:
    """Return a name in characters that KG can print, `José` as `Jose`. Raises InvalidText."""
    if len(typed) > LONGEST_NAME:
        raise InvalidText("name_long")
    printed = ""
    for character in _visible(typed):
        found = kg_character(character) if character.isprintable() else None
        if found is None:
            raise InvalidText("name_character", character=_shown(character))
        printed += found
    if not any(map(str.isalnum, printed)):
        raise InvalidText("name_missing")
    if not fits_kg(printed, KG_BUYER_NAME_BYTES):
        raise InvalidText("name_long")
    return printed


def with_hyphens(tel: str) -> str:
    """Return a stored number as people write it, `010-1234-5678`; anything else unchanged."""
    parts = AS_WRITTEN.fullmatch(tel)
    return "-".join(filter(None, parts.groups())) if parts else tel


def checked_tel(typed: str) -> str:
    """Return the digits of a Korean mobile number, however it was written. Raises InvalidText."""
    if len(typed) > LONGEST_TEL:
        raise InvalidText("tel_start")
    compact = _without_signs(typed).removeprefix("tel")
    letters = [character for character in compact if not character.isdecimal() and character != "+"]
    if letters:
        raise InvalidText("tel_letters", characters="".join(dict.fromkeys(letters)))
    digits = _national(_digits(compact), international=compact.startswith("+"))
    start, rest = digits[:3], "8" if digits.startswith("010") else "7–8"
    if not digits:
        raise InvalidText("tel_missing")
    if digits.startswith(LAND_LINES):
        raise InvalidText("tel_land_line", start="02" if digits.startswith("02") else start)
    if start not in MOBILE:
        raise InvalidText("tel_start")
    shortest = LONGEST_MOBILE if start == "010" else LONGEST_MOBILE - 1
    if len(digits) < shortest:
        raise InvalidText("tel_short", count=shortest - len(digits), start=start, rest=rest)
    if len(digits) > LONGEST_MOBILE:
        raise InvalidText("tel_long", count=len(digits) - LONGEST_MOBILE, start=start, rest=rest)
    return digits


def normal_email(typed: str) -> str:
    """Return an address in plain characters, `＠` as `@`, without blanks and what nobody sees around it.

    A too long one is returned as it is.
    """
    if len(typed) > LONGEST_EMAIL:
        return typed
    unseen = "".join(character for character in typed if not _visible(character))
    return _plain(typed.strip(unseen)).replace("。", ".")


def checked_email(typed: str) -> str:
    """Return the normalised e-mail address. Raises InvalidText."""
    email = normal_email(typed)
    if len(email) > LONGEST_EMAIL:
        raise InvalidText("email")
    for character in email:
        if not "!" <= character <= "~":
            raise InvalidText("email_character", character=_shown(character))
    if not re.fullmatch(EMAIL, email):
        raise InvalidText("email")
    return email


def checked_addr(typed: str) -> str:
    """Return a postal address; empty if there is none. Raises InvalidText."""
    return _line(typed, LONGEST_ADDR, "addr")


def checked_addr_detail(typed: str) -> str:
    """Return the rest of a postal address, such as building and floor; empty if there is none. Raises InvalidText."""
    return _line(typed, LONGEST_ADDR_DETAIL, "addr_detail")


def checked_delivery_note(typed: str) -> str:
    """Return the note for the carrier of a parcel; empty if there is none. Raises InvalidText."""
    return _line(typed, LONGEST_NOTE, "note")


def checked_recipient(typed: str) -> str:
    """Return the name on a parcel, which KG never prints; empty if there is none. Raises InvalidText."""
    recipient = _line(typed, LONGEST_RECIPIENT, "recipient")
    if recipient and not any(map(str.isalnum, recipient)):
        raise InvalidText("recipient_missing")
    return recipient


def checked_contact(typed: str) -> str:
    """Return the digits of a Korean phone number, mobile or land line; empty if there is none. Raises InvalidText."""
    if len(typed) > LONGEST_TEL:
        raise InvalidText("contact")
    compact = _without_signs(typed).removeprefix("tel")
    try:
        digits = _national(_digits(compact), international=compact.startswith("+"))
    except InvalidText:
        raise InvalidText("contact") from None
    fewest, most = CONTACT_DIGITS
    fits = digits.startswith("0") and fewest <= len(digits) <= most
    if compact and not (fits and compact.removeprefix("+").isdecimal()):
        raise InvalidText("contact")
    return digits


def checked_postcode(typed: str) -> str:
    """Return the digits of a postcode; empty if there is none. Raises InvalidText."""
    compact = _without_signs(typed) if len(typed) <= LONGEST_TEL else "x"
    if compact and not (compact.isdecimal() and len(compact) == POSTCODE_DIGITS):
        raise InvalidText("postcode")
    return _digits(compact)


def _line(typed: str, longest: int, kind: str) -> str:
    """Return one line of text. Raises InvalidText with `<kind>_long` or `<kind>_character`."""
    line = _visible(typed) if len(typed) <= longest else typed
    if len(line) > longest:
        raise InvalidText(f"{kind}_long", most=longest)
    for character in line:
        if not character.isprintable():
            raise InvalidText(f"{kind}_character", character=_shown(character))
    return line


def _visible(typed: str) -> str:
    """Return the text in NFC with single blanks, without what nobody sees: marks of a paste, Hangul fillers."""
    seen = [
        " " if unicodedata.category(character) == "Zs" else character
        for character in typed
        if character not in FILLERS and (unicodedata.category(character) != "Cf" or character in OVERRIDES)
    ]
    blanks = "".join(seen).strip().split(" ")
    return unicodedata.normalize("NFC", " ".join(filter(None, blanks)))


def _plain(typed: str) -> str:
    """Return the text in plain characters (NFKC); single Hangul letters stay as they were typed."""
    return "".join(
        character if "ㄱ" <= character <= "ㆎ" else unicodedata.normalize("NFKC", character) for character in typed
    )


def _without_signs(typed: str) -> str:
    """Return the letters, digits and plus signs of a number, in plain characters and lower case."""
    kept = [character for character in _plain(_visible(typed)).lower() if character.isalnum() or character == "+"]
    return "".join(character for character in kept if character not in LETTERS_AS_DASHES)


def _digits(compact: str) -> str:
    return "".join(str(unicodedata.decimal(character)) for character in compact if character.isdecimal())


def _national(digits: str, *, international: bool) -> str:
    """Return a number as it is dialled in Korea, from `82…`, `0082…`, or a `10…` whose zero a table has lost."""
    if international or digits.startswith(("00", "82")):
        abroad = digits if international else digits.removeprefix("00")
        if not abroad.startswith("82"):
            raise InvalidText("tel_abroad")
        return "0" + abroad.removeprefix("82").removeprefix("0")
    return f"0{digits}" if digits.startswith("10") and len(digits) == LONGEST_MOBILE - 1 else digits


def _shown(character: str) -> str:
    return character if character.isprintable() and character != " " else f"U+{ord(character):04X}"
