"""Outcomes by phone number: the last four digits decide, so every outcome is available in the payment window."""

from dataclasses import dataclass
from typing import Literal

from . import kg
from .kg import Refusal, refusal_of


@dataclass(frozen=True)
class Outcome:
    """The outcome of a phone number.

    `when` is the stage at which it applies: `identity` (the buyer's data are checked), `code` (the approval number),
    `approval`, `after` (paid, but), `cancel` (paid, but the cancel is refused), `renewal` (the first month is paid,
    later ones are not). `retry`: the buyer may try again in the same window. `once`: only the first time, for
    renewals the first time in each month.
    """

    ending: str
    ko: str
    en: str
    when: str
    refusal: Refusal | None = None
    retry: bool = False
    once: bool = False
    lost: bool = False  # paid, but the response is lost
    silent: bool = False  # and no webhook is sent either
    no_key: bool = False  # paid, but no billing key is issued
    undone: bool = False  # KG cancels it without PortOne learning of it, as with real test payments
    reversed: Literal["", "hour", "month"] = ""  # the carrier reverses it after that, and PortOne reports `cancelled`


OUTCOMES = [
    Outcome("0011", "없는 번호", "unknown number", "identity", kg.NO_SUCH_PHONE, retry=True),
    Outcome("0012", "생년월일·성별 불일치", "birth digits do not match", "identity", kg.WRONG_BIRTH, retry=True),
    Outcome("0023", "통신사 불일치", "another carrier's number", "identity", refusal_of("0023"), retry=True),
    Outcome("0013", "정지된 단말기", "suspended phone", "identity", refusal_of("0013")),
    Outcome("0015", "법인 명의", "company phone", "identity", refusal_of("0015")),
    Outcome("0024", "소액결제 차단", "phone payments blocked by the owner", "identity", refusal_of("0024")),
    Outcome("0032", "미성년 명의", "a minor's phone", "identity", refusal_of("0032")),
    Outcome("0035", "소액결제 이용 미동의", "owner has not agreed to phone payments", "identity", refusal_of("0035")),
    Outcome("0054", "신규 가입 3일 이내", "new line, three days not over", "identity", refusal_of("0054")),
    Outcome("0043", "승인번호가 늘 틀림", "every approval number is wrong", "code", kg.WRONG_CODE, retry=True),
    Outcome("0143", "승인번호 유효시간 경과", "approval number expires at once", "code", kg.CODE_EXPIRED, retry=True),
    Outcome("0016", "요금 미납", "phone bill unpaid", "approval", refusal_of("0016")),
    Outcome("0031", "당월 한도 초과", "this month's limit used up", "approval", refusal_of("0031")),
    Outcome("0131", "1회 한도 초과", "over the limit for one payment", "approval", kg.LIMIT_ONCE),
    Outcome("0039", "반복 실패로 당일 차단", "locked for today", "approval", refusal_of("0039")),
    Outcome("0098", "통신사 장애", "carrier is down", "approval", refusal_of("0098")),
    Outcome("0099", "접속 지연", "carrier is busy", "approval", refusal_of("0099")),
    Outcome(
        "7001", "결제 후 창이 닫힘: 웹훅만 도착", "paid, then the window is gone: webhook only", "after", lost=True
    ),
    Outcome(
        "7003",
        "결제 후 응답도 웹훅도 유실: 조회로만 확인",
        "paid, answer and webhook both lost: only a look-up tells",
        "after",
        lost=True,
        silent=True,
    ),
    Outcome("7002", "결제되지만 빌링키가 발급되지 않음", "paid, but no billing key is made", "after", no_key=True),
    Outcome(
        "7004",
        "결제 후 KG가 자동취소: 이후 취소 실패(0044)",
        "paid, then undone at KG only: a cancel fails (0044)",
        "after",
        undone=True,
    ),
    Outcome(
        "7005",
        "결제 한 시간 뒤 통신사가 되돌림: 포트원도 취소로 말함",
        "paid, reversed by the carrier an hour later: PortOne says cancelled",
        "after",
        reversed="hour",
    ),
    Outcome(
        "7006",
        "결제한 다음 달에 통신사가 되돌림: 포트원도 취소로 말함",
        "paid, reversed by the carrier in the next month: PortOne says cancelled",
        "after",
        reversed="month",
    ),
    Outcome("8020", "취소 거절: 정보 불일치", "cancel refused: owner changed", "cancel", refusal_of("0020")),
    Outcome("8049", "취소 거절: 가맹점 잔액", "cancel refused: shop's balance", "cancel", refusal_of("0049")),
    Outcome(
        "8098", "첫 취소만 통신사 장애", "first cancel fails, the next works", "cancel", refusal_of("0098"), once=True
    ),
    Outcome("6016", "둘째 달부터 요금 미납", "later months: bill unpaid", "renewal", refusal_of("0016")),
    Outcome("6019", "둘째 달부터 1년 미이용 차단", "later months: unused for a year", "renewal", refusal_of("0019")),
    Outcome("6024", "둘째 달부터 월자동 차단", "later months: auto-billing blocked", "renewal", kg.MONTHLY_BLOCKED),
    Outcome("6031", "둘째 달부터 한도 초과", "later months: limit used up", "renewal", refusal_of("0031")),
    Outcome("6047", "둘째 달부터 인증내역 없음", "later months: no authentication", "renewal", refusal_of("0047")),
    Outcome("6058", "둘째 달부터 사용 불가 사이트", "later months: site not allowed", "renewal", refusal_of("0058")),
    Outcome("6060", "둘째 달부터 KG에 키 없음", "later months: key unknown at KG", "renewal", refusal_of("0060")),
    Outcome("6071", "둘째 달부터 서비스 불가", "later months: no such service", "renewal", kg.MONTHLY_NO_SERVICE),
    Outcome(
        "6116",
        "둘째 달부터 매달 첫 시도만 미납",
        "later months: first try unpaid, then approved",
        "renewal",
        refusal_of("0016"),
        once=True,
    ),
    Outcome("6001", "둘째 달부터 결제되지만 응답 유실", "later months: paid, answer lost", "renewal", lost=True),
    Outcome(
        "6003",
        "둘째 달부터 결제되지만 응답도 웹훅도 유실",
        "later months: paid, answer and webhook both lost",
        "renewal",
        lost=True,
        silent=True,
    ),
]
_BY_ENDING = {outcome.ending: outcome for outcome in OUTCOMES}
APPROVED = Outcome("", "그 밖의 번호: 승인", "any other number: approved", "approval")


def outcome_of(phone: str | None) -> Outcome:
    """The outcome of a phone number."""
    return _BY_ENDING.get((phone or "")[-4:], APPROVED)


def outcome_at(phone: str | None, when: str) -> Outcome:
    """The outcome of a phone number if it applies at this stage, else plain approval."""
    outcome = outcome_of(phone)
    return outcome if outcome.when == when else APPROVED
