"""Every state, reason and outcome that the code knows has a name for people."""

import ast
from pathlib import Path
from typing import get_args

from shop.decision import Outcome
from shop.labels import LABELS, label
from shop.models import BillingKey, Order, Payment, Subscription

SHOP = Path(__file__).parents[1] / "shop"


def test_every_state_has_a_name() -> None:
    for kind, model in (
        ("order", Order),
        ("payment", Payment),
        ("billing_key", BillingKey),
        ("subscription", Subscription),
    ):
        assert set(model.STATES) <= set(LABELS[kind]), kind
    assert set(get_args(Outcome)) <= set(LABELS["outcome"])


def test_every_reason_to_hold_money_has_a_name() -> None:
    texts = {
        node.value
        for name in ("decision.py", "payments.py")
        for node in ast.walk(ast.parse((SHOP / name).read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert set(LABELS["held"]) <= texts, "a name without a reason"
    returned = {
        node.value.value
        for node in ast.walk(ast.parse((SHOP / "decision.py").read_text()))
        if isinstance(node, ast.Return) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    }
    assert returned <= set(LABELS["held"]), "a reason without a name"


def test_an_unknown_value_is_shown_as_it_is() -> None:
    assert label("held", "something-new") == "something-new"
