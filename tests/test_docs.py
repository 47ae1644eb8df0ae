"""The documents speak the truth: links lead somewhere, commands exist, the table of numbers is the sandbox's."""

import ast
import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
import requests
from flask import Flask

from docs.make_pages import pages
from sandbox.ledger.outcomes import OUTCOMES
from tests.servers import serving
from tests.shop.demo.test_flows import functions_of
from tests.test_threats import NAMED

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
EXAMPLES = [path for path in (ROOT / "examples").rglob("*.md") if "node_modules" not in path.parts]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *EXAMPLES])
READMES = [ROOT / "README.md", ROOT / "README.en.md"]
MADE = ("docs/errors", "docs/flows/")

# By name: `decision` and `orders` name one file each.
MODULES: dict[str, list[Path]] = defaultdict(list)
for source in [*(ROOT / "payments").rglob("*.py"), *(ROOT / "shop").rglob("*.py")]:
    MODULES[source.stem].append(source)

# Written in one language: they are read by those who work on the code, not by those who use it.
ONE_LANGUAGE = {"decisions.md", "decisions.ko.md", "CHANGELOG.md", "AGENTS.md", "CONTRIBUTING.md"}
# A link to something of this repository; `../../actions` is GitHub's page of the workflows' results.
LINK = r"\]\((?!https?:|mailto:|\.\./\.\./actions\))([^)#]*)(?:#([^)]*))?\)"


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_every_link_and_picture_is_there(path: Path) -> None:
    for target, anchor in re.findall(LINK, path.read_text()):
        found = path.parent / target if target else path
        assert found.exists(), target
        if anchor and found.suffix == ".md":
            assert anchor in {anchor_of(title) for title in re.findall(r"^#+ (.*)$", found.read_text(), re.M)}, anchor


