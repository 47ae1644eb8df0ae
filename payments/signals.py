"""Signals for logs, metrics, health checks and the learn panel. The senders do not know the listeners.

`event_recorded` is sent for each new row of the event log, after the commit (never after a rollback).
`portone_called` is sent after each HTTP request to PortOne. Listeners must be quick and must not raise.
"""

from dataclasses import dataclass

from blinker import Signal

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
