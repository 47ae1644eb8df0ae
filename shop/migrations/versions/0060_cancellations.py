"""money that goes back has a row, and what was read from events has columns"""

import sqlalchemy as sa
from alembic import op

revision = "0060"
down_revision = "0050"

CANCEL_OPEN = sa.text("status = 'paid' AND cancel_requested_at IS NOT NULL")
UNANSWERED = sa.text("unanswered_since IS NOT NULL")
UNKNOWN = sa.text("outcome = 'unknown'")

UNDONE_AT_KG = "이미 취소가 완료"
NOT_GIVEN_BACK = "was not given back"
NOT_AS_ASKED = "paid too, and not as asked: "

events = sa.table(
    "events",
    sa.column("id", sa.Integer),
    sa.column("at", sa.DateTime),
    sa.column("source", sa.String),
    sa.column("payment_id", sa.Integer),
    sa.column("merchant_uid", sa.String),
    sa.column("imp_uid", sa.String),
    sa.column("outcome", sa.String),
    sa.column("reason", sa.String),
    sa.column("claimed", sa.JSON),
    sa.column("report", sa.JSON),
)
cancellations = sa.table(
    "cancellations",
    sa.column("payment_id", sa.Integer),
    sa.column("imp_uid", sa.Text),
    sa.column("amount", sa.Integer),
    sa.column("reason", sa.String),
    sa.column("status", sa.String),
    sa.column("answer", sa.String),
    sa.column("requested_at", sa.DateTime),
    sa.column("answered_at", sa.DateTime),
)
payments = sa.table(
    "payments",
    sa.column("id", sa.Integer),
    sa.column("merchant_uid", sa.String),
    sa.column("imp_uid", sa.Text),
    sa.column("amount", sa.Integer),
)


def partial(condition: sa.TextClause) -> dict[str, sa.TextClause]:
    return {"sqlite_where": condition, "postgresql_where": condition}


def upgrade() -> None:
    op.create_table(
        "cancellations",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("payment_id", sa.Integer(), nullable=False),
        sa.Column("imp_uid", sa.Text(), nullable=False),
        sa.Column("amount", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(300), nullable=False),
        sa.Column("requested_by", sa.String(254)),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("claimed_until", sa.DateTime()),
        sa.Column("answer", sa.String(300)),
        sa.Column("requested_at", sa.DateTime()),
        sa.Column("answered_at", sa.DateTime()),
        sa.Column("refunded_at", sa.Date()),
        sa.Column("refunded_by", sa.String(254)),
        sa.Column("account", sa.String(100)),
        sa.Column("note", sa.String(200)),
        sa.CheckConstraint(
            "status IN ('requested', 'refused', 'done', 'by_bank')", name=op.f("ck_cancellations_status_known")
        ),
        sa.CheckConstraint("amount >= 0", name=op.f("ck_cancellations_amount_not_negative")),
        sa.ForeignKeyConstraint(["payment_id"], ["payments.id"], name=op.f("fk_cancellations_payment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cancellations")),
        sa.UniqueConstraint("imp_uid", name=op.f("uq_cancellations_imp_uid")),
    )
    op.create_index("ix_cancellations_payment_id", "cancellations", ["payment_id"])
    op.create_index("cancellations_by_status", "cancellations", ["status", "payment_id"])
    op.add_column("payments", sa.Column("unanswered_since", sa.DateTime()))
    op.add_column("orders", sa.Column("cancel_declined_at", sa.DateTime()))
    op.add_column("orders", sa.Column("cancel_declined_reason", sa.String(300)))
    fill_from_payments()
    fill_from_duplicates()
    fill_columns()
    op.drop_index("events_unknown", "events")
    op.drop_index("payments_cancel_open", "payments")
    op.drop_column("payments", "cancel_requested_at")
    op.create_index("payments_unanswered", "payments", ["created_at", "id"], **partial(UNANSWERED))


# Who asked, by the latest event that says so.
REQUESTED_BY = (
    "(SELECT actor FROM events WHERE payment_id = payments.id AND outcome = 'requested' ORDER BY id DESC LIMIT 1)"
)
LATEST_REFUSAL = (
    "(SELECT max(id) FROM events WHERE payment_id = payments.id AND outcome = 'refused' AND source <> 'confirm'"
    " AND reason NOT IN ('month', 'not_paid'))"
)


def fill_from_payments() -> None:
    """Insert the rows of the payments' own windows: cancelled, requested, and refused."""
    op.execute(
        "INSERT INTO cancellations (payment_id, imp_uid, amount, reason, requested_by, status, claimed_until,"
        " requested_at, answered_at)"
        " SELECT id, imp_uid, CASE WHEN status = 'cancelled' THEN cancelled_amount"  # noqa: S608 - our own texts
        " ELSE coalesce(reported_amount, amount) - cancelled_amount END,"
        f" substr(coalesce(cancel_reason, ''), 1, 300), {REQUESTED_BY},"
        " CASE WHEN status = 'cancelled' THEN 'done' ELSE 'requested' END,"
        " CASE WHEN status = 'cancelled' THEN NULL ELSE claimed_until END, cancel_requested_at, cancelled_at"
        " FROM payments WHERE imp_uid IS NOT NULL AND (status = 'cancelled' OR cancel_requested_at IS NOT NULL)"
    )
    op.execute(
        "INSERT INTO cancellations (payment_id, imp_uid, amount, reason, requested_by, status, answer, answered_at)"
        " SELECT payments.id, payments.imp_uid,"  # noqa: S608 - our own texts
        f" coalesce(reported_amount, amount) - cancelled_amount, '', {REQUESTED_BY}, 'refused',"
        f" CASE WHEN reason LIKE '%{UNDONE_AT_KG}%' THEN 'undone_at_kg' ELSE reason END, at"
        f" FROM payments JOIN events ON events.id = {LATEST_REFUSAL}"
        " WHERE payments.imp_uid IS NOT NULL AND payments.status <> 'cancelled' AND cancel_requested_at IS NULL"
    )


