"""The road from nothing to today's tables, and back."""

from dataclasses import astuple
from datetime import date
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask import Flask
from flask_migrate import downgrade, upgrade
from sqlalchemy import inspect

from payments.database import Base, db, end_reading
from shop.backoffice import figures, listing
from shop.backoffice.listing import PaymentFilter
from shop.backoffice.paging import Cursor
from shop.orders.buyers import buyers_of

pytestmark = pytest.mark.law


# SQLite tells nothing of an index over an expression; PostgreSQL does.
@pytest.mark.filterwarnings("ignore:Skipped unsupported reflection", "ignore:autogenerate skipping")
def test_the_migrations_lead_to_exactly_the_models(app: Flask) -> None:
    with app.app_context(), db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_every_step_can_be_taken_back_and_again(app: Flask) -> None:
    with app.app_context():
        downgrade(revision="base")
        assert set(inspect(db.engine).get_table_names()) == {"alembic_version"}
        upgrade()
        assert "payments" in inspect(db.engine).get_table_names()


def test_upgrading_twice_changes_nothing(app: Flask) -> None:
    with app.app_context():
        upgrade()
        upgrade()
        assert db.session.execute(db.text("SELECT count(*) FROM products")).scalar() == 14


OLD_USER_AND_ORDERS = """
INSERT INTO users (id, email, password_hash, role, created_at)
  VALUES (90, 'old@example.com', 'x', 'buyer', '2026-10-01');
INSERT INTO orders (id, user_id, kind, status, amount, digital, buyer_name, buyer_tel, buyer_email, created_at,
                    expires_at)
  VALUES (90, 90, 'once', 'paid', 3900, true, '홍', '01012345678', 'Old@Example.com', '2026-10-01', '2026-10-01'),
         (91, 90, 'monthly', 'paid', 4900, true, '홍', '01012345678', 'old@example.com', '2026-10-01', '2026-10-01');
"""
OLD_PAYMENTS = """
INSERT INTO billing_keys (id, customer_uid, user_id, status, buyer_name, buyer_tel, buyer_email, created_at)
  VALUES (90, 'key-90', 90, 'active', '홍길동', '01012345678', 'old@example.com', '2026-10-01');
INSERT INTO subscriptions (id, token, user_id, product_id, order_id, customer_uid, status, amount, created_at)
  VALUES (90, 'abc', 90, 1, 91, 'key-90', 'active', 4900, '2026-10-01');
INSERT INTO payments (id, merchant_uid, order_id, subscription_id, customer_uid, name, amount, is_test_channel, status,
                      held_reason, cancelled_amount, created_at)
  VALUES (90, 'm-90', 90, NULL, NULL, 'x', 3900, true, 'paid', NULL, 0, '2026-10-01 16:00:00'),
         (91, 'm-91', 91, NULL, 'key-90', 'x', 4900, true, 'paid', 'surplus', 0, '2026-10-01 14:00:00'),
         (92, 'm-92', NULL, 90, 'key-90', 'x', 4900, true, 'failed', NULL, 0, '2026-10-01 14:00:00');
INSERT INTO events (id, at, source, payment_id, outcome, reason, claimed)
  VALUES (90, '2026-10-01', 'callback', 90, 'paid', 'x', '{}');
"""


def found(**chosen: Any) -> list[str]:
    """The payments that the back office lists for a filter, by `merchant_uid`."""
    return sorted(row.merchant_uid for row in listing.payments(PaymentFilter(**chosen), Cursor()).rows)


def run(statements: str) -> None:
    for statement in statements.split(";\n"):
        if statement.strip():
            db.session.execute(db.text(statement))
    db.session.commit()


def test_rows_of_an_older_shop_get_what_the_back_office_lists_by(app: Flask) -> None:
    with app.app_context():
        downgrade(revision="0003")
        run(OLD_USER_AND_ORDERS)
        run(OLD_PAYMENTS)
        upgrade()
        rows = listing.payments(PaymentFilter(), Cursor()).rows
        buyers = buyers_of(rows)
        assert sorted((row.merchant_uid, row.kind, *astuple(buyers[row.id])) for row in rows) == [
            ("m-90", "once", "홍", "old@example.com", "010-****-5678"),
            ("m-91", "first", "홍길동", "old@example.com", "010-****-5678"),
            ("m-92", "renewal", "홍길동", "old@example.com", "010-****-5678"),
        ]
        assert found(q="old@example.com") == found(q="5678") == ["m-90", "m-91", "m-92"]
        assert found(plan_id=1) == ["m-91", "m-92"]
        assert figures.sums_by_day(date(2026, 10, 1), date(2026, 10, 2)) == {
            date(2026, 10, 1): figures.Sums(held=1, held_won=4900, failed=1),
            date(2026, 10, 2): figures.Sums(paid=1, paid_won=3900),  # one in the morning in Seoul
        }


