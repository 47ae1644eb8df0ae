"""The payment's page shows what goes back and what did not; staff request again, or record a refund by bank."""

from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from payments.cancellations import cancellation_of
from payments.database import db, end_reading
from payments.events import Notification
from payments.models import Event, Payment
from payments.sync import sync_payment
from shop.orders.models import User
from tests import clocks
from tests.conftest import csrf_of, sign_in
from tests.payments.fakes import FakeProvider
from tests.shop.backoffice.test_office import admin, audit, do, text_of, viewer  # noqa: F401 - fixtures
from tests.shop.bought import paid, states

NEXT_MONTH = timedelta(days=40)
REFUND = {"refunded_at": "2054-12-20", "account": "국민 123-456-7890", "note": "통화함", "reason": "지난달 결제"}


@pytest.fixture
def payment(provider: FakeProvider, buyer: User) -> Payment:
    return paid(provider, buyer)


def page_of(client: FlaskClient, payment: Payment) -> str:
    return text_of(client.get(f"/admin/payments/{payment.merchant_uid}").get_data(as_text=True))


def refund(client: FlaskClient, payment: Payment, **changed: str) -> str:
    return text_of(
        do(client, f"payments/{payment.merchant_uid}/bank-refund", **(REFUND | changed)).get_data(as_text=True)
    )


def test_bank_refund_is_offered_once_kg_cannot_cancel_and_is_written_down(
    admin: FlaskClient,  # noqa: F811
    payment: Payment,
) -> None:
    assert "계좌 환불 기록" not in page_of(admin, payment)
    clocks.later(NEXT_MONTH)
    assert "계좌 환불 기록" in page_of(admin, payment)
    page = refund(admin, payment)
    assert "계좌로 돌려준 것을 기록했습니다." in page
    assert "국민 ***-***-7890" in page and "123-456" not in page
    assert "계좌 환불 기록" not in page.split("있었던 일")[0]
    assert states(payment) == ("paid", "cancelled")
    assert "계좌 환불 기록" in audit(admin) and "지난달 결제" in audit(admin)
    listed = admin.get("/admin/payments?status=refunded_by_bank").get_data(as_text=True)
    assert payment.merchant_uid in listed
    sign_in(admin, "buyer@example.com")
    order = admin.get(f"/orders/{payment.purchase_id}").get_data(as_text=True)
    assert "계좌로 돌려드렸습니다" in order and "결제를 확인하고 있습니다" not in order


@pytest.mark.parametrize(
    "changed",
    [{"refunded_at": "yesterday"}, {"refunded_at": "2054-11-14"}, {"refunded_at": "2055-12-01"}, {"account": "국민"}],
)
def test_bank_refund_with_an_impossible_day_or_account_is_not_recorded(
    changed: dict[str, str],
    admin: FlaskClient,  # noqa: F811
    payment: Payment,
) -> None:
    clocks.later(NEXT_MONTH)
    assert "돌려준 날과 계좌를 확인해 주세요." in refund(admin, payment, **changed)
    assert states(payment) == ("paid", "paid")


def test_bank_refund_in_the_month_of_the_payment_is_refused_with_the_reason(
    admin: FlaskClient,  # noqa: F811
    payment: Payment,
) -> None:
    assert "아직 KG에서 취소할 수 있는 결제입니다." in refund(admin, payment, refunded_at="2054-11-15")
    assert states(payment) == ("paid", "paid")


@pytest.mark.parametrize("act", ["bank-refund", "cancel-window"])
def test_viewer_may_not_refund_or_request_a_cancel(
    act: str,
    viewer: FlaskClient,  # noqa: F811
    payment: Payment,
) -> None:
    clocks.later(NEXT_MONTH)
    answer = viewer.post(f"/admin/payments/{payment.merchant_uid}/{act}", data=REFUND, headers=csrf_of(viewer))
    assert answer.status_code == 403
    assert "계좌 환불 기록" not in page_of(viewer, payment)
    assert states(payment) == ("paid", "paid")


def test_refused_duplicate_is_shown_and_can_be_cancelled_again(
    admin: FlaskClient,  # noqa: F811
    provider: FakeProvider,
    payment: Payment,
) -> None:
    second = provider.hears_of(payment.merchant_uid, amount=payment.amount)
    provider.cancel_answers = ["refused"]
    sync_payment(provider, Notification("webhook", second.imp_uid, payment.merchant_uid))
    assert payment.merchant_uid in admin.get("/admin/payments?status=duplicate").get_data(as_text=True)
    page = page_of(admin, payment)
    assert second.imp_uid in page and "다시 취소 요청" in page
    end_reading()
    form = {"imp_uid": second.imp_uid, "reason": "다시"}
    answer = do(admin, f"payments/{payment.merchant_uid}/cancel-window", **form)
    assert "취소했습니다." in answer.get_data(as_text=True)
    assert provider.reports[second.imp_uid].status == "cancelled"
    assert states(payment) == ("paid", "paid")
    assert cancellation_of(payment) is None
    assert db.session.query(Event).filter_by(outcome="cancel", imp_uid=second.imp_uid).count() == 1


def test_cancel_of_a_window_that_is_not_this_payments_is_not_found(
    admin: FlaskClient,  # noqa: F811
    payment: Payment,
) -> None:
    form = {"imp_uid": "imp_of_somebody_else", "reason": "x"}
    assert do(admin, f"payments/{payment.merchant_uid}/cancel-window", **form).status_code == 404
