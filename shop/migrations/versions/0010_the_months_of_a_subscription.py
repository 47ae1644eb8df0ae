"""the months of a subscription"""

from alembic import op

revision = "0010"
down_revision = "0003"


def upgrade() -> None:
    op.create_index("ix_payments_subscription_id", "payments", ["subscription_id", "period"])
    op.create_index("ix_subscriptions_next_charge_on", "subscriptions", ["next_charge_on"])


def downgrade() -> None:
    op.drop_index("ix_subscriptions_next_charge_on", "subscriptions")
    op.drop_index("ix_payments_subscription_id", "payments")
