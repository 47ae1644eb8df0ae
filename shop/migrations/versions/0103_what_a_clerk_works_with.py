"""what a clerk works with: dated order numbers, parcels, searches by name and pg_tid, differences that were looked at"""

import secrets
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0103"
down_revision = "0102"

ALPHABET = "23456789ACDEFGHJKMNPQRTVWXY"
ROWS_AT_ONCE = 10_000
SEOUL = timedelta(hours=9)
TO_SEND = sa.text("status = 'paid' AND fulfilled_at IS NULL")
HAS_TID = sa.text("pg_tid IS NOT NULL")

orders = sa.table(
    "orders", sa.column("id", sa.Integer), sa.column("number", sa.String), sa.column("created_at", sa.DateTime)
)


def partial(condition: sa.TextClause) -> dict[str, sa.TextClause]:
    return {"sqlite_where": condition, "postgresql_where": condition}


def upgrade() -> None:
    # With a default the column can be added without copying SQLite's table, which keeps it.
    op.add_column("orders", sa.Column("number", sa.String(16), nullable=False, server_default=""))
    fill_numbers()
    op.create_index("ix_orders_number", "orders", ["number"], unique=True)
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column("orders", "number", server_default=None)
    op.add_column("orders", sa.Column("carrier", sa.String(40)))
    op.add_column("orders", sa.Column("tracking_number", sa.String(40)))
    op.create_index("orders_to_send", "orders", ["digital", "paid_at", "id"], **partial(TO_SEND))
    op.create_index("orders_by_name", "orders", ["buyer_name"])
    op.create_index("payments_by_tid", "payments", ["pg_tid"], **partial(HAS_TID))
    op.create_table(
        "reviewed_differences",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("facts", sa.String(64), nullable=False),
        sa.Column("merchant_uid", sa.Text(), nullable=False),
        sa.Column("reason", sa.String(300), nullable=False),
        sa.Column("reviewed_by", sa.String(254), nullable=False),
        sa.Column("reviewed_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reviewed_differences")),
    )
    op.create_index("ix_reviewed_differences_facts", "reviewed_differences", ["facts"])


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
    op.drop_table("reviewed_differences")
    op.drop_index("payments_by_tid", "payments")
    op.drop_index("orders_by_name", "orders")
    op.drop_index("orders_to_send", "orders")
    op.drop_column("orders", "tracking_number")
    op.drop_column("orders", "carrier")
    op.drop_index("ix_orders_number", "orders")
    op.drop_column("orders", "number")
