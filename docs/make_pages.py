"""Writes the pages and pictures that are made from the code's own data, so that they cannot differ from it.

`python docs/make_pages.py` writes docs/errors.md, docs/flows/ and the drawings of PortOne's console; a test checks that
they are up to date.
"""

import sys
from html import escape
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from payments.portone.error_codes import ENTRIES  # noqa: E402
from shop.demo.flows import FLOWS, Flow, draw  # noqa: E402

DOCS = ROOT / "docs"
SUFFIX = {"ko": ".md", "en": ".en.md"}
WORDS = {
    "ko": {
        "other": "English",
        "made": "이 쪽은 `shop/demo/flows.toml`에서 만들어집니다(`python docs/make_pages.py`).",
        "modules": "구모듈과 신모듈에서 순서가 같습니다. 신모듈에서 확인되지 않은 규칙은 [두 모듈]({choosing}#두-모듈)에 있습니다.",
        "steps": "순서",
        "what": "무엇이",
        "why": "왜",
        "code": "코드",
        "wrong": "흔한 실수",
        "try": "해 보기",
        "all": "모든 흐름",
        "errors": "오류 사전",
        "errors_about": "KG모빌리언스와 포트원의 코드가 무슨 뜻이고, 구매자와 상점이 무엇을 하면 되는지. 주문 화면, 콜백의 답, 관리 "
        "화면이 [`payments/portone/error_codes.py`](../payments/portone/error_codes.py)의 `advice_for`로 이 사전을 씁니다. KG의 코드는 "
        "포트원 개발자센터(2026-08-06)가 거는 KG의 코드표(2020-07-15판)의 것으로, 구모듈의 코드입니다. 신모듈의 코드가 같은지는 "
        "공개된 문서에서 답을 찾지 못했습니다(`UNVERIFIED`). 이 쪽은 "
        "`payments/portone/error_codes.toml`에서 만들어집니다(`python docs/make_pages.py`).",
        "columns": "| 코드 | 뜻 | 구매자 | 상점 | 다시 시도 |",
        "again": "예",
        "flows_about": "돈이 오고 가는 여섯 가지 길. 그림의 번호가 표의 번호입니다.",
    },
    "en": {
        "other": "한국어",
        "made": "This page is made from `shop/demo/flows.toml` (`python docs/make_pages.py`).",
        "modules": "The steps are the same with KG's old and new module. Which rules are unverified for the new one: "
        "[the two modules]({choosing}#the-two-modules).",
        "steps": "Step by step",
        "what": "what",
        "why": "why",
        "code": "code",
        "wrong": "What goes wrong elsewhere",
        "try": "Try it",
        "all": "All flows",
        "errors": "Error dictionary",
        "errors_about": "What KG Mobilians' and PortOne's codes mean, and what the buyer and the shop can do. The order's page, "
        "the callback's answer and the back office use it through `advice_for` in "
        "[`payments/portone/error_codes.py`](../payments/portone/error_codes.py). KG's codes are those of its code book (edition of 2020-07-15), "
        "to which PortOne's developer centre links (2026-08-06): the old module's. Whether the new module has the same codes, no public "
        "document settles (`UNVERIFIED`). This page is made from `payments/portone/error_codes.toml` "
        "(`python docs/make_pages.py`).",
        "columns": "| code | meaning | the buyer | the shop | try again? |",
        "again": "yes",
        "flows_about": "The six ways money comes and goes. The numbers of a drawing are those of its table.",
    },
}


def errors_page(language: str) -> str:
    words = WORDS[language]
    other = "errors.md" if language == "en" else "errors.en.md"
    lines = [f"# {words['errors']}", "", f"[{words['other']}]({other})", "", words["errors_about"], ""]
    lines += [words["columns"], "|---|---|---|---|---|"]
    for entry in ENTRIES:
        meaning, buyer, merchant = (getattr(entry, f"{part}_{language}") for part in ("meaning", "buyer", "merchant"))
        lines.append(f"| `{entry.code}` | {meaning} | {buyer} | {merchant} | {words['again'] if entry.again else ''} |")
    return "\n".join(lines) + "\n"


