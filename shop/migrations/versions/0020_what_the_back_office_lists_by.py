"""what the back office lists, finds and sums by"""

import sqlalchemy as sa
from alembic import op

from shop.migrations import day_sums

revision = "0020"
down_revision = "0010"

PAYMENT_INDEXES = [
    ("payments_by_time", ["created_at", "id"], None),
    ("payments_by_state", ["status", "created_at", "id"], "held_reason IS NULL"),
    ("payments_held", ["created_at", "id"], "held_reason IS NOT NULL"),
    ("payments_cancel_open", ["created_at", "id"], "status = 'paid' AND cancel_requested_at IS NOT NULL"),
    ("payments_by_kind", ["kind", "created_at", "id"], None),
    ("payments_by_plan", ["plan_id", "created_at", "id"], "plan_id IS NOT NULL"),
    ("payments_by_pg", ["pg_provider", "created_at", "id"], None),
    ("payments_by_email", ["buyer_email", "created_at", "id"], None),
    ("payments_by_tel_tail", ["tel_tail", "created_at", "id"], None),
    ("payments_by_key", ["customer_uid", "paid_at"], "customer_uid IS NOT NULL"),
    ("payments_by_cancel", ["cancelled_at", "cancelled_amount"], "status = 'cancelled'"),
]
EVENT_INDEXES = [
    ("ix_events_imp_uid", ["imp_uid"], None),
    ("webhooks", ["id"], "source = 'webhook'"),
    ("webhooks_by_outcome", ["outcome", "id"], "source = 'webhook'"),
    ("audit", ["id"], "actor IS NOT NULL"),
    ("audit_by_actor", ["actor", "id"], "actor IS NOT NULL"),
    ("audit_by_act", ["outcome", "id"], "actor IS NOT NULL"),
    ("events_unknown", ["payment_id"], "outcome = 'unknown'"),
]
OTHER_INDEXES = [
    ("orders", "orders_cancel_wanted", ["paid_by"], "status = 'paid' AND cancel_wanted_at IS NOT NULL"),
    ("billing_keys", "ix_billing_keys_buyer_email", ["buyer_email"], None),
    ("billing_keys", "ix_billing_keys_tel_tail", ["tel_tail"], None),
    ("billing_keys", "keys_by_state", ["status", "id"], None),
    ("subscriptions", "subscriptions_by_state", ["status", "id"], None),
    ("subscriptions", "subscriptions_by_plan", ["product_id", "id"], None),
]


# Added one by one: SQLite cannot rebuild a table that others refer to while its rows are there.
COLUMNS = [
    ("payments", "kind", "VARCHAR(8) NOT NULL DEFAULT 'once' CONSTRAINT ck_payments_kind_known "
                         "CHECK (kind IN ('once', 'first', 'renewal'))"),
    ("payments", "plan_id", "INTEGER"),
    ("payments", "buyer_name", "VARCHAR(40)"),
    ("payments", "buyer_email", "VARCHAR(254)"),
    ("payments", "buyer_tel", "VARCHAR(16)"),
    ("payments", "tel_tail", "VARCHAR(4)"),
    ("billing_keys", "tel_tail", "VARCHAR(4)"),
]


def upgrade() -> None:
    for table, name, definition in COLUMNS:
        op.execute(f"ALTER TABLE {table} ADD COLUMN {name} {definition}")
    op.drop_index("ix_payments_customer_uid", "payments")
    fill_in()
    for table, name, columns, condition in all_indexes():
        where = sa.text(condition) if condition else None
        op.create_index(name, table, columns, sqlite_where=where, postgresql_where=where)
    day_sums.create_table()
    day_sums.fill(day_sums.SINGLE)
    day_sums.create_triggers(day_sums.SINGLE)


def downgrade() -> None:
    day_sums.drop_triggers()
    op.drop_table("payment_days")
    for table, name, _columns, _condition in reversed(all_indexes()):
        op.drop_index(name, table)
    for table, name, _definition in reversed(COLUMNS):
        op.execute(f"ALTER TABLE {table} DROP COLUMN {name}")
    op.create_index("ix_payments_customer_uid", "payments", ["customer_uid"])


def all_indexes():
    return [
        *(("payments", *index) for index in PAYMENT_INDEXES),
        *(("events", *index) for index in EVENT_INDEXES),
        *OTHER_INDEXES,
    ]


def fill_in() -> None:
    """The rows that are there already: the buyer comes from the order, or from the key of a later month."""
    tail = "substr({0}.buyer_tel, length({0}.buyer_tel) - 3)"
    op.execute("UPDATE billing_keys SET tel_tail = " + tail.format("billing_keys"))
    for owner, link in (("orders", "orders.id = payments.order_id"),
                        ("billing_keys", "billing_keys.customer_uid = payments.customer_uid")):
        op.execute(
            f"UPDATE payments SET buyer_name = {owner}.buyer_name, buyer_email = lower({owner}.buyer_email), "
            f"tel_tail = {tail.format(owner)}, "
            f"buyer_tel = substr({owner}.buyer_tel, 1, 3) || '-****-' || {tail.format(owner)} "
            f"FROM {owner} WHERE {link} AND payments.buyer_name IS NULL"
        )
    op.execute("UPDATE payments SET kind = 'first' WHERE order_id IS NOT NULL AND customer_uid IS NOT NULL")
    op.execute("UPDATE payments SET kind = 'renewal' WHERE subscription_id IS NOT NULL")
    for link in ("subscriptions.id = payments.subscription_id", "subscriptions.order_id = payments.order_id"):
        op.execute(f"UPDATE payments SET plan_id = subscriptions.product_id FROM subscriptions WHERE {link}")
