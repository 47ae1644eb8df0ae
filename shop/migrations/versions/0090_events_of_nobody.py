"""events about ids that are nobody's are counted by day and address, and deleted by age"""

import sqlalchemy as sa
from alembic import op

revision = "0090"
down_revision = "0070"

OF_NOBODY = sa.text("payment_id IS NULL AND actor IS NULL")


def upgrade() -> None:
    op.create_index(
        "events_of_nobody", "payment_events", ["at", "address"], sqlite_where=OF_NOBODY, postgresql_where=OF_NOBODY
    )


def downgrade() -> None:
    op.drop_index("events_of_nobody", "payment_events")