def anchor_of(title: str) -> str:
    """What a heading is called in an address."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_every_function_that_is_named_beside_its_file_exists(path: Path) -> None:
    text = path.read_text()
    links = re.findall(r"\[`((?:payments|shop|sandbox|static|tests)/[\w./]+)`\]\([^)]*\)((?:의)? ?`[\w.]+`)?", text)
    for name, function in links:
        assert (ROOT / name).exists(), name
        if function:
            known = functions_of(ROOT / name) | (names_in(ROOT / name) if name.endswith(".py") else set())
            assert re.sub("[의 `]", "", function) in known, (name, function)
    columns = set(re.findall(r"(\w+): Mapped", (ROOT / "shop" / "orders" / "models.py").read_text()))
    for module, function in re.findall(r"`(\w+)\.(\w+)`", text):
        if module in MODULES and function not in ("py", "toml"):
            known = columns.union(*map(names_in, MODULES[module]))
            assert function in known, f"{module}.{function}"


def names_in(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)}


@pytest.mark.parametrize("path", [path for path in DOCUMENTS if path.name not in ONE_LANGUAGE], ids=name_of)
def test_every_document_has_its_other_language_with_the_same_shape(path: Path) -> None:
    if path.name.endswith(".en.md"):
        other = path.with_name(path.name.replace(".en.md", ".md"))
        assert other.exists()
        prose = re.sub(r"`[^`]*`|\([^)]*\)|\[한국어\]", "", path.read_text())
        assert len(re.findall("[가-힣]", prose)) < 0.02 * len(prose), "an English page in Korean"
    else:
        other = path.with_name(f"{path.stem}.en.md")
        assert other.exists()
    shapes = [re.findall(r"^(#+) |^(\|)|^(\d+)\. |^(```)", one.read_text(), re.M) for one in (path, other)]
    assert shapes[0] == shapes[1], "headings, tables, lists and code are not the same"


COMPARISONS = ("README", "docs/choosing-the-pg", "docs/comparison", "docs/moving-to-v2", "docs/portone-checklist")


@pytest.mark.parametrize("name", COMPARISONS)
def test_a_page_that_compares_says_as_of_which_day_and_whose_document(name: str) -> None:
    for suffix, source in ((".md", "(개발자센터|고객센터)"), (".en.md", "(developer|help) centre")):
        text = (ROOT / f"{name}{suffix}").read_text()
        dated = re.findall(rf"[^.]*{source}[^.]*2026-0\d-\d\d|[^.]*2026-0\d-\d\d[^.]*{source}", text)
        assert dated, f"{name}{suffix} compares without a date"


@pytest.mark.parametrize("path", [path for path in DOCUMENTS if path.name.endswith(".en.md")], ids=name_of)
def test_what_is_not_verified_is_marked_so_in_both_languages(path: Path) -> None:
    other = path.with_name(path.name.replace(".en.md", ".md"))
    assert path.read_text().count("UNVERIFIED") == other.read_text().count("UNVERIFIED")


def test_the_made_pages_are_up_to_date() -> None:
    for path, text in pages().items():
        assert path.read_text() == text, f"python docs/make_pages.py would write another {path.name}"


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_every_make_target_is_in_the_makefile(path: Path) -> None:
    rules = re.findall(r"^([a-z -]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    targets = {target for rule in rules for target in rule.split()}
    told = re.findall(r"^make ([a-z-]+)|`make ([a-z-]+)", path.read_text(), re.MULTILINE)
    assert {one or other for one, other in told} <= targets


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_every_flask_command_exists(path: Path, app: Flask) -> None:
    assert set(re.findall(r"`flask ([a-z-]+)", path.read_text())) <= set(app.cli.commands)


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_every_setting_that_is_named_exists(path: Path) -> None:
    source = "".join(
        file.read_text() for folder in ("payments", "shop", "sandbox") for file in (ROOT / folder).rglob("*.py")
    )
    for name in re.findall(r"`((?:PORTONE|PUBLIC|SECRET|DATABASE|CELERY|SANDBOX)_[A-Z_]+)", path.read_text()):
        assert f'"{name}' in source, name


@pytest.mark.parametrize(("path", "language"), list(zip(READMES, ("ko", "en"), strict=True)))
def test_the_numbers_are_the_sandboxs(path: Path, language: str) -> None:
    text = path.read_text()
    for outcome in OUTCOMES:
        assert f"`{outcome.ending}`" in text


def test_the_two_readmes_have_the_same_shape() -> None:
    korean, english = (path.read_text() for path in READMES)
    assert korean.count("\n## ") == english.count("\n## ")
    assert re.findall(r"\]\(((?:payments|shop)/[\w/]+\.py)", korean) == re.findall(
        r"\]\(((?:payments|shop)/[\w/]+\.py)", english
    )


def test_no_tracked_file_names_a_secret_or_a_path_of_this_machine() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    home = str(Path.home())
    for name in tracked:
        path = ROOT / name
        if path.suffix in (".png", ".mo") or not path.is_file():
            continue
        text = path.read_text()
        assert str(ROOT) not in text, name
        assert f"{home}/" not in text or home == "/", name
        assert not re.search("BEGIN [A-Z ]*PRIVATE " + "KEY", text), name
    assert not [name for name in tracked if name.startswith("instance/") and name != "instance/.gitkeep"]


# --- the money laws ---------------------------------------------------------------------------------------------------

LAWS = [DOCS / "money-laws.md", DOCS / "money-laws.en.md"]


def laws_of(path: Path) -> dict[int, str]:
    """The numbered sections of a page of the money laws."""
    found = re.findall(r"^## (\d+)\. (.*?)(?=^## |\Z)", path.read_text(), re.M | re.S)
    assert [int(number) for number, _ in found] == list(range(1, 11)), path.name
    return {int(number): section for number, section in found}


def test_every_money_law_that_the_code_names_by_number_is_on_the_page() -> None:
    laws = laws_of(LAWS[0])
    for folder in ("payments", "shop", "tests"):
        for path in (ROOT / folder).rglob("*.py"):
            for number in re.findall(r"(?<![a-z])laws?[ _]+(\d+)", path.read_text(), re.I):
                assert int(number) in laws, f"{name_of(path)} names law {number}"


@pytest.mark.parametrize("path", LAWS, ids=name_of)
def test_every_money_law_names_code_and_tests_that_exist(path: Path) -> None:
    for number, section in laws_of(path).items():
        named = NAMED.findall(section)
        assert len(named) == section.count(".py)"), f"law {number} has a link in another form"
        for name, file in named:
            assert name in names_in(ROOT / file), f"law {number}: {file} {name}"
            assert not name.startswith("test_law_") or name.startswith(f"test_law_{number}_"), f"law {number}: {name}"
        assert {file.startswith("tests/") for _, file in named} == {True, False}, f"law {number} needs code and a test"


def test_both_languages_name_the_same_code_for_each_money_law() -> None:
    korean, english = ({number: NAMED.findall(text) for number, text in laws_of(path).items()} for path in LAWS)
    assert korean == english


# --- PortOne's checklist ----------------------------------------------------------------------------------------------

CHECKLISTS = [DOCS / "portone-checklist.md", DOCS / "portone-checklist.en.md"]


def held_by_code(path: Path) -> list[str]:
    """The rows of the checklist's first table, which have code and tests."""
    section = re.split(r"^## ", path.read_text(), flags=re.M)[1]
    return [line for line in section.splitlines() if line.startswith("| ") and "](" in line]


