"""What happened, who said so, and what was decided? The append-only book that timeline, webhook inbox and audit read.

One line each time that somebody brought news of a payment or that a person acted. Nothing here is ever changed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .database import db
from .models import Event, Payment


@dataclass(frozen=True)
class News:
    """Who mentioned a payment, through which door, from where, and what they claimed about it: hints, never facts.

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
        """Look-ups that come round by themselves write no line when nothing has changed."""
        return self.source in ("sweep", "reconcile", "checkout")


def note(
    news: News, outcome: str, reason: str, payment: Payment | None = None, report: Mapping[str, Any] | None = None
) -> None:
    """Write one line about `payment`, or about ids that are nobody's. `report` is what PortOne said, masked.

    Call inside a `transaction()`: the line stands if and only if what it tells of does.
    """
    db.session.add(
        Event(
            source=news.source,
            outcome=outcome,
            reason=reason[:300],
            payment_id=payment.id if payment else None,
            merchant_uid=news.merchant_uid or (payment.merchant_uid if payment else None),
            imp_uid=news.imp_uid,
            customer_uid=payment.customer_uid if payment else None,
            actor=news.actor,
            address=news.address,
            raw=news.raw,
            claimed=dict(news.claimed),
            report=dict(report) if report else None,
        )
    )


def note_act(news: News, act: str, reason: str, customer_uid: str | None = None) -> None:
    """Write down what a person did that is about no single payment: a key deleted, a run started. In a transaction."""
    db.session.add(
        Event(
            source=news.source,
            outcome=act,
            reason=reason[:300],
            customer_uid=customer_uid,
            actor=news.actor,
            address=news.address,
            claimed=dict(news.claimed),
        )
    )
