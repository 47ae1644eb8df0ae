"""What happens to which phone number? The last four digits choose, so that any outcome can be had without a panel."""

from dataclasses import dataclass

from .kg import NO_SUCH_PHONE, Refusal


@dataclass(frozen=True)
class Outcome:
    """What a number leads to. `when`: at the identity check, at the approval, or after it."""

    ending: str
    ko: str
    en: str
    when: str = "approval"  # identity | approval | after
    refusal: Refusal | None = None
    lost: bool = False  # paid, but the answer never reaches the page
    no_key: bool = False  # paid, but the contract makes no billing key


def _at_identity(ending: str, code: str, message: str, ko: str, en: str) -> Outcome:
    return Outcome(ending, ko, en, "identity", Refusal(code, message))


def _at_approval(ending: str, code: str, message: str, ko: str, en: str) -> Outcome:
    return Outcome(ending, ko, en, "approval", Refusal(code, message))


OUTCOMES = [
    Outcome("0011", "없는 번호 또는 다른 통신사", "unknown number or wrong carrier", "identity", NO_SUCH_PHONE),
    _at_identity(
        "0013",
        "0013",
        "단말기 정지 상태로 사용이 불가능합니다.(분실/사용정지 확인 : 휴대폰 국번없이114)",
        "정지된 단말기",
        "suspended phone",
    ),
    _at_identity("0015", "0015", "법인 휴대폰은 소액결제를 이용하실 수 없습니다.", "법인 명의", "company phone"),
    _at_identity(
        "0023",
        "0023",
        "통신사 정보가 일치하지 않습니다. 정확히 선택 후 다시 이용 부탁 드립니다.",
        "통신사 불일치",
        "carrier does not match",
    ),
    _at_identity(
        "0024",
        "0024",
        "소액결제 이용 차단을 요청하신 번호입니다. 통신사로 차단해지 절차를 진행후 이용해주시기 바랍니다.",
        "소액결제 차단",
        "phone payments blocked by the owner",
    ),
    _at_identity(
        "0032", "0032", "미성년 명의의 휴대폰은 소액결제를 이용하실 수 없습니다.", "미성년 명의", "a minor's phone"
    ),
    _at_identity(
        "0054",
        "0054",
        "신규가입 및 명의변경 후 3 일 이내는 결제가 불가합니다.",
        "신규 가입 3일 이내",
        "new line, three days not over",
    ),
    _at_approval(
        "0016",
        "0016",
        "요금 미납으로 결제 불가합니다. 통신사로 납부 후 재시도 부탁드립니다.",
        "요금 미납",
        "phone bill unpaid",
    ),
    _at_approval(
        "0031",
        "0031",
        "당월 한도 초과로 결제 불가합니다. 익월에 다시 이용해주시기 바랍니다. (한도 확인 휴대폰 국번없이114)",
        "당월 한도 초과",
        "this month's limit used up",
    ),
    _at_approval(
        "0131",
        "0031",
        "1 회 한도가 초과되었습니다. 한도 확인 후 다시 시도 부탁드립니다.",
        "1회 한도 초과",
        "over the limit for one payment",
    ),
    _at_approval(
        "0098",
        "0098",
        "시스템 오류가 발생하였습니다. 잠시 후 다시 시도 부탁드립니다.",
        "통신사 장애",
        "carrier is down",
    ),
    Outcome(
        "7001", "결제 후 창이 닫힘: 웹훅만 도착", "paid, then the window is gone: webhook only", "after", lost=True
    ),
    Outcome("7002", "결제되지만 빌링키가 발급되지 않음", "paid, but no billing key is made", "after", no_key=True),
]
_BY_ENDING = {outcome.ending: outcome for outcome in OUTCOMES}
APPROVED = Outcome("", "그 밖의 번호: 승인", "any other number: approved", "after")


def outcome_of(phone: str) -> Outcome:
    """What the number with these digits leads to."""
    return _BY_ENDING.get(phone[-4:], APPROVED)
