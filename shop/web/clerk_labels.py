"""Labels of what a clerk is told on the back office's pages: the next step, sending, and refunds by bank."""

from flask_babel import lazy_gettext as _l

CLERK_LABELS = {
    # What to do now about one payment (`next_step.py`).
    "next": {
        "not_asked": _l("아직 모릅니다. 먼저 다시 물어 주세요."),
        "unanswered": _l("포트원이 답하지 않아 결과를 모릅니다. 다시 물어 주세요."),
        "not_paid": _l("결제되지 않았습니다. 할 일이 없습니다."),
        "wait": _l("취소를 요청했고 답을 기다립니다. 자동으로 다시 확인합니다."),
        "duplicate": _l("두 번째 결제가 돌아가지 않았습니다. 아래 ‘돌려주는 돈’에서 돌려주세요."),
        "cancelled": _l("이미 취소된 결제입니다. 할 일이 없습니다."),
        "refunded_by_bank": _l("계좌로 환불한 결제입니다. 할 일이 없습니다."),
        "decide": _l("받은 돈을 쓸지 정해 주세요. 보류를 풀거나 취소합니다."),
        "decide_by_bank": _l(
            "KG는 결제한 달에만 취소를 받습니다. 계좌로 환불한 뒤 적거나, 쓸 수 있는 돈이면 보류를 풀어 주세요."
        ),
        "cancel": _l("이 돈은 주문에 쓸 수 없습니다. 취소해 주세요."),
        "refund": _l("이 돈은 주문에 쓸 수 없고, KG는 결제한 달에만 취소를 받습니다. 계좌로 환불한 뒤 적어 주세요."),
        "wanted": _l("구매자가 취소를 신청했습니다. 취소하거나 신청을 거절해 주세요."),
        "wanted_by_bank": _l(
            "구매자가 취소를 신청했지만 KG는 결제한 달에만 취소를 받습니다. "
            "계좌로 환불한 뒤 적거나, 신청을 거절해 주세요."
        ),
        "send": _l("상품을 보내고 ‘발송함’을 눌러 주세요."),
        "nothing": _l("할 일이 없습니다."),
        "nothing_by_bank": _l(
            "할 일이 없습니다. KG는 결제한 달에만 취소를 받습니다. 돈을 돌려줄 때는 계좌로 환불한 뒤 적어 주세요."
        ),
    },
    # Why an order is not to be sent (`shipping.py`).
    "send": {
        "not_paid": _l("결제된 주문이 아니라 보내지 않습니다."),
        "digital": _l("보낼 상품이 없는 주문입니다."),
        "sent": _l("이미 발송한 주문입니다."),
        "wanted": _l("구매자가 취소를 신청했습니다. 보내기 전에 먼저 정해 주세요."),
        "cancelling": _l("취소하고 있는 주문이라 보내지 않습니다."),
    },
}
