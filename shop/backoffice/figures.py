"""Figures of the back office: sums of a period, failure reasons, and counts of what needs a person's decision.

Sums are added up from stored daily sums, and counts are read from partial indexes, so the cost does not grow with the
number of payments.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date, timedelta

from sqlalchemy import func, select

from payments import clock
from payments.database import db
from payments.models import Payment, PaymentDay
from payments.monthly.models import BillingKey, Subscription

from . import listing
from .listing import PaymentFilter, midnight
from .paging import fixed

LONGEST_PERIOD = timedelta(days=31)
FAILURES_READ = 500
REASONS_SHOWN = 6
MOST_COUNTED = 999


@dataclass(frozen=True)
class Sums:
    """Payment attempts of some days by state: numbers, and amounts in won."""

    ready: int = 0
    paid: int = 0
    failed: int = 0
    cancelled: int = 0
    held: int = 0
    paid_won: int = 0
    cancelled_won: int = 0
    held_won: int = 0

    def __add__(self, other: "Sums") -> "Sums":
        return Sums(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(self)))

    @property
    def attempts(self) -> int:
        return self.ready + self.paid + self.failed + self.cancelled + self.held

    @property
    def success_rate(self) -> float | None:
        """The share of finished attempts that were paid; those cancelled later count as paid."""
        came = self.paid + self.cancelled + self.held
        return came / (came + self.failed) if came + self.failed else None


def sums_by_day(first: date, last: date, facet: str = "all") -> dict[date, Sums]:
    """Return the sums of every day of a period, days without payments included."""
    query = select(PaymentDay).where(PaymentDay.facet == facet, PaymentDay.day.between(first, last))
    known = {row.day: _sums(row) for row in db.session.scalars(query)}
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    return {day: known.get(day, Sums()) for day in days}


def sums(first: date, last: date, facet: str = "all") -> Sums:
    """Return the sums of a period."""
    return sum(sums_by_day(first, last, facet).values(), Sums())


def total(first: date | None, last: date | None, facet: str) -> Sums:
    """Return the sums of any period; None leaves that end open. Reads one row per day."""
    columns = (func.coalesce(func.sum(getattr(PaymentDay, one.name)), 0) for one in fields(Sums))
    query = select(*columns).where(PaymentDay.facet == facet)
    if first:
        query = query.where(PaymentDay.day >= first)
    if last:
        query = query.where(PaymentDay.day <= last)
    return Sums(*(int(value) for value in db.session.execute(query).one()))


def _sums(row: PaymentDay) -> Sums:
    return Sums(*(getattr(row, one.name) for one in fields(Sums)))


def facet_of(chosen: PaymentFilter) -> str | None:
    """Return the name of the daily sums for this filter (its state selects a column); None: a search has no sums."""
    return None if chosen.q else facet(chosen.kind, chosen.plan_id, chosen.pg)


def facet(kind: str = "", plan_id: int | None = None, pg: str = "") -> str:
    """Return the name under which payments are summed by kind, plan, PG or a combination; `all` without any."""
    others = [*([f"kind:{kind}"] if kind else []), *([f"plan:{plan_id}"] if plan_id is not None else [])]
    return " ".join([*others, *([f"pg:{pg[: 60 if others else 90]}"] if pg else [])]) or "all"


def cancelled_today() -> tuple[int, int]:
    """Return the number and the won of the payments cancelled today, whenever they were made."""
    query = select(func.count(), func.coalesce(func.sum(Payment.cancelled_amount), 0)).where(
        Payment.status == fixed("cancelled"), Payment.cancelled_at >= midnight(clock.today())
    )
    count, won = db.session.execute(query).one()
    return count, won


def failure_reasons(first: date, last: date) -> list[tuple[str, int]]:
    """Count the failure reasons of a period's latest failed payments, the most frequent first."""
    chosen = listing.conditions(PaymentFilter(state="failed", first=first, last=last))
    newest = (Payment.created_at.desc(), Payment.id.desc())
    reasons = db.session.scalars(select(Payment.fail_reason).where(*chosen).order_by(*newest).limit(FAILURES_READ))
    return Counter(reason or "" for reason in reasons).most_common(REASONS_SHOWN)


def to_do() -> dict[str, int]:
    """Count the payments that need a person's decision, by state; counting stops after `MOST_COUNTED`, to bound it."""
    return {state: _count(PaymentFilter(state=state)) for state in listing.TO_DO}


def keys_gone() -> int:
    """Count the past-due subscriptions whose billing key PortOne no longer has."""
    gone = select(func.count()).select_from(Subscription).join(Subscription.billing_key)
    return db.session.scalar(gone.where(Subscription.status == "past_due", BillingKey.status == "deleted")) or 0


def _count(chosen: PaymentFilter) -> int:
    some = select(Payment.id).where(*listing.conditions(chosen)).limit(MOST_COUNTED + 1)
    return db.session.scalar(select(func.count()).select_from(some.subquery())) or 0


def next_charges(limit: int = 6) -> Sequence[Subscription]:
    """Return the subscriptions that are charged next."""
    query = (
        select(Subscription).where(Subscription.next_charge_on.is_not(None))  # cleared when a subscription ends
    )
    return db.session.scalars(query.order_by(Subscription.next_charge_on, Subscription.id).limit(limit)).all()
