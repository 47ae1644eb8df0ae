"""The tables of payments, of cancellations and of the event log, and the states of their rows.

The states are written once, as data, in the `STATES` of each class; `move()` derives the WHERE of its
guarded UPDATE from them. That is money law 3: of many callers with the same report, one moves the row.
"""

from datetime import date, datetime
from functools import cache
from typing import Any, ClassVar, cast

from sqlalchemy import (
    JSON,
    CheckConstraint,
    CursorResult,
    ForeignKey,
    Index,
    String,
    Table,
    Text,
    Update,
    bindparam,
    text,
    update,
)
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.orm.attributes import set_committed_value

from .clock import now, period_of
from .database import Base, Moment, db

States = dict[str, tuple[str, ...]]


def one_of(column: str, values: Any) -> CheckConstraint:
    allowed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({allowed})", name=f"{column}_known")


def partial_index(name: str, *columns: str, condition: str) -> Index:
    """An index over the rows that fulfil `condition` only: small, and quick to count."""
    where = text(condition)
    return Index(name, *columns, sqlite_where=where, postgresql_where=where)


def partial_unique_index(name: str, *columns: str, condition: str) -> Index:
    """A unique index over the rows that fulfil `condition`, on both databases."""
    where = text(condition)
    return Index(name, *columns, unique=True, sqlite_where=where, postgresql_where=where)


# What a sweep still looks up. A query must name it by these words: SQLite compares them with the index's own.
OPEN = "status IN ('ready', 'failed') AND given_up_at IS NULL"
# As a cancellation's answer: the carrier or KG cancelled it, after the month in which a merchant can; or in that month,
# they or a person in PortOne's console or another program with our keys: V1 does not tell these apart.
UNDONE_BY_CARRIER, UNDONE_ELSEWHERE = "undone_by_carrier", "undone_elsewhere"
REFUNDED_BY_BANK = "refunded_by_bank"  # the `held_reason` of a payment whose money a person paid back by bank


class Payment(Base):
    """One attempt to collect money. `merchant_uid` is our id of it, `imp_uid` PortOne's, `pg_tid` the PG's.

    It pays for a purchase of the host, or for a later month of a subscription (`monthly/`). The states
    are PortOne's words. `held_reason` says why money that came in is not ours to keep yet.
    """

    __tablename__ = "payments"
    STATES: ClassVar[States] = {
        "ready": ("paid", "failed", "cancelled"),
        "failed": ("paid", "cancelled"),  # a second window of the same attempt may still be paid
        "paid": ("cancelled",),
        "cancelled": (),
    }

    id: Mapped[int] = mapped_column(primary_key=True)
    merchant_uid: Mapped[str] = mapped_column(String(40), unique=True)
    kind: Mapped[str] = mapped_column(String(16))  # which of the host's `Purchases` it belongs to
    purchase_id: Mapped[str] = mapped_column(String(64))  # the host's row; no foreign key, since tables know no host
    period: Mapped[str] = mapped_column(String(7), default="")  # YYYY-MM in Seoul of a later month; else empty
    customer_uid: Mapped[str | None] = mapped_column(String(80))  # the billing key that issues or is charged
    name: Mapped[str] = mapped_column(String(40))
    amount: Mapped[int]  # won, asked
    is_test_channel: Mapped[bool]  # asked for on a test channel?
    status: Mapped[str] = mapped_column(String(16), default="ready")
    held_reason: Mapped[str | None] = mapped_column(String(32))
    imp_uid: Mapped[str | None] = mapped_column(Text, unique=True)  # Text: PortOne promises no lengths
    pg_tid: Mapped[str | None] = mapped_column(Text)
    pg_provider: Mapped[str | None] = mapped_column(Text)
    reported_amount: Mapped[int | None]
    cancelled_amount: Mapped[int] = mapped_column(default=0)
    fail_reason: Mapped[str | None] = mapped_column(Text)
    cancel_reason: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(Moment, default=now)
    paid_at: Mapped[datetime | None] = mapped_column(Moment)
    failed_at: Mapped[datetime | None] = mapped_column(Moment)
    cancelled_at: Mapped[datetime | None] = mapped_column(Moment)
    claimed_until: Mapped[datetime | None] = mapped_column(Moment)  # a worker is charging it until then
    # A day after it was opened, PortOne still had no money: no longer looked up.
    given_up_at: Mapped[datetime | None] = mapped_column(Moment)
    # The latest look-up got no answer, nor did those before it since then.
    unanswered_since: Mapped[datetime | None] = mapped_column(Moment)

    __table_args__ = (
        one_of("status", STATES),
        CheckConstraint("amount > 0", name="amount_positive"),
        # The purchase first: by a few kinds, a list would rather be sorted than read in its order.
        Index("payments_by_purchase", "purchase_id", "kind", "period"),
        # A purchase is paid once, a later month is paid once; a duplicate payment is paid and held.
        partial_unique_index(
            "purchase_paid_once", "purchase_id", "kind", "period", condition="status = 'paid' AND held_reason IS NULL"
        ),
        # One open attempt per later month (money law 6).
        partial_unique_index(
            "one_open_charge", "kind", "purchase_id", "period", condition="status = 'ready' AND period <> ''"
        ),
        partial_index("payments_open", "id", condition=OPEN),
        # The order of a back office's lists, with what their filters compare: a payment that is not listed is not read.
        Index("payments_by_time", "created_at", "id", "status", "held_reason", "kind", "pg_provider", "purchase_id"),
        # What waits for a person, in the same order.
        partial_index("payments_held", "created_at", "id", condition="held_reason IS NOT NULL"),
        partial_index("payments_unanswered", "created_at", "id", condition="unanswered_since IS NOT NULL"),
        partial_index("payments_by_key", "customer_uid", "paid_at", condition="customer_uid IS NOT NULL"),
        partial_index("payments_by_tid", "pg_tid", condition="pg_tid IS NOT NULL"),
        partial_index("payments_by_cancel", "cancelled_at", "cancelled_amount", condition="status = 'cancelled'"),
    )

    @property
    def billing_month(self) -> str | None:
        """The month that a plan's payment pays for, as YYYY-MM in Seoul; a first month's follows from `paid_at`."""
        if self.period or self.customer_uid is None or self.paid_at is None:
            return self.period or None
        return period_of(self.paid_at)


