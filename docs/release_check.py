"""`make release-check`: what must be true before a release is tagged. Prints each problem; exit status 1 if any.
The tests of the documents run when nothing else was found.

The version stands in sandbox/__init__.py, which is installed alone. The newest heading of CHANGELOG.md is that version
with its date; `payments.__version__` and the newest heading of payments/CHANGES.md agree, as that folder is copied.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

ROOT = Path(__file__).parents[1]
HEADING = re.compile(r"^## (.+)$", re.MULTILINE)
VERSION = re.compile(r"\d+\.\d+\.\d+")
DATED = re.compile(r"(\d+\.\d+\.\d+) \((\d{4}-\d{2}-\d{2})\)")
WHAT_PICTURES_SHOW = ("templates", "static", "sandbox/templates", "sandbox/static")


def problems(root: Path) -> Iterator[str]:
    """Yield what stands against a release of the checkout `root`, one sentence each."""
    yield from version_problems(root)
    yield from tree_problems(root)
    yield from picture_problems(root)


def tree_problems(root: Path) -> Iterator[str]:
    """Find what is not committed."""
    if changed := _git(root, "status", "--porcelain").splitlines():
        yield f"the tree is not clean: {len(changed)} files changed or new, such as {changed[0][3:]}"


def version_problems(root: Path) -> Iterator[str]:
    """Find a version of another form; else versions that disagree, and newest headings without it or a real date."""
    version = _version_in(root / "sandbox/__init__.py")
    if not VERSION.fullmatch(version):
        yield f"sandbox/__init__.py: __version__ is {version}, and must be three numbers such as 2.0.0"
        return
    for name in ("CHANGELOG.md", "payments/CHANGES.md"):
        found = HEADING.search((root / name).read_text())
        newest = DATED.fullmatch(found[1]) if found else None
        if newest is None:
            yield f"{name}: the newest heading must be such as '## {version} (2026-11-30)'"
        elif newest[1] != version:
            yield f"{name}: the newest version is {newest[1]}, sandbox/__init__.py says {version}"
        elif not _is_date(newest[2]):
            yield f"{name}: {newest[2]} is no date"
    copied = _version_in(root / "payments/__init__.py")
    if copied != version:
        yield f"payments/__init__.py: __version__ is {copied}, not {version}"


def picture_problems(root: Path) -> Iterator[str]:
    """Find pictures of the documents that are older than the pages they show."""
    pages = _git(root, "log", "-1", "--format=%H", "--", *WHAT_PICTURES_SHOW)
    after = _git(root, "log", "-1", "--format=%H", f"{pages}..HEAD", "--", "docs/pictures")
    together = _git(root, "show", "--format=", "--name-only", pages, "--", "docs/pictures")
    if not after and not together:
        yield "docs/pictures is older than the pages that it shows: run make screenshots, look at them and commit"


def _version_in(path: Path) -> str:
    found = re.search(r'^__version__ = "(.+?)"', path.read_text(), re.MULTILINE)
    return found[1] if found else "missing"


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _git(root: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True, text=True).stdout.strip()  # noqa: S603, S607


def main(root: Path = ROOT) -> int:
    found = list(problems(root))
    for problem in found:
        print(problem)
    if found:
        return 1
    documents = subprocess.run([sys.executable, "-m", "pytest", "-q", "tests/test_docs.py"], cwd=root, check=False)
    if documents.returncode:
        return 1
    print("Ready: git tag, then push it.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
