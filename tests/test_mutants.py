"""The table of broken variants follows the code; `make mutants` applies them."""

import re
from pathlib import Path

from tests.mutants import MUTANTS, PITFALLS, missing

HERE = Path(__file__).parent


def test_every_text_that_a_mutant_changes_is_still_there() -> None:
    assert missing() == []


def test_every_test_that_is_to_notice_a_mutant_exists() -> None:
    for mutant in MUTANTS:
        for test in mutant.tests.split():
            file, _, name = test.partition("::")
            assert not name or f"def {name}(" in (HERE / file).read_text(), test


def test_every_class_of_pitfall_and_every_money_law_has_its_mutant() -> None:
    numbers = [int(re.findall(r"\d+", mutant.name)[0]) for mutant in PITFALLS]
    assert numbers == list(range(1, 33))
    laws = {int(number) for mutant in MUTANTS for number in re.findall(r"^law (\d+)", mutant.name)}
    assert laws == set(range(1, 11))
