"""What happens while the clock moves? What was due on the way happens at its own moment, one thing after the other.

A shop that schedules the next month when it hears of this one lives through a year in a single move.
"""

from datetime import datetime

from .clock import in_seoul
from .ledger import Ledger

MOST_STEPS = 10_000


def travel(ledger: Ledger, target: datetime) -> None:
    """Move to `target`, stopping at every schedule and webhook that falls due. ValueError for the past."""
    if target.timestamp() < ledger.clock.now():
        raise ValueError("the clock only moves forward")
    seen = None
    for _ in range(MOST_STEPS):
        moment = _next(ledger)
        if moment is None or moment > target.timestamp() or moment == seen:
            break
        seen = moment  # the same one again: somebody else is at it
        if moment > ledger.clock.exactly():
            ledger.clock.move_to(in_seoul(moment))
        ledger.worker.run_once()
    if target.timestamp() > ledger.clock.exactly():
        ledger.clock.move_to(target)
    ledger.worker.run_once()


def _next(ledger: Ledger) -> float | None:
    waiting = [moment for moment in (ledger.schedules.next_at(), ledger.outbox.next_due_at()) if moment is not None]
    return min(waiting, default=None)
