"""The delivery notes that the cart offers. The order keeps the Korean text, which the carrier reads."""

from flask_babel import lazy_gettext as _l

NOTES = {
    "문 앞에 놓아 주세요.": _l("문 앞에 놓아 주세요."),
    "경비실에 맡겨 주세요.": _l("경비실에 맡겨 주세요."),
    "무인 택배함에 넣어 주세요.": _l("무인 택배함에 넣어 주세요."),
    "배송 전에 연락해 주세요.": _l("배송 전에 연락해 주세요."),
}


def delivery_note(note: str) -> str:
    """Return an order's note in the reader's language; what the buyer wrote is returned as it is."""
    return str(NOTES.get(note, note))
