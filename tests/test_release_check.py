"""What `make release-check` finds, each in a small repository of its own."""

import subprocess
from pathlib import Path

import pytest

from docs.release_check import main, problems

VERSION = "2.0.0"


class Checkout:
    """A repository that is ready for a release."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.git("init", "--quiet")
        self.write("sandbox/__init__.py", f'__version__ = "{VERSION}"\n')
        self.write("CHANGELOG.md", f"# Changelog\n\n## {VERSION} (2026-11-30)\n\n- x\n\n## 1.0.0\n")
        self.write("payments/CHANGES.md", f"# Changes\n\n## {VERSION} (2026-11-30)\n")
        self.write("payments/__init__.py", f'__version__ = "{VERSION}"  # a comment\n')
        self.write("templates/page.html", "first")
        self.commit()
        self.write("docs/pictures/page.png", "picture of the first")
        self.commit()

    def git(self, *arguments: str) -> None:
        who = ["-c", "user.name=somebody", "-c", "user.email=somebody@example.com"]
        subprocess.run(["git", *who, *arguments], cwd=self.root, check=True)

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def commit(self) -> None:
        self.git("add", ".")
        self.git("commit", "--quiet", "--message", "x")


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_a_clean_tree_with_one_version_everywhere_is_ready(checkout: Checkout) -> None:
    assert list(problems(checkout.root)) == []


def test_an_uncommitted_file_is_named(checkout: Checkout) -> None:
    checkout.write("forgotten.py", "")
    [problem] = problems(checkout.root)
    assert problem.startswith("the tree is not clean: 1 files") and "forgotten.py" in problem


@pytest.mark.parametrize("heading", ["Unreleased", "2.0.0", "2.0.1 (2026-11-30)", "2.0.0 (2026-11-31)"])
@pytest.mark.parametrize("name", ["CHANGELOG.md", "payments/CHANGES.md"])
def test_a_newest_heading_that_is_not_this_version_with_a_date_is_named(
    checkout: Checkout, name: str, heading: str
) -> None:
    checkout.write(name, f"# Changes\n\n## {heading}\n\n## 2.0.0 (2026-11-30)\n")
    checkout.commit()
    [problem] = problems(checkout.root)
    assert problem.startswith(f"{name}: ")


def test_a_copied_folder_with_another_version_is_named(checkout: Checkout) -> None:
    checkout.write("payments/__init__.py", '__version__ = "1.0.0"\n')
    checkout.commit()
    assert list(problems(checkout.root)) == ["payments/__init__.py: __version__ is 1.0.0, not 2.0.0"]


@pytest.mark.parametrize("version", ["2.0.1.dev0", "2.0", ""])
def test_a_version_that_is_not_three_numbers_is_the_first_problem_named(checkout: Checkout, version: str) -> None:
    checkout.write("sandbox/__init__.py", f'__version__ = "{version}"\n')
    first, *others = problems(checkout.root)
    assert first.startswith("sandbox/__init__.py: __version__ is ") and "three numbers" in first
    assert len(others) == 1 and others[0].startswith("the tree is not clean")


def test_pictures_older_than_a_page_are_named_until_they_are_taken_anew(checkout: Checkout) -> None:
    checkout.write("templates/page.html", "second")
    checkout.commit()
    [problem] = problems(checkout.root)
    assert "make screenshots" in problem
    checkout.write("docs/pictures/page.png", "picture of the second")
    checkout.commit()
    assert list(problems(checkout.root)) == []


def test_the_documents_are_tested_only_when_nothing_else_was_found(
    checkout: Checkout, capfd: pytest.CaptureFixture[str]
) -> None:
    checkout.write("forgotten.py", "")
    assert main(checkout.root) == 1
    assert len("".join(capfd.readouterr()).splitlines()) == 1  # no words of pytest, which finds no such file there
    (checkout.root / "forgotten.py").unlink()
    checkout.write("tests/test_docs.py", "def test_nothing() -> None:\n    pass\n")
    checkout.commit()
    assert main(checkout.root) == 0
    assert capfd.readouterr().out.endswith("Ready: git tag, then push it.\n")
