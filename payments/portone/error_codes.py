"""Error codes of KG and PortOne: the meaning of each, and advice for the buyer and the shop.

The entries are data in `error_codes.toml`, in Korean and English. KG's errors arrive in three forms: a code alone
(`0031`), a text that begins with a code (`[9107] …`), or text alone; so an entry is found by its code or by its text.
"""

import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Advice:
    """One entry: the meaning of a code, and advice for the buyer and the merchant in both languages.

    `said`: beginnings of the error texts that belong to it. `again`: the same buyer may try again. `by_buyer`: the
    buyer caused it (for example closed the window), so KG's text need not be shown to them.
    """

    code: str
    meaning_ko: str
    meaning_en: str
    buyer_ko: str
    buyer_en: str
    merchant_ko: str
    merchant_en: str
    again: bool = False
    by_buyer: bool = False
    said: tuple[str, ...] = field(default=())


def _read(path: Path) -> list[Advice]:
    found = tomllib.loads(path.read_text("utf-8"))["entry"]
    return [Advice(**{**entry, "said": tuple(entry.get("said", ()))}) for entry in found]


LONGEST_REASON = 1000  # characters that are searched; KG's text is at the beginning

ENTRIES = _read(Path(__file__).with_suffix(".toml"))


def advice_for(reason: str | None, code: str | None = None) -> Advice | None:
    """Find the entry for a `fail_reason`, an `error_msg` or a cancel's refusal, and the `error_code` if there is one.

    The text is matched before the code, because KG uses one code for several causes. None: there is no entry.
    """
    reason = (reason or "")[:LONGEST_REASON]
    text = _bare(reason)
    for entry in ENTRIES:
        if any(_bare(said) in text for said in entry.said):
            return entry
    leading_code = re.match(r"\s*\[(\w+)\]", reason)
    wanted = code or (leading_code[1] if leading_code else None)
    return next((entry for entry in ENTRIES if entry.code == wanted), None)


def _bare(text: str) -> str:
    """Keep letters and digits only: KG's manual, KG's servers and PortOne differ in spaces and full stops."""
    return re.sub(r"[\W_]", "", text)
