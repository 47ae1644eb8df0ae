"""Refusals of V1's API with their texts: observed ones, and the sandbox's own, marked UNVERIFIED."""


class ApiRefused(Exception):
    """A refusal by V1: usually HTTP 200 with a non-zero `code`."""

    def __init__(self, message: str, code: int = 1, status: int = 200) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.status = status


NO_SUCH_PAYMENT = "존재하지 않는 결제정보입니다."
NO_SUCH_STATUS = "지원되지 않는 상태값입니다."
NOT_PREPARED = "사전등록된 결제정보가 존재하지 않습니다."
PREPARED_ALREADY = "결제정보 사전등록에 실패하였습니다(이미 등록된 merchant_uid입니다)."
NO_BALANCE = (
    "(현재는 PAYCO, KCP만 지원됩니다) 결제건에 대한 금액상세정보가 확인되지 않습니다."
    " 결제 상태가 paid 또는 cancelled가 아닌 경우 확인되지 않습니다."
)
NOTHING_TO_CANCEL = "취소할 결제건이 존재하지 않습니다."
CANCELLED_ALREADY = "이미 전액취소된 주문입니다."
CANCEL_REFUSED = "결제취소에 실패하였습니다.(%s)"  # UNVERIFIED: whether the PG's code is included
NO_SUCH_BUYER = "등록되지 않은 구매자입니다."
NO_SUCH_CUSTOMER = "요청하신 customer_uid(%s)로 등록된 정보를 찾을 수 없습니다."
NO_KEY_TO_SCHEDULE = "등록된 고객정보가 없습니다."
NOTHING_TO_UNSCHEDULE = "취소할 예약결제 기록이 존재하지 않습니다."
NO_API_MODULE = "비인증결제모듈 사용정보를 찾을 수 없습니다."

# UNVERIFIED, all below: the sandbox's own texts, or texts observed at another endpoint.
ORDERED_ALREADY = "이미 주문이 이루어진 건입니다"  # observed at onetime; INF for `again`
NEITHER_UID = "imp_uid 또는 merchant_uid를 지정해주셔야합니다."  # only its end was observed
CHECKSUM_DIFFERS = "[샌드박스] checksum이 취소 가능한 잔액과 다릅니다."
MORE_THAN_LEFT = "[샌드박스] 취소 요청금액이 취소 가능한 잔액보다 큽니다."
BAD_FIELD = "[샌드박스] %s 파라메터를 확인하세요."
PAST_THE_END = "[샌드박스] 요청하신 페이지가 존재하지 않습니다."
TOO_MANY_IDS = "[샌드박스] 한 번에 100건까지 조회할 수 있습니다."
WINDOW_TOO_LONG = "[샌드박스] 조회 기간이 너무 길거나 올바르지 않습니다."
SCHEDULE_IN_THE_PAST = "[샌드박스] schedule_at은 현재 시각 이후여야 합니다."
SCHEDULED_ALREADY = "[샌드박스] 이미 사용된 merchant_uid입니다."
NO_SUCH_SCHEDULE = "[샌드박스] 예약결제 기록이 존재하지 않습니다."
SCHEDULE_NOT_WAITING = "[샌드박스] 이미 실행되었거나 취소된 예약입니다."
SCHEDULE_NOT_RETRIABLE = "[샌드박스] 대기 중이거나 승인된 예약은 다시 시도할 수 없습니다."
NO_SUCH_ADDRESS = "[샌드박스] 이 샌드박스가 흉내 내지 않는 주소입니다."


def bad_field(name: str) -> ApiRefused:
    """A parameter is missing or invalid. UNVERIFIED: status, code and text."""
    return ApiRefused(BAD_FIELD % name, -1, 400)
