"""The folders of the worlds: copied from a template, listed by age, deleted."""

import shutil
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from shop.world_settings import ends_at

TEMPLATE = "template"
RESERVE_BYTES = 100 * 1000**2  # kept free for what is under way; a tenth of a disk that is smaller than ten times this


class Folders:
    """The folder `root`: one folder for each world, called by its name, and the template."""

    def __init__(self, root: Path, disk_usage: Callable[[Path], tuple[int, int, int]] = shutil.disk_usage) -> None:
        self._root, self._disk_usage = root, disk_usage
        self._making = threading.Lock()
        self.template = root / TEMPLATE
        for left in [*root.glob(".*"), self.template]:  # of a start or a copy that was broken off
            shutil.rmtree(left, ignore_errors=True)
        self.template.mkdir(parents=True)

    def of(self, name: str) -> Path:
        return self._root / name

    def exists(self, name: str) -> bool:
        return self.of(name).is_dir()

    def names(self) -> list[str]:
        """Return the names of all worlds, the oldest first."""
        return sorted(path.name for path in self._root.iterdir() if _is_name(path.name))

    def make(self, name: str) -> None:
        """Make a world's folder; nothing if there is one."""
        with self._making:
            if self.exists(name):
                return
            draft = self._root / f".{name}"
            shutil.rmtree(draft, ignore_errors=True)
            try:
                draft.mkdir()
                for file in self.template.glob("*.sqlite3"):
                    _copy(file, draft / file.name)
                draft.rename(self.of(name))
            except BaseException:  # what is left would fill the disk, and stop the next attempt
                shutil.rmtree(draft, ignore_errors=True)
                raise

    def delete(self, name: str) -> None:
        gone = self._root / f".gone-{name}"
        if self.exists(name):
            self.of(name).rename(gone)  # at once: nobody finds half of it
        shutil.rmtree(gone, ignore_errors=True)

    def is_disk_short(self) -> bool:
        """Return whether the disk has nothing left but the reserve: then nobody stores more."""
        total, _, free = self._disk_usage(self._root)
        return free < min(RESERVE_BYTES, total // 10)

    def size(self, name: str) -> int:
        """Return how many bytes a world's files have."""
        return sum(path.stat().st_size for path in self.of(name).glob("*.sqlite3*"))


def _is_name(name: str) -> bool:
    try:
        return bool(ends_at(name))
    except ValueError:
        return False


def _copy(file: Path, target: Path) -> None:
    """Copy a database that may be in use."""
    with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(target)) as copy:
        copy.execute("PRAGMA synchronous=OFF")  # an unfinished copy is deleted at the next start
        source.backup(copy)
