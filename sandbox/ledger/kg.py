"""KG Mobilians' refusals: codes, texts, and the checks that need no database.

Codes and texts are those of KG's code book. Where no source documents them, the sandbox uses its own codes
(`SANDBOX_…`), marked UNVERIFIED, so that nobody mistakes them for KG's or PortOne's.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

LARGEST_AMOUNT = 10**9  # won; no source, an arbitrary upper bound
CODE_SECONDS = 180  # an approval number is valid for about three minutes
MERCHANT_UID_LENGTH = 40
CUSTOMER_UID_LENGTH = 80

# KG counts two bytes per Hangul character: (field, maximum bytes, refusal code). UNVERIFIED: the last code.
BYTE_LIMITS = (("buyer_email", 30, "9114"), ("buyer_name", 30, "SANDBOX_BUYER_NAME"))

CARRIERS = {
    "SKT": "SKT",
    "KTF": "KT",
    "LGT": "LG U+",
    "CJH": "헬로모바일",
    "KCT": "KCT",
    "SKL": "SK세븐모바일",
}


class Refused(Exception):
    """The payment window does not open. `error_code` may be None; the message is for the buyer."""

    def __init__(self, error_code: str | None, error_msg: str) -> None:
        super().__init__(error_msg)
        self.error_code = error_code
        self.error_msg = error_msg


class Declined(Exception):
    """KG declined. `final`: the payment has failed; otherwise the buyer may try again in the same window."""

    def __init__(self, pg_code: str, message: str, final: bool) -> None:
        super().__init__(message)
        self.pg_code = pg_code
        self.message = message
        self.final = final


@dataclass(frozen=True)
class Refusal:
    """A KG result code with its text."""

    pg_code: str
    message: str


# One text per code; further texts of the same code are below.
TEXTS = {
    "0011": "해당하는 휴대폰번호가 없습니다. 통신사 또는 휴대폰 번호를 정확히 입력 후 다시 시도 부탁드립니다.",
    "0012": "가입자 주민번호 앞 7 자리가 정확하지 않습니다. 확인 후 다시 시도 부탁드립니다.",
    "0013": "단말기 정지 상태로 사용이 불가능합니다.(분실/사용정지 확인 : 휴대폰 국번없이114)",
    "0015": "법인 휴대폰은 소액결제를 이용하실 수 없습니다.",
    "0016": "요금 미납으로 결제 불가합니다. 통신사로 납부 후 재시도 부탁드립니다.",
    # The original text is longer; no readable source has the rest.
    "0019": "월자동 소액결제 1 년 미이용으로 차단된 번호입니다.",
    "0020": "결제시 등록된 정보와 현재의 정보가 불일치 하여 취소 불가능합니다.",
    "0023": "통신사 정보가 일치하지 않습니다. 정확히 선택 후 다시 이용 부탁 드립니다.",
    "0024": "소액결제 이용 차단을 요청하신 번호입니다. 통신사로 차단해지 절차를 진행후 이용해주시기 바랍니다.",
    "0031": "당월 한도 초과로 결제 불가합니다. 익월에 다시 이용해주시기 바랍니다. (한도 확인 휴대폰 국번없이114)",
    "0032": "미성년 명의의 휴대폰은 소액결제를 이용하실 수 없습니다.",
    "0035": "소액결제 이용 동의를 하지 않은 번호입니다. 통신사로 이용동의 절차를 진행후 이용해주시기 바랍니다.",
    "0039": "반복적인 실패로 당일 결제가 불가합니다. 익일 다시 시도 부탁드립니다.",
    "0041": "취소 할 내역이 존재하지 않습니다.",
    "0042": "취소기간이 경과되어 구매취소를 하실 수 없습니다.",
    "0043": "승인번호 또는 승인 내역이 일치하지 않습니다. 확인 후 다시 이용 부탁 드립니다.",
    "0044": "선택하신 내역은 이미 취소가 완료 되었습니다.",
    "0045": "취소 요청하신 거래정보가 일치하지 않습니다. 정보 확인 후 다시 이용 부탁 드립니다.",
    "0047": "인증내역이 없는 결제요청입니다.",
    "0049": "현재 가맹점 사유로 환불이 불가합니다. 결제하신 사이트로 문의주시기 바랍니다.",
    "0052": "상점거래번호 중복으로 결제가 불가한 거래입니다. 처음부터 다시 시도 부탁드립니다.",
    "0054": "신규가입 및 명의변경 후 3 일 이내는 결제가 불가합니다.",
    "0058": "자동결제 사용 불가 사이트입니다. 통신사로 확인 부탁드립니다. (문의 : 국번없이 114)",
    "0060": "등록된 자동결제 거래정보가 존재하지 않습니다.",
    "0071": "등록되지 않은 서비스 입니다. 결제하고자 하는 사이트로 문의 주시기 바랍니다.",
    "0096": "결제금액이 상이합니다. 결제금액 확인 후 재시도 부탁드립니다.",
    "0097": "요청 자료에 오류가 있습니다. 결제 하고자 하는 사이트로 문의 주시기 바랍니다.",
    "0098": "시스템 오류가 발생하였습니다. 잠시 후 다시 시도 부탁드립니다.",
    "0099": "현재 사용자가 많아서 서비스가 지연되고 있습니다. 잠시후 사용해 주십시오",
}


def refusal_of(pg_code: str) -> Refusal:
    """The refusal with KG's usual text of this code. KeyError for an unknown code."""
    return Refusal(pg_code, TEXTS[pg_code])


