"""The tables of payments: payments, billing keys, subscriptions and the event log; and the states of their rows.

The states are written once, as data, in the `STATES` of each class; `move()` derives the WHERE of its
guarded UPDATE from them. That is money law 3: of many callers with the same report, one moves the row.
"""

import secrets
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
from sqlalchemy.orm import Mapped, mapped_column, relationship
from sqlalchemy.orm.attributes import set_committed_value

from .clock import now
from .database import Base, db

States = dict[str, tuple[str, ...]]


def one_of(column: str, values: Any) -> CheckConstraint:
    allowed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({allowed})", name=f"{column}_known")


def while_true(name: str, *columns: str, condition: str) -> Index:
    """An index over the rows that fulfil `condition` only: small, and quick to count."""
    where = text(condition)
    return Index(name, *columns, sqlite_where=where, postgresql_where=where)


def unique_while(name: str, *columns: str, condition: str) -> Index:
    """A unique index over the rows that fulfil `condition`, on both databases."""
    where = text(condition)
    return Index(name, *columns, unique=True, sqlite_where=where, postgresql_where=where)


def last_digits(context: Any) -> str:
    """The column default of a `tel_tail`: the last four digits of the row's `buyer_tel`, to search by."""
    return str(context.get_current_parameters()["buyer_tel"])[-4:]


