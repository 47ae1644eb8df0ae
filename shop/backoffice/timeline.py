"""Timeline of one payment: its events and the times stored in its row, in order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import or_, select

from payments.database import db
from payments.models import Cancellation, Event, Payment

NEWEST_EVENTS = 300
LAST = 2**63  # sorts after every event id

OURS = "cancel_requested"  # measured by our own clock, so no older event can be about it
# The stored times, in causal order, and the outcomes of the events about each.
MOMENTS = {
    "approved": ("paid", "held"),
    "declined": ("failed",),
    OURS: ("requested", "cancelled", "refused", "unknown"),
    "given_back": ("cancelled",),
}
A_SECOND = timedelta(microseconds=999_999)  # PortOne and KG report whole seconds only


@dataclass(frozen=True)
class Entry:
    """One entry of the timeline: an event, or a time stored in the row (`approved` …)."""

    at: datetime
    moment: str = ""
    event: Event | None = None


def events_of(payment: Payment) -> Sequence[Event]:
    """Return the newest events about a payment, oldest first, including those that only claimed its id."""
    about_it = or_(Event.payment_id == payment.id, Event.merchant_uid == payment.merchant_uid)
    newest = select(Event).where(about_it).order_by(Event.id.desc()).limit(NEWEST_EVENTS)
    return db.session.scalars(newest).all()[::-1]


def line_of(payment: Payment, events: Sequence[Event], cancellation: Cancellation | None = None) -> list[Entry]:
    """Return the timeline of a payment in chronological order; within one second, causes come before effects.

    `cancellation` is the row of the payment's own window.
    """
    stored = {
        "approved": payment.paid_at,
        "declined": payment.failed_at,
        OURS: cancellation.requested_at if cancellation else None,
        "given_back": payment.cancelled_at,
    }
    placed = [((event.at, event.id, len(MOMENTS)), Entry(event.at, event=event)) for event in events]
    if not any(event.source == "checkout" for event in events):
        placed.append(((payment.created_at, 0, 0), Entry(payment.created_at, "begun")))
    for rank, (moment, told_as) in enumerate(MOMENTS.items()):
        at = stored[moment]
        if at:
            telling = [event for event in events if event.outcome in told_as and _is_about(payment, event)]
            place = _place(at, [event for event in telling if moment != OURS or event.at > at])
            placed.append(((*place, rank), Entry(at, moment)))
    return [entry for _, entry in sorted(placed, key=lambda one: one[0])]


def _place(at: datetime, told_by: Sequence[Event]) -> tuple[datetime, int]:
    """Return the sort key of a stored time: the end of its second, but before the first event that reports it."""
    latest = at.replace(microsecond=0) + A_SECOND
    return min([(latest, LAST), *((event.at, event.id) for event in told_by)])


def _is_about(payment: Payment, event: Event) -> bool:
    """Return whether an event is about the window that the payment is bound to, not about a duplicate payment."""
    return event.imp_uid in (None, payment.imp_uid)


def latest_report(payment: Payment, events: Sequence[Event]) -> Mapping[str, Any] | None:
    """Return PortOne's latest report on this payment, phone numbers masked; None: there is none."""
    reports = [event.report for event in events if event.report and event.payment_id == payment.id]
    return reports[-1] if reports else None
