"""All cases by name, in the order in which they are played."""

from collections.abc import Callable
from dataclasses import dataclass

from . import cases_attacks as attacks
from . import cases_buyers as buyers
from . import cases_monthly as monthly
from . import cases_outages as outages
from .play import Play

BUYERS, ATTACKERS, OUTAGES, MONTHS = "buyers", "attackers", "outages", "months"
GROUPS = (BUYERS, ATTACKERS, OUTAGES, MONTHS)


@dataclass(frozen=True)
class Case:
    """`play` raises one of `trouble.Ended` unless the shop does well. Texts: `texts_ko.py`, `texts_en.py`."""

    name: str
    group: str
    play: Callable[[Play], None]
    needs: tuple[str, ...] = ()  # parts of the file without which it is not played
    moves_clock: bool = False
    disturbs: bool = False  # PortOne's look-ups of its own payment


_KEY = ("[[subscribe]]", "[monthly]")
_ALL = (
    Case("paid-by-callback", BUYERS, buyers.paid_by_callback, ("[callback]",)),
    Case("paid-by-redirect", BUYERS, buyers.paid_by_redirect, ("[redirect]",)),
    Case("paid-by-webhook", BUYERS, buyers.paid_by_webhook, ("[webhook]",)),
    Case("all-at-once", BUYERS, buyers.all_at_once),
    Case("declined", BUYERS, buyers.declined),
    Case("closed", BUYERS, buyers.closed),
    Case("late-failure", BUYERS, buyers.late_failure),
    Case("duplicate-window", BUYERS, buyers.duplicate_window, ("[[again]]",)),
    Case("cancelled-in-console", BUYERS, buyers.cancelled_in_console, ("[webhook]",)),
    Case("all-lost", BUYERS, buyers.all_lost, ("[sweep]",), moves_clock=True),
    Case("changed-price", ATTACKERS, attacks.changed_price),
    Case("price-in-the-order", ATTACKERS, attacks.price_in_the_order, ("[[order]] price",)),
    Case("negative-quantity", ATTACKERS, attacks.negative_quantity, ("[[order]] quantity",)),
    Case("replayed-payment", ATTACKERS, attacks.replayed_payment),
    Case("strangers-payment", ATTACKERS, attacks.strangers_payment),
    Case("failed-payment", ATTACKERS, attacks.failed_payment),
    Case("forged-webhook", ATTACKERS, attacks.forged_webhook, ("[webhook]",)),
    Case("forged-redirect", ATTACKERS, attacks.forged_redirect, ("[redirect]",)),
    Case("other-channel", ATTACKERS, attacks.other_channel),
    Case("strangers-order", ATTACKERS, attacks.strangers_order, ("[[login]]",)),
    Case("duplicate-webhooks", ATTACKERS, attacks.duplicate_webhooks, ("[webhook]",)),
    Case("portone-slow", OUTAGES, outages.portone_slow, disturbs=True),
    Case("portone-silent", OUTAGES, outages.portone_silent, disturbs=True),
    Case("portone-down", OUTAGES, outages.portone_down, disturbs=True),
    Case("portone-busy", OUTAGES, outages.portone_busy, disturbs=True),
    Case("portone-garbled", OUTAGES, outages.portone_garbled, disturbs=True),
    Case("first-month", MONTHS, monthly.first_month, _KEY, moves_clock=True),
    Case("second-month", MONTHS, monthly.second_month, _KEY, moves_clock=True),
    Case("month-run-twice", MONTHS, monthly.month_run_twice, _KEY, moves_clock=True),
    Case("month-declined", MONTHS, monthly.month_declined, (*_KEY, "[charged]"), moves_clock=True),
    Case("month-answer-lost", MONTHS, monthly.month_answer_lost, _KEY, moves_clock=True),
    Case("month-look-up-refused", MONTHS, monthly.month_look_up_refused, _KEY, moves_clock=True, disturbs=True),
)
CASES = {case.name: case for case in _ALL}
