"""Does each test fail when its defence is taken away? `make mutants` breaks a copy of the project, one way at a time.

`python -m tests.mutants` runs every variant of `mutants.toml`, or those whose test's name holds one of the arguments.
"""

import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
TIMEOUT_SECONDS = 400  # a busy machine takes minutes to start


@dataclass(frozen=True)
class Mutant:
    """`test` must fail once the `edits` (file, old text, new text) are made. `slow`: it is a test of the slow tier."""

    test: str
    edits: tuple[tuple[str, str, str], ...]
    slow: bool = False

    def problems(self) -> Iterator[str]:
        """Why this variant cannot be made any more: it is kept as fresh as the code."""
        for file, old, new in self.edits:
            found = (ROOT / file).read_text().count(old)
            if found != 1 or old == new:
                yield f"{self.test}: {file} holds {found} times {old!r}"
        path, _, name = self.test.partition("::")
        if f"def {name}(" not in (ROOT / path).read_text():
            yield f"there is no {self.test}"


def all_mutants() -> list[Mutant]:
    listed = tomllib.loads((ROOT / "tests" / "mutants.toml").read_text())["mutant"]
    return [Mutant(one["test"], tuple(map(tuple, one["edits"])), one.get("slow", False)) for one in listed]


def killed_by(mutant: Mutant, copy: Path) -> str | None:
    """What the test said when it failed; None: it passed in spite of the edits."""
    originals = {file: (copy / file).read_text() for file, _, _ in mutant.edits}
    for file, old, new in mutant.edits:
        (copy / file).write_text((copy / file).read_text().replace(old, new))
    try:
        tier = "slow" if mutant.slow else "not slow"
        command = [sys.executable, "-m", "pytest", "-q", "-x", "--no-header", "-m", tier, mutant.test]
        run = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False, timeout=TIMEOUT_SECONDS)
    finally:
        for file, text in originals.items():
            (copy / file).write_text(text)
    if run.returncode not in (0, 1):  # 1: tests failed; else they did not even run
        raise RuntimeError(f"{mutant.test}: {run.stdout}{run.stderr}")
    said = (line[2:].strip() for line in run.stdout.splitlines() if line.startswith("E  "))
    return next(said, "an error") if run.returncode else None


def copy_project(copy: Path) -> None:
    """Everything that git would keep, as a repository of its own: one of the tests asks git."""
    kept = ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    listed = subprocess.run(kept, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, copy / name)
    for command in (("git", "init", "-q"), ("git", "add", "-A")):
        subprocess.run(command, cwd=copy, check=True)


def main(wanted: list[str]) -> int:
    mutants = [one for one in all_mutants() if not wanted or any(word in one.test for word in wanted)]
    stale = [problem for one in mutants for problem in one.problems()]
    if stale:
        print(*stale, sep="\n")
        return 1
    survived = 0
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        copy_project(copy)
        for one in mutants:
            reason = killed_by(one, copy)
            survived += reason is None
            print(f"killed    {one.test}: {reason}" if reason else f"SURVIVED  {one.test}", flush=True)
    print(f"{len(mutants)} variants, {survived} survived")
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
