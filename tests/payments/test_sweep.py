"""What nobody told us is found by looking: lost payments, abandoned orders, half-done cancels, forgotten keys."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from payments import clock, sync
from payments.attempts import AlreadyPaid, look_up_earlier_attempts
from payments.cancel import cancel_payment
from payments.cancellations import CANCEL_LEASE
from payments.database import db, end_reading, transaction
from payments.events import Notification
from payments.models import Cancellation, Event, Payment
from payments.monthly import charging
from payments.monthly.models import BillingKey, Subscription
from payments.monthly.sweep import ABANDON_AFTER
from payments.portone.report import OutcomeUnknown, PaymentReport, Refused
from payments.sweep import LOOK_AFTER, sweep
from payments.sync import sync_payment
from shop.backoffice import figures, listing
from shop.backoffice.listing import PaymentFilter
from shop.orders import cart
from shop.orders.models import Order, User
from shop.orders.orders import PENDING_FOR
from tests import clocks
from tests.conftest import ADDRESSED_BUYER, BUYER, order_window, plan_window, product
from tests.fakes import FakeProvider
from tests.payments.test_cancel import ADMIN, paid, states

LATE = PENDING_FOR + timedelta(minutes=1)

Duplicate = tuple[Payment, PaymentReport]


@pytest.fixture
def duplicate(provider: FakeProvider, buyer: User) -> Duplicate:
    """A paid payment in the middle of a month, and what PortOne says of a second window of it that was paid too."""
    payment = paid(provider, buyer)
    return payment, provider.hears_of(payment.merchant_uid, amount=payment.amount)


def row_of_window(report: PaymentReport) -> tuple[str, str | None]:
    """State and answer of a window's cancellation, as the table says now."""
    db.session.expire_all()
    row = db.session.scalars(select(Cancellation).filter_by(imp_uid=report.imp_uid)).one()
    return row.status, row.answer


@pytest.fixture
def payment(provider: FakeProvider, buyer: User) -> Payment:
    """A window is open for a parcel."""
    cart.put_in_cart(buyer.id, product(digital=False).id, 2)
    return order_window(provider, buyer.id, ADDRESSED_BUYER)


def test_a_payment_whose_every_message_was_lost_is_found(provider: FakeProvider, payment: Payment) -> None:
    provider.hears_of(payment.merchant_uid, amount=payment.amount)
    clocks.later(LOOK_AFTER)
    assert sweep(provider) == {"paid": 1}
    assert states(payment) == ("paid", "paid")
    assert sweep(provider) == {}


def test_a_buyer_who_is_still_typing_is_left_alone(provider: FakeProvider, payment: Payment) -> None:
    provider.asked.clear()
    assert sweep(provider) == {}
    assert provider.asked == []


def test_an_abandoned_order_expires_and_its_stock_returns(provider: FakeProvider, payment: Payment) -> None:
    parcel = product(digital=False)
    reserved = parcel.stock or 0
    provider.hears_of(payment.merchant_uid, "ready", payment.amount)
    clocks.later(LATE)
    assert sweep(provider) == {"unchanged": 1, "expired": 1}
    assert states(payment) == ("ready", "expired")
    assert parcel.stock == reserved + 2


def test_while_nobody_can_tell_nothing_expires(provider: FakeProvider, payment: Payment) -> None:
    clocks.later(LATE)
    provider.trouble = OutcomeUnknown("no answer")
    assert sweep(provider) == {"unknown": 1}
    assert states(payment) == ("ready", "pending")


def test_money_that_comes_after_the_order_expired_is_honoured_or_goes_back(
    provider: FakeProvider, payment: Payment
) -> None:
    parcel = product(digital=False)
    clocks.later(LATE)
    sweep(provider)
    with transaction():
        db.session.get_one(type(parcel), parcel.id).stock = 1
    provider.hears_of(payment.merchant_uid, amount=payment.amount)
    assert sync_payment(provider, Notification("webhook", merchant_uid=payment.merchant_uid)).outcome == "held"
    assert states(payment) == ("cancelled", "expired")


def test_a_look_that_changes_nothing_leaves_no_line(provider: FakeProvider, payment: Payment) -> None:
    before = db.session.query(Event).count()
    clocks.later(LOOK_AFTER)
    for _ in range(5):
        sweep(provider)
    assert db.session.query(Event).count() == before


def test_a_cancel_that_was_interrupted_is_finished(provider: FakeProvider, buyer: User) -> None:
    payment = paid(provider, buyer)
    provider.cancel_answers = ["dropped"]
    cancel_payment(provider, payment.id, "고객 변심", ADMIN)
    assert sweep(provider) == {}
    clocks.later(CANCEL_LEASE)
    assert sweep(provider) == {"given_back": 1}
    assert states(payment) == ("cancelled", "cancelled")


