"""What does an error code of KG's or PortOne's mean, what can the buyer do, and what should the shop do?

The entries are data in `error_codes.toml`, in Korean and English. KG's words reach us in three shapes: a code of its
own (`0031`), a text that begins with one (`[9107] …`), or the bare text; so an entry is found by its code or by its
words.
"""

import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Advice:
    """One entry. `said`: beginnings of the texts that come with it; `again`: may the same buyer simply try again?

    `by_buyer`: they did it themselves, so KG's words about it need not be read out to them.
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


LONGEST_REASON = 1000  # characters that are read; KG's words stand at the beginning

ENTRIES = _read(Path(__file__).with_suffix(".toml"))


def advice_for(reason: str | None, code: str | None = None) -> Advice | None:
    """The entry for a `fail_reason`, an `error_msg` or a cancel's refusal, and the `error_code` if one came with it.

    Words decide before codes, because KG uses one code for several causes. None: nobody has written about it yet.
    """
    reason = (reason or "")[:LONGEST_REASON]
    text = _bare(reason)
    by_words = [entry for entry in ENTRIES if any(_bare(said) in text for said in entry.said)]
    if by_words:
        return by_words[0]
    written = re.match(r"\s*\[(\w+)\]", reason)
    wanted = code or (written[1] if written else "")
    return next((entry for entry in ENTRIES if wanted and entry.code == wanted), None)


def _bare(text: str) -> str:
    """Letters and digits only: KG's book, KG's servers and PortOne do not agree about spaces and full stops."""
    return re.sub(r"[\W_]", "", text)
