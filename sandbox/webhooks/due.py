"""Due work: scheduled charges, reversals and webhooks, and moving the clock through all that falls due on the way.

A shop that schedules the next month when it receives this month's webhook passes through a year in one move.
"""

from datetime import datetime

from ..ledger import clock, outbox, reversals, schedules
from ..ledger.database import Database
from .sender import Sender

MOST_STEPS = 10_000


def run_due(database: Database, sender: Sender) -> None:
    """Run all due schedules and reversals, then send all due webhooks, in this thread."""
    while (changed := schedules.run_next(database) or reversals.run_next(database)) is not None:
        sender.announce(changed.waiting)
    sender.flush()


def travel(database: Database, sender: Sender, target: datetime) -> None:
    """Move to `target`, stopping at everything that falls due. ValueError for a time in the past."""
    if target.timestamp() < clock.now(database):
        raise ValueError("the clock only moves forward")
    seen = None
    for _ in range(MOST_STEPS):
        moment = _next(database)
        if moment is None or moment > target.timestamp() or moment == seen:
            break
        seen = moment  # the same one again: another process handles it
        if moment > clock.exactly(database):
            clock.move_to(database, clock.in_seoul(moment))
        run_due(database, sender)
    if target.timestamp() > clock.exactly(database):
        clock.move_to(database, target)
    run_due(database, sender)


def _next(database: Database) -> float | None:
    moments = (schedules.next_at(database), reversals.next_at(database), outbox.next_due_at(database))
    return min((moment for moment in moments if moment is not None), default=None)
