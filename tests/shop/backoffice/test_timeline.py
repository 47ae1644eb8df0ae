"""The timeline of one payment: everything on one line, causes before what follows from them."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from payments.models import Cancellation, Event, Payment
from shop.backoffice.timeline import line_of

SECOND = datetime(2054, 11, 25, 3, 0, 7, tzinfo=UTC)


def at(milliseconds: int) -> datetime:
    return SECOND + timedelta(milliseconds=milliseconds)


def told(*lines: tuple[int, str, str], imp_uid: str | None = None) -> list[Event]:
    """Events in the order in which they were written: when, by whom, what they came to."""
    return [
        Event(id=number, at=at(when), source=source, outcome=outcome, reason="", imp_uid=imp_uid)
        for number, (when, source, outcome) in enumerate(lines, start=1)
    ]


def payment(**moments: datetime) -> Payment:
    return Payment(imp_uid="imp_1", merchant_uid="m", created_at=at(0), **moments)


def names(of: Payment, events: Sequence[Event], cancel_requested_at: datetime | None = None) -> list[str]:
    row = Cancellation(imp_uid="imp_1", requested_at=cancel_requested_at) if cancel_requested_at else None
    line = line_of(of, events, row)
    return [entry.moment or f"{entry.event.source} {entry.event.outcome}" for entry in line]  # type: ignore[union-attr]


def test_what_happens_within_one_second_is_told_in_its_order() -> None:
    """PortOne and KG tell whole seconds, our book tells more."""
    events = told((400, "checkout", "ready"), (700, "callback", "paid"), (710, "webhook", "unchanged"))
    line = names(payment(paid_at=SECOND), events)
    assert line == ["checkout ready", "approved", "callback paid", "webhook unchanged"]


def test_a_cancel_is_asked_for_then_carried_out_then_told() -> None:
    events = told(
        (100, "checkout", "ready"),
        (200, "callback", "paid"),
        (300, "admin", "cancel"),
        (320, "admin", "requested"),
        (400, "admin", "cancelled"),
    )
    assert names(payment(paid_at=SECOND, cancelled_at=SECOND), events, at(310)) == [
        "checkout ready",
        "approved",
        "callback paid",
        "admin cancel",
        "cancel_requested",
        "admin requested",
        "given_back",
        "admin cancelled",
    ]


def test_money_that_goes_back_by_itself_was_held_first() -> None:
    """The mark in the row is a moment older than the line that is written with it."""
    events = told((200, "callback", "held"), (300, "callback", "cancelled"))
    line = names(payment(paid_at=SECOND, cancelled_at=SECOND), events, at(199))
    assert line == ["begun", "approved", "callback held", "cancel_requested", "given_back", "callback cancelled"]


def test_an_unanswered_cancel_follows_the_request_and_not_an_older_silence() -> None:
    events = told((50, "sweep", "unknown"), (100, "callback", "paid"), (300, "admin", "unknown"))
    line = names(payment(paid_at=SECOND), events, at(200))
    assert line == ["begun", "sweep unknown", "approved", "callback paid", "cancel_requested", "admin unknown"]


def test_a_clock_that_is_ahead_at_kg_does_not_turn_the_story_round() -> None:
    events = told((100, "checkout", "ready"), (900, "callback", "failed"))
    assert names(payment(failed_at=at(4000)), events) == ["checkout ready", "declined", "callback failed"]


def test_event_of_a_duplicate_payment_does_not_move_the_times_of_the_first() -> None:
    events = told((100, "webhook", "cancelled"), imp_uid="imp_2")
    assert names(payment(paid_at=at(-5000), cancelled_at=at(9000)), events)[-1] == "given_back"
