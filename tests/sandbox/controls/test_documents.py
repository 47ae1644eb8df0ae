"""docs/sandbox.md speaks the truth: its tables are the code's, and its curl examples run as they stand."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from flask import Flask
from pytest_httpserver import HTTPServer

from sandbox import Sandbox
from sandbox.controls.differences import UNVERIFIED
from sandbox.ledger.faults import KINDS
from sandbox.ledger.options import CHOICES, Options
from sandbox.ledger.outcomes import OUTCOMES
from tests.sandbox.conftest import open_window, pay, served

DOCS = Path(__file__).parents[3] / "docs"
PAGES = {"ko": DOCS / "sandbox.md", "en": DOCS / "sandbox.en.md"}


def rows(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]


@pytest.mark.parametrize("language", PAGES)
def test_the_tables_are_those_of_the_code(language: str) -> None:
    text = PAGES[language].read_text()
    for outcome in OUTCOMES:
        told = outcome.ko if language == "ko" else outcome.en
        code = f"`{outcome.refusal.pg_code}`" if outcome.refusal else "–"
        assert any((row[0], row[2:]) == (f"`{outcome.ending}`", [told, code]) for row in rows(text)), outcome
    for thing in UNVERIFIED:
        told = [thing.ko, thing.does_ko] if language == "ko" else [thing.en, thing.does_en]
        assert [*told, f"`{thing.switch}`" if thing.switch else "–"] in rows(text)
    first_cells = {row[0] for row in rows(text)}
    assert {f"`{name}`" for name in (*KINDS, *vars(Options()))} <= first_cells
    for name, choices in CHOICES.items():
        assert any(row[:2] == [f"`{name}`", " ".join(f"`{choice}`" for choice in choices)] for row in rows(text)), name


def test_the_two_languages_tell_the_same() -> None:
    korean, english = (path.read_text() for path in PAGES.values())
    assert len(rows(korean)) == len(rows(english))
    assert korean.count("\n## ") == english.count("\n## ")
    assert commands(korean)[1:] == commands(english)[1:]


def commands(text: str) -> list[str]:
    """The shell's blocks, all but what a product is called."""
    return [
        re.sub(r'"name": "[^"]+"', '"name": "x"', block) for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    ]


@pytest.mark.parametrize("language", [pytest.param("ko", marks=pytest.mark.slow), "en"])
def test_the_examples_run_as_they_stand(
    language: str, sandbox_app: Flask, sandbox: Sandbox, httpserver: HTTPServer
) -> None:
    httpserver.expect_request("/hook").respond_with_data("ok")
    paid = pay(sandbox, merchant_uid="paid", notice_url=httpserver.url_for("/hook"))
    view = sandbox.ledger.get_window(open_window(sandbox, merchant_uid="open"))
    assert view
    blocks = re.findall(r"```sh\n(.*?)```", PAGES[language].read_text(), re.DOTALL)
    script = "set -e\n" + "\n".join(blocks)
    script = script.replace("imp_123456789012", paid["imp_uid"]).replace("imp_210987654321", view.imp_uid)
    # What is done at KG alone cannot be cancelled any more; the example shows both, one payment would do for either.
    script = script.replace(
        f"{paid['imp_uid']}/undo-at-kg", f"{pay(sandbox, merchant_uid='other')['imp_uid']}/undo-at-kg"
    )
    script = script.replace("curl ", "curl -sS --fail-with-body -w '\\n' ")
    with served(sandbox_app) as address:
        script = script.replace("S=http://127.0.0.1:5001", f"S={address}")
        run = subprocess.run(
            ["bash", "-c", script],
            env=os.environ | {"TOKEN": token(sandbox_app)},
            capture_output=True,
            text=True,
            check=False,
        )
    assert run.returncode == 0, run.stdout + run.stderr
    answers = [json.loads(line) for line in run.stdout.splitlines() if line]
    assert len(answers) == script.count("\ncurl ")
    assert answers[-1] == {"reset": True}


def token(app: Flask) -> str:
    granted = app.test_client().post("/users/getToken", json={"imp_key": "imp_apikey", "imp_secret": "sandbox_secret"})
    assert granted.json
    return str(granted.json["response"]["access_token"])
