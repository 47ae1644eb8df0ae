"""Every state, reason and outcome that the code knows has a name for people."""

import ast
from pathlib import Path
from typing import get_args

from payments.decision import CANCEL_TEXTS, Outcome
from payments.models import REFUNDED_BY_BANK, Cancellation, Payment
from payments.monthly.models import BillingKey, Subscription
from shop.orders.models import Order
from shop.orders.purchases import CANCEL_TEXTS as CANCEL_TEXTS_OF_ORDERS
from shop.web.labels import LABELS, label

PAYMENTS = Path(__file__).parents[3] / "payments"
HOLDING = (  # the files that name why money is held
    PAYMENTS / "decision.py",
    PAYMENTS / "monthly" / "first_month.py",
    PAYMENTS.parent / "shop" / "orders" / "purchases.py",
)


def test_every_state_has_a_name() -> None:
    for kind, model in (
        ("order", Order),
        ("payment", Payment),
        ("cancellation", Cancellation),
        ("billing_key", BillingKey),
        ("subscription", Subscription),
    ):
        assert set(model.STATES) <= set(LABELS[kind]), kind
    assert set(get_args(Outcome)) <= set(LABELS["outcome"])


def returned_by(file: str, *functions: str) -> set[str]:
    """The texts that these functions of a file return."""
    return {
        node.value.value
        for function in ast.walk(ast.parse((PAYMENTS / file).read_text()))
        if isinstance(function, ast.FunctionDef) and function.name in functions
        for node in ast.walk(function)
        if isinstance(node, ast.Return) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    }


def test_every_reason_to_hold_money_has_a_name() -> None:
    texts = {
        node.value
        for path in HOLDING
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert set(LABELS["held"]) <= texts | {REFUNDED_BY_BANK}, "a name without a reason"
    assert returned_by("decision.py", "_unexpected_kind", "_wrong_amount") <= set(LABELS["held"])
    assert set(LABELS["held"]) >= set(CANCEL_TEXTS)


def test_every_refusal_to_cancel_or_to_keep_has_a_name() -> None:
    assert returned_by("decision.py", "refusal_to_cancel") | {REFUNDED_BY_BANK} <= set(LABELS["cancel"])
    assert returned_by("decision.py", "_unexpected_kind") | {"month"} <= set(LABELS["refusal"])
    to_keep = returned_by("record.py", "why_not_keep", "keep") | returned_by("sync.py", "release")
    of_orders = {"out_of_stock", *CANCEL_TEXTS_OF_ORDERS}  # the host's reasons, by `Standing.closed`
    of_plans = {"key_channel"}  # of `monthly/`, by `Standing.held`
    assert to_keep | of_orders | of_plans | {REFUNDED_BY_BANK} == set(LABELS["release"])


def test_an_unknown_value_is_shown_as_it_is() -> None:
    assert label("held", "something-new") == "something-new"
