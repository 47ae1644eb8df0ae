"""The documents speak the truth: links lead somewhere, commands exist, the table of numbers is the sandbox's."""

import re
import subprocess
from pathlib import Path

import pytest
from flask import Flask

from sandbox.outcomes import OUTCOMES
from shop.config import Settings

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
READMES = [ROOT / "README.md", ROOT / "README.en.md"]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_and_picture_is_there(path: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", path.read_text()):
        assert (path.parent / target).exists(), target


@pytest.mark.parametrize("path", READMES, ids=lambda path: path.name)
def test_every_make_target_is_in_the_makefile(path: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"^make (\w+)", path.read_text(), re.MULTILINE)) <= targets


@pytest.mark.parametrize("path", READMES, ids=lambda path: path.name)
def test_every_flask_command_exists(path: Path, app: Flask) -> None:
    assert set(re.findall(r"`flask ([a-z-]+)", path.read_text())) <= set(app.cli.commands)


@pytest.mark.parametrize("path", READMES, ids=lambda path: path.name)
def test_every_setting_that_is_named_exists(path: Path) -> None:
    config = (ROOT / "shop" / "config.py").read_text()
    for name in re.findall(r"`((?:PORTONE|PUBLIC|SECRET|DATABASE)_[A-Z_]+)`", path.read_text()):
        assert f'"{name}"' in config, name
    assert Settings.__dataclass_fields__


@pytest.mark.parametrize(("path", "language"), list(zip(READMES, ("ko", "en"), strict=True)))
def test_the_numbers_are_the_sandboxs(path: Path, language: str) -> None:
    text = path.read_text()
    for outcome in OUTCOMES:
        assert f"`{outcome.ending}`" in text


def test_the_two_readmes_have_the_same_shape() -> None:
    korean, english = (path.read_text() for path in READMES)
    assert korean.count("\n## ") == english.count("\n## ")
    assert re.findall(r"\]\((shop/\w+\.py)", korean) == re.findall(r"\]\((shop/\w+\.py)", english)


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
