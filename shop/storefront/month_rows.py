"""The record of a subscription's months: one row for each, with its declined attempts folded into it."""

from collections.abc import Iterable
from dataclasses import dataclass

from payments.models import Payment


@dataclass(frozen=True)
class MonthRow:
    """One billing month, as YYYY-MM. `declined` are the attempts that KG refused, newest first."""

    month: str
    payment: Payment  # the one that is shown: the newest that was not declined, else the newest
    declined: list[Payment]


def month_rows(payments: Iterable[Payment]) -> list[MonthRow]:
    """Group a subscription's payments, newest first, by their billing months."""
    months: dict[str, list[Payment]] = {}
    for payment in payments:
        months.setdefault(payment.billing_month or "–", []).append(payment)
    return [_row(month, attempts) for month, attempts in months.items()]


def _row(month: str, attempts: list[Payment]) -> MonthRow:
    declined = [attempt for attempt in attempts if attempt.status == "failed" and attempt.held_reason is None]
    others = [attempt for attempt in attempts if attempt not in declined]
    return MonthRow(month, (others or attempts)[0], declined)
