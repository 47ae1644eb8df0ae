"""Order numbers as people read them: the day in Seoul and six random characters, such as `20261129-7KQ2MX`.

They do not reveal how many orders there are. Addresses and other tables use the order's id.
"""

import secrets
from collections.abc import Callable

from payments import clock

ALPHABET = "23456789ACDEFGHJKMNPQRTVWXY"  # none of 0 O, 1 I L, 2 Z, 5 S, 8 B, U V is taken for the other
DAY, DRAWN = 8, 6  # characters before and after the dash
MOST_DRAWS = 20


def new_number() -> str:
    """Draw a number for an order of today. It may be taken: 400 million are possible on one day."""
    drawn = "".join(secrets.choice(ALPHABET) for _ in range(DRAWN))
    return f"{clock.today():%Y%m%d}-{drawn}"


def free_number(is_taken: Callable[[str], bool]) -> str:
    """Draw a number that no order has. Raises RuntimeError when so many in a row are taken that something is wrong."""
    for number in (new_number() for _ in range(MOST_DRAWS)):
        if not is_taken(number):
            return number
    raise RuntimeError(f"{MOST_DRAWS} order numbers in a row are taken")


def as_written(typed: str) -> str | None:
    """Return the order number that somebody typed, in any case and with any blanks and dashes; None: it is none."""
    compact = "".join(filter(str.isalnum, typed)).upper()
    day, drawn = compact[:DAY], compact[DAY:]
    if not (compact.isascii() and day.isdigit() and len(drawn) == DRAWN and set(drawn) <= set(ALPHABET)):
        return None
    return f"{day}-{drawn}"
