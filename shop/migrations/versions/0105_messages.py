"""messages to buyers, written with what they tell of and sent afterwards; the language of an order's buyer"""

import sqlalchemy as sa
from alembic import op

revision = "0105"
down_revision = "0103"

KINDS = "kind IN ('paid', 'cancelled', 'refunded', 'charge_soon', 'declined', 'ended')"
WAITING, UNSENT = sa.text("next_try_at IS NOT NULL"), sa.text("sent_at IS NULL")


def upgrade() -> None:
    op.add_column("orders", sa.Column("language", sa.String(2), nullable=True))
    op.create_table(
        "messages",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("order_id", sa.Integer(), nullable=False),
        sa.Column("subscription_id", sa.Integer(), nullable=True),
        sa.Column("charge_on", sa.Date(), nullable=True),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("language", sa.String(2), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("sent_at", sa.DateTime(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_try_at", sa.DateTime(), nullable=True),
        sa.Column("error", sa.String(40), nullable=True),
        sa.CheckConstraint(KINDS, name=op.f("ck_messages_kind_known")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_messages_order_id")),
        sa.ForeignKeyConstraint(["subscription_id"], ["subscriptions.id"], name=op.f("fk_messages_subscription_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_messages")),
        sa.UniqueConstraint("subscription_id", "charge_on", name=op.f("uq_messages_subscription_id_charge_on")),
    )
    op.create_index(
        "messages_waiting", "messages", ["next_try_at", "id"], sqlite_where=WAITING, postgresql_where=WAITING
    )
    op.create_index("messages_unsent", "messages", ["id"], sqlite_where=UNSENT, postgresql_where=UNSENT)


def downgrade() -> None:
    op.drop_table("messages")
    op.drop_column("orders", "language")
