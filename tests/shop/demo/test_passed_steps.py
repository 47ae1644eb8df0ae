"""Each step of a flow that a payment has passed is lit, and no other."""

from collections.abc import Sequence
from typing import Any

import pytest

from payments.models import Event, Payment
from shop.demo.flows import FLOWS
from shop.demo.passed_steps import passed
from tests.clocks import NOON

REPORT = {"status": "paid"}


def told(source: str, outcome: str = "unchanged", report: Any = REPORT) -> Event:
    return Event(source=source, outcome=outcome, report=report)


OPENED = told("checkout", "ready", None)
PAID = Payment(status="paid", paid_at=NOON)
READY = Payment(status="ready")


@pytest.mark.parametrize(
    ("slug", "payment", "events", "steps"),
    [
        ("once-pc", None, [], "checkout"),
        ("once-pc", READY, [OPENED], "checkout prepare"),
        (
            "once-pc",
            PAID,
            [OPENED, told("callback", "paid")],
            "checkout prepare window approve callback lookup decide done",
        ),
        (
            "once-pc",
            PAID,
            [OPENED, told("webhook", "paid"), told("callback")],
            "checkout prepare window approve webhook callback lookup decide done",
        ),
        (
            "once-pc",
            Payment(status="failed"),
            [OPENED, told("callback", "failed")],
            "checkout prepare window callback lookup decide done",
        ),
        ("once-pc", READY, [OPENED, told("callback", "unknown", None)], "checkout prepare window callback"),
        ("lost-window", PAID, [OPENED, told("sweep", "paid")], "checkout approve sweep decide"),
        (
            "billing-key",
            PAID,
            [OPENED, told("webhook", "paid")],
            "checkout window approve callback lookup key decide",
        ),
        ("monthly", PAID, [told("charge", "paid")], "run row charge approve decide"),
        ("monthly", Payment(status="failed"), [told("charge", "failed")], "run row charge decide"),
        ("monthly", None, [], ""),
        (
            "cancel",
            PAID,
            [OPENED, told("callback", "paid"), told("admin", "cancelled")],
            "ask mark cancel approve decide done",
        ),
    ],
)
def test_the_steps_that_were_passed(slug: str, payment: Payment | None, events: Sequence[Event], steps: str) -> None:
    flow = FLOWS[slug]
    lit = passed(flow, payment, events)
    assert [step.id for step in flow.steps if step.id in lit] == steps.split()
