"""two more kinds of messages: an order was sent, and a cancellation request was declined"""

import sqlalchemy as sa
from alembic import op

revision = "0108"
down_revision = "0107"

BEFORE = ("paid", "cancelled", "refunded", "charge_soon", "declined", "ended")
ADDED = ("sent", "cancel_declined")
COLUMNS = (
    "id, kind, order_id, subscription_id, charge_on, facts, language, created_at, sent_at, tries, next_try_at, error"
)
WAITING, UNSENT = sa.text("next_try_at IS NOT NULL"), sa.text("sent_at IS NULL")


def upgrade() -> None:
    allow(BEFORE + ADDED)


def downgrade() -> None:
    op.execute(f"DELETE FROM messages WHERE kind IN {ADDED}")
    allow(BEFORE)


def allow(kinds: tuple[str, ...]) -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint(op.f("ck_messages_kind_known"), "messages", type_="check")
        op.create_check_constraint(op.f("ck_messages_kind_known"), "messages", f"kind IN {kinds}")
        return
    create_table("messages_copy", kinds)  # SQLite cannot change a constraint: the table is copied
    op.execute(f"INSERT INTO messages_copy ({COLUMNS}) SELECT {COLUMNS} FROM messages")
    op.drop_table("messages")
    op.rename_table("messages_copy", "messages")
    op.create_index("messages_waiting", "messages", ["next_try_at", "id"], sqlite_where=WAITING)
    op.create_index("messages_unsent", "messages", ["id"], sqlite_where=UNSENT)


def create_table(name: str, kinds: tuple[str, ...]) -> None:
    op.create_table(
        name,
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
        sa.CheckConstraint(f"kind IN {kinds}", name=op.f("ck_messages_kind_known")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_messages_order_id")),
        sa.ForeignKeyConstraint(["subscription_id"], ["subscriptions.id"], name=op.f("fk_messages_subscription_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_messages")),
        sa.UniqueConstraint("subscription_id", "charge_on", name=op.f("uq_messages_subscription_id_charge_on")),
    )