def flow_page(flow: Flow, language: str) -> str:
    words = WORDS[language]
    other = SUFFIX["ko" if language == "en" else "en"]
    title = getattr(flow, language)
    lines = [
        f"# {title}",
        "",
        f"[{words['other']}]({flow.slug}{other}) · [{words['all']}](README{SUFFIX[language]})",
        "",
        getattr(flow, f"about_{language}"),
        "",
        f"![{title}]({flow.slug}.{language}.svg)",
        "",
        f"## {words['steps']}",
        "",
        f"| | {words['what']} | {words['why']} | {words['code']} |",
        "|---|---|---|---|",
    ]
    for number, step in enumerate(flow.steps, 1):
        code = "<br>".join(_reference(reference) for reference in step.code)
        what = getattr(step, language).replace("|", "\\|")
        lines.append(f"| {number} | {what} | {getattr(step, f'note_{language}')} | {code} |")
    lines += ["", words["modules"].format(choosing=f"../choosing-the-pg{SUFFIX[language]}")]
    lines += ["", f"## {words['wrong']}", "", *(f"- {text}" for text in getattr(flow, f"wrong_{language}"))]
    lines += ["", f"## {words['try']}", "", getattr(flow, f"try_{language}"), "", words["made"]]
    return "\n".join(lines) + "\n"


def _reference(reference: str) -> str:
    name, function = reference.split()
    return f"[`{name}`](../../{name}) `{function}`"


def flows_index(language: str) -> str:
    words = WORDS[language]
    other = SUFFIX["ko" if language == "en" else "en"]
    lines = [f"# {words['all']}", "", f"[{words['other']}](README{other})", "", words["flows_about"], ""]
    lines += [f"- [{getattr(flow, language)}]({flow.slug}{SUFFIX[language]})" for flow in FLOWS.values()]
    return "\n".join(lines) + "\n"


# --- the console, drawn here: what is typed or read where -------------------------------------------------------------

CONSOLE = {
    "console-keys": (
        (
            "결제 연동 › 연동 관리 › 식별코드·API Keys › V1 API",
            "Integration › Management › Codes and API keys › V1 API",
        ),
        [
            ("고객사 식별코드", "imp########", "PORTONE_IMP_CODE"),
            ("REST API Key", "################", "PORTONE_API_KEY"),
            ("REST API Secret", "••••••••••••••••", "PORTONE_API_SECRET"),
        ],
    ),
    "console-channel": (
        (
            "결제 연동 › 연동 관리 › 채널 관리 › 실연동 · 구모듈",
            "Integration › Management › Channels › Live · old module",
        ),
        [
            ("결제대행사", "KG모빌리언스 (KG파이낸셜) · 구모듈", "PORTONE_MODULE=mobilians"),
            ("상점 아이디 (서비스 ID, 12자리)", "############", "—"),
            ("채널 키", "channel-key-########-…", "PORTONE_CHANNEL_KEY"),
            (
                "채널 키를 쓰지 않을 때 · instead of a channel key",
                "mobilians.############",
                "PORTONE_PG=mobilians.<MID>",
            ),
            ("정기결제용 채널(다른 서비스 ID)의 채널 키", "channel-key-########-…", "PORTONE_BILLING_CHANNEL_KEY"),
        ],
    ),
    "console-channel-new": (
        (
            "결제 연동 › 연동 관리 › 채널 관리 › 실연동 · 신모듈",
            "Integration › Management › Channels › Live · new module",
        ),
        [
            ("결제대행사", "KG파이낸셜 (KG모빌리언스) · 신모듈", "PORTONE_MODULE=mobilians_v2"),
            ("상점 아이디 (서비스 ID)", "############", "—"),
            ("연동키 (발급키)", "••••••••••••••••", "—"),
            ("채널 키", "channel-key-########-…", "PORTONE_CHANNEL_KEY"),
            (
                "정기결제용 채널(발급 권한이 있는 서비스 ID)의 채널 키",
                "channel-key-########-…",
                "PORTONE_BILLING_CHANNEL_KEY",
            ),
        ],
    ),
    "console-webhook": (
        ("결제 연동 › 연동 관리 › 결제알림(Webhook) 관리", "Integration › Management › Webhooks"),
        [
            ("웹훅 버전", "결제모듈 V1", "—"),
            ("설정 모드", "실연동", "—"),
            ("Endpoint URL", "https://…/payment/webhook", "PUBLIC_URL + /payment/webhook"),
            ("Content Type", "application/json", "—"),
        ],
    ),
}


