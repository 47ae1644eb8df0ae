"""The payment's page says what to do now in one sentence, and a refund by bank closes the case everywhere."""

from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from payments import clock, reconcile
from payments.cancellations import cancellation_of
from payments.database import db, end_reading, transaction
from payments.events import Notification
from payments.models import Event, Payment
from payments.portone.report import OutcomeUnknown
from payments.sync import sync_payment
from shop.backoffice import figures
from shop.orders import orders
from shop.web.labels import LABELS
from tests import clocks
from tests.conftest import order_of, sign_in
from tests.payments.fakes import FakeProvider
from tests.shop.backoffice.test_office import admin, again, do, held, opened, paid, text_of, viewer  # noqa: F401

NEXT_MONTH = timedelta(days=40)
REFUND = {
    "refunded_at": "2054-12-20",
    "bank": "국민은행",
    "account": "123456-04-567890",
    "note": "통화함",
    "reason": "지난달 결제",
}


def page_of(client: FlaskClient, payment: Payment) -> str:
    return text_of(client.get(f"/admin/payments/{payment.merchant_uid}").get_data(as_text=True))


def next_step(client: FlaskClient, payment: Payment) -> str:
    """The sentence of the page that says what to do now."""
    page = client.get(f"/admin/payments/{payment.merchant_uid}").get_data(as_text=True)
    assert page.count('class="next-step"') == 1
    return text_of("<main" + page.split('class="next-step"', 1)[1].split("</p>", 1)[0]).split(">", 1)[-1].strip()


def refund(client: FlaskClient, payment: Payment, **changed: str) -> str:
    answer = do(client, f"payments/{payment.merchant_uid}/bank-refund", **(REFUND | changed))
    return text_of(answer.get_data(as_text=True))


# --- what to do now ---


def test_phone_of_the_buyer_is_whole_while_a_request_or_held_money_waits_for_an_operator(
    admin: FlaskClient,  # noqa: F811
    paid: Payment,  # noqa: F811
) -> None:
    assert "010-****-5678" in page_of(admin, paid)
    with transaction():
        db.session.get_one(type(order_of(paid)), int(paid.purchase_id)).cancel_wanted_at = clock.now()
    assert "010-1234-5678" in page_of(admin, paid)
    do(admin, f"payments/{paid.merchant_uid}/decline", reason="이미 보냈습니다")
    assert "010-****-5678" in page_of(admin, paid)
    with transaction():
        db.session.get_one(Payment, paid.id).held_reason = "channel"
    assert "010-1234-5678" in page_of(admin, paid)


def test_a_payment_that_nobody_has_asked_about_is_not_called_unpaid(
    admin: FlaskClient,  # noqa: F811
    provider: FakeProvider,
    opened: Payment,  # noqa: F811
) -> None:
    assert next_step(admin, opened) == "아직 모릅니다. 먼저 다시 물어 주세요."
    answer = do(admin, f"payments/{opened.merchant_uid}/cancel", reason="취소")
    page = text_of(answer.get_data(as_text=True))
    assert "아직 모릅니다. 먼저 다시 물어 주세요." in page and "결제된 적이 없어" not in page
    do(admin, f"payments/{opened.merchant_uid}/ask")  # PortOne knows no such payment
    assert next_step(admin, opened) == "결제되지 않았습니다. 할 일이 없습니다."


def test_a_look_up_without_an_answer_is_to_be_repeated(
    admin: FlaskClient,  # noqa: F811
    provider: FakeProvider,
    opened: Payment,  # noqa: F811
) -> None:
    provider.trouble = OutcomeUnknown("time-out")
    do(admin, f"payments/{opened.merchant_uid}/ask")
    assert next_step(admin, opened) == "포트원이 답하지 않아 결과를 모릅니다. 다시 물어 주세요."


