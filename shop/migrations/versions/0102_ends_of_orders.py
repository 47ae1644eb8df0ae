"""when an order was cancelled, and when its digital content was opened first"""

import sqlalchemy as sa
from alembic import op

revision = "0102"
down_revision = "0101"

# A payment that was paid back by bank stays `paid`: its event says when.
CANCELLED_AT = (
    "(SELECT coalesce(payments.cancelled_at, (SELECT max(at) FROM payment_events"
    " WHERE payment_id = payments.id AND outcome = 'bank_refund'))"
    " FROM payments WHERE payments.merchant_uid = orders.paid_by)"
)


def upgrade() -> None:
    op.add_column("orders", sa.Column("cancelled_at", sa.DateTime(), nullable=True))
    op.add_column("orders", sa.Column("content_opened_at", sa.DateTime(), nullable=True))
    op.execute(f"UPDATE orders SET cancelled_at = {CANCELLED_AT} WHERE status = 'cancelled'")  # noqa: S608 - our own text
    op.execute("UPDATE orders SET content_opened_at = fulfilled_at WHERE digital")


def downgrade() -> None:
    op.drop_column("orders", "content_opened_at")
    op.drop_column("orders", "cancelled_at")
