"""Keyset paging in both directions: each page starts at the row where the previous one ended.

An OFFSET would read all rows before the page, and show a row twice when a newer one is added meanwhile.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, select, tuple_

from payments.database import db

PAGE_SIZE = 50


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


def read_page(query: Select[Any], order: Sequence[Any], cursor: Cursor, size: int = PAGE_SIZE) -> Page:
    """Return the page of `query` at `cursor`, sorted by the columns of `order`, the id last.

    If the cursor's row no longer exists, the page starts at the newest.
    """
    start_id = cursor.newer or cursor.older
    start = db.session.execute(select(*order).where(order[-1] == start_id)).first() if start_id else None
    upwards = bool(cursor.newer and start)
    if start:
        here = tuple_(*order)
        query = query.where(here > tuple(start) if upwards else here < tuple(start))
    query = query.order_by(*(column.asc() if upwards else column.desc() for column in order))
    found = db.session.execute(query.limit(size + 1)).all()  # one more, to know whether there are more
    return _page(found, size, upwards=upwards, started=start is not None)


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