class BillingKey(Base):
    """Permission to charge one phone again (빌링키). `customer_uid` is our name of it, new for every attempt.

    KG wants the same buyer data every month, so they are frozen here when the key is issued.
    """

    __tablename__ = "billing_keys"
    STATES: ClassVar[States] = {
        "issuing": ("active", "abandoned", "ended"),  # ended at once: its first month went back
        "active": ("ended", "deleted"),
        "ended": ("deleted",),
        "abandoned": ("active", "ended"),  # money that came late issued it after all
        "deleted": ("active",),  # PortOne said that it has no such key, and then charged with it
    }
    NOT_SEEN: ClassVar = ("issuing", "abandoned")  # as far as we know; money that arrives late may still bring it

    id: Mapped[int] = mapped_column(primary_key=True)
    customer_uid: Mapped[str] = mapped_column(String(80), unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    status: Mapped[str] = mapped_column(String(16), default="issuing")
    buyer_name: Mapped[str] = mapped_column(String(40))
    buyer_tel: Mapped[str] = mapped_column(String(16))
    buyer_email: Mapped[str] = mapped_column(String(254), index=True)
    tel_tail: Mapped[str | None] = mapped_column(String(4), index=True, default=last_digits)
    pg_provider: Mapped[str | None] = mapped_column(Text)
    pg_id: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(default=now)
    issued_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    end_reason: Mapped[str | None] = mapped_column(String(64))
    user: Mapped[Any] = relationship("User")

    __table_args__ = (one_of("status", STATES), Index("keys_by_state", "status", "id"))


class Subscription(Base):
    """One plan, one amount, one day a month. Amount, anchor day and buyer data never change while it runs."""

    __tablename__ = "subscriptions"
    STATES: ClassVar[States] = {
        "pending": ("active", "ended"),
        "active": ("past_due", "ended"),
        "past_due": ("active", "ended"),
        "ended": (),
    }

    id: Mapped[int] = mapped_column(primary_key=True)
    token: Mapped[str] = mapped_column(String(16), unique=True, default=lambda: secrets.token_hex(8))
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    product_id: Mapped[int] = mapped_column(ForeignKey("products.id"))
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"), unique=True)
    customer_uid: Mapped[str | None] = mapped_column(ForeignKey("billing_keys.customer_uid"), unique=True)
    status: Mapped[str] = mapped_column(String(16), default="pending")
    amount: Mapped[int]  # won
    anchor_day: Mapped[int | None]  # day of month of the first approval, 1 to 31
    next_charge_on: Mapped[date | None] = mapped_column(index=True)  # in Seoul
    created_at: Mapped[datetime] = mapped_column(default=now)
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    end_reason: Mapped[str | None] = mapped_column(String(64))
    user: Mapped[Any] = relationship("User")
    product: Mapped[Any] = relationship("Product")
    order: Mapped[Any] = relationship("Order")
    billing_key: Mapped[BillingKey | None] = relationship()

    __table_args__ = (
        one_of("status", STATES),
        unique_while("one_live_subscription", "user_id", "product_id", condition="status IN ('active', 'past_due')"),
        Index("subscriptions_by_state", "status", "id"),
        Index("subscriptions_by_plan", "product_id", "id"),
    )


CANCEL_OPEN = "status = 'paid' AND cancel_requested_at IS NOT NULL"


class Payment(Base):
    """One attempt to collect money. `merchant_uid` is our id of it, `imp_uid` PortOne's, `pg_tid` the PG's.

    It belongs to an order (what the payment window collects) or to a subscription (a later month).
    The states are PortOne's words. `held_reason` says why money that came in is not ours to keep yet.
    """

    __tablename__ = "payments"
    KINDS: ClassVar = ("once", "first", "renewal")  # goods; a plan's first month, which issues the key; a later month
    STATES: ClassVar[States] = {
        "ready": ("paid", "failed", "cancelled"),
        "failed": ("paid", "cancelled"),  # a second window of the same attempt may still be paid
        "paid": ("cancelled",),
        "cancelled": (),
    }

    id: Mapped[int] = mapped_column(primary_key=True)
    merchant_uid: Mapped[str] = mapped_column(String(40), unique=True)
    order_id: Mapped[int | None] = mapped_column(ForeignKey("orders.id"), index=True)
    subscription_id: Mapped[int | None] = mapped_column(ForeignKey("subscriptions.id"))
    customer_uid: Mapped[str | None] = mapped_column(ForeignKey("billing_keys.customer_uid"))
    period: Mapped[str | None] = mapped_column(String(7))  # YYYY-MM in Seoul: the month that this pays
    # What the back office lists and finds by, repeated here so that a list reads this one table.
    kind: Mapped[str] = mapped_column(String(8), default="once")
    plan_id: Mapped[int | None]  # the product that is subscribed to
    buyer_name: Mapped[str | None] = mapped_column(String(40))
    buyer_email: Mapped[str | None] = mapped_column(String(254))  # lower case
    buyer_tel: Mapped[str | None] = mapped_column(String(16))  # masked
    tel_tail: Mapped[str | None] = mapped_column(String(4))
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
    created_at: Mapped[datetime] = mapped_column(default=now)
    paid_at: Mapped[datetime | None]
    failed_at: Mapped[datetime | None]
    cancelled_at: Mapped[datetime | None]
    claimed_until: Mapped[datetime | None]  # a worker is charging it until then
    cancel_requested_at: Mapped[datetime | None]  # row first, then the cancel call
    order: Mapped[Any] = relationship("Order")
    subscription: Mapped[Subscription | None] = relationship()
    billing_key: Mapped[BillingKey | None] = relationship()

    __table_args__ = (
        one_of("status", STATES),
        CheckConstraint("amount > 0", name="amount_positive"),
        CheckConstraint("(order_id IS NULL) <> (subscription_id IS NULL)", name="one_owner"),
        Index("ix_payments_subscription_id", "subscription_id", "period"),
        # One open attempt per subscription and month (money law 6).
        unique_while("one_open_charge", "subscription_id", "period", condition="status = 'ready'"),
        # An order is paid once, a month is paid once; a surplus payment is paid and held.
        unique_while("order_paid_once", "order_id", condition="status = 'paid' AND held_reason IS NULL"),
        unique_while(
            "month_paid_once", "subscription_id", "period", condition="status = 'paid' AND held_reason IS NULL"
        ),
        one_of("kind", KINDS),
        # What the back office filters and searches by, each in the order in which it lists.
        Index("payments_by_time", "created_at", "id"),
        while_true("payments_by_state", "status", "created_at", "id", condition="held_reason IS NULL"),
        while_true("payments_held", "created_at", "id", condition="held_reason IS NOT NULL"),
        while_true("payments_cancel_open", "created_at", "id", condition=CANCEL_OPEN),
        Index("payments_by_kind", "kind", "created_at", "id"),
        while_true("payments_by_plan", "plan_id", "created_at", "id", condition="plan_id IS NOT NULL"),
        Index("payments_by_pg", "pg_provider", "created_at", "id"),
        Index("payments_by_email", "buyer_email", "created_at", "id"),
        Index("payments_by_tel_tail", "tel_tail", "created_at", "id"),
        while_true("payments_by_key", "customer_uid", "paid_at", condition="customer_uid IS NOT NULL"),
        while_true("payments_by_cancel", "cancelled_at", "cancelled_amount", condition="status = 'cancelled'"),
    )


class Event(Base):
    """What was claimed, what was decided and why: one line each time that somebody brought news. Append only."""

    __tablename__ = "events"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(default=now)
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
        while_true("webhooks", "id", condition="source = 'webhook'"),
        while_true("webhooks_by_outcome", "outcome", "id", condition="source = 'webhook'"),
        while_true("audit", "id", condition="actor IS NOT NULL"),
        while_true("audit_by_actor", "actor", "id", condition="actor IS NOT NULL"),
        while_true("audit_by_act", "outcome", "id", condition="actor IS NOT NULL"),
        while_true("events_unknown", "payment_id", condition="outcome = 'unknown'"),
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