@pytest.mark.parametrize("path", CHECKLISTS, ids=name_of)
def test_every_row_of_portones_checklist_names_code_and_tests_that_exist(path: Path) -> None:
    rows = held_by_code(path)
    assert len(rows) >= 25
    for row in rows:
        *_, code, tests = [NAMED.findall(cell) for cell in row.strip("| ").split(" | ")]
        for name, file in [*code, *tests]:
            assert name in names_in(ROOT / file), f"{file} {name}"
        assert code and not [file for _, file in code if file.startswith("tests/")], f"the code of: {row}"
        assert tests and all(name.startswith("test_") for name, _ in tests), f"the tests of: {row}"
        assert all(file.startswith("tests/") for _, file in tests), f"the tests of: {row}"


def test_both_languages_name_the_same_for_each_row_of_portones_checklist() -> None:
    korean, english = ([NAMED.findall(row) for row in held_by_code(path)] for path in CHECKLISTS)
    assert korean == english


WHY_V1 = [*READMES, *(DOCS / name for name in ("tour.md", "tour.en.md", "moving-to-v2.md", "moving-to-v2.en.md"))]


@pytest.mark.parametrize("path", WHY_V1, ids=name_of)
def test_the_first_screen_says_why_v1_with_its_date_and_both_names_of_kg(path: Path) -> None:
    first = re.split(r"^## ", path.read_text(), flags=re.M)[0]
    names = ("KG Mobilians", "KG Financial") if path.name.endswith(".en.md") else ("KG모빌리언스", "KG파이낸셜")
    for said in ("2026-08-19", "V1", *names):
        assert said in first


# --- the commands that are shown are run ------------------------------------------------------------------------------


def blocks(path: Path) -> list[str]:
    """The lines of a document's code blocks, continued lines joined, comments off."""
    found = re.findall(r"^```\n(.*?)^```", path.read_text(), re.M | re.S)
    joined = "\n".join(found).replace("\\\n", " ")
    return [line.split("   #")[0].strip() for line in re.sub(r"\n\s{6,}", " ", joined).splitlines() if line.strip()]


# What the tests of other files, or make itself, run: a line that begins like this needs no second run here.
RUN_ELSEWHERE = ("make run", "make test", "make setup", "python3 -m venv")


@pytest.mark.slow
@pytest.mark.parametrize("path", [*READMES, ROOT / "CONTRIBUTING.md", ROOT / "AGENTS.md"], ids=name_of)
def test_the_commands_that_are_shown_work(path: Path, tmp_path: Path) -> None:
    environ = {**os.environ, "INSTANCE_PATH": str(tmp_path)}
    for line in blocks(path):
        if line.startswith(RUN_ELSEWHERE) or "pytest" in line:
            continue
        if line.startswith(".venv/bin/pip install"):
            assert (ROOT / line.split()[-1]).exists(), line
        elif line == ".venv/bin/python app.py":
            starts_and_answers(environ)
        elif line.startswith("curl"):
            answers_a_payment(line, tmp_path)
        else:
            command = line.replace(".venv/bin/", f"{Path(sys.executable).parent}/")
            done = shell(command.replace("ruff format .", "ruff --version"), cwd=ROOT, env=environ)
            assert done.returncode == 0, f"{line}: {done.stdout}{done.stderr}"


def shell(command: str, **where: Any) -> subprocess.CompletedProcess[str]:
    """A line as a reader would type it."""
    return subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False, **where)


def starts_and_answers(environ: dict[str, str]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shop = subprocess.Popen(
        [sys.executable, "app.py"], cwd=ROOT, env={**environ, "PORT": str(port)}, stdout=subprocess.DEVNULL
    )
    try:
        for _ in range(150):
            with contextlib.suppress(requests.RequestException):
                assert requests.get(f"http://127.0.0.1:{port}/", timeout=5).status_code == 200
                return
            time.sleep(0.2)
        raise AssertionError("python app.py does not answer")
    finally:
        shop.terminate()
        shop.wait(20)


def answers_a_payment(line: str, tmp_path: Path) -> None:
    with serving(tmp_path / "for-curl") as server:
        command = line.replace("http://127.0.0.1:5000", server.url)
        done = shell(command)
        told = json.loads(done.stdout)
        assert told["imp_uid"].startswith("imp_"), told


@pytest.mark.parametrize("command", ["seed", "bill --dry-run", "sync", "reconcile", "init-db"])
def test_the_flask_commands_of_the_documents_run(command: str, app: Flask, provider: object) -> None:
    result = app.test_cli_runner().invoke(args=command.split())
    assert result.exit_code == 0, result.output
