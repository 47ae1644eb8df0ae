"""What happened to one payment, on one line of time? The book of events and the moments that its row remembers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import or_, select

from .database import db
from .models import Event, Payment

NEWEST_EVENTS = 300

# The moments that a payment's row keeps; what happened elsewhere is told by KG's clock.
MOMENTS = (
    ("approved", "paid_at"),
    ("declined", "failed_at"),
    ("cancel_requested", "cancel_requested_at"),
    ("given_back", "cancelled_at"),
)


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
    """Everything about a payment in the order in which it happened."""
    entries = [Entry(event.at, event=event) for event in events]
    if not any(event.source == "checkout" for event in events):
        entries.append(Entry(payment.created_at, "begun"))
    for moment, column in MOMENTS:
        at = getattr(payment, column)
        if at:
            entries.append(Entry(at, moment))
    return sorted(entries, key=lambda entry: entry.at)


def latest_report(payment: Payment, events: Sequence[Event]) -> Mapping[str, Any] | None:
    """What PortOne said last about this payment, phone numbers masked; None: it was never asked, or never answered."""
    reports = [event.report for event in events if event.report and event.payment_id == payment.id]
    return reports[-1] if reports else None