class Cancellation(Base):
    """The money of one paid window, on its way back. One row per window, so `imp_uid` is unique.

    `requested`: PortOne is asked until it answers. `done`: the money went back. `refused`: it did not, and a person
    decides. `by_bank`: a person paid it back by bank transfer (계좌 환불). A duplicate payment's window has an
    `imp_uid` that is not its payment's.
    """

    __tablename__ = "cancellations"
    STATES: ClassVar[States] = {
        "requested": ("done", "refused"),
        "refused": ("requested", "done", "by_bank"),
        "done": (),
        "by_bank": (),
    }

    id: Mapped[int] = mapped_column(primary_key=True)
    payment_id: Mapped[int] = mapped_column(ForeignKey("payments.id"), index=True)
    imp_uid: Mapped[str] = mapped_column(Text, unique=True)
    amount: Mapped[int]  # won
    reason: Mapped[str] = mapped_column(String(300))  # what PortOne's console and the buyer read
    requested_by: Mapped[str | None] = mapped_column(String(254))  # e-mail of a person; null: cancelled automatically
    status: Mapped[str] = mapped_column(String(16))
    claimed_until: Mapped[datetime | None] = mapped_column(Moment)  # one worker asks PortOne until then
    # Why it was refused: a code (`month`, `channel`, `method`, `customer_uid`, `undone_at_kg`, `partly_cancelled`), or
    # the words of KG or PortOne. Of a row that is done: who undid it (above), or null: we, or the console.
    answer: Mapped[str | None] = mapped_column(String(300))
    # Null: PortOne was never to be asked. KG cancels in the month of the payment only, and nothing is requested after
    # it, so the month of `requested_at` is the payment's.
    requested_at: Mapped[datetime | None] = mapped_column(Moment)
    answered_at: Mapped[datetime | None] = mapped_column(Moment)
    # A refund by bank: on which day, recorded by whom, to which account (masked), and what a person adds.
    refunded_at: Mapped[date | None]
    refunded_by: Mapped[str | None] = mapped_column(String(254))
    account: Mapped[str | None] = mapped_column(String(100))
    note: Mapped[str | None] = mapped_column(String(200))

    __table_args__ = (
        one_of("status", STATES),
        CheckConstraint("amount >= 0", name="amount_not_negative"),
        Index("cancellations_by_status", "status", "payment_id"),
    )


class Event(Base):
    """One row per notification or staff action: what was claimed, what was decided and why. Append only."""

    __tablename__ = "payment_events"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(Moment, default=now)
    source: Mapped[str] = mapped_column(String(16))  # checkout callback redirect webhook sweep charge admin …
    payment_id: Mapped[int | None] = mapped_column(ForeignKey("payments.id"), index=True)
    merchant_uid: Mapped[str | None] = mapped_column(String(200), index=True)  # as claimed; may be nobody's
    imp_uid: Mapped[str | None] = mapped_column(String(200), index=True)
    outcome: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(String(300))
    customer_uid: Mapped[str | None] = mapped_column(String(80), index=True)  # the billing key that it is about
    actor: Mapped[str | None] = mapped_column(String(254))  # e-mail of the person who acted
    address: Mapped[str | None] = mapped_column(String(64))  # where the caller was
    raw: Mapped[str | None] = mapped_column(Text)  # a webhook's body as it came, phone numbers masked
    claimed: Mapped[Any] = mapped_column(JSON, default=dict)  # what the caller said, as text
    report: Mapped[Any | None] = mapped_column(
        JSON(none_as_null=True), nullable=True
    )  # what PortOne said, phone numbers masked

    __table_args__ = (
        partial_index("webhooks", "id", condition="source = 'webhook'"),
        partial_index("webhooks_by_outcome", "outcome", "id", condition="source = 'webhook'"),
        partial_index("events_of_nobody", "at", "address", condition="payment_id IS NULL AND actor IS NULL"),
        partial_index("audit", "id", condition="actor IS NOT NULL"),
        partial_index("audit_by_actor", "actor", "id", condition="actor IS NOT NULL"),
        partial_index("audit_by_act", "outcome", "id", condition="actor IS NOT NULL"),
    )


def move(model: Any, row_id: int, to: str, **values: Any) -> bool:
    """Move one row to the state `to`, from whichever states allow that. True: this call did it; False: somebody else
    had, or the row's state does not allow it. Call inside a `transaction()`."""
    values["status"] = to
    result = db.session.execute(_guarded_update(model, to), {"row_id": row_id, **values})  # each becomes a SET
    if cast("CursorResult[Any]", result).rowcount != 1:
        return False
    row = db.session.identity_map.get(db.session.identity_key(model, row_id))
    for name, value in values.items() if row is not None else ():
        set_committed_value(row, name, value)  # what was read of the row says what the table says
    return True


@cache
def _guarded_update(model: Any, to: str) -> Update:
    sources = [state for state, targets in model.STATES.items() if to in targets]
    row = table_of(model)
    return update(row).where(row.c.id == bindparam("row_id"), row.c.status.in_(sources))


def table_of(model: type[Any]) -> Table:
    """The table behind a class: for a statement that changes many rows without reading any."""
    return cast("Table", model.__table__)
