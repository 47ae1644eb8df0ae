"""whether PortOne says that a billing key is of a test channel; null for keys that were issued before"""

import sqlalchemy as sa
from alembic import op

revision = "0095"
down_revision = "0090"


def upgrade() -> None:
    op.add_column("billing_keys", sa.Column("is_test_channel", sa.Boolean(), nullable=True))


def downgrade() -> None:
    op.drop_column("billing_keys", "is_test_channel")
