"""several filters at once: what the back office lists and sums by"""

import sqlalchemy as sa
from alembic import op

from shop.migrations import day_sums

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    plan, pg = sa.text("coalesce(plan_id, 0)"), sa.text("coalesce(pg_provider, '')")
    op.create_index("payments_by_all", "payments", [plan, pg, "kind", "status", "created_at", "id"])
    day_sums.drop_triggers()
    day_sums.fill(day_sums.COMBINED)
    day_sums.create_triggers(day_sums.SINGLE | day_sums.COMBINED)


def downgrade() -> None:
    op.drop_index("payments_by_all", "payments")
    day_sums.drop_triggers()
    op.execute("DELETE FROM payment_days WHERE facet LIKE '% %'")
    day_sums.create_triggers(day_sums.SINGLE)