def test_held_money_that_kg_can_no_longer_cancel_is_never_both_uncancellable_and_to_be_cancelled(
    admin: FlaskClient,  # noqa: F811
    provider: FakeProvider,
    paid: Payment,  # noqa: F811
) -> None:
    with transaction():
        db.session.get_one(Payment, paid.id).held_reason = "duplicate"
    assert next_step(admin, paid) == "이 돈은 주문에 쓸 수 없습니다. 취소해 주세요."
    clocks.later(NEXT_MONTH)
    step = "이 돈은 주문에 쓸 수 없고, KG는 결제한 달에만 취소를 받습니다. 계좌로 환불한 뒤 적어 주세요."
    assert next_step(admin, paid) == step
    refused = text_of(do(admin, f"payments/{paid.merchant_uid}/release", reason="확인").get_data(as_text=True))
    assert "취소해 주세요" not in refused and "취소할 수 없음" not in refused


def test_held_money_that_may_be_kept_is_to_be_decided(
    admin: FlaskClient,  # noqa: F811
    held: Payment,  # noqa: F811
) -> None:
    assert next_step(admin, held) == "받은 돈을 쓸지 정해 주세요. 보류를 풀거나 취소합니다."
    clocks.later(NEXT_MONTH)
    step = "KG는 결제한 달에만 취소를 받습니다. 계좌로 환불한 뒤 적거나, 쓸 수 있는 돈이면 보류를 풀어 주세요."
    assert next_step(admin, held) == step


@pytest.mark.parametrize(
    ("later", "step"),
    [
        (timedelta(0), "구매자가 취소를 신청했습니다. 취소하거나 신청을 거절해 주세요."),
        (
            NEXT_MONTH,
            "구매자가 취소를 신청했지만 KG는 결제한 달에만 취소를 받습니다. "
            "계좌로 환불한 뒤 적거나, 신청을 거절해 주세요.",
        ),
    ],
)
def test_a_cancellation_request_is_to_be_decided(
    later: timedelta,
    step: str,
    admin: FlaskClient,  # noqa: F811
    paid: Payment,  # noqa: F811
) -> None:
    with transaction():
        orders.request_cancel(order_of(paid), "마음이 바뀜")
    clocks.later(later)
    assert next_step(admin, paid) == step


def test_a_cancelled_payment_and_a_paid_one_need_nothing(
    admin: FlaskClient,  # noqa: F811
    paid: Payment,  # noqa: F811
) -> None:
    assert next_step(admin, paid) == "할 일이 없습니다."
    do(admin, f"payments/{paid.merchant_uid}/cancel", reason="요청")
    assert next_step(admin, paid) == "이미 취소된 결제입니다. 할 일이 없습니다."


def test_a_second_payment_that_was_not_given_back_is_named(
    admin: FlaskClient,  # noqa: F811
    provider: FakeProvider,
    paid: Payment,  # noqa: F811
) -> None:
    second = provider.hears_of(paid.merchant_uid, amount=paid.amount)
    provider.cancel_answers = ["refused"]
    sync_payment(provider, Notification("webhook", second.imp_uid, paid.merchant_uid))
    assert next_step(admin, paid).startswith("두 번째 결제가 돌아가지 않았습니다.")


def test_no_answer_to_a_release_tells_to_cancel_what_the_page_calls_uncancellable() -> None:
    assert not [key for key, text in LABELS["release"].items() if "취소해 주세요" in str(text)]


# --- asked again ---


def test_what_was_asked_again_is_told_as_the_page_shows_it_afterwards(
    admin: FlaskClient,  # noqa: F811
    provider: FakeProvider,
    opened: Payment,  # noqa: F811
) -> None:
    provider.hears_of(opened.merchant_uid, amount=opened.amount + 1)
    page = text_of(do(admin, f"payments/{opened.merchant_uid}/ask").get_data(as_text=True))
    assert again(opened).status == "cancelled"
    assert "포트원에 다시 물었습니다: 취소됨" in page
    page = text_of(do(admin, f"payments/{opened.merchant_uid}/ask").get_data(as_text=True))
    assert "포트원에 다시 물었습니다: 변화 없음 (취소됨)" in page


