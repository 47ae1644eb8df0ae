"""Catalogue of a new shop, with prices that people usually pay by phone bill (won, VAT included).

Names stay within KG's 30 bytes, two for a Hangul syllable, because the phone bill shows them.
"""

from typing import TypedDict


class Item(TypedDict):
    """One product; with `stock` None it cannot run out, `picture` is a file in static/art/."""

    slug: str
    kind: str
    name_ko: str
    name_en: str
    summary_ko: str
    summary_en: str
    price: int
    digital: bool
    stock: int | None
    picture: str


Words = tuple[str, str]  # name, summary


def _goods(slug: str, price: int, ko: Words, en: Words, *, stock: int | None = None, kind: str = "once") -> Item:
    """Define a product that is bought once; without `stock` it is downloaded, else it is shipped."""
    return Item(
        slug=slug,
        kind=kind,
        name_ko=ko[0],
        name_en=en[0],
        summary_ko=ko[1],
        summary_en=en[1],
        price=price,
        digital=stock is None,
        stock=stock,
        picture=f"{slug}.svg",
    )


def _plan(slug: str, price: int, ko: Words, en: Words) -> Item:
    """Define a plan that is paid every month, on the same day and with the same amount."""
    return _goods(slug, price, ko, en, kind="monthly")


CATALOGUE: list[Item] = [
    _goods(
        "night-walk-ebook",
        6900,
        ("밤 산책 전자책", "불 꺼진 골목을 걷는 세 편의 짧은 이야기."),
        ("Night Walk, e-book", "Three short stories for streets after dark."),
    ),
    _goods(
        "webtoon-coins",
        9900,
        ("웹툰 코인 100개", "미리보기 열 화를 한 번에 여는 코인 꾸러미."),
        ("100 webtoon coins", "Enough to open ten episodes ahead of time."),
    ),
    _goods(
        "bear-emoji",
        3900,
        ("달곰 이모티콘", "말 대신 보내는 곰 스물네 마리."),
        ("Dalgom emoji pack", "Twenty-four bears that say it for you."),
    ),
    _goods(
        "game-gems",
        33000,
        ("게임 보석 1,200개", "시즌 패스와 의상 한 벌을 살 수 있는 보석."),
        ("1,200 game gems", "A season pass and one outfit's worth of gems."),
    ),
    _goods(
        "rainy-lofi-album",
        8800,
        ("비 오는 날 음반", "창가에서 녹음한 로파이 열한 곡, 고음질 파일."),
        ("Rainy Day, album", "Eleven lo-fi tracks recorded by a window."),
    ),
    _goods(
        "hand-font",
        15000,
        ("손글씨 글꼴", "또박또박 눌러 쓴 한글 2,780자."),
        ("Handwriting font", "2,780 Korean syllables, written with care."),
    ),
    _goods(
        "watercolour-class",
        49000,
        ("수채화 온라인 강의", "물감 세 가지로 시작하는 여덟 번의 수업."),
        ("Watercolour, online", "Eight lessons that begin with three paints."),
    ),
    _goods(
        "moon-mug",
        14000,
        ("달 머그컵", "따뜻한 물을 부으면 달이 차오르는 컵."),
        ("Moon mug", "Pour in something warm and the moon fills up."),
        stock=40,
    ),
    _goods(
        "field-notebook",
        7500,
        ("들판 공책", "펼치면 평평하게 눕는 실 제본 공책 한 권."),
        ("Field notebook", "Thread-bound, and it lies flat when open."),
        stock=120,
    ),
    _goods(
        "canvas-tote",
        19000,
        ("캔버스 가방", "노트북과 장바구니 사이 어디쯤의 가방."),
        ("Canvas tote", "Somewhere between a laptop and the groceries."),
        stock=25,
    ),
    _goods(
        "desk-lamp",
        42000,
        ("미니 스탠드", "눈이 편한 세 가지 밝기, 한 손 크기."),
        ("Mini desk lamp", "Three gentle levels of light, the size of a hand."),
        stock=8,
    ),
    _goods(
        "herb-kit",
        12000,
        ("바질 키우기", "씨앗과 흙, 화분까지 든 창가 텃밭."),
        ("Grow-your-own basil", "Seeds, soil and a pot for the window sill."),
        stock=3,
    ),
    _plan(
        "reading-pass",
        4900,
        ("월간 읽기 이용권", "전자책과 웹진을 한 달 내내 마음껏."),
        ("Reading pass, monthly", "All e-books and magazines, all month."),
    ),
    _plan(
        "studio-pass",
        9900,
        ("월간 작업실 이용권", "강의와 글꼴, 음원까지 모두 여는 이용권."),
        ("Studio pass, monthly", "Every class, font and track, all month."),
    ),
]
