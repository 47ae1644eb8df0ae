"""the event log's table says whose it is: payment_events"""

from alembic import op

revision = "0070"
down_revision = "0060"

INDEXED = ("merchant_uid", "payment_id", "customer_uid", "imp_uid")


def upgrade() -> None:
    rename("events", "payment_events")


def downgrade() -> None:
    rename("payment_events", "events")


def rename(old: str, new: str) -> None:
    """Rename the table, and its constraints and indexes, whose names hold the table's."""
    op.rename_table(old, new)
    for column in INDEXED:
        op.drop_index(f"ix_{old}_{column}", table_name=new)
        op.create_index(f"ix_{new}_{column}", new, [column])
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"ALTER TABLE {new} RENAME CONSTRAINT pk_{old} TO pk_{new}")
        op.execute(f"ALTER TABLE {new} RENAME CONSTRAINT fk_{old}_payment_id TO fk_{new}_payment_id")
        op.execute(f"ALTER SEQUENCE {old}_id_seq RENAME TO {new}_id_seq")
        return
    with op.batch_alter_table(new) as events:  # SQLite cannot rename a constraint: the table is copied
        events.drop_constraint(f"pk_{old}", type_="primary")
        events.create_primary_key(f"pk_{new}", ["id"])
        events.drop_constraint(f"fk_{old}_payment_id", type_="foreignkey")
        events.create_foreign_key(f"fk_{new}_payment_id", "payments", ["payment_id"], ["id"])
