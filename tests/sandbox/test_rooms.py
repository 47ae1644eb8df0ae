"""The rooms of the sandbox: imports run one way, nothing imports in a circle, and it could be installed alone."""

import ast
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "sandbox"
# Each room may import the rooms before it. `window` and `api` do not know each other.
ROOMS = {
    "ledger": set(),
    "webhooks": {"ledger"},
    "window": {"ledger", "webhooks"},
    "api": {"ledger", "webhooks"},
    "controls": {"ledger", "webhooks", "window", "api"},
    "check": {"ledger"},  # everything else by HTTP, as it would be with a sandbox elsewhere
    "attacks": {"window", "controls", "check", "adapter"},
}
INSTALLED = {"flask", "requests", "urllib3", "werkzeug"}  # Flask brings werkzeug, requests urllib3
NEEDED_BY = {"testing": {"pytest"}}  # a fixture; it says what to install
FILES_BESIDE = {"adapter.py", "running.py", "server.py", "testing.py"}
MOST_ENTRIES = 11
MOST_LINES, MOST_LINES_OF_A_FUNCTION = 300, 40

FILES = sorted(PACKAGE.rglob("*.py"))


def name_of(path: Path) -> str:
    """The module's dotted name within the package; a room or the package by its folder."""
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix("__init__").removesuffix(".")


NAMES = {name_of(path) for path in FILES}


def imports_of(path: Path) -> tuple[set[str], set[str]]:
    """The modules of the package that a file imports, and the top names of all others."""
    own, others = set(), set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            others |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            others.add((node.module or "").split(".")[0])
        elif isinstance(node, ast.ImportFrom):
            folder = path.relative_to(PACKAGE).parent.parts
            base = ".".join([*folder[: len(folder) - node.level + 1], *([node.module] if node.module else [])])
            for alias in node.names:
                inner = f"{base}.{alias.name}".removeprefix(".")
                own.add(inner if inner in NAMES else base)
    return own, others


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_a_file_imports_only_the_rooms_below_its_own_and_what_flask_and_requests_bring(path: Path) -> None:
    own, others = imports_of(path)
    assert others <= INSTALLED | NEEDED_BY.get(name_of(path), set()) | sys.stdlib_module_names
    room = name_of(path).split(".")[0]
    if room in ROOMS:
        assert {module.split(".")[0] for module in own} <= ROOMS[room] | {room}


def test_no_two_files_import_each_other_however_far_around() -> None:
    graph = {name_of(path): imports_of(path)[0] for path in FILES}
    assert tuple(TopologicalSorter(graph).static_order())  # raises CycleError


def test_the_package_has_few_rooms_and_files() -> None:
    entries = {path.name for path in PACKAGE.iterdir() if path.name != "__pycache__"}
    assert entries - {"__init__.py", "__main__.py", "static", "templates"} == {*ROOMS, *FILES_BESIDE}
    assert len(ROOMS) + len(FILES_BESIDE) <= MOST_ENTRIES


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_no_file_and_no_function_is_too_long(path: Path) -> None:
    text = path.read_text()
    assert text.count("\n") <= MOST_LINES
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            assert (node.end_lineno or 0) - node.lineno < MOST_LINES_OF_A_FUNCTION, node.name
