"""The event log: one row per notification or staff action, append-only. Timeline, webhook inbox and audit read it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .database import after_commit, db
from .models import Event, Payment
from .privacy import mask_beginning, mask_text
from .signals import event_recorded


@dataclass(frozen=True)
class Notification:
    """A mention of a payment: by whom, through which endpoint, and what they claimed. Hints, never facts.

    `source` is one of the sources that `labels.py` names. `raw` is the body of a webhook as it came, phone numbers
    masked; `address` the caller's network address; `actor` the e-mail of a person who acted.
    """

    source: str
    imp_uid: str | None = None
    merchant_uid: str | None = None
    claimed: Mapping[str, str] = field(default_factory=dict)
    actor: str | None = None
    address: str | None = None
    raw: str | None = None

    @property
    def is_quiet(self) -> bool:
        """Whether to log nothing when nothing changed: a scheduled look-up."""
        return self.source in ("sweep", "reconcile", "checkout")


def log_event(
    notification: Notification,
    outcome: str,
    reason: str,
    payment: Payment | None = None,
    report: Mapping[str, Any] | None = None,
) -> None:
    """Add an event about `payment`, or about ids that are nobody's. `report` is what PortOne said, masked.

    Call inside a `transaction()`: the event commits or rolls back together with the change that it describes.
    """
    claimed, ours = notification.merchant_uid, payment.merchant_uid if payment else None
    _add(
        Event(
            source=notification.source,
            outcome=outcome,
            reason=mask_beginning(reason, 300),
            payment_id=payment.id if payment else None,
            merchant_uid=ours if claimed in (None, ours) else mask_text(claimed or ""),  # a stranger may send anything
            imp_uid=mask_text(notification.imp_uid) if notification.imp_uid else None,
            customer_uid=payment.customer_uid if payment else None,
            actor=notification.actor,
            address=notification.address,
            raw=notification.raw,
            claimed=dict(notification.claimed),
            report=dict(report) if report else None,
        )
    )


def log_staff_action(notification: Notification, act: str, reason: str, customer_uid: str | None = None) -> None:
    """Add an event of a staff action that is about no single payment, such as a run. Call inside a transaction()."""
    _add(
        Event(
            source=notification.source,
            outcome=act,
            reason=reason[:300],
            customer_uid=customer_uid,
            actor=notification.actor,
            address=notification.address,
            claimed=dict(notification.claimed),
        )
    )


def _add(event: Event) -> None:
    db.session.add(event)
    after_commit(lambda: event_recorded.send(event))
