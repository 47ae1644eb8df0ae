"""The road from nothing to today's tables, and back."""

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask import Flask
from flask_migrate import downgrade, upgrade
from sqlalchemy import inspect

from shop.database import Base, db

pytestmark = pytest.mark.law


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
