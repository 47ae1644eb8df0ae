"""What becomes of a payment, told by a provider that the test controls."""

import pytest
from flask import Flask

from payments.cancellations import is_requested
from payments.database import db, transaction
from payments.events import Notification
from payments.models import Event, Payment
from payments.portone.report import OutcomeUnknown, Refused
from payments.sync import LOOK_UP_SECONDS, sync_payment

from .fakes import FakeProvider
from .host import (
    Order,
    another_window,
    cancel_order,
    close_order,
    order_of,
    order_window,
    set_stock,
    states,
    stock,
)

# --- opening ---


def test_the_row_is_there_before_portone_hears_of_it(provider: FakeProvider) -> None:
    provider.trouble = OutcomeUnknown("no answer")
    with pytest.raises(OutcomeUnknown):
        order_window(provider)
    payment = db.session.query(Payment).one()
    assert payment.status == "ready"
    assert provider.asked == [("prepare", payment.merchant_uid)]


def test_the_amount_that_is_registered_is_the_orders(provider: FakeProvider) -> None:
    payment = order_window(provider)
    assert provider.prepared == {payment.merchant_uid: order_of(payment).amount}
    assert payment.is_test_channel
    assert payment.customer_uid is None


def test_every_attempt_has_an_id_of_its_own_that_kg_can_take(provider: FakeProvider) -> None:
    first = order_window(provider)
    ids = {first.merchant_uid, *(another_window(provider, first).merchant_uid for _ in range(2))}
    assert len(ids) == 3
    assert all(uid.isascii() and len(uid) <= 40 for uid in ids)
    assert db.session.query(Order).count() == 1  # three attempts to pay one order


# --- paid ---


def test_a_paid_report_pays_the_order_once_with_its_consequences(provider: FakeProvider) -> None:
    payment = order_window(provider)
    report = provider.hears_of(payment.merchant_uid, amount=payment.amount)
    result = sync_payment(provider, Notification("callback", report.imp_uid, payment.merchant_uid))
    assert result.outcome == "paid"
    assert order_of(payment).status == "paid"
    assert (payment.status, payment.imp_uid, payment.reported_amount) == ("paid", report.imp_uid, payment.amount)


def test_with_our_id_alone_the_payment_is_found(provider: FakeProvider) -> None:
    payment = order_window(provider)
    provider.hears_of(payment.merchant_uid, status="failed", amount=payment.amount)
    provider.hears_of(payment.merchant_uid, amount=payment.amount)
    assert sync_payment(provider, Notification("redirect", merchant_uid=payment.merchant_uid)).outcome == "paid"


def test_with_portones_id_alone_a_known_payment_is_found(provider: FakeProvider) -> None:
    payment = order_window(provider)
    failed = provider.hears_of(payment.merchant_uid, status="failed", amount=payment.amount)
    sync_payment(provider, Notification("callback", failed.imp_uid, payment.merchant_uid))
    provider.hears_of(payment.merchant_uid, amount=payment.amount, imp_uid=failed.imp_uid)
    assert sync_payment(provider, Notification("webhook", failed.imp_uid)).outcome == "paid"


def test_a_failed_attempt_can_still_be_paid_in_its_second_window(provider: FakeProvider) -> None:
    payment = order_window(provider)
    failed = provider.hears_of(payment.merchant_uid, status="failed", amount=payment.amount, fail_reason="한도 초과")
    result = sync_payment(provider, Notification("callback", failed.imp_uid, payment.merchant_uid))
    assert result.outcome == "failed"
    assert order_of(payment).status == "pending"
    assert payment.fail_reason == "한도 초과"
    paid = provider.hears_of(payment.merchant_uid, amount=payment.amount)
    sync_payment(provider, Notification("callback", paid.imp_uid, payment.merchant_uid))
    assert order_of(payment).status == "paid"
    assert (payment.imp_uid, payment.fail_reason) == (paid.imp_uid, None)


def test_a_window_that_is_still_open_changes_nothing(provider: FakeProvider) -> None:
    payment = order_window(provider)
    provider.hears_of(payment.merchant_uid, status="ready", amount=payment.amount)
    assert sync_payment(provider, Notification("callback", merchant_uid=payment.merchant_uid)).outcome == "unchanged"
    assert (order_of(payment).status, payment.status, payment.imp_uid) == ("pending", "ready", None)


# --- cancelled ---


def test_a_cancel_made_elsewhere_cancels_the_order_and_returns_its_stock(provider: FakeProvider) -> None:
    payment = order_window(provider)
    report = provider.hears_of(payment.merchant_uid, amount=payment.amount)
    sync_payment(provider, Notification("callback", merchant_uid=payment.merchant_uid))
    left = stock()
    provider.hears_of(
        payment.merchant_uid, "cancelled", payment.amount, imp_uid=report.imp_uid, cancel_reason="고객 변심"
    )
    assert sync_payment(provider, Notification("webhook", report.imp_uid)).outcome == "cancelled"
    assert order_of(payment).status == "cancelled"
    assert (payment.cancelled_amount, payment.cancel_reason) == (payment.amount, "고객 변심")
    assert stock() == left + 1


def test_cancelled_duplicate_leaves_the_paid_order_alone(provider: FakeProvider) -> None:
    first = order_window(provider)
    second = another_window(provider, first)
    provider.cancel_answers = ["refused"]
    for payment in (first, second):
        provider.hears_of(payment.merchant_uid, amount=payment.amount)
        sync_payment(provider, Notification("callback", merchant_uid=payment.merchant_uid))
    db.session.expire_all()
    assert (second.held_reason, is_requested(second)) == ("duplicate", False)
    provider.hears_of(second.merchant_uid, "cancelled", second.amount, imp_uid=second.imp_uid)
    assert sync_payment(provider, Notification("webhook", second.imp_uid)).outcome == "cancelled"
    assert order_of(first).status == "paid"
    assert (first.status, second.status) == ("paid", "cancelled")


