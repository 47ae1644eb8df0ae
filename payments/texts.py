"""What buyers read from the payment endpoints, in Korean and English."""

from .extension import extension
from .portone.error_codes import Advice

TEXTS = {
    "no_id": {
        "ko": "imp_uid 또는 merchant_uid가 필요합니다.",
        "en": "imp_uid or merchant_uid is needed.",
    },
    "no_id_title": {"ko": "결제 번호 없이 돌아왔습니다", "en": "You came back without a payment id"},
    "see_orders": {
        "ko": "주문 내역에서 결제 상태를 확인해 주세요.",
        "en": "Please see your orders for how the payment stands.",
    },
    "not_found_title": {"ko": "결제를 찾을 수 없습니다", "en": "This payment cannot be found"},
    "not_found": {"ko": "결제를 찾을 수 없습니다.", "en": "This payment cannot be found."},
    "not_ours": {"ko": "이 쇼핑몰의 결제가 아닙니다.", "en": "It is not a payment of this shop."},
    "mismatch_title": {"ko": "결제 번호가 서로 다릅니다", "en": "The payment ids do not match"},
    "mismatch": {"ko": "다른 결제의 번호입니다.", "en": "These are another payment's ids."},
    "held": {
        "ko": "받을 수 없는 결제여서 취소하거나 확인하고 있습니다. 다시 결제하지 마세요.",
        "en": "This payment cannot be accepted; it is being cancelled or checked. Please do not pay again.",
    },
    "failed": {"ko": "결제되지 않았습니다.", "en": "The payment was not made."},
    "unknown": {
        "ko": "결제사의 응답을 기다리고 있습니다. 다시 결제하지 마시고 잠시 후 확인해 주세요.",
        "en": "We are waiting for the payment provider. Please do not pay again; look again in a moment.",
    },
}

# Shown in KG's window. The buyer's language is not known there, so Korean.
CONFIRM_REASONS = {
    "not_a_window": "주문을 찾을 수 없습니다",
    "amount": "주문 금액과 결제 금액이 다릅니다",
    "paid": "이미 결제된 주문입니다",
    "order_gone": "결제 기한이 지난 주문입니다",
}


def text(key: str) -> str:
    """Return a text in the reader's language; Korean for any language other than English."""
    return TEXTS[key]["en" if extension().language() == "en" else "ko"]


def meaning(advice: Advice) -> str:
    """Return what an error code means, in the reader's language."""
    return advice.meaning_en if extension().language() == "en" else advice.meaning_ko


def buyer_advice(advice: Advice) -> str:
    """Return what an error code's entry tells the buyer, in the reader's language."""
    return advice.buyer_en if extension().language() == "en" else advice.buyer_ko
