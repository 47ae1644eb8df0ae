"""Event reasons in the reader's language. The event log itself holds one language, for logs and programs.

What a person, KG or PortOne wrote is shown unchanged.
"""

import re

from flask_babel import lazy_gettext as _l

from .labels import LABELS, label

# Whole sentences, and the keys that stand for one.
PLAIN = {
    "opened": _l("결제창을 열도록 준비함"),
    "declined": _l("거절됨"),
    "already recorded": _l("이미 적은 내용"),
    "somebody else recorded it first": _l("다른 소식이 먼저 적음"),
    "status, amount, currency, method, channel and ids are what we asked for": _l(
        "상태, 금액, 통화, 수단, 채널, 번호가 모두 요청한 대로임"
    ),
    "status, amount, currency and ids are what we asked for": _l("모두 요청한 대로임"),
    "price, order and stock are in place": _l("금액, 주문, 재고가 맞음"),
    "another payment of the same merchant_uid was cancelled": _l("같은 번호의 다른 결제가 취소됨"),
    "only a part was cancelled": _l("일부 금액만 취소됨"),
    "another window of the same merchant_uid is paid too": _l("같은 주문의 다른 결제창에서도 결제됨"),
    "another window of the same merchant_uid is paid too, surplus": _l("같은 주문의 다른 결제창에서도 결제됨"),
    "cancelled at PortOne": _l("포트원에서 취소됨"),
    "PortOne says it is not one of our payments": _l("포트원에 따르면 이 가게의 결제가 아님"),
    "PortOne knows no such payment": _l("포트원이 모르는 결제"),
    "neither id is ours": _l("이 가게의 번호가 아님"),
    "the buyer cancelled the unpaid order": _l("구매자가 결제하지 않은 주문을 취소함"),
    "the buyer withdrew the cancellation request": _l("구매자가 취소 신청을 철회함"),
    "asked by hand": _l("사람이 다시 물음"),
    "not charged: the subscription has ended": _l("구독이 끝나 청구하지 않았습니다."),
    "not charged: that month is paid already": _l("그달은 이미 결제되어 청구하지 않았습니다."),
    "paid": _l("이미 결제된 주문"),
    "order_gone": _l("기한이 지났거나 취소된 주문"),
    "not_a_window": _l("결제창으로 낸 주문이 아님"),
}

# Sentences with placeholders: {} stands for a key that has a label (of the kinds in NAMED), or for any other text.
WITH_MORE = (
    ("a report of {} does not change a payment that is {}", _l("‘%(a)s’라는 답은 ‘%(b)s’인 결제를 바꾸지 않음")),
    ("paid, but not as asked: {}", _l("결제되었지만 요청과 다름: %(a)s")),
    ("paid, but cannot be honoured: {}", _l("결제되었지만 받을 수 없음: %(a)s")),
    (
        "another window of the same merchant_uid is paid too, and not as asked: {}",
        _l("같은 주문의 다른 결제창에서도 결제되었고 요청과 다름: %(a)s"),
    ),
    ("no answer to the cancel: {}", _l("취소 요청에 답이 없음: %(a)s")),
    ("no answer: {}", _l("답이 없음: %(a)s")),
    ("{}; PortOne knows no such payment", _l("%(a)s (포트원이 모르는 결제)")),
    ("surplus {} was given back", _l("한 번 더 결제된 %(a)s을(를) 돌려줌")),
    ("surplus {} was not given back: {}", _l("한 번 더 결제된 %(a)s을(를) 돌려주지 못함: %(b)s")),
    ("webhook {}", _l("웹훅 %(a)s번")),
)
NAMED = ("held", "cancel", "payment")

_PATTERNS = [(re.compile(re.escape(told).replace(r"\{\}", "(.+?)") + "$", re.DOTALL), text) for told, text in WITH_MORE]


def reason_label(reason: str) -> str:
    """Return the reason of an event in the reader's language."""
    if reason in PLAIN:
        return str(PLAIN[reason])
    for pattern, text in _PATTERNS:
        found = pattern.match(reason)
        if found:
            return str(text) % dict(zip("ab", map(_named, found.groups()), strict=False))
    return _named(reason)


def _named(key: str) -> str:
    kind = next((kind for kind in NAMED if key in LABELS[kind]), None)
    return label(kind, key) if kind else key
