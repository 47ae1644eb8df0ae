"""where an event came from"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    with op.batch_alter_table("events") as events:
        events.add_column(sa.Column("customer_uid", sa.String(length=80), nullable=True))
        events.add_column(sa.Column("address", sa.String(length=64), nullable=True))
        events.add_column(sa.Column("raw", sa.Text(), nullable=True))
        events.create_index("ix_events_customer_uid", ["customer_uid"])


def downgrade() -> None:
    with op.batch_alter_table("events") as events:
        events.drop_index("ix_events_customer_uid")
        events.drop_column("raw")
        events.drop_column("address")
        events.drop_column("customer_uid")