def test_a_webhook_taken_again_is_told_as_the_payment_stands_afterwards(
    admin: FlaskClient,  # noqa: F811
    provider: FakeProvider,
    opened: Payment,  # noqa: F811
) -> None:
    provider.trouble = OutcomeUnknown("time-out")
    admin.post("/payment/webhook", json={"imp_uid": "imp_1", "merchant_uid": opened.merchant_uid, "status": "paid"})
    provider.trouble = None
    provider.hears_of(opened.merchant_uid, amount=opened.amount + 1, imp_uid="imp_1")
    event_id = db.session.query(Event.id).filter_by(source="webhook").scalar()
    end_reading()
    told = text_of(do(admin, f"webhooks/{event_id}/replay").get_data(as_text=True))
    assert "웹훅을 다시 확인했습니다: 취소됨" in told


# --- 계좌로 환불함 ---


def test_refund_by_bank_closes_the_case_for_to_do_list_buyer_and_reconciliation(
    admin: FlaskClient,  # noqa: F811
    provider: FakeProvider,
    held: Payment,  # noqa: F811
) -> None:
    day = clock.today()
    clocks.later(NEXT_MONTH)
    assert figures.to_do()["held"] == 1
    page = refund(admin, held)
    assert "계좌로 돌려준 것을 기록했습니다." in page
    for shown in ("2054-12-20", "국민은행", "7890", "통화함", "admin@example.com"):
        assert shown in page
    assert next_step(admin, held) == "계좌로 환불한 결제입니다. 할 일이 없습니다."
    assert sum(figures.to_do().values()) == 0
    assert held.merchant_uid in admin.get("/admin/payments?status=refunded_by_bank").get_data(as_text=True)
    end_reading()
    assert reconcile.compare(provider, day, day) == []
    sign_in(admin, "buyer@example.com")
    order = text_of(admin.get(f"/orders/{held.purchase_id}").get_data(as_text=True))
    assert "계좌로 환불해 드렸습니다" in order and "2054-12-20에 계좌로 돌려드렸습니다" in order
    assert "국민은행" in order and "7890" in order


def test_of_an_account_only_the_last_digits_are_kept_wherever_they_were_typed(
    admin: FlaskClient,  # noqa: F811
    paid: Payment,  # noqa: F811
) -> None:
    clocks.later(NEXT_MONTH)
    number = REFUND["account"]
    refund(admin, paid, note=f"{number}로 보냄", reason=f"계좌 {number.replace('-', '')}")
    row = cancellation_of(again(paid))
    assert row
    kept = [row.account, row.note, row.reason, *db.session.scalars(db.select(Event.reason))]
    assert not [text for text in kept if "123456" in (text or "") or "567" in (text or "")]
    assert row.account == "국민은행 ******-**-**7890"
    assert (row.refunded_by, row.refunded_at and row.refunded_at.isoformat()) == ("admin@example.com", "2054-12-20")


def test_a_refund_recorded_twice_is_refused_politely_and_stands_once(
    admin: FlaskClient,  # noqa: F811
    paid: Payment,  # noqa: F811
) -> None:
    clocks.later(NEXT_MONTH)
    refund(admin, paid)
    assert "이미 계좌로 환불한 결제입니다." in refund(admin, paid, account="999999999999")
    row = cancellation_of(again(paid))
    assert row and (row.account or "").endswith("7890")
    assert db.session.query(Event).filter_by(outcome="bank_refund").count() == 1


@pytest.mark.parametrize("changed", [{"bank": "", "account": "123456789012"}, {"bank": "국민", "account": "12345"}])
def test_a_refund_without_its_bank_or_its_account_is_not_recorded(
    changed: dict[str, str],
    admin: FlaskClient,  # noqa: F811
    paid: Payment,  # noqa: F811
) -> None:
    clocks.later(NEXT_MONTH)
    assert "확인해 주세요" in refund(admin, paid, **changed)
    assert again(paid).held_reason is None


def test_a_viewer_reads_what_is_to_be_done_and_may_not_record_a_refund(
    viewer: FlaskClient,  # noqa: F811
    paid: Payment,  # noqa: F811
) -> None:
    clocks.later(NEXT_MONTH)
    assert next_step(viewer, paid).startswith("할 일이 없습니다.")
    assert do(viewer, f"payments/{paid.merchant_uid}/bank-refund", **REFUND).status_code == 403
    assert again(paid).held_reason is None
