"""What does KG Mobilians refuse, and in which words? The texts are those of KG's result codes.

Where no source tells code or text, the sandbox speaks with codes of its own (`SANDBOX_…`) so that nobody takes them
for KG's or PortOne's: those are marked UNVERIFIED.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SMALLEST_AMOUNT = 301  # won, KG's old module in production
NAME_BYTES = 30
EMAIL_BYTES = 30
CODE_SECONDS = 180  # an approval number lives about three minutes

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
    """KG said no. `final`: the payment has failed; otherwise the buyer may try again in the same window."""

    def __init__(self, pg_code: str, message: str, final: bool) -> None:
        super().__init__(message)
        self.pg_code = pg_code
        self.message = message
        self.final = final


@dataclass(frozen=True)
class Refusal:
    """One result code of KG's with its text."""

    pg_code: str
    message: str


WRONG_CODE = Refusal("0043", "승인번호 또는 승인 내역이 일치하지 않습니다. 확인 후 다시 이용 부탁 드립니다.")
CODE_EXPIRED = Refusal("0043", "승인번호 유효시간이 경과되었습니다. 다시 시도 부탁 드립니다.")
NO_SUCH_PHONE = Refusal(
    "0011", "해당하는 휴대폰번호가 없습니다. 통신사 또는 휴대폰 번호를 정확히 입력 후 다시 시도 부탁드립니다."
)
WRONG_BIRTH = Refusal("0012", "가입자 주민번호 앞 7 자리가 정확하지 않습니다. 확인 후 다시 시도 부탁드립니다.")
USER_CANCELLED = "[결제포기] 사용자가 결제를 취소하셨습니다"

ALREADY_PAID = ("F1002", "이미 결제가 이루어진 거래건입니다.")


def check_request(params: Mapping[str, Any]) -> None:
    """The checks before a window opens that need no books. Raises Refused."""
    if isinstance(params.get("amount"), bool) or not isinstance(params.get("amount"), int | float):
        raise Refused(
            "SANDBOX_TYPE", "amount는 숫자여야 합니다."
        )  # UNVERIFIED code and text (checked since 2024-03-15)
    if not isinstance(params.get("merchant_uid"), str) or not params["merchant_uid"]:
        raise Refused("SANDBOX_TYPE", "merchant_uid는 문자열이어야 합니다.")  # UNVERIFIED code and text
    if not 2 <= len(params["merchant_uid"].encode("cp949", "replace")) <= 40:
        raise Refused("9107", "[9107] 결제요청자료 오류입니다.")
    if params.get("pay_method") != "phone":
        raise Refused("SANDBOX_PAY_METHOD", "이 샌드박스는 pay_method 'phone'만 받습니다.")  # UNVERIFIED
    if params["amount"] != int(params["amount"]):
        raise Refused("9110", "[9110] 결제요청자료 오류입니다.")
    if params["amount"] < SMALLEST_AMOUNT:
        raise Refused("SANDBOX_MINIMUM", f"휴대폰 소액결제는 {SMALLEST_AMOUNT}원 이상이어야 합니다.")  # UNVERIFIED text
    if not params.get("buyer_tel"):
        raise Refused("SANDBOX_BUYER_TEL", "buyer_tel은 필수입력입니다.")  # UNVERIFIED code and text
    if not isinstance(params.get("digital"), bool):
        raise Refused("SANDBOX_DIGITAL", "휴대폰 소액결제시 digital은 필수입력입니다.")  # text of PortOne's own client
    _check_lengths(params)


def _check_lengths(params: Mapping[str, Any]) -> None:
    for field, most, code in (("name", NAME_BYTES, "9109"), ("buyer_email", EMAIL_BYTES, "9114")):
        if len(str(params.get(field) or "").encode("cp949", "replace")) > most:
            raise Refused(code, f"[{code}] 결제요청자료 오류입니다.")
    if len(str(params.get("customer_uid") or "")) > 80:
        raise Refused("SANDBOX_CUSTOMER_UID", "customer_uid는 80자까지입니다.")  # UNVERIFIED code and text
