"""several filters at once: what the back office lists and sums by"""

import sqlalchemy as sa
from alembic import op

from shop.migrations import day_sums

revision = "0021"
down_revision = "0020"

KIND, PLAN = "'kind:' || {row}.kind", "'plan:' || {row}.plan_id"
PG, SHORT_PG = ("'pg:' || substr({row}.pg_provider, 1, %s)" % most for most in (90, 60))
HAS_PLAN, HAS_PG = "{row}.plan_id IS NOT NULL", "{row}.pg_provider IS NOT NULL"

SINGLE = {"'all'": "true", KIND: "true", PLAN: HAS_PLAN, PG: HAS_PG}
COMBINED = {
    f"{KIND} || ' ' || {PLAN}": HAS_PLAN,
    f"{KIND} || ' ' || {SHORT_PG}": HAS_PG,
    f"{PLAN} || ' ' || {SHORT_PG}": f"{HAS_PLAN} AND {HAS_PG}",
    f"{KIND} || ' ' || {PLAN} || ' ' || {SHORT_PG}": f"{HAS_PLAN} AND {HAS_PG}",
}


def upgrade() -> None:
    plan, pg = sa.text("coalesce(plan_id, 0)"), sa.text("coalesce(pg_provider, '')")
    op.create_index("payments_by_all", "payments", [plan, pg, "kind", "status", "created_at", "id"])
    day_sums.drop_triggers()
    day_sums.fill(COMBINED)
    day_sums.create_triggers(SINGLE | COMBINED)


def downgrade() -> None:
    op.drop_index("payments_by_all", "payments")
    day_sums.drop_triggers()
    op.execute("DELETE FROM payment_days WHERE facet LIKE '% %'")
    day_sums.create_triggers(SINGLE)
