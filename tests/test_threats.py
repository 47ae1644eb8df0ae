"""docs/threats.md names only what is there: every file, every function, every test; and every class of pitfall."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "docs" / "threats.md", ROOT / "docs" / "threats.en.md"]
NAMED = re.compile(r"\[`(\w+)`\]\(\.\./([\w/]+\.py)\)")


@cache
def defined_in(path: Path) -> set[str]:
    nodes = ast.walk(ast.parse(path.read_text()))
    return {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef)}


def table_rows(path: Path) -> list[list[str]]:
    """The rows that name a defence and a test."""
    lines = [line for line in path.read_text().splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [row for row in cells if not set(row[0]) <= {"-"} and row[-1] not in ("시험", "Test")]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_threat_has_a_defence_and_a_test_that_exist(path: Path) -> None:
    for row in table_rows(path):
        defences, tests = NAMED.findall(row[-2]), NAMED.findall(row[-1])
        assert defences, row
        assert tests, row
        for name, file in [*defences, *tests]:
            assert name in defined_in(ROOT / file), f"{file} {name}"
        assert all(file.startswith("tests/") for _, file in tests)
        assert all(file.startswith(("payments/", "shop/", "sandbox/", "app.py", "worlds.py")) for _, file in defences)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_class_of_pitfall_has_its_row(path: Path) -> None:
    rows = [row for row in table_rows(path) if row[0].isdigit()]
    assert [int(row[0]) for row in rows] == list(range(1, 38))
    for row in rows:
        assert f"test_{int(row[0]):02}_" in row[-1]


def test_the_sandbox_of_a_public_demo_has_its_section() -> None:
    for path, heading in zip(PAGES, ("공개 체험의 샌드박스", "The sandbox of a public demo"), strict=True):
        section = path.read_text().partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
        named = {name for name, _ in NAMED.findall(section)}
        assert {"own_keys", "Reach", "refusal", "only_where_allowed", "controls_token"} <= named


def test_both_languages_name_the_same() -> None:
    korean, english = (NAMED.findall(path.read_text()) for path in PAGES)
    assert korean == english
