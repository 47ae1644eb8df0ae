"""The road from nothing to today's tables, and back."""

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask import Flask
from flask_migrate import downgrade, upgrade
from sqlalchemy import inspect

from payments.database import Base, db
from payments.models import PaymentDay

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


OLD_ROWS = """
INSERT INTO users (id, email, password_hash, role, created_at)
  VALUES (90, 'old@example.com', 'x', 'buyer', '2026-10-01');
INSERT INTO orders (id, user_id, kind, status, amount, digital, buyer_name, buyer_tel, buyer_email, created_at,
                    expires_at)
  VALUES (90, 90, 'once', 'paid', 3900, true, '홍', '01012345678', 'Old@Example.com', '2026-10-01', '2026-10-01'),
         (91, 90, 'monthly', 'paid', 4900, true, '홍', '01012345678', 'old@example.com', '2026-10-01', '2026-10-01');
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


def test_rows_of_an_older_shop_get_what_the_back_office_lists_by(app: Flask) -> None:
    with app.app_context():
        downgrade(revision="0003")
        for statement in OLD_ROWS.split(";\n"):
            if statement.strip():
                db.session.execute(db.text(statement))
        db.session.commit()
        upgrade()
        columns = "kind, plan_id, buyer_email, buyer_tel, tel_tail"
        rows = db.session.execute(db.text(f"SELECT {columns} FROM payments ORDER BY id")).all()  # noqa: S608
        assert [tuple(row) for row in rows] == [
            ("once", None, "old@example.com", "010-****-5678", "5678"),
            ("first", 1, "old@example.com", "010-****-5678", "5678"),
            ("renewal", 1, "old@example.com", "010-****-5678", "5678"),
        ]
        days = db.session.query(PaymentDay).filter_by(facet="all").order_by(PaymentDay.day).all()
        assert [(f"{day.day:%m%d}", day.paid, day.paid_won, day.held, day.failed) for day in days] == [
            ("1001", 0, 0, 1, 1),
            ("1002", 1, 3900, 0, 0),  # one in the morning in Seoul
        ]