def test_the_daily_sums_of_an_older_shop_return_with_a_downgrade_and_follow_its_payments(app: Flask) -> None:
    def sums() -> dict[str, tuple[str, int, int]]:
        rows = db.session.execute(db.text("SELECT facet, day, paid, paid_won FROM payment_days WHERE paid > 0"))
        found = {row.facet: (str(row.day), row.paid, row.paid_won) for row in rows}
        end_reading()  # or the next migration waits for this reader
        return found

    with app.app_context():
        downgrade(revision="0095")
        run(OLD_USER_AND_ORDERS)
        run(
            "INSERT INTO payments (id, merchant_uid, purchase_id, period, name, amount, is_test_channel, status, kind, "
            "pg_provider, cancelled_amount, created_at) "
            "VALUES (90, 'm-90', '90', '', 'x', 3900, true, 'paid', 'once', 'danal', 0, '2026-10-01 16:00:00')"
        )
        downgrade(revision="0021")
        one = ("2026-10-02", 1, 3900)
        assert sums() == {"all": one, "kind:once": one, "pg:danal": one, "kind:once pg:danal": one}
        run("UPDATE payments SET status = 'failed'")
        assert sums() == {}
        upgrade()
        assert "payment_days" not in inspect(db.engine).get_table_names()
        run("UPDATE payments SET status = 'paid'")
        assert figures.sums(date(2026, 10, 2), date(2026, 10, 2)).paid == 1


ENDED_ORDERS = """
INSERT INTO users (id, email, password_hash, role, created_at)
  VALUES (90, 'old@example.com', 'x', 'buyer', '2026-10-01');
INSERT INTO orders (id, user_id, kind, status, amount, digital, buyer_name, buyer_tel, buyer_email, created_at,
                    expires_at, paid_by, fulfilled_at)
  VALUES (90, 90, 'once', 'cancelled', 3900, true, '홍', '01012345678', 'o@example.com', '2026-10-01', '2026-10-01', 'm-90', NULL),
         (91, 90, 'once', 'cancelled', 3900, true, '홍', '01012345678', 'o@example.com', '2026-10-01', '2026-10-01', 'm-91', NULL),
         (92, 90, 'once', 'cancelled', 3900, true, '홍', '01012345678', 'o@example.com', '2026-10-01', '2026-10-01', NULL, NULL),
         (93, 90, 'once', 'paid', 3900, true, '홍', '01012345678', 'o@example.com', '2026-10-01', '2026-10-01', 'm-93', '2026-10-04'),
         (94, 90, 'once', 'paid', 3900, false, '홍', '01012345678', 'o@example.com', '2026-10-01', '2026-10-01', 'm-94', '2026-10-05');
INSERT INTO payments (id, merchant_uid, kind, purchase_id, period, name, amount, is_test_channel, status, held_reason,
                      cancelled_amount, created_at, cancelled_at)
  VALUES (90, 'm-90', 'once', '90', '', 'x', 3900, true, 'cancelled', NULL, 3900, '2026-10-01', '2026-10-02'),
         (91, 'm-91', 'once', '91', '', 'x', 3900, true, 'paid', 'refunded_by_bank', 0, '2026-10-01', NULL);
INSERT INTO payment_events (id, at, source, payment_id, outcome, reason, claimed)
  VALUES (90, '2026-10-03', 'admin', 91, 'bank_refund', 'x', '{}');
"""  # noqa: E501


def test_orders_of_an_older_shop_get_the_times_of_their_cancel_and_of_their_first_use(app: Flask) -> None:
    with app.app_context():
        downgrade(revision="0095")
        run(ENDED_ORDERS)
        upgrade()
        rows = db.session.execute(
            db.text("SELECT id, cancelled_at, content_opened_at FROM orders WHERE id >= 90 ORDER BY id")
        )
        assert [(row.id, str(row[1])[:10], str(row[2])[:10]) for row in rows] == [
            (90, "2026-10-02", "None"),
            (91, "2026-10-03", "None"),
            (92, "None", "None"),
            (93, "None", "2026-10-04"),
            (94, "None", "None"),
        ]
