"""The next billing month of a subscription: its charge window, its attempts, and whether it may be charged now.

The monthly run acts on it and the pages show it, so both always agree.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from sqlalchemy import select

from ..clock import SEOUL
from ..database import db
from ..models import Payment
from .charge_days import ChargeWindow, charge_window
from .models import LATER_MONTH, Subscription

PAUSE_AFTER_DECLINE = timedelta(hours=4)
NOTICE_DAYS = timedelta(days=7)  # how long before a charge the buyer is shown a notice

Standing = Literal[
    "early",  # its due day is in the future
    "due",  # it may be charged now
    "declined",  # KG declined it less than PAUSE_AFTER_DECLINE ago; it is charged again later
    "in_flight",  # a worker has claimed it and is charging it
    "unanswered",  # a charge may have been sent, and its result is not known: look it up first
    "held",  # paid, but the payment is not as requested; a person decides
    "closed",  # its charge window is over
]


@dataclass(frozen=True)
class Month:
    """One billing month of a subscription. `attempts` are this month's, oldest first."""

    due_on: date
    window: ChargeWindow
    attempts: Sequence[Payment]

    @property
    def period(self) -> str:
        return f"{self.due_on:%Y-%m}"

    @property
    def open(self) -> Payment | None:
        """The attempt whose outcome is not known; at most one (money law 6)."""
        return next((attempt for attempt in self.attempts if attempt.status == "ready"), None)

    @property
    def declined(self) -> Payment | None:
        """The latest attempt that KG declined, with its reason."""
        return next((attempt for attempt in reversed(self.attempts) if attempt.status == "failed"), None)

    @property
    def try_again_at(self) -> datetime | None:
        """When a declined month is charged again; None: it was not declined, or its window closes before then."""
        if self.declined is None or self.declined.failed_at is None:
            return None
        moment = self.declined.failed_at + PAUSE_AFTER_DECLINE
        return moment if self.window.state_at(moment) != "closed" else None

    def standing(self, now: datetime) -> Standing:
        """Return the state of this month at `now`; it decides whether the month may be charged."""
        state = self.window.state_at(now)
        if state == "early":
            return "early"
        if self.open:
            claimed = self.open.claimed_until
            return "in_flight" if claimed and claimed > now else "unanswered"
        if any(attempt.status == "paid" for attempt in self.attempts):
            return "held"  # an accepted payment would have moved the subscription to its next month
        if state == "closed":
            return "closed"
        failed_at = self.declined.failed_at if self.declined else None
        return "declined" if failed_at and now < failed_at + PAUSE_AFTER_DECLINE else "due"

    def is_near(self, now: datetime) -> bool:
        """Return whether the charge is at most `NOTICE_DAYS` away, so that the buyer is shown a notice."""
        return self.due_on - now.astimezone(SEOUL).date() <= NOTICE_DAYS


def month_of(subscription: Subscription) -> Month | None:
    """Return the month that is charged next, or None."""
    return months_of([subscription]).get(subscription.id)


def months_of(subscriptions: Sequence[Subscription]) -> dict[int, Month]:
    """Return the next month of each subscription that has one, by the subscription's id."""
    running = {one.id: one.next_charge_on for one in subscriptions if one.next_charge_on}
    periods = {period for day in running.values() for period in (_before(day), f"{day:%Y-%m}")}
    query = select(Payment).where(
        Payment.kind == LATER_MONTH, Payment.purchase_id.in_(map(str, running)), Payment.period.in_(periods)
    )
    attempts: dict[int, list[Payment]] = {subscription_id: [] for subscription_id in running}
    for attempt in db.session.scalars(query.order_by(Payment.id)):
        attempts[int(attempt.purchase_id)].append(attempt)
    return {one.id: _month(one, one.next_charge_on, attempts[one.id]) for one in subscriptions if one.next_charge_on}


def _month(subscription: Subscription, due_on: date, attempts: Sequence[Payment]) -> Month:
    before, period = _before(due_on), f"{due_on:%Y-%m}"
    paid = [one.paid_at for one in attempts if one.period == before and one.status == "paid" and not one.held_reason]
    # The first month was paid when the key was issued; that payment is of another kind, so it is not in `attempts`.
    last_paid = next(iter(paid), None) or subscription.started_at or subscription.created_at
    window = charge_window(due_on, last_paid.astimezone(SEOUL).date())
    return Month(due_on, window, [attempt for attempt in attempts if attempt.period == period])


def _before(day: date) -> str:
    """Return the previous month, as YYYY-MM."""
    return f"{day.replace(day=1) - timedelta(days=1):%Y-%m}"
