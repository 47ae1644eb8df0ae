"""docs/check-file.md speaks the truth: its tables of cases are the code's, and every field of the file is in it."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from sandbox.check import names
from sandbox.check.cases import CASES
from sandbox.check.shopfile import METHODS, Job, ShopFile, Sign, Step, Webhook
from sandbox.check.texts import case_text

DOCS = Path(__file__).parents[3] / "docs"
PAGES = {"ko": DOCS / "check-file.md", "en": DOCS / "check-file.en.md"}
NOT_WRITTEN = {"where", "method", "path", "command", "step", "folder"}  # made from other fields


@pytest.mark.parametrize("language", PAGES)
def test_the_tables_of_cases_are_those_of_the_code(language: str) -> None:
    text = PAGES[language].read_text()
    rows = [line for line in text.splitlines() if line.startswith("| `") and line.count("|") == 5]
    told = []
    for case in CASES.values():
        texts = case_text(case.name, language)
        needs = " ".join(f"`{one}`" for one in case.needs) or "–"
        told.append(f"| `{case.name}` | {texts.story} | {texts.loss} | {needs} |")
    assert rows == told


@pytest.mark.parametrize("language", PAGES)
def test_every_field_section_and_name_is_described(language: str) -> None:
    words = set(re.findall(r"`\[*\{?([a-z_]+)\}?\]*", PAGES[language].read_text()))
    described = {field.name for table in (ShopFile, Step, Sign, Job, Webhook) for field in fields(table)}
    known = described | set(METHODS) | names.FRESH | names.IDS | names.TIMES | {"run", "shop"}
    assert known - NOT_WRITTEN <= words