def test_a_give_back_that_was_never_begun_is_begun(provider: FakeProvider, payment: Payment) -> None:
    """As after a crash between our commit and the call."""
    report = provider.hears_of(payment.merchant_uid, amount=301)
    sync.record(report, Notification("webhook", merchant_uid=payment.merchant_uid))
    assert sweep(provider) == {"given_back": 1}
    assert states(payment) == ("cancelled", "pending")


def plan(provider: FakeProvider, buyer: User) -> Payment:
    return plan_window(provider, buyer.id, product("monthly").id, BUYER)


def test_a_key_that_could_not_be_read_back_is_finished_later(provider: FakeProvider, buyer: User) -> None:
    payment = plan(provider, buyer)
    provider.issues_key(payment.customer_uid or "")
    provider.hears_of(payment.merchant_uid, amount=payment.amount, customer_uid=payment.customer_uid)
    provider.key_trouble = OutcomeUnknown("no answer")
    sync_payment(provider, Notification("callback", merchant_uid=payment.merchant_uid))
    assert db.session.query(Subscription).one().status == "pending"
    provider.key_trouble = None
    clocks.later(LOOK_AFTER)
    sweep(provider)
    db.session.expire_all()
    assert db.session.query(Subscription).one().status == "active"


def test_a_key_that_no_window_issued_is_abandoned_and_late_money_still_issues_it(
    provider: FakeProvider, buyer: User
) -> None:
    payment = plan(provider, buyer)
    clocks.later(ABANDON_AFTER)
    assert sweep(provider) == {"not_found": 1, "expired": 1, "abandoned": 1}
    assert db.session.query(BillingKey).one().status == "abandoned"
    provider.issues_key(payment.customer_uid or "")
    provider.hears_of(payment.merchant_uid, amount=payment.amount, customer_uid=payment.customer_uid)
    assert sync_payment(provider, Notification("webhook", merchant_uid=payment.merchant_uid)).outcome == "paid"
    db.session.expire_all()
    assert (db.session.query(BillingKey).one().status, db.session.query(Subscription).one().status) == (
        "active",
        "active",
    )


def test_two_sweeps_after_another_do_the_work_once(provider: FakeProvider, payment: Payment) -> None:
    provider.hears_of(payment.merchant_uid, amount=payment.amount)
    clocks.later(LATE)
    done = sweep(provider) + sweep(provider)
    assert done == Counter(paid=1)
    assert db.session.query(Order).filter_by(status="paid").count() == 1


def test_a_window_that_failed_does_not_hide_the_next_one_that_was_paid(
    provider: FakeProvider, payment: Payment
) -> None:
    failed = provider.hears_of(payment.merchant_uid, "failed", payment.amount)
    sync_payment(provider, Notification("callback", failed.imp_uid, payment.merchant_uid))
    provider.hears_of(payment.merchant_uid, amount=payment.amount)
    clocks.later(LOOK_AFTER)
    assert sweep(provider) == {"paid": 1}
    assert states(payment) == ("paid", "paid")


def test_a_month_that_was_charged_before_a_crash_is_found_without_waiting_for_the_next_run(
    provider: FakeProvider, buyer: User
) -> None:
    first = plan(provider, buyer)
    provider.issues_key(first.customer_uid or "")
    provider.hears_of(first.merchant_uid, amount=first.amount, customer_uid=first.customer_uid)
    sync_payment(provider, Notification("callback", merchant_uid=first.merchant_uid))
    clocks.later(timedelta(days=31))
    provider.answers = ["lost"]
    assert [charging.charge(provider, one.subscription_id) for one in charging.due()] == ["unknown"]
    assert sweep(provider) == {"paid": 1}
    assert charging.due() == []


def test_a_charge_that_nobody_has_heard_of_stays_open_while_its_subscription_runs(
    provider: FakeProvider, buyer: User
) -> None:
    first = plan(provider, buyer)
    provider.issues_key(first.customer_uid or "")
    provider.hears_of(first.merchant_uid, amount=first.amount, customer_uid=first.customer_uid)
    sync_payment(provider, Notification("callback", merchant_uid=first.merchant_uid))
    clocks.later(timedelta(days=31))
    provider.answers = ["dropped"]
    assert [charging.charge(provider, one.subscription_id) for one in charging.due()] == ["unknown"]
    assert sweep(provider) == {"not_found": 1}
    assert db.session.query(Payment).filter_by(status="ready").count() == 1


