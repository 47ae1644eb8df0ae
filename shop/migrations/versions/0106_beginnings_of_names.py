"""names of buyers are found by their beginning: PostgreSQL needs another kind of index for that"""

from alembic import op

revision = "0106"
down_revision = "0105"


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.drop_index("orders_by_name", "orders")
        ops = {"buyer_name": "varchar_pattern_ops"}
        op.create_index("orders_by_name", "orders", ["buyer_name"], postgresql_ops=ops)


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.drop_index("orders_by_name", "orders")
        op.create_index("orders_by_name", "orders", ["buyer_name"])
