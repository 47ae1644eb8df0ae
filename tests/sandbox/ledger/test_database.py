"""The file of the sandbox's database: whose tables may be dropped."""

import sqlite3
from pathlib import Path

import pytest

from sandbox.ledger.database import SCHEMA_VERSION, Database, ForeignDatabase


@pytest.mark.parametrize("version", [0, SCHEMA_VERSION])
def test_a_database_of_something_else_is_refused_and_keeps_its_tables(version: int, tmp_path: Path) -> None:
    path = tmp_path / "shop.sqlite3"
    with sqlite3.connect(path) as shop:
        shop.execute("CREATE TABLE payments (id INTEGER PRIMARY KEY, note TEXT)")
        shop.execute("INSERT INTO payments (note) VALUES ('real')")
        shop.execute(f"PRAGMA user_version = {version}")
    shop.close()
    with pytest.raises(ForeignDatabase, match=r"shop\.sqlite3 is a database of something else"):
        Database(path)
    shop = sqlite3.connect(path)
    assert shop.execute("SELECT note FROM payments").fetchall() == [("real",)]
    assert shop.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall() == [("payments",)]
    shop.close()


def test_tables_of_an_older_sandbox_are_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "sandbox.sqlite3"
    first = Database(path)
    first.keep("options", {})
    first.change("PRAGMA user_version = 1")
    first.close()
    second = Database(path)
    assert second.kept("options", None) is None
    second.close()