def console_picture(name: str) -> str:
    """A sketch of a form: label, value, and which setting of ours it is. Not a picture of the real console."""
    (korean, english), rows = CONSOLE[name]
    height = 92 + 62 * len(rows)
    font = 'Pretendard, "Apple SD Gothic Neo", "Noto Sans KR", "Noto Sans CJK KR", sans-serif'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="860" height="{height}" viewBox="0 0 860 {height}" role="img" '
        f'aria-label="{escape(english)}"><style>text {{ font: 15px {font}; fill: #18262b; }} .soft {{ fill: #50605f; '
        "font-size: 13px; } .name { font-weight: 700; fill: #14594b; }</style>"
        f'<rect width="860" height="{height}" rx="14" fill="#f1f4f0"/><rect x="1" y="1" width="858" height="56" rx="13" '
        f'fill="#10312f"/><text x="24" y="27" style="fill:#fff;font-weight:700">{escape(korean)}</text>'
        f'<text x="24" y="46" class="soft" style="fill:#cfdcd4">{escape(english)}</text>'
    ]
    for number, (label, value, setting) in enumerate(rows):
        y = 74 + 62 * number
        parts.append(
            f'<text x="24" y="{y + 16}" class="soft">{escape(label)}</text><rect x="24" y="{y + 22}" width="430" height="30" '
            f'rx="7" fill="#fff" stroke="#7b8a86"/><text x="36" y="{y + 42}">{escape(value)}</text>'
        )
        if setting != "—":
            parts.append(
                f'<path d="M466 {y + 37}h40m-8 -5l8 5l-8 5" fill="none" stroke="#14594b" stroke-width="2"/>'
                f'<text x="520" y="{y + 42}" class="name">{escape(setting)}</text>'
            )
    return "".join(parts) + "</svg>\n"


BADGES = {
    "badge-python": ("Python", "3.11+", "#14594b"),
    "badge-licence": ("licence", "MIT", "#14594b"),
    "badge-portone": ("PortOne", "V1", "#2b4a86"),
    "badge-account": ("payment account", "not needed to try", "#684a00"),
}


def badge(name: str) -> str:
    label, value, colour = BADGES[name]
    left, right = 7 * len(label) + 18, 7 * len(value) + 18
    font = "font-family='Verdana,DejaVu Sans,sans-serif' font-size='11' fill='#fff' text-anchor='middle'"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="20" role="img" '
        f'aria-label="{label}: {value}"><rect width="{left + right}" height="20" rx="4" fill="#40504f"/>'
        f'<path d="M{left} 0h{right - 4}a4 4 0 0 1 4 4v12a4 4 0 0 1-4 4h-{right - 4}z" fill="{colour}"/>'
        f'<text x="{left / 2}" y="14" {font}>{label}</text><text x="{left + right / 2}" y="14" {font}>{value}</text></svg>\n'
    )


def pages() -> dict[Path, str]:
    """Every page and picture with what has to stand in it."""
    found = {}
    for language in ("ko", "en"):
        found[DOCS / f"errors{SUFFIX[language]}"] = errors_page(language)
        found[DOCS / "flows" / f"README{SUFFIX[language]}"] = flows_index(language)
        for flow in FLOWS.values():
            found[DOCS / "flows" / f"{flow.slug}{SUFFIX[language]}"] = flow_page(flow, language)
            found[DOCS / "flows" / f"{flow.slug}.{language}.svg"] = draw(flow, language, alone=True) + "\n"
    found |= {DOCS / "pictures" / f"{name}.svg": badge(name) for name in BADGES}
    return found | {DOCS / "pictures" / f"{name}.svg": console_picture(name) for name in CONSOLE}


if __name__ == "__main__":
    for path, text in pages().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    print(f"{len(pages())} files written.")
