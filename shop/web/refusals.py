"""Why a payment was refused, for its buyer: what it means, what to do, and the words of KG or PortOne."""

from dataclasses import dataclass

from flask_babel import get_locale
from flask_babel import gettext as _

from payments.portone.error_codes import advice_for


@dataclass(frozen=True)
class Refusal:
    """`meaning` and `advice` are in the reader's language; `words` are those of KG or PortOne, in Korean.

    `advice` is empty where the error codes have no entry, `words` where the buyer caused the refusal.
    """

    meaning: str
    advice: str
    words: str


def refusal_of(reason: str | None) -> Refusal:
    """Explain a `fail_reason` to the buyer."""
    words = (reason or "").strip()
    entry = advice_for(words)
    if entry is None:
        return Refusal(str(_("통신사나 KG가 결제를 받아들이지 않았습니다.")), "", words)
    meaning, advice = (str(getattr(entry, f"{name}_{get_locale()}")) for name in ("meaning", "buyer"))
    if entry.by_buyer:
        return Refusal(advice, "", "")
    return Refusal(meaning, advice, words)
