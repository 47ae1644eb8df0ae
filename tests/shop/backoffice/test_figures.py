"""What waits for a person is counted, and leaves the count when it is settled; sums tell a refund by bank apart."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from payments import clock, sync
from payments.cancel import cancel_again
from payments.cancellations import BankRefund, record_bank_refund
from payments.clock import SEOUL
from payments.database import db, end_reading
from payments.events import Notification
from payments.models import Cancellation, Payment
from payments.monthly import charging
from payments.portone.report import OutcomeUnknown, PaymentReport, Refused
from payments.sweep import sweep
from payments.sync import sync_payment
from shop.backoffice import figures, listing
from shop.backoffice.listing import PaymentFilter
from shop.orders import cart
from shop.orders.models import User
from tests import clocks
from tests.conftest import BUYER, order_window, plan_window, product
from tests.payments.fakes import FakeProvider
from tests.payments.threads import all_at_once
from tests.shop.bought import ADMIN, paid, started

REFUND = BankRefund(date(2055, 1, 3), "국민 123-456-7890", "전화로 확인")
NEXT_MONTH = timedelta(days=40)


def to_do() -> dict[str, int]:
    """What waits for a person, without the zeros."""
    db.session.expire_all()
    found = {state: number for state, number in figures.to_do().items() if number}
    end_reading()
    return found


@pytest.fixture
def payment(provider: FakeProvider, buyer: User) -> Payment:
    return paid(provider, buyer)


@pytest.fixture
def second(provider: FakeProvider, payment: Payment) -> PaymentReport:
    """A second window of the same payment was paid too."""
    return provider.hears_of(payment.merchant_uid, amount=payment.amount)


@pytest.fixture
def webhook(provider: FakeProvider, payment: Payment, second: PaymentReport) -> Callable[[], object]:
    return lambda: sync_payment(provider, Notification("webhook", second.imp_uid, payment.merchant_uid))


def test_a_refused_duplicate_waits_until_it_was_cancelled(
    provider: FakeProvider, second: PaymentReport, webhook: Callable[[], object]
) -> None:
    provider.cancel_answers = ["refused"]
    webhook()
    assert to_do() == {"duplicate": 1}
    clocks.later(timedelta(hours=1))
    sweep(provider)
    assert to_do() == {"duplicate": 1}
    provider.cancel(second.imp_uid, second.amount, "관리자페이지취소")
    webhook()
    assert to_do() == {}


def test_a_duplicate_that_is_not_as_asked_waits_until_a_person_has_it_cancelled(
    provider: FakeProvider, payment: Payment
) -> None:
    second = provider.hears_of(payment.merchant_uid, amount=payment.amount, is_test_channel=False)
    sync_payment(provider, Notification("webhook", second.imp_uid, payment.merchant_uid))
    assert to_do() == {"duplicate": 1}
    row = db.session.scalars(select(Cancellation)).one()
    cancel_again(provider, row.id, "확인함", ADMIN)
    assert to_do() == {}


def test_an_unanswered_cancel_of_a_duplicate_waits_when_its_month_is_over(
    provider: FakeProvider, webhook: Callable[[], object]
) -> None:
    provider.cancel_answers = ["dropped"]
    webhook()
    clocks.later(timedelta(days=21))
    sweep(provider)
    assert to_do() == {"duplicate": 1}


def test_a_duplicate_that_is_heard_of_in_the_next_month_waits(
    provider: FakeProvider, webhook: Callable[[], object]
) -> None:
    clocks.later(timedelta(days=20))
    webhook()
    assert to_do() == {"duplicate": 1}


def test_a_cancel_of_a_duplicate_whose_answer_was_lost_leaves_the_count_when_it_is_found(
    provider: FakeProvider, webhook: Callable[[], object]
) -> None:
    provider.cancel_answers, provider.trouble_after_cancel = ["lost"], OutcomeUnknown("no answer")
    webhook()
    assert to_do()["duplicate"] == 1
    provider.trouble = None
    clocks.later(timedelta(days=20))
    sweep(provider)
    assert to_do() == {}


def test_concurrent_cancels_of_a_duplicate_leave_no_open_item(
    app: Flask, provider: FakeProvider, payment: Payment, second: PaymentReport
) -> None:
    merchant_uid = payment.merchant_uid
    end_reading()
    all_at_once(
        app,
        *[lambda: sync.take_report(provider, second, Notification("webhook", second.imp_uid, merchant_uid))] * 4,
        lambda: sweep(provider),
    )
    sweep(provider)
    assert to_do() == {}


def test_bank_refund_of_a_duplicate_leaves_the_to_do(
    provider: FakeProvider, payment: Payment, second: PaymentReport, webhook: Callable[[], object]
) -> None:
    provider.cancel_answers = ["refused"]
    webhook()
    clocks.later(NEXT_MONTH)
    assert record_bank_refund(payment.id, REFUND, "지난달 결제", ADMIN, second.imp_uid) is None
    assert to_do() == {}


def test_bank_refund_counts_in_the_sums_and_leaves_the_to_do(payment: Payment) -> None:
    day = clock.today()
    clocks.later(NEXT_MONTH)
    record_bank_refund(payment.id, REFUND, "지난달 결제", ADMIN, None)
    sums = figures.sums(day, day)
    assert (sums.paid, sums.held, sums.refunded_by_bank, sums.refunded_by_bank_won) == (0, 0, 1, payment.amount)
    assert sum(figures.to_do().values()) == 0


def test_look_up_without_an_answer_waits_until_portone_answers(provider: FakeProvider, buyer: User) -> None:
    cart.put_in_cart(buyer.id, product().id, 1)
    window = order_window(provider, buyer.id, BUYER)
    about = Notification("webhook", merchant_uid=window.merchant_uid)
    provider.trouble = OutcomeUnknown("no answer")
    sync_payment(provider, about)
    clocks.later(timedelta(minutes=11))
    assert to_do() == {"unknown": 1}
    provider.trouble = None
    sync_payment(provider, about)  # PortOne knows no such payment: that is an answer
    assert to_do() == {}


def test_a_key_that_is_gone_is_counted_while_its_subscription_can_still_be_saved(
    provider: FakeProvider, buyer: User
) -> None:
    clocks.stand_at(datetime(2055, 1, 31, 10, tzinfo=SEOUL))
    subscription = started(provider, buyer)
    provider.keys.clear()
    clocks.stand_at(datetime(2055, 2, 28, 9, tzinfo=SEOUL))
    assert charging.charge(provider, subscription.id) == "key_gone"
    assert figures.keys_gone() == 1
    clocks.stand_at(datetime(2055, 3, 1, 9, tzinfo=SEOUL))
    assert charging.charge(provider, subscription.id) == "ended"
    assert figures.keys_gone() == 0


def on_the_list() -> list[Payment]:
    """What the back office lists as payments whose result is not known."""
    query = select(Payment).where(*listing.conditions(PaymentFilter(state="unknown")))
    db.session.expire_all()
    assert figures.to_do()["unknown"] == len(db.session.scalars(query).all())
    return list(db.session.scalars(query))


def test_a_later_month_that_portone_calls_ready_is_shown_to_a_person(provider: FakeProvider, buyer: User) -> None:
    first = plan_window(provider, buyer.id, product("monthly").id, BUYER)
    provider.issues_key(first.customer_uid or "")
    provider.hears_of(first.merchant_uid, amount=first.amount, customer_uid=first.customer_uid)
    sync_payment(provider, Notification("callback", merchant_uid=first.merchant_uid))
    clocks.later(timedelta(days=31))
    provider.answers = ["dropped"]
    assert [charging.charge(provider, one.subscription_id) for one in charging.due()] == ["unknown"]
    month = db.session.query(Payment).filter_by(status="ready").one()
    report = provider.hears_of(month.merchant_uid, "ready", month.amount, customer_uid=month.customer_uid)
    for _ in range(3):
        clocks.later(timedelta(days=1))
        assert sweep(provider) == {"unchanged": 1}
        assert [charging.charge(provider, one.subscription_id) for one in charging.due()] == ["unknown"]
        assert on_the_list() == [month]
        assert month.status == "ready"
    provider.reports[report.imp_uid] = replace(report, status="paid", paid_at=clock.now())
    assert sweep(provider) == {"paid": 1}
    assert on_the_list() == []


@pytest.mark.parametrize("before", ["", "failed"])
def test_a_first_month_whose_key_look_up_is_refused_for_good_is_shown_to_a_person(
    before: str, provider: FakeProvider, buyer: User
) -> None:
    payment = plan_window(provider, buyer.id, product("monthly").id, BUYER)
    if before:  # the buyer's first window of this attempt
        provider.hears_of(payment.merchant_uid, before, payment.amount)
        sync_payment(provider, Notification("callback", merchant_uid=payment.merchant_uid))
    provider.hears_of(payment.merchant_uid, amount=payment.amount, customer_uid=payment.customer_uid)
    provider.key_trouble = Refused("잘못된 요청입니다.", -1)
    for _ in range(3):
        clocks.later(timedelta(days=1))
        assert sweep(provider)["unknown"] == 1
        assert on_the_list() == [payment]
    provider.key_trouble = None
    provider.issues_key(payment.customer_uid or "")
    sweep(provider)
    assert on_the_list() == []


def test_a_declined_month_that_is_mentioned_while_portone_is_silent_asks_for_nobody(
    provider: FakeProvider, buyer: User
) -> None:
    first = plan_window(provider, buyer.id, product("monthly").id, BUYER)
    provider.issues_key(first.customer_uid or "")
    provider.hears_of(first.merchant_uid, amount=first.amount, customer_uid=first.customer_uid)
    sync_payment(provider, Notification("callback", merchant_uid=first.merchant_uid))
    clocks.later(timedelta(days=31))
    provider.answers = ["declined"]
    assert [charging.charge(provider, one.subscription_id) for one in charging.due()] == ["declined"]
    month = db.session.query(Payment).filter_by(status="failed").one()
    clocks.later(timedelta(days=1))
    provider.trouble = OutcomeUnknown("no answer")
    sync_payment(provider, Notification("webhook", merchant_uid=month.merchant_uid))
    assert on_the_list() == []