def test_what_breaks_at_one_payment_stops_none_of_the_others(
    provider: FakeProvider, buyer: User, other_buyer: User, caplog: pytest.LogCaptureFixture
) -> None:
    windows = []
    for one in (buyer, other_buyer):
        cart.put_in_cart(one.id, product().id, 1)
        windows.append(order_window(provider, one.id, BUYER))
    provider.hears_of(windows[0].merchant_uid, amount=windows[0].amount, as_received=5)
    provider.hears_of(windows[1].merchant_uid, amount=windows[1].amount)
    clocks.later(LOOK_AFTER)
    assert sweep(provider) == {"error": 1, "paid": 1}
    assert "one item of the sweep failed" in caplog.text


def test_duplicate_whose_cancel_got_no_answer_is_cancelled_after_its_lease(
    provider: FakeProvider, duplicate: Duplicate
) -> None:
    payment, second = duplicate
    provider.cancel_answers = ["dropped"]
    sync_payment(provider, Notification("webhook", second.imp_uid, payment.merchant_uid))
    assert sweep(provider) == Counter()  # its lease is not over
    sync_payment(provider, Notification("webhook", second.imp_uid, "nobodys"))  # what others say of it changes nothing
    for given_back in (1, 0):  # cancelled, and nothing left to do
        clocks.later(CANCEL_LEASE)
        assert sweep(provider)["given_back"] == given_back
        assert len(provider.cancels) == 2
    assert provider.reports[second.imp_uid].status == "cancelled"
    assert states(payment) == ("paid", "paid")


def test_refused_cancel_of_a_duplicate_waits_for_a_person(provider: FakeProvider, duplicate: Duplicate) -> None:
    payment, second = duplicate
    provider.cancel_answers = ["refused"]
    sync_payment(provider, Notification("webhook", second.imp_uid, payment.merchant_uid))
    clocks.later(timedelta(hours=1))
    assert sweep(provider) == Counter()
    assert len(provider.cancels) == 1
    assert figures.to_do()["duplicate"] == 1


def test_duplicate_whose_process_died_before_the_cancel_goes_back_at_the_next_sweep(
    provider: FakeProvider, duplicate: Duplicate
) -> None:
    payment, second = duplicate
    sync.record(second, Notification("webhook", second.imp_uid, payment.merchant_uid))
    # and the process dies here
    assert provider.cancels == []
    for _ in range(2):  # the second finds nothing left to do
        sweep(provider)
        assert provider.cancels == [(second.imp_uid, payment.amount)]
    assert provider.reports[second.imp_uid].status == "cancelled"
    assert states(payment) == ("paid", "paid")


def test_unanswered_cancel_of_a_duplicate_is_not_asked_again_in_the_next_month(
    provider: FakeProvider, duplicate: Duplicate
) -> None:
    payment, second = duplicate
    provider.cancel_answers = ["dropped"]
    sync_payment(provider, Notification("webhook", second.imp_uid, payment.merchant_uid))
    clocks.later(timedelta(days=21))
    sweep(provider)
    assert len(provider.cancels) == 1
    assert row_of_window(second) == ("refused", "month")
    assert figures.to_do()["duplicate"] == 1


def test_concurrent_cancel_of_a_duplicate_leaves_no_open_item(provider: FakeProvider, duplicate: Duplicate) -> None:
    payment, second = duplicate
    for endpoint in ("callback", "webhook"):  # both had read "paid" before either asked for the cancel
        sync.take_report(provider, second, Notification(endpoint, second.imp_uid, payment.merchant_uid))
    assert row_of_window(second) == ("done", None)
    assert figures.to_do()["duplicate"] == 0
    provider.asked.clear()
    clocks.later(CANCEL_LEASE)
    sweep(provider)
    assert provider.asked == []


def test_money_that_comes_after_its_key_was_given_up_still_starts_the_plan(provider: FakeProvider, buyer: User) -> None:
    """PortOne could not say in that moment whether the window had made the key."""
    plan = product("monthly").id
    payment = plan_window(provider, buyer.id, plan, BUYER)
    clocks.later(ABANDON_AFTER + timedelta(hours=1))
    sweep(provider)
    key = db.session.scalars(select(BillingKey)).one()
    assert key.status == "abandoned"
    provider.issues_key(key.customer_uid)
    provider.hears_of(payment.merchant_uid, amount=payment.amount, customer_uid=key.customer_uid)
    provider.key_trouble = OutcomeUnknown("no answer")
    sync_payment(provider, Notification("webhook", merchant_uid=payment.merchant_uid))
    provider.key_trouble = None
    clocks.later(LOOK_AFTER)
    sweep(provider)
    db.session.expire_all()
    assert states(payment) == ("paid", "paid")
    assert (key.status, db.session.scalars(select(Subscription)).one().status) == ("active", "active")


