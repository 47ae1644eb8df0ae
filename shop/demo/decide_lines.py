"""The latest decision about a payment, for the learn panel: the lines of `decide` that ran, and the values they saw.

The lines are read from payments/decision.py. Which of them ran is found by deciding once more, from the report that the
event log kept; it is shown only if that leads to the outcome and the reason that the log has.
"""

import ast
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from payments import decision
from payments.decision import CANCEL_TEXTS, Decision, Standing, decide
from payments.models import Event, Payment
from payments.portone.report import PaymentReport, UnreadableAnswer
from payments.portone.responses import payment_report
from payments.privacy import mask_beginning

FILE = Path(decision.__file__)
HELD = "paid, but cannot be honoured: "  # how the reason of a held payment begins
REASON_LENGTH = 300  # as the event log cuts it


@dataclass(frozen=True)
class Line:
    number: int
    text: str
    ran: bool


@dataclass(frozen=True)
class Value:
    """What `decide` compared: a field of our row, and what PortOne reported."""

    name: str
    ours: str
    reported: str


@dataclass(frozen=True)
class Decided:
    """`lines`: `decide` and the functions that it called, in the file's order. `event`: None if nothing was decided."""

    lines: list[list[Line]]
    values: list[Value]
    event: Event | None


def latest_decision(payment: Payment, events: Sequence[Event]) -> Decided:
    """Return the latest decision about the payment; `events` are its own, oldest first."""
    with_report = [event for event in events if event.report]
    changing = [event for event in with_report if event.outcome != "unchanged"]
    event = next(iter([*changing[::-1], *with_report[::-1]]), None)
    report = _report_of(event) if event else None
    if event is None or report is None:
        return Decided(_lines(set()), _values(payment, None, Standing.open()), event)
    before = with_report[: with_report.index(event)]
    as_it_was, standing, by_another = _as_it_was(payment, before), *_circumstances(event)
    ran: set[int] = set()
    again = _traced(lambda: decide(as_it_was, report, standing, paid_by_another=by_another), ran)
    is_the_same = (again.outcome, mask_beginning(again.reason, REASON_LENGTH)) == (event.outcome, event.reason)
    return Decided(_lines(ran if is_the_same else set()), _values(as_it_was, report, standing), event)


def _report_of(event: Event) -> PaymentReport | None:
    try:
        return payment_report(event.report or {})
    except (UnreadableAnswer, TypeError, AttributeError):  # too long to be kept whole
        return None


def _as_it_was(payment: Payment, before: Sequence[Event]) -> Payment:
    """Return the row as it stood before the decision: what was asked, and what the earlier events had made of it."""
    row = Payment(
        merchant_uid=payment.merchant_uid,
        customer_uid=payment.customer_uid,
        amount=payment.amount,
        is_test_channel=payment.is_test_channel,
        status="ready",
    )
    for event in before:
        if event.outcome in ("paid", "failed", "cancelled", "held"):
            row.status = "paid" if event.outcome == "held" else event.outcome
            row.imp_uid = (event.report or {}).get("imp_uid")
            row.held_reason = event.reason.removeprefix(HELD) if event.outcome == "held" else None
    return row


def _circumstances(event: Event) -> tuple[Standing, bool]:
    """Return what the host said of the purchase, and whether another payment had paid it, as the outcome tells."""
    reason = event.reason.removeprefix(HELD) if event.outcome == "held" and event.reason.startswith(HELD) else None
    if reason is None or reason in CANCEL_TEXTS:
        return Standing.open(), reason == "duplicate"
    return Standing.closed(reason, "…"), False


def _traced(call: Callable[[], Decision], ran: set[int]) -> Decision:
    """Call, and add to `ran` the lines of decision.py that this runs."""

    def trace(frame: FrameType, what: str, _more: object) -> Any:
        if frame.f_code.co_filename != decide.__code__.co_filename:
            return None
        if what == "line":
            ran.add(frame.f_lineno)
        return trace

    usual = sys.gettrace()
    sys.settrace(trace)
    try:
        return call()
    finally:
        sys.settrace(usual)


def _lines(ran: set[int]) -> list[list[Line]]:
    """Return `decide`, and each function of the file of which a line ran, without the docstrings."""
    source = FILE.read_text("utf-8").splitlines()
    shown = []
    for node in ast.parse("\n".join(source)).body:
        if not isinstance(node, ast.FunctionDef):
            continue
        numbers = range(node.lineno, (node.end_lineno or node.lineno) + 1)
        if node.name == "decide" or ran & set(numbers):
            said = node.body[0] if ast.get_docstring(node) else None
            hidden = range(said.lineno, (said.end_lineno or 0) + 1) if said else ()
            lines = [Line(number, source[number - 1], number in ran) for number in numbers if number not in hidden]
            shown.append(lines)
    return shown


def _values(row: Payment, report: PaymentReport | None, standing: Standing) -> list[Value]:
    said: Any = report
    pairs = [
        ("status", row.status, said and said.status),
        ("merchant_uid", row.merchant_uid, said and said.merchant_uid),
        ("imp_uid", row.imp_uid, said and said.imp_uid),
        ("amount", row.amount, said and said.amount),
        ("currency", "KRW", said and said.currency),
        ("pay_method", "phone", said and said.pay_method),
        ("is_test_channel", row.is_test_channel, said and said.is_test_channel),
        ("customer_uid", row.customer_uid, said and said.customer_uid),
    ]
    values = [Value(name, _shown(ours), _shown(reported) if report else "") for name, ours, reported in pairs]
    return [*values, Value("standing", standing.state, standing.reason)] if report else values


def _shown(value: object) -> str:
    return "–" if value is None else str(value)
