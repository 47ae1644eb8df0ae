"""The steps of a flow that a payment has passed, from its row and its events."""

from collections.abc import Sequence

from payments.models import Event, Payment

from .flows import Flow

SOURCES = ("callback", "redirect", "webhook", "sweep")  # steps that write an event of that name


def passed(flow: Flow, payment: Payment | None, events: Sequence[Event]) -> set[str]:
    """Return the ids of the steps of `flow` that were passed; `events` are the payment's own."""
    sources, outcomes = {event.source for event in events}, {event.outcome for event in events}
    looked_up = any(event.report for event in events)
    decided = bool(outcomes & {"paid", "failed", "cancelled", "held"})
    has_money = payment is not None and payment.paid_at is not None
    facts = {
        "checkout": True,
        "prepare": payment is not None,
        "window": bool(sources - {"checkout"}),
        "approve": has_money,
        "lookup": looked_up,
        "key": decided and has_money,
        "decide": decided,
        "done": decided,
        "run": payment is not None,
        "row": payment is not None,
        "charge": "charge" in sources,
        "end": False,
        **{source: source in sources for source in SOURCES},
    }
    if flow.slug == "cancel":
        facts |= dict.fromkeys(("ask", "mark", "cancel", "approve", "decide", "done"), "cancelled" in outcomes)
    if flow.slug == "billing-key":
        facts["callback"] = bool(sources & set(SOURCES))
    return {step.id for step in flow.steps if facts[step.id]}
