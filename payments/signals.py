"""Signals for logs, metrics, health checks and the learn panel. The senders do not know the listeners.

`event_recorded` is sent for each new row of the event log, after the commit (never after a rollback).
`portone_called` is sent after each HTTP request to PortOne. Listeners must be quick and must not raise.
"""

from dataclasses import dataclass
from typing import Any

from blinker import Signal
from sqlalchemy import event
from sqlalchemy.orm import Session

from .database import db
from .models import Event
from .portone.responses import Answer

event_recorded = Signal()  # sender: the Event
portone_called = Signal()  # sender: the client; `call`: a Call


@dataclass(frozen=True)
class Call:
    """One HTTP request to PortOne and its result."""

    request: str  # method and path, for example "POST /payments/prepare"
    seconds: float
    result: str  # the HTTP status, or "no answer"
    answer: Answer | None = None


@event.listens_for(db.session, "after_flush")
def _collect_events(session: Session, _context: Any) -> None:
    events = [row for row in session.new if isinstance(row, Event)]
    if events:
        session.info.setdefault("unsent_events", []).extend(events)


@event.listens_for(db.session, "after_commit")
def _send_events(session: Session) -> None:
    for recorded in session.info.pop("unsent_events", ()):
        event_recorded.send(recorded)


@event.listens_for(db.session, "after_rollback")
def _drop_events(session: Session) -> None:
    session.info.pop("unsent_events", None)
