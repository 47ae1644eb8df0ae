"""Labels of states, reasons and sources on pages: Korean here, English in the translation catalogue."""

from flask_babel import lazy_gettext as _l

from payments.models import REFUNDED_BY_BANK, Payment
from shop.orders.buyer_input import InvalidText

from .clerk_labels import CLERK_LABELS

LABELS = CLERK_LABELS | {
    "order": {
        "pending": _l("결제 대기"),
        "paid": _l("결제 완료"),
        "expired": _l("결제되지 않음"),
        "cancelled": _l("취소됨"),
    },
    "payment": {
        "ready": _l("결제 대기"),
        "paid": _l("결제 완료"),
        "failed": _l("결제 실패"),
        "cancelled": _l("취소됨"),
        "held": _l("확인 필요"),
        "wanted": _l("구매자가 취소 신청"),
        "unknown": _l("응답을 모름"),
        "stuck": _l("끝나지 않은 취소"),
        "duplicate": _l("돌려주지 못한 두 번째 결제"),
        "refunded_by_bank": _l("계좌로 환불함"),
        "key_gone": _l("빌링키가 없어진 구독"),
    },
    "billing_key": {
        "issuing": _l("발급 중"),
        "active": _l("사용 중"),
        "ended": _l("종료됨"),
        "abandoned": _l("발급 중단"),
        "absent": _l("발급되지 않음"),
        "deleted": _l("삭제됨"),
    },
    "subscription": {
        "pending": _l("시작 대기"),
        "active": _l("이용 중"),
        "past_due": _l("결제 지연"),
        "ended": _l("해지됨"),
    },
    "held": {
        "channel": _l("다른 종류의 채널(테스트/실서비스)로 결제됨"),
        "method": _l("휴대폰 결제가 아닌 수단으로 결제됨"),
        "customer_uid": _l("요청한 빌링키와 다른 결제"),
        "amount": _l("결제 금액이 주문 금액과 다름"),
        "currency": _l("통화가 원화가 아님"),
        "duplicate": _l("이미 결제된 주문에 한 번 더 결제됨"),
        "order_paid": _l("이미 결제된 주문에 결제됨"),
        "order_cancelled": _l("취소된 주문에 결제됨"),
        "out_of_stock": _l("기한이 지난 뒤 결제되었고 재고가 없음"),
        "already_subscribed": _l("이미 이용 중인 구독"),
        "first_month_late": _l("첫 달 결제를 다음 결제일이 지난 뒤에 확인함"),
        "no_billing_key": _l("결제되었지만 빌링키가 발급되지 않아 구독을 시작할 수 없음"),
        "key_channel": _l("빌링키가 다른 종류의 채널(테스트/실서비스)에서 발급됨"),
        "partly_cancelled": _l("일부 금액만 취소됨"),
        "refunded_by_bank": _l("계좌로 환불함"),
    },
    "outcome": {
        "ready": _l("시작"),
        "paid": _l("결제 완료"),
        "failed": _l("결제 실패"),
        "cancelled": _l("취소됨"),
        "held": _l("보류"),
        "unchanged": _l("변화 없음"),
        "mismatch": _l("다른 결제의 번호"),
        "unknown": _l("응답 없음"),
        "not_found": _l("없는 결제"),
        "requested": _l("취소 요청"),
        "refused": _l("거절"),
        "released": _l("보류 해제"),
        "expired": _l("기한 지남"),
        "allowed": _l("승인 허락"),
        "wanted": _l("취소 신청"),
        "withdrawn": _l("취소 신청을 철회함"),
        "order_cancelled": _l("주문 취소"),
        "left": _l("사람이 볼 것"),
    },
    "cancel": {
        "done": _l("취소했습니다. 휴대폰 요금에서 빠집니다."),
        "already": _l("이미 취소된 결제입니다."),
        "not_paid": _l("결제된 적이 없어 취소할 것이 없습니다."),
        "month": _l("KG는 결제한 달에만 취소를 받습니다. 지난달 결제는 계좌 이체 등 다른 방법으로 돌려드려야 합니다."),
        "in_progress": _l("취소하고 있습니다. 잠시 뒤 확인해 주세요."),
        "unknown": _l("취소 응답을 받지 못했습니다. 다시 누르지 않아도 자동으로 확인합니다."),
        "partly_cancelled": _l("일부 금액만 취소되었습니다."),
        "refunded_by_bank": _l("이미 계좌로 환불한 결제입니다."),
        "cancellable": _l("아직 KG에서 취소할 수 있는 결제입니다. 먼저 취소해 주세요."),
    },
    "cancellation": {
        "requested": _l("취소 요청 중"),
        "done": _l("취소됨"),
        "refused": _l("돌려주지 못함"),
        "by_bank": _l("계좌로 환불함"),
        "undone_by_carrier": _l("통신사가 되돌림"),
        "undone_elsewhere": _l("다른 곳에서 취소됨"),
    },
    "refusal": {
        "month": _l("KG는 결제한 달에만 취소를 받습니다. 계좌로 돌려준 뒤 기록해 주세요."),
        "channel": _l("다른 종류의 채널(테스트/실서비스)로 결제됨"),
        "method": _l("휴대폰 결제가 아닌 수단으로 결제됨"),
        "customer_uid": _l("요청한 빌링키와 다른 결제"),
        "undone_at_kg": _l("통신사나 KG가 이미 취소한 결제입니다."),
        "partly_cancelled": _l("일부 금액만 취소됨"),
    },
    "to_do": {
        "held": _l("보류된 결제"),
        "wanted": _l("구매자의 취소 신청"),
        "unknown": _l("응답을 모르는 결제"),
        "stuck": _l("끝나지 않은 취소"),
        "duplicate": _l("돌려주지 못한 두 번째 결제"),
        "to_send": _l("발송 대기"),
    },
    "to_do_why": {
        "held": _l("돈은 들어왔지만 주문에 쓸 수 없습니다"),
        "wanted": _l("판매자의 확인을 기다립니다"),
        "unknown": _l("포트원이 아직 결과를 알려 주지 않았습니다"),
        "stuck": _l("돈이 아직 돌아가지 않았습니다"),
        "duplicate": _l("한 주문이 두 번 결제되었고 한쪽이 돌아가지 않았습니다"),
        "to_send": _l("결제되었고 아직 발송하지 않았습니다"),
        "key_gone": _l("포트원에 빌링키가 없어 결제하지 못했습니다. 기한이 지나면 구독이 끝납니다"),
    },
    "pg": {
        "mobilians": _l("KG 휴대폰(구모듈)"),
        "mobilians_v2": _l("KG 휴대폰(신모듈)"),
    },
    "in_app": {
        "kakaotalk": _l("카카오톡"),
        "naver": _l("네이버 앱"),
        "instagram": _l("인스타그램"),
    },
    "kind": {
        "once": _l("한 번 결제"),
        "first": _l("첫 달 (빌링키 발급)"),
        "renewal": _l("월 결제"),
    },
    "moment": {
        "begun": _l("결제 시도를 만듦"),
        "approved": _l("KG가 결제를 승인함"),
        "declined": _l("KG가 결제를 거절함"),
        "cancel_requested": _l("취소를 요청하기로 적어 둠"),
        "given_back": _l("KG가 결제를 취소함"),
    },
    "difference": {
        "theirs_only": _l("포트원에만 있음"),
        "ours_only": _l("우리에게만 있음"),
        "state": _l("상태가 다름"),
        "amount": _l("금액이 다름"),
        "duplicate": _l("한 번 더 결제됨"),
        "undone_at_kg": _l("KG가 스스로 되돌림"),
        "unreadable": _l("읽을 수 없음"),
    },
    "advice": {
        "theirs_only": _l("이 가게의 번호가 아닙니다. 같은 계정을 쓰는 다른 서비스의 결제인지 확인하세요."),
        "ours_only": _l("포트원 계정과 채널 설정을 확인하고 포트원에 문의하세요."),
        "state": _l("다시 물으면 맞춰집니다."),
        "amount": _l("다시 물으면 맞춰지거나 보류됩니다."),
        "duplicate": _l("다시 물으면 남는 결제를 돌려줍니다."),
        "undone_at_kg": _l(
            "테스트 채널이면 KG가 그날 스스로 취소한 것입니다. 실서비스라면 통신사나 KG가 되돌렸으니 KG에 문의하세요."
        ),
        "unreadable": _l("포트원 콘솔에서 이 결제를 확인하세요. 이 가게의 결제가 아니면 그대로 두셔도 됩니다."),
    },
    "release": {
        "not_held": _l("보류된 결제가 아닙니다."),
        "unknown": _l("포트원에서 이 결제를 확인하지 못했습니다. 잠시 후 다시 시도해 주세요."),
        "cancel_in_progress": _l("이미 취소하고 있는 결제입니다."),
        "refunded_by_bank": _l("이미 계좌로 환불한 결제입니다."),
        "no_subscription": _l("이 결제로는 구독을 이어 갈 수 없습니다(KG는 다음 달을 이 결제와 비교합니다)."),
        "duplicate": _l("다른 결제로 이미 결제된 주문입니다."),
        "key_channel": _l("빌링키가 다른 종류의 채널(테스트/실서비스)에서 발급되었습니다. 채널 설정을 확인해 주세요."),
        "order_paid": _l("이미 결제된 주문입니다."),
        "order_cancelled": _l("주문이 이미 끝나 이 결제로 되살릴 수 없습니다."),
        "out_of_stock": _l("재고가 없어 주문을 되살릴 수 없습니다."),
    },
    "ended": {
        "by_buyer": _l("구독을 해지하셨습니다."),
        "by_admin": _l("판매자가 구독을 해지했습니다."),
        "missed": _l("기한 안에 결제되지 않아 구독이 끝났습니다."),
        "cancelled": _l("한 달 치 결제가 취소되어 구독이 끝났습니다."),
        "key_gone": _l("자동결제를 더 이상 쓸 수 없어 구독이 끝났습니다."),
        "replaced": _l("결제하기 전에 다른 구독으로 바꾸셨습니다."),
    },
    "charge": {
        "charged": _l("이번 달 결제를 마쳤습니다."),
        "declined": _l("KG가 결제를 거절했습니다. 기한 안에 다시 시도합니다."),
        "held": _l("이번 달 결제 금액이 보류되어 있습니다. 먼저 확인해 주세요."),
        "unknown": _l("응답을 받지 못했습니다. 다시 묻기 전에 조회부터 합니다."),
        "to_send": _l("결제되었고 아직 발송하지 않았습니다"),
        "key_gone": _l("포트원에 빌링키가 없습니다. 구독은 결제 기한까지 남아 있고, 그 뒤에 끝납니다."),
        "ended": _l("결제 기한이 지나 구독이 끝났습니다."),
        "in_flight": _l("다른 실행이 지금 결제를 요청하고 있습니다."),
        "skipped": _l("아직 때가 되지 않아 건너뛰었습니다."),
        "none": _l("지금은 결제할 것이 없습니다."),
        "error": _l("오류로 처리하지 못했습니다. 기록을 확인해 주세요."),
    },
    "month": {
        "early": _l("결제일이 아직 오지 않았습니다. KG는 한 달에 한 번, 같은 날 결제를 요구합니다."),
        "due": _l("지금 결제할 수 있습니다."),
        "declined": _l("KG가 거절한 지 네 시간이 지나지 않았습니다. 그 뒤에 다시 시도합니다."),
        "in_flight": _l("지금 결제를 요청하고 있습니다."),
        "unanswered": _l("요청의 답을 받지 못했습니다. 다시 묻기 전에 조회부터 합니다."),
        "held": _l("이번 달 결제 금액이 보류되어 있습니다. 먼저 확인해 주세요."),
        "closed": _l("이번 달 결제 기한이 지났습니다. 다음 실행 때 구독이 끝납니다."),
    },
    "act": {
        "charge": _l("이번 달 결제"),
        "delete_key": _l("빌링키 삭제"),
        "run": _l("월 결제 실행"),
        "ask": _l("다시 묻기"),
        "cancel": _l("취소하기로 함"),
        "refuse": _l("받지 않기로 함"),
        "release": _l("보류를 풀기로 함"),
        "decline": _l("취소 신청을 거절함"),
        "bank_refund": _l("계좌 환불 기록"),
        "send": _l("발송함"),
        "parcel": _l("운송장 고침"),
        "review": _l("대사에서 살펴봄"),
        "reopen": _l("대사에서 다시 엶"),
        "replay": _l("웹훅 다시 확인"),
        "resend": _l("알림 다시 보내기"),
        "repair": _l("대사 복구"),
    },
    "field": {
        "required": _l("입력해 주세요."),
        "name_missing": _l("이름을 글자로 입력해 주세요."),
        "name_long": _l("이름이 너무 깁니다. 한글 15자, 영문 30자까지 적을 수 있습니다."),
        "name_character": _l("이름에 쓸 수 없는 문자입니다: %(character)s. 한글이나 영문으로 적어 주세요."),
        "tel_missing": _l("휴대폰 번호를 입력해 주세요."),
        "tel_letters": _l("휴대폰 번호에 숫자가 아닌 글자가 있습니다: %(characters)s"),
        "tel_abroad": _l("다른 나라의 번호입니다. 한국 휴대폰 번호를 적어 주세요."),
        "tel_land_line": _l("%(start)s 번호는 휴대폰이 아닙니다. 010으로 시작하는 휴대폰 번호를 적어 주세요."),
        "tel_start": _l("휴대폰 번호는 010으로 시작합니다."),
        "tel_short": _l("숫자가 %(count)s개 모자랍니다. %(start)s 뒤에 %(rest)s자리를 적어 주세요."),
        "tel_long": _l("숫자가 %(count)s개 많습니다. %(start)s 뒤에 %(rest)s자리를 적어 주세요."),
        "email": _l("이메일 주소를 확인해 주세요."),
        "email_character": _l("이메일 주소에 쓸 수 없는 문자입니다: %(character)s"),
        "addr_long": _l("주소가 너무 깁니다. %(most)s자까지 적을 수 있습니다."),
        "addr_character": _l("주소에 쓸 수 없는 문자입니다: %(character)s"),
        "addr_detail_long": _l("상세주소가 너무 깁니다. %(most)s자까지 적을 수 있습니다."),
        "addr_detail_character": _l("상세주소에 쓸 수 없는 문자입니다: %(character)s"),
        "note_long": _l("배송 메모가 너무 깁니다. %(most)s자까지 적을 수 있습니다."),
        "note_character": _l("배송 메모에 쓸 수 없는 문자입니다: %(character)s"),
        "recipient_missing": _l("받는 분의 이름을 글자로 입력해 주세요."),
        "recipient_long": _l("받는 분의 이름이 너무 깁니다. %(most)s자까지 적을 수 있습니다."),
        "recipient_character": _l("받는 분의 이름에 쓸 수 없는 문자입니다: %(character)s"),
        "contact": _l("받는 분의 연락처를 지역번호나 010부터 숫자로 적어 주세요."),
        "postcode": _l("우편번호 다섯 자리를 입력해 주세요."),
    },
    "source": {
        "checkout": _l("주문서"),
        "callback": _l("결제창 콜백"),
        "redirect": _l("모바일 리다이렉트"),
        "webhook": _l("웹훅"),
        "sweep": _l("자동 확인"),
        "charge": _l("월 결제"),
        "admin": _l("관리자"),
        "buyer": _l("구매자"),
        "confirm": _l("승인 전 확인"),
        "reconcile": _l("대사"),
    },
}


def label(kind: str, value: str | None) -> str:
    """Return the label of `value` in the reader's language; an unknown value is returned as it is."""
    return str(LABELS[kind].get(value or "", value or ""))


def payment_state(payment: Payment) -> str:
    """Return the state of a payment as pages show it (a label key of kind `payment`); also of a row of its table."""
    if payment.held_reason:
        return REFUNDED_BY_BANK if payment.held_reason == REFUNDED_BY_BANK else "held"
    return payment.status


def field_label(wrong: InvalidText) -> str:
    """Return what is wrong with a field of a form, in the reader's language."""
    return label("field", wrong.code) % wrong.facts


def event_label(outcome: str) -> str:
    """Return the label of an event's outcome: what staff did, or what was decided."""
    return label("act" if outcome in LABELS["act"] else "outcome", outcome)
