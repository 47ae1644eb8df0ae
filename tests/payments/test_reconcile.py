"""Our books and PortOne's, compared both ways, and repaired by the same look-up as everything else."""

from datetime import timedelta

import pytest

from payments import clock, sync
from payments.cancel import cancel_payment
from payments.database import db, transaction
from payments.events import Notification
from payments.models import Payment, move
from payments.portone.report import UnreadableRow
from payments.reconcile import Difference, compare, repair
from shop.backoffice.export import differences_csv
from shop.orders import cart
from shop.orders.models import User
from tests.conftest import BUYER, order_window, product
from tests.fakes import FakeProvider
from tests.payments.test_cancel import ADMIN, paid, row_of, states


@pytest.fixture
def payment(provider: FakeProvider, buyer: User) -> Payment:
    return paid(provider, buyer)


def differences(provider: FakeProvider) -> list[Difference]:
    db.session.expire_all()
    return compare(provider, clock.today() - timedelta(days=1), clock.today())


def kinds(provider: FakeProvider) -> list[str]:
    return [one.kind for one in differences(provider)]


def test_books_that_agree_have_no_differences(provider: FakeProvider, payment: Payment) -> None:
    assert kinds(provider) == []
    cancel_payment(provider, payment.id, "고객 변심", ADMIN)
    assert kinds(provider) == []


def test_money_that_we_never_heard_of_is_found_and_repaired(provider: FakeProvider, buyer: User) -> None:
    cart.put_in_cart(buyer.id, product().id, 1)
    lost = order_window(provider, buyer.id, BUYER)
    provider.hears_of(lost.merchant_uid, amount=lost.amount)
    (found,) = differences(provider)
    assert (found.kind, found.ours, found.theirs) == ("state", "ready", "paid")
    assert (found.our_amount, found.their_amount) == (0, lost.amount)
    assert repair(provider, [found]) == {"paid": 1}
    assert states(lost) == ("paid", "paid")
    assert kinds(provider) == []


def test_a_cancel_in_the_console_is_found_and_repaired(provider: FakeProvider, payment: Payment) -> None:
    provider.console_cancels(payment.imp_uid)
    found = differences(provider)
    assert [(one.kind, one.ours, one.theirs) for one in found] == [("state", "paid", "cancelled")]
    assert repair(provider, found) == {"cancelled": 1}
    assert states(payment) == ("cancelled", "cancelled")


def test_a_strangers_payment_is_shown_and_never_touched(provider: FakeProvider, payment: Payment) -> None:
    provider.hears_of("somebody-elses-order", amount=5000)
    found = differences(provider)
    assert [one.kind for one in found] == ["theirs_only"]
    assert repair(provider, found) == {"left": 1}
    assert provider.cancels == []


def test_a_payment_that_portone_knows_nothing_of_is_shown(provider: FakeProvider, payment: Payment) -> None:
    provider.reports.clear()
    found = differences(provider)
    assert [(one.kind, one.our_amount, one.their_amount) for one in found] == [("ours_only", payment.amount, 0)]


def test_duplicate_that_nobody_told_us_of_is_found_and_cancelled(provider: FakeProvider, payment: Payment) -> None:
    second = provider.hears_of(payment.merchant_uid, amount=payment.amount)
    found = differences(provider)
    assert [(one.kind, one.imp_uid) for one in found] == [("duplicate", second.imp_uid)]
    repair(provider, found)
    assert provider.cancels == [(second.imp_uid, payment.amount)]
    assert kinds(provider) == []


def test_payment_that_kg_itself_cancelled_is_reported_as_undone_at_kg(provider: FakeProvider, payment: Payment) -> None:
    provider.cancel_answers = ["undone at kg"]
    result = cancel_payment(provider, payment.id, "고객 변심", ADMIN)
    assert "이미 취소가 완료" in result.reason  # a person reads KG's words
    assert row_of(payment).answer == "undone_at_kg"
    assert kinds(provider) == ["undone_at_kg"]


def test_a_payment_that_stands_on_another_day_there_is_looked_up_by_itself(
    provider: FakeProvider, payment: Payment
) -> None:
    report = provider.reports[payment.imp_uid or ""]
    object.__setattr__(report, "paid_at", clock.now() - timedelta(days=9))
    assert kinds(provider) == []


def test_a_state_that_only_we_believe_in_is_shown(provider: FakeProvider, payment: Payment) -> None:
    with transaction():
        move(Payment, payment.id, "cancelled", cancelled_at=clock.now())
    assert kinds(provider) == ["state"]


def test_the_report_is_a_table(provider: FakeProvider, payment: Payment) -> None:
    provider.reports.clear()
    header, line = differences_csv(differences(provider)).splitlines()
    assert header == "kind,merchant_uid,imp_uid,ours,theirs,our_amount,their_amount,다른 점,할 일"
    assert line.startswith(  # a minus might begin a formula
        f"ours_only,{payment.merchant_uid},{payment.imp_uid},paid,'-,{payment.amount},0,우리에게만 있음,"
    )


def test_money_of_another_channel_that_waits_for_a_person_is_on_our_books_too(
    provider: FakeProvider, buyer: User
) -> None:
    cart.put_in_cart(buyer.id, product().id, 1)
    held = order_window(provider, buyer.id, BUYER)
    report = provider.hears_of(held.merchant_uid, amount=held.amount, is_test_channel=False)
    sync.sync_payment(provider, Notification("webhook", report.imp_uid, held.merchant_uid))
    assert kinds(provider) == []
    provider.console_cancels(report.imp_uid)
    (found,) = differences(provider)
    assert (found.kind, found.ours, found.theirs, found.our_amount) == ("state", "paid", "cancelled", held.amount)


def test_a_foreign_row_that_cannot_be_read_is_listed_and_stops_nothing(
    provider: FakeProvider, payment: Payment
) -> None:
    provider.unreadable = [UnreadableRow("imp_paypal", "another-service-1", "no usable currency")]
    provider.reports.clear()
    found = {one.kind: one for one in differences(provider)}
    assert set(found) == {"unreadable", "ours_only"}
    assert found["unreadable"].is_foreign and found["unreadable"].imp_uid == "imp_paypal"


def test_an_unreadable_row_of_one_of_our_payments_is_a_difference(provider: FakeProvider, payment: Payment) -> None:
    provider.unreadable = [UnreadableRow(payment.imp_uid or "", "", "no usable currency")]
    provider.reports.clear()
    [found] = differences(provider)
    assert (found.kind, found.is_foreign, found.our_amount) == ("unreadable", False, payment.amount)
    assert repair(provider, [found]) == {"left": 1}
