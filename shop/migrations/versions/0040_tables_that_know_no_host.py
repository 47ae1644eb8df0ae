"""tables of payments without a foreign key to the shop's tables"""

from datetime import datetime, timedelta

import sqlalchemy as sa
from alembic import op

revision = "0040"
down_revision = "0030"

PAID = sa.text("status = 'paid' AND held_reason IS NULL")
READY = sa.text("status = 'ready'")
READY_MONTH = sa.text("status = 'ready' AND period <> ''")
OPEN = sa.text("status IN ('ready', 'failed') AND held_reason IS NULL AND given_up_at IS NULL")
LIVE = sa.text("status IN ('active', 'past_due')")

KEY_STATES = "status IN ('issuing', 'active', 'ended', 'abandoned', 'deleted')"
KEY_STATES_NOW = "status IN ('issuing', 'active', 'ended', 'abandoned', 'absent', 'deleted')"
KIND = (
    "kind VARCHAR(8) NOT NULL DEFAULT 'once' CONSTRAINT ck_payments_kind_known"
    " CHECK (kind IN ('once', 'first', 'renewal'))"
)
ONE_OWNER = "(order_id IS NULL) <> (subscription_id IS NULL)"


def partial(condition: sa.TextClause) -> dict[str, sa.TextClause]:
    return {"sqlite_where": condition, "postgresql_where": condition}


def upgrade() -> None:
    add_columns()
    fill_in()
    with op.batch_alter_table("payments") as payments:
        for name in ("ix_payments_order_id", "ix_payments_subscription_id"):
            payments.drop_index(name)
        for name in ("month_paid_once", "one_open_charge", "order_paid_once"):
            payments.drop_index(name)
        payments.drop_constraint(op.f("ck_payments_one_owner"), type_="check")
        payments.drop_constraint(op.f("ck_payments_kind_known"), type_="check")
        for column in ("customer_uid", "order_id", "subscription_id"):
            payments.drop_constraint(f"fk_payments_{column}", type_="foreignkey")
        payments.drop_column("order_id")
        payments.drop_column("subscription_id")
        payments.alter_column("kind", type_=sa.String(16), existing_nullable=False, server_default=None)
        payments.alter_column("purchase_id", existing_type=sa.String(64), nullable=False)
        payments.alter_column("period", existing_type=sa.String(7), nullable=False)
    purchase = ["kind", "purchase_id", "period"]
    op.create_index("payments_by_purchase", "payments", purchase)
    op.create_index("purchase_paid_once", "payments", purchase, unique=True, **partial(PAID))
    op.create_index("one_open_charge", "payments", purchase, unique=True, **partial(READY_MONTH))
    op.create_index("payments_open", "payments", ["id"], **partial(OPEN))
    with op.batch_alter_table("billing_keys") as keys:
        keys.drop_index("ix_billing_keys_user_id")
        keys.drop_constraint("fk_billing_keys_user_id", type_="foreignkey")
        keys.drop_constraint(op.f("ck_billing_keys_status_known"), type_="check")
        keys.drop_column("user_id")
        keys.alter_column("customer_ref", existing_type=sa.String(64), nullable=False)
        keys.create_check_constraint(op.f("ck_billing_keys_status_known"), KEY_STATES_NOW)
        keys.create_index("ix_billing_keys_customer_ref", ["customer_ref"])
    with op.batch_alter_table("subscriptions") as subscriptions:
        for name in ("ix_subscriptions_user_id", "one_live_subscription", "subscriptions_by_plan"):
            subscriptions.drop_index(name)
        for column in ("user_id", "product_id", "order_id"):
            subscriptions.drop_constraint(f"fk_subscriptions_{column}", type_="foreignkey")
        subscriptions.drop_constraint("uq_subscriptions_order_id", type_="unique")
        for column in ("user_id", "product_id", "order_id"):
            subscriptions.drop_column(column)
        for column in ("customer_ref", "plan_ref", "purchase_id"):
            subscriptions.alter_column(column, existing_type=sa.String(64), nullable=False)
        subscriptions.alter_column("name", existing_type=sa.String(40), nullable=False)
        subscriptions.create_unique_constraint("uq_subscriptions_purchase_id", ["purchase_id"])
        subscriptions.create_index("ix_subscriptions_customer_ref", ["customer_ref"])
        subscriptions.create_index("subscriptions_by_plan", ["plan_ref", "id"])
        subscriptions.create_index(
            "one_live_subscription", ["customer_ref", "plan_ref"], unique=True, **partial(LIVE)
        )


