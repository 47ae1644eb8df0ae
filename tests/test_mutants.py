"""The broken variants of `make mutants` stay as fresh as the code that they break."""

import re
from pathlib import Path

from tests.mutants import all_mutants


def test_every_variant_can_still_be_made() -> None:
    assert [problem for mutant in all_mutants() for problem in mutant.problems()] == []


def test_every_class_of_pitfall_has_a_variant() -> None:
    numbers = {mutant.test.partition("::test_")[2][:2] for mutant in all_mutants() if "test_pitfalls" in mutant.test}
    assert numbers == {f"{number:02}" for number in (*range(1, 38), 40, 41, 42)}


def test_every_money_law_has_a_variant() -> None:
    table = (Path(__file__).parent / "mutants.toml").read_text()
    assert set(map(int, re.findall(r"^# law (\d+)", table, re.MULTILINE))) == set(range(1, 11))
