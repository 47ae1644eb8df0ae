"""A world's folder is a whole copy of the template, and other folders are left alone."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from shop.demo.world_folders import RESERVE_BYTES, Folders
from shop.world_settings import Keys
from tests.visitors import Disk


def test_a_copy_has_what_the_template_has_though_it_is_in_use_and_changes_nothing_in_it(tmp_path: Path) -> None:
    folders, keys = Folders(tmp_path / "worlds"), Keys("x" * 32)
    name = str(keys.name_of(keys.draw(1e9), 1e9))
    with closing(sqlite3.connect(folders.template / "shop.sqlite3", isolation_level=None)) as template:
        template.execute("PRAGMA journal_mode=WAL")
        template.execute("CREATE TABLE t (x)")
        template.execute("INSERT INTO t VALUES (1)")  # in the log beside the file, not in the file
        folders.make(name)
        folders.make(name)
        with closing(sqlite3.connect(folders.of(name) / "shop.sqlite3")) as copy:
            assert copy.execute("SELECT x FROM t").fetchall() == [(1,)]
            copy.execute("DELETE FROM t")
            copy.commit()
        assert template.execute("SELECT x FROM t").fetchall() == [(1,)]
    assert folders.size(name) > 0


def test_only_worlds_are_listed_the_oldest_first_and_deleted_whole(tmp_path: Path) -> None:
    folders, keys = Folders(tmp_path / "worlds"), Keys("x" * 32)
    newer, older = (str(keys.name_of(keys.draw(at), at)) for at in (2e9, 1e9))
    for name in (newer, older):
        folders.make(name)
    (tmp_path / "worlds" / "lost+found").mkdir()
    assert folders.names() == [older, newer]
    folders.delete(older)
    folders.delete(older)
    assert folders.names() == [newer]
    assert sorted(path.name for path in (tmp_path / "worlds").iterdir()) == sorted([newer, "lost+found", "template"])


@pytest.mark.parametrize(("total", "enough"), [(10**12, RESERVE_BYTES), (500 * 1000**2, 50 * 1000**2), (0, 0)])
def test_a_disk_is_short_below_the_reserve_or_a_tenth_if_that_is_less(total: int, enough: int, tmp_path: Path) -> None:
    disk = Disk()
    folders = Folders(tmp_path / "worlds", disk)
    for disk.total, disk.free, short in ((total, enough, False), (total, enough - 1, True)):
        assert folders.is_disk_short() == short


def test_a_copy_that_fails_leaves_nothing_behind_and_the_next_one_succeeds(tmp_path: Path) -> None:
    folders, keys = Folders(tmp_path / "worlds"), Keys("x" * 32)
    name = str(keys.name_of(keys.draw(1e9), 1e9))
    broken = folders.template / "shop.sqlite3"
    broken.write_text("no database" * 1000)
    with pytest.raises(sqlite3.DatabaseError):
        folders.make(name)
    assert [path.name for path in (tmp_path / "worlds").iterdir()] == ["template"]
    broken.unlink()
    (tmp_path / "worlds" / f".{name}").mkdir()  # of a process that was killed
    folders.make(name)
    assert folders.names() == [name]
