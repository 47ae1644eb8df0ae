"""a buyer asks for the money back"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    with op.batch_alter_table("orders") as orders:
        orders.add_column(sa.Column("fulfilled_at", sa.DateTime(), nullable=True))
        orders.add_column(sa.Column("cancel_wanted_at", sa.DateTime(), nullable=True))
        orders.add_column(sa.Column("cancel_wanted_reason", sa.String(length=200), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("orders") as orders:
        orders.drop_column("cancel_wanted_reason")
        orders.drop_column("cancel_wanted_at")
        orders.drop_column("fulfilled_at")
