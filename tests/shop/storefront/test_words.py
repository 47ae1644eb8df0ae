"""What a buyer reads is what a Korean shop says: no developer's word on the way to a paid order."""

import re
from pathlib import Path

import pytest

from payments.portone.error_codes import ENTRIES
from shop.web.labels import LABELS

TEMPLATES = Path(__file__).parents[3] / "templates"
OF_THE_DEMO = TEMPLATES / "_world.html"  # says how programs reach a visitor's own shop
PARTS = [path for path in TEMPLATES.glob("_*.html") if path != OF_THE_DEMO]
PAGES = sorted([*PARTS, *(TEMPLATES / "store").glob("*.html"), *(TEMPLATES / "account").glob("*.html")])
SHOWN_TO_BUYERS = ("order", "subscription", "ended", "cancel", "in_app", "field")
DEVELOPERS_WORDS = re.compile(
    r"빌링키|채널|iamport|세션|콜백|웹훅|토큰|리다이렉트|SDK|API|자바스크립트 오류", re.IGNORECASE
)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_no_page_of_the_shop_says_a_developers_word(path: Path) -> None:
    texts = re.findall(r"_\('([^']*)'", path.read_text())
    assert [text for text in texts if DEVELOPERS_WORDS.search(text)] == []


@pytest.mark.parametrize("kind", SHOWN_TO_BUYERS)
def test_no_label_that_buyers_read_is_a_developers_word(kind: str) -> None:
    assert [str(text) for text in LABELS[kind].values() if DEVELOPERS_WORDS.search(str(text))] == []


def test_no_advice_to_buyers_holds_a_word_of_developers_or_merchants() -> None:
    told = [text for entry in ENTRIES for text in (entry.meaning_ko, entry.buyer_ko)]
    assert told
    merchants = re.compile(r"서비스 ID|MID|(?<![가-힣])키[가를로 ]|브라우저가 보낸")
    assert [text for text in told if DEVELOPERS_WORDS.search(text) or merchants.search(text)] == []


@pytest.mark.parametrize("path", [*PAGES, *(TEMPLATES / "legal").glob("*.html")], ids=lambda path: path.stem)
def test_kg_has_one_name_on_every_page_and_its_old_one_stands_beside_it_where_it_is_named_first(path: Path) -> None:
    named = re.findall(r"(?<!옛 )KG모빌리언스|KG파이낸셜(?:\(옛 KG모빌리언스)?", path.read_text())
    assert named[:1] in ([], ["KG파이낸셜(옛 KG모빌리언스"])
    assert set(named) <= {"KG파이낸셜(옛 KG모빌리언스", "KG파이낸셜"}


def test_the_sandbox_is_named_in_the_bar_of_the_demo_only() -> None:
    assert {path.stem for path in PAGES if "샌드박스" in path.read_text()} <= {"_header"}


# What a shop's reader stumbles over. Korean quotation marks are ‘ ’.
UNUSUAL = re.compile(
    r"끝내기|끝낼|끝내 |끝내실|더해[지집져 ]|에 끝남|이용하기 시작|즐겁게|[«»]|한 번만 사는|받는 분이 같습니다"
    r"|실제로 진행"
)
BUYERS_TEXTS = [
    *PAGES,
    *(file for room in ("legal", "messages", "content") for file in sorted((TEMPLATES / room).iterdir())),
    TEMPLATES.parent / "shop/storefront/content.py",
]


@pytest.mark.parametrize("path", BUYERS_TEXTS, ids=lambda path: f"{path.parent.stem}-{path.stem}")
def test_no_text_for_buyers_says_what_no_shop_says(path: Path) -> None:
    assert [text for text in re.findall(r"_\([\"']([^\"']*)[\"']", path.read_text()) if UNUSUAL.search(text)] == []
