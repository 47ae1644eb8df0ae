"""Months that PortOne charges by its own schedule: reserved as a row first, learned of by webhook."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from payments.clock import SEOUL
from payments.database import db, end_reading
from payments.models import Event, Payment
from payments.monthly import charging, claims
from payments.monthly.models import Subscription
from tests.sandbox.driver import travel
from tests.sandboxed import Sandboxed, sandboxed


@pytest.fixture
def shop(tmp_path: Path, seeded_database: Path) -> Iterator[Sandboxed]:
    with sandboxed(tmp_path, seeded_database) as shop:
        shop.goes_to(2055, 1, 15, 9)
        yield shop


def subscription_of(shop: Sandboxed, phone: str) -> Subscription:
    shop.subscribes("b@example.com", phone)
    found = db.session.query(Subscription).one()
    end_reading()
    return found


def scheduled(shop: Sandboxed, subscription: Subscription, at: datetime, merchant_uid: str | None = None) -> str:
    """The merchant reserves the month and has PortOne charge it then; the merchant_uid."""
    asked = claims.reserve(subscription.id, at) if merchant_uid is None else None
    uid = asked.merchant_uid if asked else str(merchant_uid)
    item = {
        "merchant_uid": uid,
        "schedule_at": int(at.timestamp()),
        "amount": subscription.amount,
        "name": "2월분",
        "notice_url": f"{shop.app.extensions['settings'].public_url}/payment/webhook",
    }
    shop.ledger.schedules.add(str(subscription.customer_uid), [item])
    return uid


def time_passes_to(shop: Sandboxed, moment: datetime) -> None:
    """The schedule runs at its moment, and its webhook arrives."""
    travel(shop.ledger, moment)
    shop.ledger.postman.flush()
    db.session.expire_all()


NOON = datetime(2055, 2, 15, 12, tzinfo=SEOUL)


def test_a_scheduled_month_is_recorded_by_its_webhook_and_never_charged_by_the_run(shop: Sandboxed) -> None:
    subscription = subscription_of(shop, "01012345678")
    uid = scheduled(shop, subscription, NOON)
    time_passes_to(shop, NOON - timedelta(hours=3))
    assert charging.charge(shop.provider, subscription.id) == "in_flight"  # the month is PortOne's until then
    time_passes_to(shop, NOON + timedelta(minutes=1))
    payment = db.session.query(Payment).filter_by(merchant_uid=uid).one()
    assert (payment.status, payment.period, subscription.status) == ("paid", "2055-02", "active")
    assert str(subscription.next_charge_on) == "2055-03-15"
    assert [row["merchant_uid"] for row in shop.at_kg(subscription.customer_uid)][1:] == [uid]
    shop.books_agree()


def test_a_scheduled_month_that_failed_is_recorded_and_the_run_takes_over(shop: Sandboxed) -> None:
    subscription = subscription_of(shop, "01000006116")  # the first try of a month is declined
    uid = scheduled(shop, subscription, NOON)
    time_passes_to(shop, NOON + timedelta(minutes=1))
    payment = db.session.query(Payment).filter_by(merchant_uid=uid).one()
    assert (payment.status, subscription.status) == ("failed", "past_due")
    assert "요금 미납" in str(payment.fail_reason)
    assert charging.charge(shop.provider, subscription.id) == "skipped"
    time_passes_to(shop, NOON + timedelta(hours=4, minutes=1))
    assert charging.charge(shop.provider, subscription.id) == "charged"
    db.session.expire_all()
    assert subscription.status == "active"
    shop.books_agree()


def test_a_schedule_that_never_ran_is_looked_up_and_then_charged_by_the_run(shop: Sandboxed) -> None:
    subscription = subscription_of(shop, "01012345678")
    uid = scheduled(shop, subscription, NOON)
    shop.ledger.schedules.revoke(None, [uid])
    time_passes_to(shop, NOON + timedelta(minutes=5))
    assert charging.charge(shop.provider, subscription.id) == "in_flight"
    time_passes_to(shop, NOON + timedelta(minutes=11))
    assert charging.charge(shop.provider, subscription.id) == "charged"
    assert [row["merchant_uid"] for row in shop.at_kg(subscription.customer_uid)][1:] == [uid]


def test_what_nobody_reserved_changes_no_book_and_stands_in_the_inbox(shop: Sandboxed) -> None:
    """Money law 2: only what we asked for is ours. The run is refused by KG, and reconciliation shows the stranger."""
    subscription = subscription_of(shop, "01012345678")
    uid = scheduled(shop, subscription, NOON, f"sub-{subscription.token}-205502-9")
    time_passes_to(shop, NOON + timedelta(minutes=1))
    assert db.session.query(Payment).filter_by(merchant_uid=uid).count() == 0
    assert db.session.query(Event).filter_by(merchant_uid=uid, source="webhook", outcome="not_found").count() == 1
    assert charging.charge(shop.provider, subscription.id) == "declined"
    assert len(shop.at_kg(subscription.customer_uid)) == 2
