"""A database of the last release (revision 0021), with payments in every state, is upgraded: nothing of it is lost."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic.script import ScriptDirectory
from flask import Flask
from flask_migrate import downgrade, upgrade
from sqlalchemy import inspect

from payments.database import db, end_reading
from payments.models import Cancellation, Payment
from payments.monthly.models import BillingKey
from shop.backoffice import figures, listing
from shop.backoffice.listing import PaymentFilter
from shop.backoffice.paging import Cursor
from shop.orders.buyers import buyers_of
from shop.orders.order_payments import KINDS
from tests import clocks

pytestmark = pytest.mark.law

ROWS = Path(__file__).with_name("rows_of_release_0021.sql").read_text()
LAST_RELEASE = "0021"

# The last release's own columns, as its back office listed and searched by them.
LISTED = "merchant_uid, kind, plan_id, buyer_name, buyer_email, buyer_tel, tel_tail"


@pytest.fixture
def last_release(app: Flask) -> Iterator[Flask]:
    """A shop whose database the last release has made and filled. Its day is 29 November 2026."""
    clocks.stand_at(datetime(2026, 11, 29, 3, tzinfo=UTC))
    with app.app_context():
        downgrade(revision="base")
        upgrade(revision=LAST_RELEASE)
        for statement in ROWS.split(";\n"):
            db.session.execute(db.text(statement))
        db.session.commit()
        yield app


def rows(query: str) -> list[tuple[Any, ...]]:
    found = [tuple(row) for row in db.session.execute(db.text(query))]
    end_reading()
    return found


def sums() -> list[tuple[Any, ...]]:
    return rows(
        "SELECT status, CASE held_reason WHEN 'surplus' THEN 'duplicate' ELSE held_reason END AS held, kind, count(*),"
        " sum(amount), sum(cancelled_amount) FROM payments GROUP BY status, held, kind ORDER BY 1, 3, 2"
    )


# What the last release's back office listed of these rows, by state and by kind.
LISTS = {
    "ready": ["left-open", "month-open", "no-answer"],
    "paid": ["first-ended", "first-live", "month-paid", "paid", "wanted"],
    "failed": ["declined", "first-declined", "month-declined"],
    "cancelled": ["back", "month-back"],
    "held": ["other-channel", "twice"],
    "wanted": ["wanted"],
    "unknown": ["no-answer"],
    "stuck": ["wanted"],
    "duplicate": ["month-paid"],
    "once": ["back", "declined", "left-open", "no-answer", "other-channel", "paid", "twice", "wanted"],
    "first": ["first-declined", "first-ended", "first-live"],
    "renewal": ["month-back", "month-declined", "month-open", "month-paid"],
}


def lists() -> dict[str, list[str]]:
    """What the back office lists by state and by kind."""
    chosen = [PaymentFilter(state=state) for state in LISTS if state not in KINDS]
    chosen += [PaymentFilter(kind=kind) for kind in KINDS]
    return {one.state or one.kind: found_by(**vars(one)) for one in chosen}


def sums_by_day() -> list[tuple[Any, ...]]:
    """By the day in UTC, with columns that the last release had too."""
    return rows(
        "SELECT substr(CAST(created_at AS VARCHAR), 1, 10) AS day, status, count(*), sum(amount), sum(cancelled_amount)"
        " FROM payments GROUP BY day, status ORDER BY day, status"
    )


def found_by(**chosen: Any) -> list[str]:
    return sorted(row.merchant_uid for row in listing.payments(PaymentFilter(**chosen), Cursor()).rows)


def test_an_upgrade_from_the_last_release_keeps_sums_lists_and_what_is_to_do(last_release: Flask) -> None:
    before = sums(), sums_by_day()
    assert {status for status, *_ in before[0]} == {"ready", "failed", "paid", "cancelled"}
    upgrade()
    assert (sums(), sums_by_day()) == before
    listed = figures.sums(date(2026, 11, 1), date(2026, 11, 29))
    end_reading()
    assert (listed.paid_won, listed.held_won, listed.cancelled_won) == (12_700, 7_800, 3_900)
    assert lists() == LISTS
    assert figures.to_do() == {"held": 2, "wanted": 1, "unknown": 1, "stuck": 1, "duplicate": 1}
    held = rows("SELECT merchant_uid, held_reason FROM payments WHERE held_reason IS NOT NULL ORDER BY 1")
    assert held == [("other-channel", "channel"), ("twice", "duplicate")]


def test_an_upgrade_keeps_owner_plan_order_and_key_of_each_subscription(last_release: Flask) -> None:
    columns = "token, customer_uid, status, amount, anchor_day, next_charge_on, end_reason"
    owners = "CAST(user_id AS VARCHAR), CAST(product_id AS VARCHAR), CAST(order_id AS VARCHAR)"
    before = rows(f"SELECT {owners}, {columns} FROM subscriptions ORDER BY id")  # noqa: S608 - our own names
    keys = rows("SELECT customer_uid, CAST(user_id AS VARCHAR), status, buyer_tel FROM billing_keys ORDER BY id")
    events = rows("SELECT id, payment_id, outcome, reason FROM events ORDER BY id")
    upgrade()
    refs = "customer_ref, plan_ref, purchase_id"
    assert rows(f"SELECT {refs}, {columns} FROM subscriptions ORDER BY id") == before  # noqa: S608
    assert rows("SELECT name FROM subscriptions ORDER BY id") == [("작은 구독",), ("작은 구독",), ("큰 구독",)]
    assert rows("SELECT customer_uid, customer_ref, status, buyer_tel FROM billing_keys ORDER BY id") == keys
    assert rows("SELECT id, payment_id, outcome, reason FROM payment_events ORDER BY id") == events


def test_after_an_upgrade_payments_are_listed_and_found_as_before(last_release: Flask) -> None:
    before = rows(f"SELECT {LISTED} FROM payments ORDER BY merchant_uid")  # noqa: S608 - our own names
    upgrade()
    shown = {row.merchant_uid: row for row in listing.payments(PaymentFilter(), Cursor()).rows}
    buyers = buyers_of(shown.values())
    for merchant_uid, kind, plan_id, name, email, tel, tail in before:
        one = shown.pop(merchant_uid)
        buyer = buyers[one.id]
        assert (one.kind, buyer.name, buyer.email, buyer.tel) == (kind, name, email, tel)
        assert found_by(q=email) == [row[0] for row in before if row[4] == email]
        assert found_by(q=tail) == [row[0] for row in before if row[6] == tail]
        if plan_id:
            assert found_by(plan_id=plan_id) == [row[0] for row in before if row[2] == plan_id]
    assert not shown


@pytest.mark.slow
def test_an_upgraded_database_taken_back_to_the_last_release_says_the_same(last_release: Flask) -> None:
    before = sums(), sums_by_day(), rows(f"SELECT {LISTED} FROM payments ORDER BY merchant_uid")  # noqa: S608
    days = rows("SELECT * FROM payment_days WHERE paid + failed + ready + cancelled + held > 0 ORDER BY facet, day")
    upgrade()
    end_reading()
    downgrade(revision=LAST_RELEASE)
    assert (sums(), sums_by_day(), rows(f"SELECT {LISTED} FROM payments ORDER BY merchant_uid")) == before  # noqa: S608
    assert rows("SELECT * FROM payment_days ORDER BY facet, day") == days


@pytest.mark.slow
def test_with_rows_in_every_state_of_today_each_step_goes_down_to_nothing_and_up_again(last_release: Flask) -> None:
    upgrade()
    with db.session.begin():  # states that the last release did not know
        db.session.execute(db.text("UPDATE billing_keys SET status = 'absent' WHERE customer_uid = 'key-none'"))
        db.session.execute(
            db.text("UPDATE payments SET held_reason = 'no_billing_key' WHERE merchant_uid = 'first-live'")
        )
        db.session.execute(db.text("UPDATE payments SET held_reason = 'refunded_by_bank' WHERE merchant_uid = 'paid'"))
        payment_id = db.session.scalar(db.text("SELECT id FROM payments WHERE merchant_uid = 'paid'"))
        for status in Cancellation.STATES:
            facts = {"amount": 3900, "reason": "x", "requested_at": clocks.NOON, "status": status}
            db.session.add(Cancellation(payment_id=payment_id, imp_uid=f"imp_{status}", **facts))
    before = rows("SELECT count(*), sum(amount) FROM payments"), rows("SELECT count(*) FROM orders")
    steps = list(ScriptDirectory(last_release.extensions["migrate"].directory).walk_revisions())
    for step in steps:
        end_reading()
        downgrade(revision=step.down_revision or "base")
        if step.down_revision:
            now = rows("SELECT count(*), sum(amount) FROM payments"), rows("SELECT count(*) FROM orders")
            assert now == before, step.revision
    assert inspect(db.engine).get_table_names() == ["alembic_version"]
    for step in reversed(steps):
        upgrade(revision=step.revision)
    assert rows("SELECT count(*) FROM payments") == [(0,)]


def test_a_first_month_that_was_paid_before_its_key_was_known_waits_for_a_person(last_release: Flask) -> None:
    with db.session.begin():
        db.session.execute(db.text("UPDATE billing_keys SET status = 'issuing' WHERE customer_uid = 'key-live'"))
    upgrade()
    held = db.session.scalars(db.select(Payment).filter_by(held_reason="no_billing_key")).one()
    assert (held.merchant_uid, held.status) == ("first-live", "paid")
    assert db.session.scalars(db.select(BillingKey).filter_by(customer_uid="key-live")).one().status == "issuing"


def test_an_attempt_that_the_last_release_no_longer_looked_up_is_given_up(last_release: Flask) -> None:
    upgrade()
    given_up = rows("SELECT merchant_uid FROM payments WHERE given_up_at IS NOT NULL ORDER BY 1")
    assert given_up == [("declined",), ("first-declined",), ("left-open",)]
    looked_up = rows(
        "SELECT merchant_uid FROM payments WHERE status IN ('ready', 'failed') AND held_reason IS NULL"
        " AND given_up_at IS NULL ORDER BY 1"
    )
    assert looked_up == [("month-declined",), ("month-open",), ("no-answer",)]
