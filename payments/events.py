"""The event log: one row per notification or staff action, append-only. Timeline, webhook inbox and audit read it.

Anybody can send ids that are nobody's. Events about them are bounded in number, and deleted after KEPT_FOR.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, func, select

from . import clock
from .database import after_commit, db, transaction
from .models import Event, Payment, table_of
from .privacy import mask_beginning, mask_text
from .signals import event_recorded

# Events a day about ids that are nobody's: of one id, from one network address, and in all.
OF_ONE_ID, FROM_ONE_ADDRESS, IN_ALL = 3, 100, 1000
DAY = timedelta(days=1)
KEPT_FOR = timedelta(days=30)

OF_NOBODY = (Event.payment_id.is_(None), Event.actor.is_(None))


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
    if payment is None and notification.actor is None and _enough_about_nobody(notification):
        return
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


def _enough_about_nobody(notification: Notification) -> bool:
    today = select(func.count()).where(*OF_NOBODY, Event.at > clock.now() - DAY)
    bounds = [(today, IN_ALL)]
    if notification.address:
        bounds.append((today.where(Event.address == notification.address), FROM_ONE_ADDRESS))
    if notification.merchant_uid:
        bounds.append((today.where(Event.merchant_uid == notification.merchant_uid), OF_ONE_ID))
    if notification.imp_uid:
        bounds.append((today.where(Event.imp_uid == notification.imp_uid), OF_ONE_ID))
    return any((db.session.scalar(count) or 0) >= most for count, most in bounds)


def delete_old_events_of_nobody() -> int:
    """Delete the events about ids that are nobody's once they are older than KEPT_FOR; return how many."""
    with transaction():
        old = delete(table_of(Event)).where(*OF_NOBODY, Event.at < clock.now() - KEPT_FOR)
        return db.session.execute(old).rowcount  # type: ignore[no-any-return,attr-defined]


def _add(event: Event) -> None:
    db.session.add(event)
    after_commit(lambda: event_recorded.send(event))
