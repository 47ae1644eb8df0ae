"""dated order numbers that do not reveal how many orders there are; existing orders get theirs"""

import secrets
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0103"
down_revision = "0095"

ALPHABET = "23456789ACDEFGHJKMNPQRTVWXY"
ROWS_AT_ONCE = 10_000
SEOUL = timedelta(hours=9)

orders = sa.table(
    "orders", sa.column("id", sa.Integer), sa.column("number", sa.String), sa.column("created_at", sa.DateTime)
)


def upgrade() -> None:
    # With a default the column can be added without copying SQLite's table, which keeps it.
    op.add_column("orders", sa.Column("number", sa.String(16), nullable=False, server_default=""))
    fill_numbers()
    op.create_index("ix_orders_number", "orders", ["number"], unique=True)
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column("orders", "number", server_default=None)


def fill_numbers() -> None:
    taken: set[str] = set()
    change = orders.update().where(orders.c.id == sa.bindparam("of")).values(number=sa.bindparam("drawn"))
    page = sa.select(orders.c.id, orders.c.created_at).order_by(orders.c.id).limit(ROWS_AT_ONCE)
    last = 0
    while rows := op.get_bind().execute(page.where(orders.c.id > last)).all():
        op.get_bind().execute(change, [{"of": row.id, "drawn": draw(row.created_at, taken)} for row in rows])
        last = rows[-1].id


def draw(created_at: Any, taken: set[str]) -> str:
    """Draw a number for an order of that moment (UTC) which no other order has."""
    while True:
        number = f"{created_at + SEOUL:%Y%m%d}-" + "".join(secrets.choice(ALPHABET) for _ in range(6))
        if number not in taken:
            taken.add(number)
            return number


def downgrade() -> None:
    op.drop_index("ix_orders_number", "orders")
    op.drop_column("orders", "number")
