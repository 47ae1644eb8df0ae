"""What is on a fresh shop's shelf fits the phone bill."""

import re

from payments.portone.kg_text import fit_bytes
from shop.orders.catalogue import CATALOGUE


def test_a_dozen_things_once_and_two_plans() -> None:
    kinds = [item["kind"] for item in CATALOGUE]
    assert (kinds.count("once"), kinds.count("monthly")) == (12, 2)
    once = [item for item in CATALOGUE if item["kind"] == "once"]
    assert {item["digital"] for item in once} == {True, False}


def test_prices_are_what_people_pay_by_phone() -> None:
    assert all(3_900 <= item["price"] <= 50_000 and type(item["price"]) is int for item in CATALOGUE)


def test_names_fit_kgs_thirty_bytes_and_slugs_fit_an_address() -> None:
    for item in CATALOGUE:
        assert fit_bytes(item["name_ko"], 30) == item["name_ko"]
        assert re.fullmatch(r"[a-z0-9-]+", item["slug"])
    assert len({item["slug"] for item in CATALOGUE}) == len(CATALOGUE)


def test_what_is_shipped_can_run_out() -> None:
    assert all((item["stock"] is None) == item["digital"] for item in CATALOGUE)