def fill_from_duplicates() -> None:
    """Insert the rows of duplicate payments' windows, which were known by their events only."""
    told = sa.or_(
        sa.and_(events.c.outcome == "unknown", events.c.reason.contains(NOT_GIVEN_BACK)),
        sa.and_(events.c.outcome == "cancelled", events.c.reason.like("surplus % was given back")),
        sa.and_(events.c.outcome == "held", events.c.reason.endswith("paid too, surplus")),
        sa.and_(events.c.outcome == "held", events.c.reason.contains(NOT_AS_ASKED)),
    )
    query = sa.select(events, payments.c.imp_uid.label("own_imp_uid"), payments.c.amount)
    query = query.join(payments, payments.c.id == events.c.payment_id).where(told).order_by(events.c.id)
    found: dict[str, dict[str, object]] = {}
    for event in op.get_bind().execute(query).mappings():
        report = event["report"] or {}
        imp_uid = report.get("imp_uid") or event["imp_uid"]
        if not imp_uid or imp_uid == event["own_imp_uid"]:
            continue
        before = found.get(imp_uid, {})
        found[imp_uid] = {
            "payment_id": event["payment_id"],
            "imp_uid": imp_uid,
            "amount": report.get("amount") or before.get("amount") or event["amount"],
            "reason": "이미 결제된 건에 중복 결제되어 자동 취소",
            "requested_at": before.get("requested_at") or event["at"],
            **state_told_by(event["outcome"], event["reason"], event["at"]),
        }
    op.bulk_insert(cancellations, list(found.values()))


def state_told_by(outcome: str, reason: str, at: object) -> dict[str, object]:
    if outcome == "cancelled":
        return {"status": "done", "answer": None, "answered_at": at}
    if NOT_AS_ASKED in reason:
        code = reason.rpartition(NOT_AS_ASKED)[2]
        return {"status": "refused", "answer": code, "answered_at": at, "requested_at": None}
    if reason.endswith(": month"):
        return {"status": "refused", "answer": "month", "answered_at": at, "requested_at": None}
    return {"status": "requested", "answer": None, "answered_at": None}


def fill_columns() -> None:
    """Fill the columns of what was read from events: look-ups without an answer, and declined cancellation requests."""
    op.execute(
        "UPDATE payments SET unanswered_since = (SELECT max(at) FROM events WHERE payment_id = payments.id"
        " AND outcome = 'unknown') WHERE status = 'ready'"
    )
    declined = (
        "FROM events JOIN payments ON payments.id = events.payment_id"
        " WHERE outcome = 'decline' AND payments.merchant_uid = orders.paid_by ORDER BY events.id DESC LIMIT 1"
    )
    op.execute(
        f"UPDATE orders SET cancel_declined_at = (SELECT at {declined}),"  # noqa: S608 - our own texts
        f" cancel_declined_reason = (SELECT reason {declined}) WHERE paid_by IS NOT NULL"
    )


def downgrade() -> None:
    op.drop_index("payments_unanswered", "payments")
    op.add_column("payments", sa.Column("cancel_requested_at", sa.DateTime()))
    own = "FROM cancellations WHERE cancellations.imp_uid = payments.imp_uid"
    op.execute(
        f"UPDATE payments SET cancel_requested_at = (SELECT requested_at {own} AND status IN ('requested', 'done')),"
        f" cancel_reason = coalesce(cancel_reason, (SELECT reason {own} AND status = 'requested'))"
        f" WHERE EXISTS (SELECT 1 {own})"
    )
    tell_of_duplicates()
    op.create_index("payments_cancel_open", "payments", ["created_at", "id"], **partial(CANCEL_OPEN))
    op.create_index("events_unknown", "events", ["payment_id"], **partial(UNKNOWN))
    op.drop_column("payments", "unanswered_since")
    op.drop_column("orders", "cancel_declined_at")
    op.drop_column("orders", "cancel_declined_reason")
    op.drop_table("cancellations")


def tell_of_duplicates() -> None:
    """Write the events by which the older shop knows that a duplicate payment's money has not gone back."""
    query = sa.select(cancellations, payments.c.merchant_uid)
    query = query.join(payments, payments.c.id == cancellations.c.payment_id).where(
        cancellations.c.status.in_(("requested", "refused")), cancellations.c.imp_uid != payments.c.imp_uid
    )
    rows = op.get_bind().execute(query)
    for row in rows.mappings().all():
        told = {
            "at": row["answered_at"] or row["requested_at"],
            "source": "sweep",
            "payment_id": row["payment_id"],
            "merchant_uid": row["merchant_uid"],
            "imp_uid": row["imp_uid"],
            "outcome": "unknown",
            "reason": f"surplus {row['imp_uid']} {NOT_GIVEN_BACK}: {row['answer'] or 'no answer'}"[:300],
            "claimed": {},
        }
        op.get_bind().execute(events.insert().values(told))
