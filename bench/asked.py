"""The SQL statements of a page, recorded once and sent again, to measure the database without the ORM."""

import contextlib
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from flask import Flask
from sqlalchemy import event

from payments.database import db, end_reading


@dataclass(frozen=True)
class Asked:
    """The SQL statements that a page sends to its shop's database."""

    app: Flask
    statements: list[tuple[str, Any]]

    @classmethod
    def by(cls, app: Flask, act: Callable[[int], object], rows: int = 1) -> "Asked":
        """Record what `act` reads; it is given the number of rows to show."""
        asked: list[tuple[str, Any]] = []

        def look(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_more: Any) -> None:
            asked.append((statement, parameters))

        with app.app_context():
            event.listen(db.engine, "before_cursor_execute", look)
            act(max(rows - 1, 1))  # a page reads one row more than it shows
            event.remove(db.engine, "before_cursor_execute", look)
            end_reading()
        return cls(app, [one for one in asked if one[0].startswith("SELECT")])

    @contextlib.contextmanager
    def cursor(self) -> Iterator[Any]:
        with self.app.app_context():
            connection = db.engine.raw_connection()
        try:
            yield connection.cursor()
        finally:
            connection.close()


def milliseconds(one: Asked, other: Asked | None, repeats: int) -> tuple[float, float]:
    """Return the median times of both, measured alternately so that other load affects both."""
    taken: tuple[list[float], list[float]] = ([], [])
    with one.cursor() as at_one, other.cursor() if other else contextlib.nullcontext() as at_other:
        for _ in range(repeats):
            taken[0].append(_once(at_one, one.statements))
            if other:
                taken[1].append(_once(at_other, other.statements))
    return statistics.median(taken[0]), statistics.median(taken[1] or [0.0])


def _once(cursor: Any, statements: list[tuple[str, Any]]) -> float:
    began = time.perf_counter()
    for statement, parameters in statements:
        cursor.execute(statement, parameters)
        cursor.fetchall()
    return (time.perf_counter() - began) * 1000