def test_duplicate_that_is_heard_of_in_the_next_month_is_not_cancelled_but_shown_to_a_person(
    provider: FakeProvider, duplicate: Duplicate
) -> None:
    payment, second = duplicate
    clocks.later(timedelta(days=20))  # the next month
    for _ in range(3):
        sync_payment(provider, Notification("webhook", second.imp_uid, payment.merchant_uid))
        clocks.later(CANCEL_LEASE)
        sweep(provider)
    assert provider.cancels == []
    assert figures.to_do()["duplicate"] == 1
    assert row_of_window(second) == ("refused", "month")


def test_duplicate_that_was_cancelled_after_a_refusal_leaves_the_to_do(
    provider: FakeProvider, duplicate: Duplicate
) -> None:
    payment, second = duplicate
    provider.cancel_answers = ["refused"]
    sync_payment(provider, Notification("webhook", second.imp_uid, payment.merchant_uid))
    assert figures.to_do()["duplicate"] == 1
    end_reading()
    provider.cancel(second.imp_uid, second.amount, "관리자페이지취소")
    sync_payment(provider, Notification("webhook", second.imp_uid, payment.merchant_uid))
    assert figures.to_do()["duplicate"] == 0
    told = db.session.scalars(select(Event.outcome).where(Event.imp_uid == second.imp_uid)).all()
    assert "cancelled" in told


def test_cancel_of_a_duplicate_whose_answer_was_lost_is_found_in_the_next_month(
    provider: FakeProvider, duplicate: Duplicate
) -> None:
    payment, second = duplicate
    provider.cancel_answers, provider.trouble_after_cancel = ["lost"], OutcomeUnknown("no answer")
    sync_payment(provider, Notification("webhook", second.imp_uid, payment.merchant_uid))
    assert figures.to_do()["duplicate"] == 1
    provider.trouble = None
    clocks.later(timedelta(days=20))  # the next month
    for _ in range(2):
        sweep(provider)
    assert len(provider.cancels) == 1
    assert figures.to_do()["duplicate"] == 0
    asked = len(provider.asked)
    sweep(provider)
    assert len(provider.asked) == asked  # it is settled, so nobody asks again


# --- looked at until answered ---


def test_a_payment_of_a_replaced_order_is_found_though_nobody_looked_for_days(
    provider: FakeProvider, payment: Payment, buyer: User
) -> None:
    cart.put_in_cart(buyer.id, product(digital=False).id, 1)
    order_window(provider, buyer.id, ADDRESSED_BUYER)  # which replaces the order
    assert states(payment) == ("ready", "cancelled")
    provider.hears_of(payment.merchant_uid, amount=payment.amount)
    clocks.later(timedelta(days=9))
    assert sweep(provider)["held"] == 1
    assert states(payment) == ("cancelled", "cancelled")


@pytest.mark.parametrize("answer", ["ready", "failed", "not_found"])
def test_an_attempt_is_looked_up_until_an_answer_comes_after_its_windows_life(
    answer: str, provider: FakeProvider, payment: Payment
) -> None:
    if answer != "not_found":
        provider.hears_of(payment.merchant_uid, answer, payment.amount)

    def looks_it_up() -> bool:
        provider.asked.clear()
        sweep(provider)
        return ("find_payment", payment.merchant_uid) in provider.asked

    for hours, trouble in ((1, None), (22, None), (5, OutcomeUnknown("no answer")), (72, Refused("busy")), (1, None)):
        clocks.later(timedelta(hours=hours))
        provider.trouble = trouble
        assert looks_it_up()
    assert not looks_it_up()
    provider.trouble = OutcomeUnknown("no answer")
    sync_payment(provider, Notification("webhook", merchant_uid=payment.merchant_uid))
    assert looks_it_up(), "somebody mentioned it since, and PortOne did not answer"


def test_an_old_attempt_that_nobody_looked_up_keeps_the_next_window_closed(
    provider: FakeProvider, payment: Payment
) -> None:
    provider.hears_of(payment.merchant_uid, amount=payment.amount)
    clocks.later(timedelta(days=3))
    with pytest.raises(AlreadyPaid):
        look_up_earlier_attempts(provider, payment.kind, [payment.purchase_id])


def on_the_list() -> list[Payment]:
    """What the back office lists as payments whose result is not known."""
    query = select(Payment).where(*listing.conditions(PaymentFilter(state="unknown")))
    db.session.expire_all()
    assert figures.to_do()["unknown"] == len(db.session.scalars(query).all())
    return list(db.session.scalars(query))


def test_a_later_month_that_portone_calls_ready_is_shown_to_a_person(provider: FakeProvider, buyer: User) -> None:
    first = plan(provider, buyer)
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
    payment = plan(provider, buyer)
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
    first = plan(provider, buyer)
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