WRONG_CODE = refusal_of("0043")
CODE_EXPIRED = Refusal("0043", "승인번호 유효시간이 경과되었습니다. 다시 시도 부탁 드립니다.")
NO_SUCH_PHONE = refusal_of("0011")
WRONG_BIRTH = refusal_of("0012")
LIMIT_ONCE = Refusal("0031", "1 회 한도가 초과되었습니다. 한도 확인 후 다시 시도 부탁드립니다.")
MONTHLY_BLOCKED = Refusal(
    "0024",
    "월자동 소액결제 이용 차단을 요청하신 번호입니다. 통신사로 월자동 소액결제 차단 해제후 이용바랍니다.",
)
MONTHLY_NO_SERVICE = Refusal(
    "0071", "자동결제 서비스가 불가한 상점입니다. 결제하고자 하는 사이트로 문의 주시기 바랍니다."
)
USER_CANCELLED = "[결제포기] 사용자가 결제를 취소하셨습니다"  # observed as fail_reason with the older SDK
ALREADY_PAID = ("F1002", "이미 결제가 이루어진 거래건입니다.")


# --- before a window opens ---


def check_request(params: Mapping[str, Any]) -> None:
    """Checks of values that hold for both modules, after `check_types`. Raises Refused."""
    if kg_bytes(params["merchant_uid"]) > MERCHANT_UID_LENGTH:
        raise Refused("9107", "[9107] 결제요청자료 오류입니다.")
    if params["amount"] != int(params["amount"]):
        raise Refused("9110", "[9110] 결제요청자료 오류입니다.")
    if params["amount"] > LARGEST_AMOUNT:  # UNVERIFIED code and text
        raise Refused("SANDBOX_MAXIMUM", f"결제 금액은 {LARGEST_AMOUNT}원 이하여야 합니다.")
    if not (params.get("name") or "").strip():  # `name` is required; UNVERIFIED: the code for an empty one
        raise Refused("9109", "[9109] 결제요청자료 오류입니다.")
    if params.get("currency") not in (None, "", "KRW"):  # UNVERIFIED code and text
        raise Refused("SANDBOX_CURRENCY", "휴대폰 소액결제의 currency는 KRW만 가능합니다.")
    _check_lengths(params)


def check_types(params: Mapping[str, Any]) -> None:
    """Types are checked since 2024-03-15; UNVERIFIED codes and texts. Raises Refused."""
    amount = params.get("amount")
    if isinstance(amount, bool) or not isinstance(amount, int | float) or amount != amount or abs(amount) > 10**15:
        raise Refused("SANDBOX_TYPE", "amount는 숫자여야 합니다.")
    if not isinstance(params.get("merchant_uid"), str) or not params["merchant_uid"]:
        raise Refused("SANDBOX_TYPE", "merchant_uid는 문자열이어야 합니다.")
    texts = ("name", "buyer_name", "buyer_email", "buyer_tel", "buyer_addr", "buyer_postcode", "currency")
    for field in (*texts, "customer_uid", "channelKey", "pg", "m_redirect_url", "confirm_url", "company", "language"):
        if params.get(field) is not None and not isinstance(params[field], str):
            raise Refused("SANDBOX_TYPE", f"{field}는 문자열이어야 합니다.")
    notice_url = params.get("notice_url")
    listed = notice_url if isinstance(notice_url, list) else [notice_url]
    if not all(url is None or isinstance(url, str) for url in listed):
        raise Refused("SANDBOX_TYPE", "notice_url은 문자열 또는 문자열 배열이어야 합니다.")


def _check_lengths(params: Mapping[str, Any]) -> None:
    for field, most, code in BYTE_LIMITS:
        if kg_bytes(params.get(field) or "") > most:
            raise Refused(code, f"[{code}] 결제요청자료 오류입니다.")
    if len(params.get("customer_uid") or "") > CUSTOMER_UID_LENGTH:  # UNVERIFIED code and text
        raise Refused("SANDBOX_CUSTOMER_UID", f"customer_uid는 {CUSTOMER_UID_LENGTH}자까지입니다.")


def kg_bytes(text: str) -> int:
    """Length as KG counts it: one byte for ASCII, two for Hangul."""
    return len(text.encode("cp949", "replace"))


# --- identity ---


def check_identity(carrier: str, phone: str, birth: str, gender: str) -> None:
    """Validate carrier code, mobile number, birth date YYMMDD and the digit after it.

    Raises Declined, never final, so that the buyer can correct the input.
    """
    if carrier not in CARRIERS or not (phone.isascii() and phone.isdigit() and len(phone) in (10, 11)):
        raise Declined(NO_SUCH_PHONE.pg_code, NO_SUCH_PHONE.message, final=False)
    if not phone.startswith("01"):
        raise Declined(NO_SUCH_PHONE.pg_code, NO_SUCH_PHONE.message, final=False)
    is_date = birth.isascii() and birth.isdigit() and len(birth) == 6
    if not is_date or not ("01" <= birth[2:4] <= "12" and "01" <= birth[4:6] <= "31"):
        raise Declined(WRONG_BIRTH.pg_code, WRONG_BIRTH.message, final=False)
    if gender not in tuple("12345678"):
        raise Declined(WRONG_BIRTH.pg_code, WRONG_BIRTH.message, final=False)
