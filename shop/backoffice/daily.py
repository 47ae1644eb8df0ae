"""One day's lines for a sheet of paper: what came in, what went back, by the days on which the money moved."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, select

from payments.database import db
from payments.models import Cancellation, Payment

from .listing import midnight

MOST_LINES = 300
LONGEST_WAIT = timedelta(days=1)  # from the attempt to KG's approval; a window is open for minutes


@dataclass(frozen=True)
class Part:
    """One part of the sheet: its lines, at most `MOST_LINES`, and the number and the won of all of them."""

    rows: Sequence[Any]
    count: int
    won: int


def came_in(day: date) -> Part:
    """Return the payments that KG approved on this day, those included that are held or went back since."""
    begin, end = midnight(day), midnight(day + timedelta(days=1))
    # By the time of the attempt too, which has an index.
    begun = Payment.created_at >= begin - LONGEST_WAIT, Payment.created_at < end
    amount = func.coalesce(Payment.reported_amount, Payment.amount)
    return _part([*begun, Payment.paid_at >= begin, Payment.paid_at < end], amount, Payment.created_at)


def cancelled(day: date) -> Part:
    """Return the payments that were cancelled on this day, whenever they were made."""
    begin, end = midnight(day), midnight(day + timedelta(days=1))
    on_this_day = Payment.status == "cancelled", Payment.cancelled_at >= begin, Payment.cancelled_at < end
    return _part(on_this_day, Payment.cancelled_amount, Payment.cancelled_at)


def _part(conditions: Sequence[ColumnElement[bool]], amount: Any, at: Any) -> Part:
    rows = db.session.scalars(select(Payment).where(*conditions).order_by(at, Payment.id).limit(MOST_LINES)).all()
    count, won = db.session.execute(select(func.count(), func.coalesce(func.sum(amount), 0)).where(*conditions)).one()
    return Part(rows, count, won)


def refunded_by_bank(day: date) -> Part:
    """Return the refunds by bank of this day, each with its payment."""
    query = select(Cancellation, Payment).join(Payment, Payment.id == Cancellation.payment_id)
    query = query.where(Cancellation.status == "by_bank", Cancellation.refunded_at == day).order_by(
        Cancellation.payment_id
    )
    rows = db.session.execute(query).all()
    return Part(rows[:MOST_LINES], len(rows), sum(row.amount for row, _ in rows))
