"""Texts as KG can print them: the characters of its code page, counted in its bytes.

KG's limits count one byte for ASCII and two for everything else, such as a Hangul syllable.
"""

import unicodedata

from ..privacy import LONGEST_TEXT, printable

CODE_PAGE = "cp949"
KG_NAME_BYTES = 30  # KG refuses a longer name of the goods (code 9109)
KG_EMAIL_BYTES = 30  # KG refuses a longer e-mail address (code 9114), so it is not sent
KG_BUYER_NAME_BYTES = 30
OMISSION = "…"
NO_NAME = "주문 상품"


def fits_kg(text: str, most: int) -> bool:
    """Return whether KG can print the text, and counts at most `most` bytes."""
    return _can_print(text) and len(text.encode(CODE_PAGE)) <= most


def fit_bytes(text: str, most: int) -> str:
    """Return the text as KG can print it, within KG's `most` bytes (code 9109). Never empty.

    Letters that KG cannot print become `…`, other characters a blank, and a text that is cut ends with `…`. A text of
    which no letter and no digit is left becomes `주문 상품`.
    """
    fitting = _printed(text)
    if not any(map(str.isalnum, fitting)):
        fitting = NO_NAME
    if fits_kg(fitting, most):
        return fitting
    room = most - len(OMISSION.encode(CODE_PAGE))
    return fitting.encode(CODE_PAGE)[:room].decode(CODE_PAGE, "ignore").rstrip(f"{OMISSION} ") + OMISSION


def kg_character(character: str) -> str | None:
    """Return a character as KG can print it: as it is, or in its plain form (`é` as `e`). None: neither."""
    if _can_print(character):
        return character
    if unicodedata.category(character) == "Pd":
        return "-"
    parts = unicodedata.normalize("NFKD", character)
    plain = "".join(part for part in parts if not unicodedata.category(part).startswith("M"))
    return plain if _can_print(plain) else None


def _printed(text: str) -> str:
    visible = printable(" ".join(text[:LONGEST_TEXT].split()), LONGEST_TEXT)
    printed: list[str] = []
    for character in unicodedata.normalize("NFC", visible):
        found = kg_character(character)
        if found is None:
            found = OMISSION if character.isalnum() else " "
        if (found, printed[-1:]) != (OMISSION, [OMISSION]) or character == OMISSION:
            printed.append(found)
    return " ".join("".join(printed).split())


def _can_print(text: str) -> bool:
    try:
        text.encode(CODE_PAGE)
    except UnicodeEncodeError:
        return False
    return True