def add_columns() -> None:
    op.add_column("payments", sa.Column("purchase_id", sa.String(64)))
    op.add_column("payments", sa.Column("given_up_at", sa.DateTime()))
    op.add_column("billing_keys", sa.Column("customer_ref", sa.String(64)))
    for column in ("customer_ref", "plan_ref", "purchase_id"):
        op.add_column("subscriptions", sa.Column(column, sa.String(64)))
    op.add_column("subscriptions", sa.Column("name", sa.String(40)))


def fill_in() -> None:
    """Fill the new columns of the rows that are there."""
    op.execute("UPDATE payments SET purchase_id = CAST(coalesce(order_id, subscription_id) AS VARCHAR(64))")
    op.execute("UPDATE payments SET period = '' WHERE period IS NULL OR kind <> 'renewal'")
    op.execute("UPDATE payments SET held_reason = 'duplicate' WHERE held_reason = 'surplus'")
    op.execute("UPDATE billing_keys SET customer_ref = CAST(user_id AS VARCHAR(64))")
    op.execute(
        "UPDATE subscriptions SET customer_ref = CAST(user_id AS VARCHAR(64)),"
        " plan_ref = CAST(product_id AS VARCHAR(64)), purchase_id = CAST(order_id AS VARCHAR(64)),"
        " name = (SELECT substr(name_ko, 1, 40) FROM products WHERE products.id = product_id)"
    )
    # A first month that was paid although the look-up of its key got no answer: the next release records nothing before
    # it knows the key, so a person decides about these.
    op.execute(
        "UPDATE payments SET held_reason = 'no_billing_key' WHERE kind = 'first' AND status = 'paid'"
        " AND held_reason IS NULL AND customer_uid IN"
        " (SELECT customer_uid FROM billing_keys WHERE status IN ('issuing', 'abandoned'))"
    )
    # The sweep of the last release looked up the windows of the last day, and those of pending orders.
    latest = op.get_bind().scalar(sa.text("SELECT max(created_at) FROM payments"))
    if latest:
        latest = latest if isinstance(latest, datetime) else datetime.fromisoformat(latest)
        pending = "SELECT CAST(id AS VARCHAR(64)) FROM orders WHERE status = 'pending'"
        op.execute(
            sa.text(
                "UPDATE payments SET given_up_at = created_at WHERE status IN ('ready', 'failed')"
                " AND held_reason IS NULL AND kind <> 'renewal' AND created_at < :before"
                f" AND purchase_id NOT IN ({pending})"
            ).bindparams(sa.bindparam("before", latest - timedelta(days=1), sa.DateTime()))
        )


