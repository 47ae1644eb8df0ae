"""Words for the buyer where `labels.py` has words for staff: what became of a payment, why its money is held, and why
it cannot go back."""

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from payments.models import Cancellation

from .labels import LABELS, label
from .refusals import refusal_of

HELD = {
    "channel": _l("상점의 결제 설정과 맞지 않는 결제"),
    "method": _l("휴대폰 결제가 아닌 수단으로 결제됨"),
    "customer_uid": _l("신청하신 자동결제와 다른 결제"),
    "amount": _l("결제 금액이 주문 금액과 다름"),
    "currency": _l("통화가 원화가 아님"),
    "duplicate": _l("이미 결제된 주문에 한 번 더 결제됨"),
    "order_paid": _l("이미 결제된 주문에 한 번 더 결제됨"),
    "order_cancelled": _l("취소된 주문에 결제됨"),
    "out_of_stock": _l("결제 기한이 지난 뒤에 결제되었고 상품이 품절됨"),
    "already_subscribed": _l("이미 이용 중인 구독"),
    "first_month_late": _l("첫 달 결제가 다음 결제일이 지난 뒤에 확인됨"),
    "no_billing_key": _l("자동결제가 등록되지 않아 구독을 시작할 수 없음"),
    "key_channel": _l("자동결제 등록을 확인해야 하는 결제"),
    "partly_cancelled": _l("금액의 일부만 취소됨"),
    "refunded_by_bank": _l("계좌로 돌려드린 결제"),
}
PAYMENT = {"held": _l("결제 확인 중"), "refunded_by_bank": _l("환불됨 (계좌)")}
CANCEL = {
    "month": _l(
        "휴대폰 결제는 결제한 달에만 취소할 수 있습니다. "
        "지난달 결제는 판매자가 확인한 뒤 계좌로 돌려드리니 아래에서 신청해 주세요. "
        "받으실 계좌는 판매자가 주문자 연락처로 여쭙니다."
    ),
    "partly_cancelled": _l("금액의 일부만 취소되어 판매자가 확인하고 있습니다."),
    "refunded_by_bank": _l("결제하신 금액은 이미 계좌로 돌려드렸습니다."),
}
# Reasons of automatic cancels, as the event log and PortOne's console have them.
AUTOMATIC = (
    _l("주문 금액과 결제 금액이 달라 자동 취소"),
    _l("통화가 달라 자동 취소"),
    _l("이미 결제된 건에 중복 결제되어 자동 취소"),
    _l("이미 결제된 주문이라 자동 취소"),
    _l("취소된 주문에 결제되어 자동 취소"),
    _l("재고가 없어 자동 취소"),
    _l("이미 이용 중인 구독이라 자동 취소"),
    _l("첫 달 결제를 다음 결제일이 지난 뒤에 확인해 자동 취소"),
    _l("자동결제가 등록되지 않아 자동 취소"),
)


def why_held(reason: str) -> str:
    """Return why money is held, for its buyer."""
    return str(HELD.get(reason) or _("판매자가 확인해야 하는 결제"))


def payment_words(state: str) -> str:
    """Return the state of a payment for its buyer; `state` is a label key of kind `payment`."""
    return str(PAYMENT.get(state) or label("payment", state))


def why_not_cancelled(reason: str) -> str:
    """Return how a cancel ended or why there is none, for the buyer. `reason` is a label key, or KG's own words."""
    if reason in LABELS["cancel"]:
        return str(CANCEL.get(reason) or label("cancel", reason))
    refusal = refusal_of(reason)
    return f"{refusal.meaning} {refusal.advice}".strip()


def why_given_back(cancellation: Cancellation | None) -> str:
    """Return why a payment was cancelled automatically; empty for what a person wrote, which is for staff."""
    if cancellation is None or cancellation.requested_by or cancellation.requested_at is None:
        return ""
    return str(_(cancellation.reason))
