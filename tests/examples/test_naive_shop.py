"""The shop that is wrong on purpose: the check finds what is wrong with it, and nothing else."""

import re
import shutil
import sys
from pathlib import Path

import pytest

from tests.examples.shops import EXAMPLES, shop_running

FOLDER = EXAMPLES / "naive-shop"

EXPECTED = {
    "paid-by-callback": "ok",
    "paid-by-redirect": "ok",
    "paid-by-webhook": "ok",
    "all-at-once": "ok",
    "declined": "ok",
    "closed": "ok",
    "late-failure": "broken",
    "duplicate-window": "not described",
    "cancelled-in-console": "ok",
    "all-lost": "not described",
    "changed-price": "broken",
    "price-in-the-order": "broken",
    "negative-quantity": "broken",
    "replayed-payment": "broken",
    "strangers-payment": "broken",
    "failed-payment": "broken",
    "forged-webhook": "broken",
    "forged-redirect": "ok",  # the way back does look up, by whichever imp_uid the address names
    "other-channel": "broken",
    "strangers-order": "broken",
    "duplicate-webhooks": "ok",
    "portone-slow": "broken",
    "portone-silent": "broken",
    "portone-down": "broken",
    "portone-busy": "broken",
    "portone-garbled": "broken",
    "first-month": "broken",
    "second-month": "ok",
    "month-run-twice": "broken",
    "month-declined": "not described",
    "month-answer-lost": "broken",
    "month-look-up-refused": "broken",
}
VALUES = {"success", "imp_uid", "status", "merchant_uid"}  # what the page names besides functions
BROKEN = {name for name, result in EXPECTED.items() if result == "broken"}


@pytest.mark.slow
@pytest.mark.timeout(600)  # it waits for answers that never come
def test_the_check_finds_what_is_wrong_with_the_naive_shop_and_nothing_else(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(FOLDER, tmp_path / "naive-shop", ignore=shutil.ignore_patterns("__pycache__")))
    with shop_running(folder, [sys.executable, "shop.py"]) as shop:
        checked = shop.check()
    assert checked.results == EXPECTED, checked.table
    assert checked.status == 1


@pytest.mark.parametrize("page", ["README.md", "README.en.md"])
def test_the_naive_shops_page_names_exactly_the_cases_that_are_broken_and_the_code_that_does_it(page: str) -> None:
    rows = [line for line in (FOLDER / page).read_text().splitlines() if line.startswith("| ")][1:]
    code = (FOLDER / "shop.py").read_text()
    for function in {name for row in rows for name in re.findall(r"`([a-z_]+)`", row.split("|")[1])} - VALUES:
        assert f"def {function}(" in code, function
    named = [name for row in rows for name in re.findall(r"`([a-z]+(?:-[a-z]+)+)`", row.split("|")[3])]
    assert sorted(named) == sorted(BROKEN)
    assert f" {len(BROKEN)}" in (EXAMPLES / page).read_text()


def test_the_naive_shop_stays_small_and_says_first_that_it_is_wrong() -> None:
    code = (FOLDER / "shop.py").read_text()
    assert len(code.splitlines()) <= 120
    assert "WRONG ON PURPOSE" in code.splitlines()[0]