def downgrade() -> None:
    with op.batch_alter_table("subscriptions") as subscriptions:
        for name in ("ix_subscriptions_customer_ref", "one_live_subscription", "subscriptions_by_plan"):
            subscriptions.drop_index(name)
        subscriptions.drop_constraint("uq_subscriptions_purchase_id", type_="unique")
        for column in ("user_id", "product_id", "order_id"):
            subscriptions.add_column(sa.Column(column, sa.Integer()))
    op.execute(
        "UPDATE subscriptions SET user_id = CAST(customer_ref AS INTEGER), product_id = CAST(plan_ref AS INTEGER),"
        " order_id = CAST(purchase_id AS INTEGER)"
    )
    with op.batch_alter_table("subscriptions") as subscriptions:
        for column, table in (("user_id", "users"), ("product_id", "products"), ("order_id", "orders")):
            subscriptions.alter_column(column, existing_type=sa.Integer(), nullable=False)
            subscriptions.create_foreign_key(f"fk_subscriptions_{column}", table, [column], ["id"])
        subscriptions.create_unique_constraint("uq_subscriptions_order_id", ["order_id"])
        for column in ("customer_ref", "plan_ref", "purchase_id", "name"):
            subscriptions.drop_column(column)
        subscriptions.create_index("ix_subscriptions_user_id", ["user_id"])
        subscriptions.create_index("subscriptions_by_plan", ["product_id", "id"])
        subscriptions.create_index("one_live_subscription", ["user_id", "product_id"], unique=True, **partial(LIVE))
    op.execute("UPDATE billing_keys SET status = 'abandoned' WHERE status = 'absent'")
    with op.batch_alter_table("billing_keys") as keys:
        keys.add_column(sa.Column("user_id", sa.Integer()))
        keys.drop_index("ix_billing_keys_customer_ref")
        keys.drop_constraint(op.f("ck_billing_keys_status_known"), type_="check")
    op.execute("UPDATE billing_keys SET user_id = CAST(customer_ref AS INTEGER)")
    with op.batch_alter_table("billing_keys") as keys:
        keys.drop_column("customer_ref")
        keys.alter_column("user_id", existing_type=sa.Integer(), nullable=False)
        keys.create_foreign_key("fk_billing_keys_user_id", "users", ["user_id"], ["id"])
        keys.create_check_constraint(op.f("ck_billing_keys_status_known"), KEY_STATES)
        keys.create_index("ix_billing_keys_user_id", ["user_id"])
    restore_payments()


def restore_payments() -> None:
    for name in ("payments_by_purchase", "purchase_paid_once", "one_open_charge", "payments_open"):
        op.drop_index(name, "payments")
    op.add_column("payments", sa.Column("order_id", sa.Integer()))
    op.add_column("payments", sa.Column("subscription_id", sa.Integer()))
    op.execute("UPDATE payments SET order_id = CAST(purchase_id AS INTEGER) WHERE kind <> 'renewal'")
    op.execute("UPDATE payments SET subscription_id = CAST(purchase_id AS INTEGER) WHERE kind = 'renewal'")
    op.execute("UPDATE payments SET held_reason = 'surplus' WHERE held_reason = 'duplicate'")
    with op.batch_alter_table("payments") as payments:
        payments.drop_column("purchase_id")
        payments.drop_column("given_up_at")
        payments.alter_column("period", existing_type=sa.String(7), nullable=True)
        payments.create_check_constraint(op.f("ck_payments_one_owner"), ONE_OWNER)
        payments.create_foreign_key("fk_payments_order_id", "orders", ["order_id"], ["id"])
        payments.create_foreign_key("fk_payments_subscription_id", "subscriptions", ["subscription_id"], ["id"])
        payments.create_foreign_key("fk_payments_customer_uid", "billing_keys", ["customer_uid"], ["customer_uid"])
    op.execute("UPDATE payments SET period = NULL WHERE period = ''")
    restore_kind()
    op.create_index("ix_payments_order_id", "payments", ["order_id"])
    month = ["subscription_id", "period"]
    op.create_index("ix_payments_subscription_id", "payments", month)
    op.create_index("month_paid_once", "payments", month, unique=True, **partial(PAID))
    op.create_index("one_open_charge", "payments", month, unique=True, **partial(READY))
    op.create_index("order_paid_once", "payments", ["order_id"], unique=True, **partial(PAID))


def restore_kind() -> None:
    """Make the column as 0020 did, its check with it: SQLite drops no column that a check of the table names."""
    op.drop_index("payments_by_kind", "payments")
    op.execute("ALTER TABLE payments RENAME COLUMN kind TO kind_now")
    op.execute(f"ALTER TABLE payments ADD COLUMN {KIND}")
    op.execute("UPDATE payments SET kind = kind_now")
    op.execute("ALTER TABLE payments DROP COLUMN kind_now")
    op.create_index("payments_by_kind", "payments", ["kind", "created_at", "id"])
