"""The tables of billing keys and subscriptions, and the states of their rows."""

import secrets
from datetime import date, datetime
from typing import Any, ClassVar

from sqlalchemy import ForeignKey, Index, String, Text, func
from sqlalchemy.orm import Mapped, mapped_column, relationship

from ..clock import now
from ..database import Base, Moment
from ..models import States, one_of, partial_unique_index

FIRST_MONTH, LATER_MONTH = "first", "renewal"  # the kinds of payment that this folder registers


def last_digits(context: Any) -> str:
    """The column default of a `tel_tail`: the last four digits of the row's `buyer_tel`, to search by."""
    return str(context.get_current_parameters()["buyer_tel"])[-4:]


class BillingKey(Base):
    """Permission to charge one phone again (빌링키). `customer_uid` is our name of it, new for every attempt.

    KG wants the same buyer data every month, so they are frozen here when the key is issued.
    """

    __tablename__ = "billing_keys"
    STATES: ClassVar[States] = {
        "issuing": ("active", "abandoned", "absent", "ended"),  # ended at once: its first month went back
        "active": ("ended", "deleted"),
        "ended": ("deleted",),
        "abandoned": ("active", "absent", "ended"),  # a late payment issued it after all
        "absent": ("ended",),  # its first month is paid, but PortOne says that it issued no key
        "deleted": ("active",),  # PortOne said that it has no such key, and then charged with it
    }
    NOT_SEEN: ClassVar = ("issuing", "abandoned")  # the window may still issue it

    id: Mapped[int] = mapped_column(primary_key=True)
    customer_uid: Mapped[str] = mapped_column(String(80), unique=True)
    customer_ref: Mapped[str] = mapped_column(String(64), index=True)  # the host's id of the customer
    status: Mapped[str] = mapped_column(String(16), default="issuing")
    buyer_name: Mapped[str] = mapped_column(String(40))
    buyer_tel: Mapped[str] = mapped_column(String(16))
    buyer_email: Mapped[str] = mapped_column(String(254))
    tel_tail: Mapped[str | None] = mapped_column(String(4), index=True, default=last_digits)
    pg_provider: Mapped[str | None] = mapped_column(Text)
    pg_id: Mapped[str | None] = mapped_column(Text)
    is_test_channel: Mapped[bool | None]  # what PortOne says of the key; null: not asked yet, or not told
    created_at: Mapped[datetime] = mapped_column(Moment, default=now)
    issued_at: Mapped[datetime | None] = mapped_column(Moment)
    ended_at: Mapped[datetime | None] = mapped_column(Moment)
    end_reason: Mapped[str | None] = mapped_column(String(64))

    __table_args__ = (
        one_of("status", STATES),
        Index("keys_by_state", "status", "id"),
        Index("keys_by_email", func.lower(buyer_email)),
    )


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
    customer_ref: Mapped[str] = mapped_column(String(64), index=True)  # the host's id of the customer
    plan_ref: Mapped[str] = mapped_column(String(64))  # the host's id of the plan
    purchase_id: Mapped[str] = mapped_column(String(64), unique=True)  # the host's purchase whose payment starts it
    name: Mapped[str] = mapped_column(String(40))  # of the plan, on the phone bill
    customer_uid: Mapped[str | None] = mapped_column(ForeignKey("billing_keys.customer_uid"), unique=True)
    status: Mapped[str] = mapped_column(String(16), default="pending")
    amount: Mapped[int]  # won
    anchor_day: Mapped[int | None]  # day of month of the first approval, 1 to 31
    next_charge_on: Mapped[date | None] = mapped_column(index=True)  # in Seoul
    created_at: Mapped[datetime] = mapped_column(Moment, default=now)
    started_at: Mapped[datetime | None] = mapped_column(Moment)
    ended_at: Mapped[datetime | None] = mapped_column(Moment)
    end_reason: Mapped[str | None] = mapped_column(String(64))
    billing_key: Mapped[BillingKey | None] = relationship()

    __table_args__ = (
        one_of("status", STATES),
        partial_unique_index(
            "one_live_subscription", "customer_ref", "plan_ref", condition="status IN ('active', 'past_due')"
        ),
        Index("subscriptions_by_state", "status", "id"),
        Index("subscriptions_by_plan", "plan_ref", "id"),
    )
