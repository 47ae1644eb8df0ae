"""the table payments keeps nothing of a buyer: lists and searches read orders and billing keys"""

import sqlalchemy as sa
from alembic import op

revision = "0050"
down_revision = "0040"

INDEXES = [
    ("payments_by_plan", ["plan_id", "created_at", "id"], sa.text("plan_id IS NOT NULL")),
    ("payments_by_email", ["buyer_email", "created_at", "id"], None),
    ("payments_by_tel_tail", ["tel_tail", "created_at", "id"], None),
]
COLUMNS = {
    "plan_id": "INTEGER",
    "buyer_name": "VARCHAR(40)",
    "buyer_email": "VARCHAR(254)",
    "buyer_tel": "VARCHAR(16)",
    "tel_tail": "VARCHAR(4)",
}
# Columns are added and dropped one by one, which does not make SQLite write its tables anew.
TAIL = "substr({0}.buyer_tel, length({0}.buyer_tel) - 3)"
LOWER = sa.text("lower(buyer_email)")


def upgrade() -> None:
    for name, _columns, _condition in INDEXES:
        op.drop_index(name, "payments")
    for column in COLUMNS:
        op.execute(f"ALTER TABLE payments DROP COLUMN {column}")
    op.execute("ALTER TABLE orders ADD COLUMN tel_tail VARCHAR(4)")
    op.execute("UPDATE orders SET tel_tail = " + TAIL.format("orders"))
    op.create_index("ix_orders_tel_tail", "orders", ["tel_tail"])
    op.create_index("orders_by_email", "orders", [LOWER])
    op.drop_index("ix_billing_keys_buyer_email", "billing_keys")
    op.create_index("keys_by_email", "billing_keys", [LOWER])


def downgrade() -> None:
    op.drop_index("keys_by_email", "billing_keys")
    op.create_index("ix_billing_keys_buyer_email", "billing_keys", ["buyer_email"])
    op.drop_index("orders_by_email", "orders")
    op.drop_index("ix_orders_tel_tail", "orders")
    op.execute("ALTER TABLE orders DROP COLUMN tel_tail")
    for column, kind in COLUMNS.items():
        op.execute(f"ALTER TABLE payments ADD COLUMN {column} {kind}")
    fill_in()
    for name, columns, condition in INDEXES:
        op.create_index(name, "payments", columns, sqlite_where=condition, postgresql_where=condition)


def fill_in() -> None:
    """Repeat in each payment the buyer of its order or billing key, and its plan."""
    purchase = "CAST(payments.purchase_id AS INTEGER)"
    for owner, link in (
        ("orders", f"payments.kind = 'once' AND orders.id = {purchase}"),
        ("billing_keys", "payments.kind <> 'once' AND billing_keys.customer_uid = payments.customer_uid"),
    ):
        tail = TAIL.format(owner)
        op.execute(
            f"UPDATE payments SET buyer_name = {owner}.buyer_name, buyer_email = lower({owner}.buyer_email),"
            f" buyer_tel = substr({owner}.buyer_tel, 1, 3) || '-****-' || {tail}, tel_tail = {tail}"
            f" FROM {owner} WHERE {link}"
        )
    for link in (
        "payments.kind = 'first' AND subscriptions.purchase_id = payments.purchase_id",
        f"payments.kind = 'renewal' AND subscriptions.id = {purchase}",
    ):
        op.execute(f"UPDATE payments SET plan_id = CAST(plan_ref AS INTEGER) FROM subscriptions WHERE {link}")
