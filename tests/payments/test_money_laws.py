"""The money laws, by number: here with threads on both databases, elsewhere by HTTP and with processes."""

from collections import Counter

import pytest
from flask import Flask

from payments.database import Base, db, transaction
from payments.events import Notification
from payments.models import Event, Payment
from payments.sync import sync_payment

from .fakes import FakeProvider
from .host import Order, new_order, order_window, states, stock
from .threads import at_once

pytestmark = pytest.mark.law


@pytest.fixture
def paid_parcel(provider: FakeProvider) -> Payment:
    """An attempt to buy one thing of ten; PortOne already knows that it is paid."""
    payment = order_window(provider)
    provider.hears_of(payment.merchant_uid, amount=payment.amount, imp_uid="imp_1")
    return payment


@pytest.mark.parametrize(
    "claim", [{"status": "paid"}, {"imp_success": "true", "success": "true"}, {"status": "cancelled"}]
)
def test_law_1_what_a_caller_claims_changes_no_book(claim: dict[str, str], provider: FakeProvider) -> None:
    payment = order_window(provider)
    window = provider.hears_of(payment.merchant_uid, status="ready", amount=payment.amount)
    sync_payment(provider, Notification("webhook", window.imp_uid, payment.merchant_uid, claim))
    db.session.expire_all()
    assert states(payment) == ("ready", "pending")


def test_law_2_a_paid_payment_of_another_order_completes_nothing_but_its_own(
    paid_parcel: Payment, provider: FakeProvider
) -> None:
    thiefs = order_window(provider)
    assert thiefs.amount == paid_parcel.amount
    result = sync_payment(provider, Notification("callback", "imp_1", thiefs.merchant_uid))
    assert (result.outcome, result.payment and result.payment.id) == ("mismatch", paid_parcel.id)
    db.session.expire_all()
    assert states(thiefs) == ("ready", "pending")
    assert states(paid_parcel) == ("paid", "paid")


def test_law_3_many_deliveries_at_once_have_one_winner_and_one_outcome(
    app: Flask, paid_parcel: Payment, provider: FakeProvider
) -> None:
    uid = paid_parcel.merchant_uid

    def deliver() -> str:
        return sync_payment(provider, Notification("webhook", "imp_1", uid)).outcome

    assert Counter(at_once(app, deliver, 12)) == {"paid": 1, "unchanged": 11}
    db.session.expire_all()
    assert states(paid_parcel) == ("paid", "paid")
    assert stock() == 9
    assert db.session.query(Event).filter_by(payment_id=paid_parcel.id, outcome="paid").count() == 1


@pytest.mark.parametrize("late", ["failed", "ready"])
def test_law_3_late_news_never_downgrades_a_paid_payment(
    late: str, paid_parcel: Payment, provider: FakeProvider
) -> None:
    uid = paid_parcel.merchant_uid
    sync_payment(provider, Notification("callback", merchant_uid=uid))
    provider.hears_of(uid, status=late, amount=paid_parcel.amount, imp_uid="imp_1")
    assert sync_payment(provider, Notification("webhook", "imp_1", uid)).outcome == "unchanged"
    db.session.expire_all()
    assert states(paid_parcel) == ("paid", "paid")


def test_law_5_the_provider_is_never_asked_inside_a_transaction(app: Flask, provider: FakeProvider) -> None:
    """The provider itself fails in an open transaction; here it is shown that it would."""
    with transaction(), pytest.raises(AssertionError, match="open transaction"):
        provider.find_payment("m-1")
    db.session.query(Order).first()  # even a plain read opens one
    with pytest.raises(AssertionError, match="open transaction"):
        provider.find_payment("m-1")


def test_law_9_amounts_are_integers_of_won(provider: FakeProvider) -> None:
    payment = order_window(provider, new_order(3))
    assert type(payment.amount) is int
    assert type(provider.prepared[payment.merchant_uid]) is int
    tables = [one.local_table for one in Base.registry.mappers if one.class_.__module__.startswith("payments.")]
    amounts = [column for table in tables for column in table.columns if "amount" in column.name]
    assert {column.table.name for column in amounts} >= {"payments", "cancellations"}
    assert all(str(column.type) == "INTEGER" for column in amounts)
