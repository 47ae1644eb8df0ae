"""What is on a fresh shop's shelf fits the phone bill."""

import re

from payments.portone.kg_text import fit_bytes
from shop.orders.catalogue import CATALOGUE
from shop.orders.descriptions import DESCRIPTIONS
from shop.orders.models import Product


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


def test_each_product_has_a_page_of_several_lines_in_both_languages_that_fits_its_columns() -> None:
    assert list(DESCRIPTIONS) == [item["slug"] for item in CATALOGUE]
    for item in CATALOGUE:
        page = DESCRIPTIONS[item["slug"]]
        assert len(page["description_ko"].split("\n")) == len(page["description_en"].split("\n")) >= 3
        columns = Product.__table__.c
        assert all(len(text) <= columns[name].type.length for name, text in page.items() if isinstance(text, str))
        assert bool(page["period_ko"]) == bool(page["period_en"]) == item["digital"]


def test_what_is_shipped_can_run_out() -> None:
    assert all((item["stock"] is None) == item["digital"] for item in CATALOGUE)
