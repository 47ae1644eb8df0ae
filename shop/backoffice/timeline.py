"""What happened to one payment, on one line of time? The book of events and the moments that its row remembers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import or_, select

from payments.database import db
from payments.models import Event, Payment

NEWEST_EVENTS = 300
LAST = 2**63  # after every line of the book

OURS = "cancel_requested"  # by our own clock, so nothing that is older can tell of it
# The moments that a payment's row keeps, the earlier first, each with what a line that tells of it came to.
MOMENTS = (
    ("approved", "paid_at", ("paid", "held")),
    ("declined", "failed_at", ("failed",)),
    (OURS, "cancel_requested_at", ("requested", "cancelled", "refused", "unknown")),
    ("given_back", "cancelled_at", ("cancelled",)),
)
A_SECOND = timedelta(microseconds=999_999)  # PortOne and KG tell whole seconds only


@dataclass(frozen=True)
class Entry:
    """One point of the line: an event of ours, or a moment (`approved` …) at PortOne and KG."""

    at: datetime
    moment: str = ""
    event: Event | None = None


def events_of(payment: Payment) -> Sequence[Event]:
    """The newest events about a payment, oldest first; those that only claimed its id included."""
    about_it = or_(Event.payment_id == payment.id, Event.merchant_uid == payment.merchant_uid)
    newest = select(Event).where(about_it).order_by(Event.id.desc()).limit(NEWEST_EVENTS)
    return db.session.scalars(newest).all()[::-1]


def line_of(payment: Payment, events: Sequence[Event]) -> list[Entry]:
    """Everything about a payment in the order in which it happened: whatever a second holds, causes come first."""
    placed = [((event.at, event.id, len(MOMENTS)), Entry(event.at, event=event)) for event in events]
    if not any(event.source == "checkout" for event in events):
        placed.append(((payment.created_at, 0, 0), Entry(payment.created_at, "begun")))
    for rank, (moment, column, told_as) in enumerate(MOMENTS):
        at = getattr(payment, column)
        if at:
            telling = [event for event in events if event.outcome in told_as and _is_about(payment, event)]
            place = _place(at, [event for event in telling if moment != OURS or event.at > at])
            placed.append(((*place, rank), Entry(at, moment)))
    return [entry for _, entry in sorted(placed, key=lambda one: one[0])]


def _place(at: datetime, told_by: Sequence[Event]) -> tuple[datetime, int]:
    """Where a moment belongs: at the end of its second, what led to it before it; and before the line that tells it."""
    latest = at.replace(microsecond=0) + A_SECOND
    return min([(latest, LAST), *((event.at, event.id) for event in told_by)])


def _is_about(payment: Payment, event: Event) -> bool:
    """Whether an event is about the window that the payment is bound to; another one's surplus is another story."""
    return event.imp_uid in (None, payment.imp_uid)


def latest_report(payment: Payment, events: Sequence[Event]) -> Mapping[str, Any] | None:
    """What PortOne said last about this payment, phone numbers masked; None: it was never asked, or never answered."""
    reports = [event.report for event in events if event.report and event.payment_id == payment.id]
    return reports[-1] if reports else None
