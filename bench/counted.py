"""Counts of what an app sends to its database and to PortOne: statements, commits of changes, calls."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from flask import Flask
from sqlalchemy import event

from payments.database import db
from payments.signals import portone_called

READS = ("SELECT", "WITH", "SHOW")
ENDS = ("BEGIN", "COMMIT", "ROLLBACK")


@dataclass
class Counted:
    """`statements`: the SQL sent, without BEGIN. `commits`: transactions that changed rows. `calls`: to PortOne."""

    statements: list[str] = field(default_factory=list)
    commits: int = 0
    calls: list[str] = field(default_factory=list)

    def clear(self) -> None:
        self.statements.clear()
        self.commits = 0
        self.calls.clear()


@contextmanager
def counted(app: Flask) -> Iterator[Counted]:
    """Count until the end of the block, on all threads."""
    found = Counted()
    changed: set[int] = set()  # ids of the connections with changes that are not committed

    def sent(connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        if not statement.startswith(ENDS):
            found.statements.append(statement)
            if not statement.startswith(READS):
                changed.add(id(connection.connection.dbapi_connection))

    def ended(connection: Any, *, is_commit: bool) -> None:
        driver = id(connection.connection.dbapi_connection)
        found.commits += is_commit and driver in changed
        changed.discard(driver)

    def called(_client: Any, call: Any) -> None:
        found.calls.append(call.request)

    listeners = {
        "before_cursor_execute": sent,
        "commit": lambda connection: ended(connection, is_commit=True),
        "rollback": lambda connection: ended(connection, is_commit=False),
    }
    with app.app_context():
        engine = db.engine
    for name, listener in listeners.items():
        event.listen(engine, name, listener)
    portone_called.connect(called)
    try:
        yield found
    finally:
        portone_called.disconnect(called)
        for name, listener in listeners.items():
            event.remove(engine, name, listener)
