"""What the product pages of the catalogue tell: several lines, what is in it, and how long it may be used."""

from typing import TypedDict


class Description(TypedDict):
    """One product's page; `period` is None for what is shipped."""

    description_ko: str
    description_en: str
    spec_ko: str
    spec_en: str
    period_ko: str | None
    period_en: str | None


Page = tuple[str, str]  # description, spec
FOR_GOOD = ("기간 제한 없음", "No time limit")
ONE_MONTH = ("결제일부터 한 달, 매월 자동 연장", "One month from payment, renewed every month")

# What nobody needs twice, unlike coins and gems: their pages ask for no quantity.
ONCE_FOR_GOOD = frozenset(("night-walk-ebook", "bear-emoji", "rainy-lofi-album", "hand-font", "watercolour-class"))


def _page(ko: Page, en: Page, period: tuple[str, str] | None = None) -> Description:
    return Description(
        description_ko=ko[0],
        description_en=en[0],
        spec_ko=ko[1],
        spec_en=en[1],
        period_ko=period and period[0],
        period_en=period and period[1],
    )


DESCRIPTIONS: dict[str, Description] = {
    "night-walk-ebook": _page(
        (
            "가로등 아래, 문 닫은 시장, 마지막 버스가 지나간 정류장. 밤에 걷는 사람들의 이야기 세 편을 묶었습니다.\n"
            "한 편에 1분이면 읽을 수 있어 잠들기 전에 한 편씩 읽기 좋습니다.\n"
            "내려받지 않고 휴대폰과 태블릿, 컴퓨터의 브라우저에서 바로 읽습니다.",
            "웹에서 읽는 전자책 · 단편 3편",
        ),
        (
            "Under street lamps, past closed markets, after the last bus: three stories of night walkers.\n"
            "Each takes a minute, one for every evening.\n"
            "Read in the browser of a phone, tablet or computer; nothing to download.",
            "E-book to read on the web · 3 short stories",
        ),
        FOR_GOOD,
    ),
    "webtoon-coins": _page(
        (
            "연재 중인 웹툰의 다음 화를 기다리지 않고 먼저 볼 수 있는 코인입니다.\n"
            "한 화에 10코인, 모두 열 화를 미리 볼 수 있습니다.\n"
            "쓰고 남은 코인은 다음에 이어서 쓸 수 있습니다.",
            "코인 100개",
        ),
        (
            "Read the next episodes of running webtoons before everybody else.\n"
            "Ten coins open one episode, so these open ten.\n"
            "Coins that are left stay for another day.",
            "100 coins",
        ),
        ("구매일부터 5년", "Five years from purchase"),
    ),
    "bear-emoji": _page(
        (
            "반가움, 미안함, 퇴근하고 싶음까지. 달곰이 대신 말해 주는 움직이는 이모티콘입니다.\n"
            "밝은 화면과 어두운 화면에서 모두 또렷하게 보이도록 흰 테두리를 둘렀습니다.\n"
            "대화방과 SNS에서 마음껏 쓸 수 있습니다.",
            "움직이는 이모티콘 24종 · PNG, GIF",
        ),
        (
            "Glad, sorry, or longing to go home: moving emoji in which the bear says it for you.\n"
            "A white outline keeps them clear on light and on dark screens.\n"
            "For private chats and your own social media.",
            "24 moving emoji · PNG, GIF",
        ),
        FOR_GOOD,
    ),
    "game-gems": _page(
        (
            "게임 안의 상점에서 쓰는 보석 1,200개입니다.\n"
            "시즌 패스(950개)를 열고도 의상 한 벌(250개)을 더 살 수 있습니다.\n"
            "결제한 계정에 바로 들어오고, 다른 계정으로 옮길 수 없습니다.",
            "보석 1,200개",
        ),
        (
            "1,200 gems for the shop inside the game.\n"
            "Enough for the season pass (950) and one outfit (250).\n"
            "They arrive at once and cannot be moved to another account.",
            "1,200 gems",
        ),
        ("구매일부터 5년", "Five years from purchase"),
    ),
    "rainy-lofi-album": _page(
        (
            "비 오는 창가에 마이크를 두고 녹음한 로파이 음반입니다.\n"
            "빗소리와 피아노가 잔잔하게 이어져 일하거나 공부할 때 틀어 두기 좋습니다.\n"
            "내려받은 파일은 어느 기기에서나 들을 수 있습니다.",
            "FLAC · MP3 파일 · 11곡 · 42분",
        ),
        (
            "A lo-fi album recorded beside a window on rainy days.\n"
            "Rain and piano go on quietly while you work or study.\n"
            "The files play on any device.",
            "FLAC and MP3 files · 11 tracks · 42 minutes",
        ),
        FOR_GOOD,
    ),
    "hand-font": _page(
        (
            "연필로 한 글자씩 눌러 쓴 손글씨를 그대로 옮긴 글꼴입니다.\n"
            "자주 쓰는 한글 2,780자와 영문, 숫자, 문장 부호를 담았습니다.\n"
            "개인과 기업 모두 인쇄물, 영상, 웹에 쓸 수 있습니다.",
            "OTF · TTF · WOFF2 파일 · 한글 2,780자",
        ),
        (
            "A font drawn from letters written by pencil, one by one.\n"
            "2,780 Korean syllables in daily use, Latin letters, digits and punctuation.\n"
            "For print, video and web, private or in business.",
            "OTF, TTF and WOFF2 files · 2,780 syllables",
        ),
        FOR_GOOD,
    ),
    "watercolour-class": _page(
        (
            "물감 세 가지와 붓 한 자루로 시작하는 수채화 강의입니다.\n"
            "물 조절부터 그러데이션, 나뭇잎과 하늘까지 여덟 번의 수업으로 엽서 한 장을 완성합니다.\n"
            "준비물 목록과 밑그림은 파일로 드립니다.",
            "동영상 8강 · 모두 3시간 20분 · 밑그림 파일(PDF)",
        ),
        (
            "A watercolour class that begins with three paints and one brush.\n"
            "From wet and dry strokes to leaves and sky, eight lessons end in one finished postcard.\n"
            "The list of materials and the outlines come as files.",
            "8 videos · 3 hours 20 minutes in all · outlines (PDF)",
        ),
        ("시작한 날부터 180일", "180 days from the first lesson"),
    ),
    "moon-mug": _page(
        (
            "따뜻한 물을 부으면 가려져 있던 보름달이 서서히 나타나는 머그컵입니다.\n"
            "손에 감기는 둥근 손잡이에 한 손으로 들기 편한 무게입니다.\n"
            "색이 오래가도록 부드러운 수세미로 손설거지해 주세요.",
            "도자기 · 350ml · 높이 9cm · 받침 포함",
        ),
        (
            "Pour in something warm and a hidden full moon slowly appears.\n"
            "A round handle, and light enough for one hand.\n"
            "Wash by hand with a soft sponge to keep its colours.",
            "Ceramic · 350 ml · 9 cm high · with saucer",
        ),
    ),
    "field-notebook": _page(
        (
            "실로 묶어 어느 쪽을 펼쳐도 평평하게 눕는 공책입니다.\n"
            "만년필 잉크가 번지지 않는 두툼한 미색 종이를 썼습니다.\n"
            "왼쪽은 줄, 오른쪽은 모눈이라 글과 그림을 함께 적기 좋습니다.",
            "A5 · 128쪽 · 미색 100g 종이 · 실 제본",
        ),
        (
            "Bound with thread, so it lies flat wherever you open it.\n"
            "Thick cream paper that fountain pens do not bleed through.\n"
            "Lines on the left, squares on the right: for words and sketches.",
            "A5 · 128 pages · cream paper, 100 g · thread-bound",
        ),
    ),
    "canvas-tote": _page(
        (
            "14인치 노트북과 책 두 권, 물병까지 들어가는 넉넉한 가방입니다.\n"
            "두꺼운 면 캔버스로 만들어 세워 두어도 모양이 흐트러지지 않습니다.\n"
            "안쪽 주머니에 휴대폰과 카드를 나누어 넣을 수 있습니다.",
            "면 100% · 가로 38cm, 세로 36cm, 폭 12cm",
        ),
        (
            "Room for a 14-inch laptop, two books and a bottle.\n"
            "Heavy cotton canvas that keeps its shape when you set it down.\n"
            "An inner pocket for phone and cards.",
            "100 % cotton · 38 × 36 × 12 cm",
        ),
    ),
    "desk-lamp": _page(
        (
            "책상 한쪽이나 침대 옆에 두기 좋은 한 손 크기의 조명입니다.\n"
            "밝기를 세 단계로 바꿀 수 있고, 어두운 밤에도 눈이 부시지 않습니다.\n"
            "충전해 두면 가장 밝은 단계에서 여섯 시간 켜집니다.",
            "높이 22cm · 420g · USB-C 충전 · 밝기 3단계",
        ),
        (
            "A light the size of a hand, for the corner of a desk or beside a bed.\n"
            "Three levels of brightness that are kind to the eyes at night.\n"
            "Charged once, it shines six hours at its brightest.",
            "22 cm high · 420 g · charged by USB-C · three levels",
        ),
    ),
    "herb-kit": _page(
        (
            "씨앗과 흙, 화분, 물받침까지 한 상자에 담은 바질 재배 세트입니다.\n"
            "햇빛이 드는 창가에 두고 흙이 마를 때 물을 주면 일주일쯤 뒤에 싹이 납니다.\n"
            "6주 뒤부터 잎을 따서 샐러드나 파스타에 쓸 수 있습니다.",
            "바질 씨앗 30립 · 배양토 · 화분과 물받침 · 설명서",
        ),
        (
            "Seeds, soil, pot and saucer in one box.\n"
            "On a sunny window sill, watered when the soil is dry, they sprout after a week.\n"
            "Six weeks later the first leaves are ready for salad or pasta.",
            "30 basil seeds · soil · pot and saucer · instructions",
        ),
    ),
    "reading-pass": _page(
        (
            "달곰상점의 전자책과 웹진을 한 달 동안 제한 없이 읽을 수 있는 구독입니다.\n"
            "매달 새로 나오는 책도 추가 요금 없이 바로 읽을 수 있습니다.\n"
            "언제든 해지할 수 있고, 해지해도 이미 결제한 달까지 이용합니다.",
            "전자책 320종 · 웹진 14종 · 기기 5대까지",
        ),
        (
            "All e-books and magazines of this shop, without limit, for a month.\n"
            "New titles are included as they come out.\n"
            "Stop whenever you like and use the month that is paid to its end.",
            "320 e-books · 14 magazines · up to five devices",
        ),
        ONE_MONTH,
    ),
    "studio-pass": _page(
        (
            "온라인 강의와 글꼴, 음원을 모두 쓸 수 있는 작업자를 위한 구독입니다.\n"
            "이용하는 동안 만든 결과물은 구독이 끝난 뒤에도 그대로 쓸 수 있습니다.\n"
            "언제든 해지할 수 있고, 해지해도 이미 결제한 달까지 이용합니다.",
            "강의 46편 · 글꼴 28종 · 음원 190곡",
        ),
        (
            "Every online class, font and track, for people who make things.\n"
            "What you make with them stays yours to use after the plan has ended.\n"
            "Stop whenever you like and use the month that is paid to its end.",
            "46 classes · 28 fonts · 190 tracks",
        ),
        ONE_MONTH,
    ),
}
