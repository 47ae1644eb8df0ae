"""How Alembic reaches the shop's database: through the running app's engine, one transaction for all steps."""

from alembic import context
from flask import current_app
from sqlalchemy import event

from payments.database import Base, Moment
from payments.monthly import models as monthly_models  # noqa: F401 - fills the metadata
from shop import postgres
from shop.backoffice import models as backoffice_models  # noqa: F401 - fills the metadata
from shop.orders import messages, models  # noqa: F401 - fill the metadata


def render_item(kind, item, autogen_context):
    """A migration must still run when the shop's own types have changed: write what the column is underneath."""
    return "sa.DateTime()" if kind == "type" and isinstance(item, Moment) else False


def begin(connection):
    """SQLite's driver begins no transaction by itself before a table is changed."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def check_foreign_keys(connection, on):
    """SQLite rebuilds a table to change it, which is not possible while other rows refer to it and this is on."""
    if connection.dialect.name == "sqlite":
        connection.rollback()  # inside a transaction the PRAGMA has no effect
        connection.connection.driver_connection.execute(f"PRAGMA foreign_keys={'ON' if on else 'OFF'}")


with current_app.extensions["migrate"].db.engine.connect() as connection:
    postgres.lift_limits(connection)
    check_foreign_keys(connection, on=False)
    is_sqlite = connection.dialect.name == "sqlite"
    if is_sqlite:
        event.listen(connection, "begin", begin)
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=True,  # SQLite cannot alter a column in place
        compare_type=True,
        render_item=render_item,
    )
    try:
        with context.begin_transaction():
            context.run_migrations()
    finally:
        if is_sqlite:
            event.remove(connection, "begin", begin)
        check_foreign_keys(connection, on=True)
