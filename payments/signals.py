"""Who wants to hear what happens? Logs, metrics and health checks, through two signals; the senders know none of them.

`event_written` tells of a line in the book of events once it stands (after the commit, so a rolled back one is never
heard of). `portone_asked` tells of one call to PortOne and how it ended. Listeners must be quick and must not raise.
"""

from dataclasses import dataclass
from typing import Any

from blinker import Signal
from sqlalchemy import event
from sqlalchemy.orm import Session

from .database import db
from .models import Event

event_written = Signal()  # sender: the Event
portone_asked = Signal()  # sender: the client; `asked`: an Asked


@dataclass(frozen=True)
class Asked:
    """One call to PortOne: method and path, how long it took, the HTTP status or "no answer", and the answer as the
    client's library holds it."""

    call: str
    seconds: float
    result: str
    answer: Any = None


@event.listens_for(db.session, "after_flush")
def _remember(session: Session, _context: Any) -> None:
    lines = [row for row in session.new if isinstance(row, Event)]
    if lines:
        session.info.setdefault("unheard", []).extend(lines)


@event.listens_for(db.session, "after_commit")
def _tell(session: Session) -> None:
    for line in session.info.pop("unheard", ()):
        event_written.send(line)


@event.listens_for(db.session, "after_rollback")
def _forget(session: Session) -> None:
    session.info.pop("unheard", None)
