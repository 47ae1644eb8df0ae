"""Keyset paging in both directions: each page starts at the row where the previous one ended, along an index.

A page costs the same at a thousand rows and at a million: it reads the rows that it shows, and one more to know whether
there are more.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import BindParameter, ColumnElement, Select, asc, desc, literal, select, tuple_, union_all

from payments.database import Moment, db

PAGE_SIZE = 50

Fixed = TypeVar("Fixed", str, int, datetime)
Turn = Callable[[Any], Any]  # `asc` or `desc`


@dataclass(frozen=True)
class Cursor:
    """Start of a page: `older` or `newer` than the row with this id; neither: at the newest row."""

    older: int | None = None
    newer: int | None = None


@dataclass(frozen=True)
class Page:
    """One page: its rows, newest first, and the ids from which the next pages start (None at the end of the list)."""

    rows: Sequence[Any]
    older: int | None = None
    newer: int | None = None


def fixed(value: Fixed) -> BindParameter[Fixed]:
    """Return a value that is rendered into the SQL text instead of being bound as a parameter.

    Only then can the planner use a partial index and see a small LIMIT, and PostgreSQL keep its plan. Not for user
    input: each value makes another statement.
    """
    kind = Moment() if isinstance(value, datetime) else None
    return literal(value, kind, literal_execute=True)


def read_page(
    query: Select[Any],
    order: Sequence[Any],
    cursor: Cursor,
    size: int = PAGE_SIZE,
    streams: Sequence[Select[Any]] = (),
) -> Page:
    """Return the page of `query` at `cursor`, sorted by the columns of `order`, the id last.

    If the cursor's row no longer exists, the page starts at the newest. `streams`: selects of the `order` columns that
    together contain the wanted rows, each along an index.
    """
    row_id = order[-1]
    start = db.session.execute(select(*order).where(row_id == (cursor.newer or cursor.older or 0))).first()
    upwards = bool(cursor.newer and start)
    beyond = [_beyond(order, tuple(start), upwards=upwards)] if start else []
    turn: Turn = asc if upwards else desc
    if streams:
        query = query.where(row_id.in_(_merged([one.where(*beyond) for one in streams], order, turn, size + 1)))
    else:
        query = query.where(*beyond)
    query = query.order_by(*map(turn, order)).limit(fixed(size + 1))
    return _page(db.session.execute(query).all(), size, upwards=upwards, started=start is not None)


def _merged(streams: Sequence[Select[Any]], order: Sequence[Any], turn: Turn, size: int) -> Select[Any]:
    """Select the ids of the first rows of all streams. Each is sorted, so the database merges them and stops early."""
    in_order = [one.order_by(*map(turn, order)) for one in streams]
    # PostgreSQL plans each stream separately and needs the LIMIT to avoid a sort. SQLite would read each to its limit.
    if len(in_order) == 1 or db.engine.dialect.name == "postgresql":
        in_order = [one.limit(fixed(size)) for one in in_order]
    if len(in_order) == 1:
        first = in_order[0].subquery()
    else:
        merged = union_all(*(select(one.subquery()) for one in in_order))
        first = merged.order_by(*(turn(column.key) for column in order)).limit(fixed(size)).subquery()
    return select(first.c[order[-1].key])


def _beyond(order: Sequence[Any], start: tuple[Any, ...], *, upwards: bool) -> ColumnElement[bool]:
    here = tuple_(*order)
    return here > start if upwards else here < start


def _page(found: Sequence[Any], size: int, *, upwards: bool, started: bool) -> Page:
    more, rows = len(found) > size, found[:size]
    rows = rows[::-1] if upwards else rows
    if not rows:
        return Page([])
    return Page(
        [row[0] if len(row) == 1 else row for row in rows],
        older=rows[-1][0].id if upwards or more else None,
        newer=rows[0][0].id if (more if upwards else started) else None,
    )
