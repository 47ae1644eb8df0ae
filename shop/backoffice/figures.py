"""Figures of the back office: sums of a period, failure reasons, and counts of what needs a person's decision.

Sums read every payment of their period, so a period is limited to `LONGEST_PERIOD`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Date, cast, func, literal, select, text

from payments import clock
from payments.database import db
from payments.models import REFUNDED_BY_BANK, Payment
from payments.monthly.models import BillingKey, Subscription
from payments.portone.error_codes import advice_for
from shop.orders import shipping

from . import listing
from .listing import PaymentFilter, in_state, midnight

LONGEST_PERIOD = timedelta(days=31)
REASONS_SHOWN = 6
MOST_COUNTED = 999
COUNTED = ("ready", "paid", "failed", "cancelled", "held", REFUNDED_BY_BANK)


@dataclass(frozen=True)
class Sums:
    """Payment attempts of some days by state: numbers, and amounts in won."""

    ready: int = 0
    paid: int = 0
    failed: int = 0
    cancelled: int = 0
    held: int = 0
    refunded_by_bank: int = 0
    paid_won: int = 0
    cancelled_won: int = 0
    held_won: int = 0
    refunded_by_bank_won: int = 0
    closed: int = 0  # of the failed ones: windows that the buyer closed

    def __add__(self, other: "Sums") -> "Sums":
        return Sums(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(self)))

    @property
    def attempts(self) -> int:
        return sum(getattr(self, state) for state in COUNTED)

    @property
    def success_rate(self) -> float | None:
        """The share of finished attempts that were paid. Those whose money went back later count as paid; windows that
        the buyer closed do not count.
        """
        came = self.paid + self.cancelled + self.held + self.refunded_by_bank
        finished = came + self.failed - self.closed
        return came / finished if finished else None


def sums_by_day(first: date, last: date, chosen: PaymentFilter | None = None) -> dict[date, Sums]:
    """Return the sums of every day of a period, days without payments included. The filter's own period is not read."""
    wanted = listing.conditions(replace(chosen or PaymentFilter(), first=first, last=last))
    query = select(_seoul_day().label("day"), *_sum_columns()).where(*wanted).group_by("day")
    known = {day: Sums(*sums) for day, *sums in db.session.execute(query)}
    for day, number in _closed_by_buyer(wanted, _seoul_day()):
        known[day] += Sums(closed=number)
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    return {day: known.get(day, Sums()) for day in days}


def sums(first: date, last: date, chosen: PaymentFilter | None = None) -> Sums:
    """Return the sums of a period. The filter's own period is not read."""
    wanted = listing.conditions(replace(chosen or PaymentFilter(), first=first, last=last))
    counted = db.session.execute(select(*_sum_columns()).where(*wanted)).one()
    return Sums(*counted) + Sums(closed=sum(number for _, number in _closed_by_buyer(wanted, literal(""))))


def _closed_by_buyer(wanted: Sequence[ColumnElement[bool]], group: ColumnElement[Any]) -> Iterator[tuple[Any, int]]:
    """Yield by group how many windows the buyer closed, as the error texts say; there are few different ones."""
    columns = group.label("part"), Payment.fail_reason, func.count()
    query = select(*columns).where(*wanted, *in_state("failed")).group_by("part", Payment.fail_reason)
    for part, reason, number in db.session.execute(query):
        advice = advice_for(reason)
        if advice and advice.by_buyer:
            yield part, number


def _seoul_day() -> ColumnElement[date]:
    """Return the SQL for the day in Seoul (UTC+9) on which a payment began."""
    if db.engine.dialect.name == "sqlite":
        without_fraction = func.substr(Payment.created_at, 1, 19)  # SQLite would round 23:59:59.9999 up to the next day
        return func.date(without_fraction, "+9 hours", type_=Date)
    return cast(Payment.created_at + text("interval '9 hours'"), Date)


def _sum_columns() -> list[ColumnElement[int]]:
    """Return the SQL for the fields of `Sums`, in their order."""
    counts = [func.count().filter(*in_state(state)) for state in COUNTED]
    amounts = [
        (Payment.amount, "paid"),
        (Payment.cancelled_amount, "cancelled"),
        (_money_in(), "held"),
        (_money_in(), REFUNDED_BY_BANK),
    ]
    won = [func.coalesce(func.sum(amount).filter(*in_state(state)), 0) for amount, state in amounts]
    return [*counts, *won]


def _money_in() -> ColumnElement[int]:
    """Return the SQL for what the buyer paid minus what was cancelled, in won: held money may be another amount."""
    return func.coalesce(Payment.reported_amount, Payment.amount) - Payment.cancelled_amount


def held_now() -> tuple[int, int]:
    """Return the number and the won of the payments that are held, whenever they came."""
    query = select(func.count(), func.coalesce(func.sum(_money_in()), 0)).where(listing.held())
    count, won = db.session.execute(query).one()
    return count, won


def cancelled_today() -> tuple[int, int]:
    """Return the number and the won of the payments cancelled today, whenever they were made."""
    query = select(func.count(), func.coalesce(func.sum(Payment.cancelled_amount), 0)).where(
        Payment.status == "cancelled", Payment.cancelled_at >= midnight(clock.today())
    )
    count, won = db.session.execute(query).one()
    return count, won


def failure_reasons(first: date, last: date) -> list[tuple[str, int]]:
    """Count the failure reasons of a period, the most frequent first."""
    column, number = func.coalesce(Payment.fail_reason, "").label("reason"), func.count()
    failed = listing.conditions(PaymentFilter(state="failed", first=first, last=last))
    query = select(column, number).where(*failed).group_by("reason").order_by(number.desc(), "reason")
    return [(reason, times) for reason, times in db.session.execute(query.limit(REASONS_SHOWN))]


def to_do() -> dict[str, int]:
    """Count the payments that need a person's decision, by state; counting stops after `MOST_COUNTED`, to bound it."""
    return {state: count(PaymentFilter(state=state), MOST_COUNTED + 1) for state in listing.TO_DO}


def to_send() -> int:
    """Count the orders that wait to be sent; counting stops after `MOST_COUNTED`."""
    return shipping.count_waiting(MOST_COUNTED + 1)


def keys_gone() -> int:
    """Count the past-due subscriptions whose billing key PortOne no longer has."""
    gone = select(func.count()).select_from(Subscription).join(Subscription.billing_key)
    return db.session.scalar(gone.where(Subscription.status == "past_due", BillingKey.status == "deleted")) or 0


def count(chosen: PaymentFilter, limit: int | None = None) -> int:
    """Count the chosen payments, at most `limit` of them."""
    some = select(Payment.id).where(*listing.conditions(chosen)).limit(limit)
    return db.session.scalar(select(func.count()).select_from(some.subquery())) or 0


def next_charges(limit: int = 6) -> Sequence[Subscription]:
    """Return the subscriptions that are charged next."""
    query = select(Subscription).where(Subscription.next_charge_on.is_not(None))  # cleared when a subscription ends
    return db.session.scalars(query.order_by(Subscription.next_charge_on, Subscription.id).limit(limit)).all()