# --- money that comes too late or for nothing ---


def test_money_for_an_order_that_was_cancelled_goes_back(provider: FakeProvider) -> None:
    old = order_window(provider)
    cancel_order(old)
    provider.hears_of(old.merchant_uid, amount=old.amount)
    assert sync_payment(provider, Notification("webhook", merchant_uid=old.merchant_uid)).outcome == "held"
    assert states(old) == ("cancelled", "cancelled")
    assert provider.cancels == [(old.imp_uid, old.amount)]


def test_late_money_is_honoured_while_the_goods_last_and_goes_back_when_they_are_gone(provider: FakeProvider) -> None:
    for left, outcome in ((3, "paid"), (0, "held")):
        payment = order_window(provider)
        with transaction():
            close_order(int(payment.purchase_id), "expired")
        set_stock(left)
        provider.hears_of(payment.merchant_uid, amount=payment.amount)
        assert sync_payment(provider, Notification("webhook", merchant_uid=payment.merchant_uid)).outcome == outcome
    db.session.expire_all()
    assert (payment.status, payment.cancel_reason) == ("cancelled", "재고가 없어 자동 취소")


# --- what is not ours, and silence ---


@pytest.mark.parametrize(
    "ids", [{"imp_uid": "imp_9"}, {"merchant_uid": "m-9"}, {"imp_uid": "i", "merchant_uid": "m"}, {}]
)
def test_ids_that_are_nobodys_cost_portone_no_call(ids: dict[str, str], provider: FakeProvider) -> None:
    order_window(provider)  # a row without an imp_uid must not answer for "no imp_uid given"
    provider.asked.clear()
    result = sync_payment(provider, Notification("webhook", **ids))
    assert (result.outcome, result.payment) == ("not_found", None)
    assert provider.asked == []


def test_imp_uid_that_portone_does_not_know_is_followed_by_a_look_up_by_our_own_id(
    provider: FakeProvider,
) -> None:
    payment = order_window(provider)
    provider.hears_of(payment.merchant_uid, amount=payment.amount)
    provider.asked.clear()
    result = sync_payment(provider, Notification("webhook", "imp_of_another_shop", payment.merchant_uid))
    assert result.outcome == "paid"
    assert provider.asked == [("get_payment", "imp_of_another_shop"), ("find_payment", payment.merchant_uid)]


class BoundedProvider(FakeProvider):
    """Remembers the bounds that it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.bounds: list[float] = []

    def within(self, seconds: float) -> FakeProvider:
        self.bounds.append(seconds)
        return self


def test_both_calls_of_a_look_up_share_one_bound(host_app: Flask) -> None:
    host_app.extensions["payments"].provider = provider = BoundedProvider()
    payment = order_window(provider)
    provider.bounds.clear()
    assert sync_payment(provider, Notification("webhook", "imp_1", payment.merchant_uid)).outcome == "not_found"
    assert provider.bounds == [LOOK_UP_SECONDS]
    assert LOOK_UP_SECONDS <= 10


def test_silence_writes_nothing_and_says_so(provider: FakeProvider) -> None:
    payment = order_window(provider)
    provider.trouble = OutcomeUnknown("no answer")
    result = sync_payment(provider, Notification("callback", "imp_1", payment.merchant_uid))
    assert (result.outcome, result.payment and result.payment.id) == ("unknown", payment.id)
    assert (order_of(payment).status, payment.status, payment.imp_uid) == ("pending", "ready", None)


def test_refused_credentials_are_no_verdict_on_the_payment(provider: FakeProvider) -> None:
    payment = order_window(provider)
    provider.trouble = Refused("Unauthorized", -1)
    assert sync_payment(provider, Notification("callback", merchant_uid=payment.merchant_uid)).outcome == "unknown"


def test_a_payment_that_is_not_ours_is_neither_recorded_nor_touched(provider: FakeProvider) -> None:
    payment = order_window(provider)
    strangers = provider.hears_of("a-strangers-order", amount=payment.amount)
    result = sync_payment(provider, Notification("callback", strangers.imp_uid, payment.merchant_uid))
    assert (result.outcome, result.payment) == ("mismatch", None)
    assert (order_of(payment).status, payment.status, payment.imp_uid) == ("pending", "ready", None)
    assert ("cancel", strangers.imp_uid) not in provider.asked


# --- the book of events ---


def test_every_piece_of_news_leaves_one_line(provider: FakeProvider) -> None:
    payment = order_window(provider)
    claim = {"imp_uid": "imp_000000000001", "imp_success": "true"}
    sync_payment(provider, Notification("redirect", "imp_000000000001", payment.merchant_uid, claim))
    provider.hears_of(payment.merchant_uid, amount=payment.amount)
    for source in ("callback", "webhook"):
        sync_payment(provider, Notification(source, merchant_uid=payment.merchant_uid))
    sync_payment(provider, Notification("webhook", merchant_uid="nobodys"))
    lines = [(event.source, event.outcome, event.payment_id) for event in db.session.query(Event).order_by(Event.id)]
    assert lines == [
        ("checkout", "ready", payment.id),
        ("redirect", "not_found", payment.id),
        ("callback", "paid", payment.id),
        ("webhook", "unchanged", payment.id),
        ("webhook", "not_found", None),
    ]
    claimed = db.session.query(Event).filter_by(source="redirect").one()
    assert claimed.claimed == claim
    assert claimed.report is None
    assert db.session.query(Event).filter_by(outcome="paid").one().report["status"] == "paid"
