"""fewer indexes on payments: one for all filters of the back office's list; sweeps find what is open by theirs"""

import sqlalchemy as sa
from alembic import op

revision = "0107"
down_revision = "0106"

NOT_HELD = sa.text("held_reason IS NULL")
PAID = sa.text("status = 'paid' AND held_reason IS NULL")
OPEN = sa.text("status IN ('ready', 'failed') AND given_up_at IS NULL")
OPEN_BEFORE = sa.text("status IN ('ready', 'failed') AND held_reason IS NULL AND given_up_at IS NULL")
CHANGED = ("payments_by_purchase", "purchase_paid_once", "payments_open", "payments_by_time")
DROPPED = ("payments_by_state", "payments_by_kind", "payments_by_pg")


def partial(condition: sa.TextClause) -> dict[str, sa.TextClause]:
    return {"sqlite_where": condition, "postgresql_where": condition}


def upgrade() -> None:
    drop(*CHANGED, *DROPPED)
    create("payments_by_purchase", "purchase_id", "kind", "period")
    create("purchase_paid_once", "purchase_id", "kind", "period", unique=True, **partial(PAID))
    create("payments_open", "id", **partial(OPEN))
    create("payments_by_time", "created_at", "id", "status", "held_reason", "kind", "pg_provider", "purchase_id")


def downgrade() -> None:
    drop(*CHANGED)
    create("payments_by_purchase", "kind", "purchase_id", "period")
    create("purchase_paid_once", "kind", "purchase_id", "period", unique=True, **partial(PAID))
    create("payments_open", "id", **partial(OPEN_BEFORE))
    create("payments_by_time", "created_at", "id")
    create("payments_by_state", "status", "created_at", "id", **partial(NOT_HELD))
    create("payments_by_kind", "kind", "created_at", "id")
    create("payments_by_pg", "pg_provider", "created_at", "id")


def drop(*names: str) -> None:
    for name in names:
        op.drop_index(name, "payments")


def create(name: str, *columns: str, **options: object) -> None:
    op.create_index(name, "payments", [*columns], **options)
