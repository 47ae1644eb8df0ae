"""Translation of payment titles into the user's language.

Payments store the Korean title that KG and the phone bill show: `첫 상품 외 2건`, `구독 상품 11월`.
"""

import re
from collections.abc import Callable

from flask_babel import format_date, get_locale
from flask_babel import gettext as _
from sqlalchemy import select

from payments import clock
from payments.database import db
from shop.orders.models import Product

_AND_MORE = re.compile(r"(.+) 외 (\d+)건")
_OF_A_MONTH = re.compile(r"(.+) (\d{1,2})월")


def titles() -> Callable[[str], str]:
    """Return a function that translates a title: unchanged in Korean, else with the catalogue's English names."""
    if str(get_locale()) == "ko":
        return lambda title: title
    names = dict(db.session.execute(select(Product.name_ko, Product.name_en)).tuples().all())
    return lambda title: _told(title, names)


def _told(title: str, names: dict[str, str]) -> str:
    if found := _AND_MORE.fullmatch(title):
        return f"{_named(found[1], names)} {_('외 %(n)s건', n=found[2])}"
    if (found := _OF_A_MONTH.fullmatch(title)) and 1 <= int(found[2]) <= 12:
        month = format_date(clock.today().replace(month=int(found[2]), day=1), "LLLL")
        return f"{_named(found[1], names)}, {month}"
    return _named(title, names)


def _named(shown: str, names: dict[str, str]) -> str:
    """Return the English name for a Korean one, which may be cut for KG; unchanged if the catalogue has none."""
    return next((name for korean, name in names.items() if korean.startswith(shown)), shown)
