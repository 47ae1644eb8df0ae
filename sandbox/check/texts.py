"""Texts of a run in Korean and English: cases, notes of steps, what was seen, and the words of the table."""

from collections.abc import Mapping

from .case_text import CaseText
from .play import Step
from .run import Result
from .seen_texts import SEEN
from .texts_en import EN
from .texts_ko import KO

CASE_TEXTS: dict[str, dict[str, CaseText]] = {"ko": KO, "en": EN}

NOTES: dict[str, dict[str, str]] = {
    "ko": {
        "sign_up": "구매자가 가입합니다",
        "order": "주문하고 결제 단추를 누릅니다",
        "pay": "결제창에서 결제합니다",
        "window": "결제창만 열어 둡니다",
        "callback": "쇼핑몰이 결제 소식을 듣습니다",
        "redirect": "휴대폰에서 돌아옵니다",
        "webhook": "포트원이 웹훅을 보냅니다",
        "all_at_once": "모든 소식이 한꺼번에, 두 번씩 옵니다",
        "tell_failure": "실패했다고 알립니다",
        "close": "결제창을 닫습니다",
        "again": "같은 주문에서 결제 단추를 한 번 더 누릅니다",
        "both_windows": "창 두 개를 엽니다",
        "late_failure": "다른 창이 거절된 소식이 나중에 옵니다",
        "console": "포트원 콘솔에서 취소합니다",
        "open_cheap": "결제창을 301원으로 엽니다",
        "claim": "그 결제를 주문에 내밉니다",
        "send_price": "주문에 301원이라고 적어 보냅니다",
        "minus": "−3개를 주문합니다",
        "claim_other": "다른 주문에 그 imp_uid를 내밉니다",
        "strangers_window": "쇼핑몰이 모르는 주문번호로 결제합니다",
        "claim_success": "성공했다고 알립니다",
        "forge_webhook": "포트원인 척 «paid»를 보냅니다",
        "forge_redirect": "돌아오는 주소를 손으로 적습니다",
        "other_channel": "다른 종류의 채널로 결제합니다",
        "peek": "다른 회원이 주문 주소를 엽니다",
        "peek_nobody": "로그인하지 않은 사람이 엽니다",
        "many": "같은 웹훅을 한꺼번에 보냅니다",
        "disturbed": "이 결제의 조회를 고장 냅니다",
        "works_again": "고친 뒤 소식을 다시 보냅니다",
        "subscribe": "구독하고 결제 단추를 누릅니다",
        "monthly": "시계를 옮기고 월 결제 작업을 돌립니다",
        "refused": "이 결제의 조회를 고장 냅니다",
        "sweep": "시계를 옮기고 조회 작업을 돌립니다",
        "look": "주문이 어떻게 되었는지 봅니다",
    },
    "en": {
        "sign_up": "A buyer signs up",
        "order": 'An order, and "pay" is pressed',
        "pay": "It is paid in the window",
        "window": "The window is only opened",
        "callback": "The shop hears of the payment",
        "redirect": "The phone comes back",
        "webhook": "PortOne sends its webhook",
        "all_at_once": "All of it arrives at once, each twice",
        "tell_failure": "The page says that it failed",
        "close": "The window is closed",
        "again": '"Pay" is pressed once more for the same order',
        "both_windows": "Two windows are opened",
        "late_failure": "News of the other window's failure comes last",
        "console": "It is cancelled in PortOne's console",
        "open_cheap": "The window is asked for 301 won",
        "claim": "That payment is shown for the order",
        "send_price": "The order says that it costs 301 won",
        "minus": "Minus three are ordered",
        "claim_other": "That imp_uid is shown for another order",
        "strangers_window": "A merchant_uid is paid that the shop does not know",
        "claim_success": "The page says that it worked",
        "forge_webhook": 'Somebody posts "paid", as if PortOne',
        "forge_redirect": "The address of the way back is typed by hand",
        "other_channel": "It is paid through a channel of the other kind",
        "peek": "Another buyer opens the order's address",
        "peek_nobody": "So does somebody who is not signed in",
        "many": "The same webhook many times at once",
        "disturbed": "Looking this payment up is disturbed",
        "works_again": "It works again, and the news is repeated",
        "subscribe": 'A subscription, and "pay" is pressed',
        "monthly": "The clock goes on and the monthly run comes",
        "refused": "Looking this payment up is disturbed",
        "sweep": "The clock goes on and the sweep runs",
        "look": "How the order stands now",
    },
}

WORDS: dict[str, dict[str, str]] = {
    "ko": {
        "ok": "통과",
        "broken": "뚫림",
        "unplayable": "못 해 봄",
        "not_described": "설명 없음",
        "buyers": "구매자",
        "attackers": "공격자",
        "outages": "포트원의 장애",
        "months": "빌링키",
        "sandbox": "샌드박스",
        "seen": "본 것",
        "loss": "잃는 것",
        "right": "바른 쇼핑몰",
        "steps": "주고받은 것",
        "output": "작업의 출력",
        "needs": "필요",
        "sum": "점검 {all}개: 통과 {ok}, 뚫림 {broken}, 못 해 봄 {unplayable}, 설명 없음 {not_described}",
        "hint": "주고받은 것은 --verbose로, 한 점검만 다시 하려면 --only 이름으로.",
        "all_fail": "모두 실패했습니다. 쇼핑몰이 이 샌드박스를 부르는지 먼저 보세요.",
        "paid": "결제됨",
        "not_paid": "결제되지 않음",
        "charged": "청구됨",
        "not_charged": "청구되지 않음",
        "moves_clock": "시계를 옮김",
        "disturbs": "오류를 주입함",
    },
    "en": {
        "ok": "ok",
        "broken": "broken",
        "unplayable": "not playable",
        "not_described": "not described",
        "buyers": "Buyers",
        "attackers": "Attackers",
        "outages": "Outages of PortOne",
        "months": "Billing keys",
        "sandbox": "sandbox",
        "seen": "Seen",
        "loss": "Lost",
        "right": "A right shop",
        "steps": "Requests and answers",
        "output": "The job said",
        "needs": "needs",
        "sum": "{all} cases: {ok} ok, {broken} broken, {unplayable} not playable, {not_described} not described",
        "hint": "--verbose shows requests and answers, --only NAME plays one case again.",
        "all_fail": "Everything failed. See first whether the shop calls this sandbox.",
        "paid": "paid",
        "not_paid": "not paid",
        "charged": "charged",
        "not_charged": "not charged",
        "moves_clock": "moves the clock",
        "disturbs": "injects errors",
    },
}


def seen(result: Result, language: str) -> str:
    """What was seen, or a remark; "" for none."""
    return SEEN[language][result.key].format_map(result.facts) if result.key else ""


def note(name: str, language: str) -> str:
    """What a step does; "" for a step without a note."""
    return NOTES[language].get(name, name)


def answered(step: Step, language: str) -> str:
    """The answer of a step, and what the page said there."""
    return f"{step.answer} {word(step.sign, language)}" if step.sign else step.answer


def case_text(name: str, language: str) -> CaseText:
    return CASE_TEXTS[language][name]


def word(name: str, language: str, **facts: object) -> str:
    texts: Mapping[str, str] = WORDS[language]
    return texts[name].format_map(facts)
