"""The buyers of payments: which orders are the attack lab's, and where they do not count."""

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask

from payments import clock
from shop.backoffice import export, figures, listing
from shop.backoffice.listing import PaymentFilter
from shop.backoffice.paging import Cursor
from shop.orders import cart
from shop.orders.buyers import LAB_EMAIL
from shop.orders.models import User
from tests.conftest import BUYER, order_window, product
from tests.payments.fakes import FakeProvider

SHOP_FILE = Path(__file__).parents[3] / "shop" / "demo" / "check.toml"


@pytest.fixture
def sale_and_attack(provider: FakeProvider, buyer: User, other_buyer: User) -> tuple[str, str]:
    """The ids of a payment of a buyer, and of one of the attack lab."""
    attacker = replace(BUYER, email=LAB_EMAIL)
    ids = []
    for user_id, who in ((buyer.id, BUYER), (other_buyer.id, attacker)):
        cart.put_in_cart(user_id, product().id, 1)
        ids.append(order_window(provider, user_id, who).merchant_uid)
    return ids[0], ids[1]


def listed(chosen: PaymentFilter) -> list[str]:
    return [payment.merchant_uid for payment in listing.payments(chosen, Cursor()).rows]


def test_the_lab_and_the_back_office_mean_the_same_buyer() -> None:
    described = tomllib.loads(SHOP_FILE.read_text())
    checkouts = [step for kind in ("order", "again", "subscribe") for step in described[kind] if "json" in step]
    assert [step["json"]["buyer_email"] for step in checkouts] == [LAB_EMAIL] * 3


def test_orders_of_the_attack_lab_count_in_no_figure_no_list_and_no_export(sale_and_attack: tuple[str, str]) -> None:
    sale, attack = sale_and_attack
    assert listed(PaymentFilter()) == [sale]
    assert figures.sums(clock.today(), clock.today()).attempts == 1
    assert figures.count(PaymentFilter(state="ready")) == 1
    exported = "".join(export.payments_csv(PaymentFilter()))
    assert sale in exported
    assert attack not in exported


def test_whoever_looks_for_an_order_of_the_attack_lab_finds_it(sale_and_attack: tuple[str, str]) -> None:
    _, attack = sale_and_attack
    assert listed(PaymentFilter(q=LAB_EMAIL)) == [attack]
    assert listed(PaymentFilter(q=attack)) == [attack]


def test_a_live_shop_leaves_nobody_out(app: Flask, sale_and_attack: tuple[str, str]) -> None:
    app.extensions["settings"] = replace(app.extensions["settings"], live=True)
    assert set(listed(PaymentFilter())) == set(sale_and_attack)
