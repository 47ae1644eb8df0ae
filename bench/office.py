"""Benchmark of the back office with a million payments against a thousand.

    python -m bench.office             a million, on SQLite and PostgreSQL
    python -m bench.office 100000      a quick look
    BENCH_FOLDER=… keeps the databases for the next time

The measured time is that of a page's SQL statements alone, repeated many times: the median. Both sizes show the same
number of rows. A single filter reads along its index, so its ratio is bounded. What reads every payment that it sums,
counts or has to check against a second filter grows with them, and so do the subscriptions that a plan is looked up by:
the time at the larger size is bounded instead.
"""

import contextlib
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import event, func, select

from app import create_app
from bench import export_csv
from bench.__main__ import as_text
from bench.export_csv import NOBODY
from bench.rows import row
from deploy.services import postgres_server
from payments import clock
from payments.database import db, end_reading, reading
from payments.models import Payment
from shop.backoffice import figures, listing
from shop.backoffice.listing import PaymentFilter
from shop.backoffice.paging import PAGE_SIZE, Cursor, Page
from shop.config import load_settings
from shop.demo import fake_history
from shop.orders.models import Order, Product
from shop.orders.order_payments import KINDS

SMALL = 1_000
REPEATS = 400
REPEATS_OF_ALL = 20
TARGET = 2.0  # both are below a millisecond; PostgreSQL plans longer with the statistics of the larger table
TARGET_OF_ALL_MS = 1_000

Act = Callable[[int], object]


def measure(payments: int = int(os.environ.get("BENCH_PAYMENTS", "1000000"))) -> list[dict[str, Any]]:
    """Return the rows of the table: what, ratio, target, unit, detail."""
    rows: list[dict[str, Any]] = []
    with _folder() as folder, _one_core():
        for name, urls in _databases(folder):
            small, large = (_shop(folder / f"{name}-{size}", urls.get(size), size) for size in (SMALL, payments))
            rows += _pages(name, small, large, payments)
            if name == "sqlite":
                rows += export_csv.measure(*(folder / f"sqlite-{size}" for size in (SMALL, payments)))
    return rows


@contextlib.contextmanager
def _one_core() -> Iterator[None]:
    """Pin this process and its child, the database server, to one core: waking another is slower than most queries."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    kept = os.environ.get("BENCH_FOLDER")
    if kept:
        yield Path(kept).absolute()
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def _databases(folder: Path) -> Iterator[tuple[str, Any]]:
    yield "sqlite", {}
    kept = "BENCH_FOLDER" in os.environ
    with postgres_server(folder if kept else None, durable=kept) as (url, _):
        yield "postgresql", _BySize(url)


class _BySize:
    """A PostgreSQL database for every size, created on first use."""

    def __init__(self, url: str) -> None:
        self._url = url

    def get(self, size: int) -> str:
        import psycopg

        with psycopg.connect(self._url, autocommit=True) as connection:
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [f"shop_{size}"]).fetchone():
                connection.execute(f"CREATE DATABASE shop_{size}")
        return f"{self._url.rpartition('/')[0]}/shop_{size}"


def _shop(folder: Path, url: str | None, size: int) -> Flask:
    """Return a shop with `size` payments; those missing are created."""
    folder.mkdir(parents=True, exist_ok=True)
    app = create_app(load_settings(NOBODY | ({"DATABASE_URL": url} if url else {}), folder))
    with app.app_context():
        have = db.session.scalar(select(func.count()).select_from(Payment)) or 0
        end_reading()
        if have < size:
            for _ in fake_history.History(size - have).write():
                pass
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            # As autovacuum would do within a minute.
            connection.exec_driver_sql("VACUUM ANALYZE" if url else "PRAGMA optimize")
    return app


# --- pages ------------------------------------------------------------------------------------------------------------


def _pages(name: str, small: Flask, large: Flask, payments: int) -> list[dict[str, Any]]:
    rows = []
    of_small, of_large = _acts(small), _acts(large)
    for what, act in of_small.items():
        with small.app_context():
            shown = _rows_shown(act)
        before, after = _milliseconds(
            _Asked.by(small, act, shown),
            _Asked.by(large, of_large[what], shown),
            REPEATS_OF_ALL if what in READ_ALL else REPEATS,
        )
        detail = f"{before:.3f} ms at {SMALL:,}, {after:.3f} ms at {payments:,}"
        if what in READ_ALL:
            rows.append(row(f"{name}: {what}", after, -TARGET_OF_ALL_MS, detail, "ms"))
        else:
            rows.append(row(f"{name}: {what}", after / before, -TARGET, f"{detail}, {shown} rows"))
    return rows


READ_ALL = {
    "plan",
    "state and kind",
    "kind, PG and period",
    "state, kind, plan and PG",
    "sums of 31 days",
    "sums of 31 days, several filters",
    "failure reasons of 31 days",
    "count of an export",
    "choice of PGs",
}


def _acts(app: Flask) -> dict[str, Act]:
    """Return the queries of each page and filter; each takes the number of rows to show."""
    with app.app_context(), reading():
        count = db.session.scalar(select(func.max(Payment.id))) or 0
        some = db.session.get_one(Payment, count // 2)
        found_by_all = select(Payment).where(Payment.imp_uid.is_not(None), Payment.kind == "once").limit(1)
        one = db.session.scalar(found_by_all)
        buyer = db.session.get(Order, int(one.purchase_id)) if one else None
        plan_id = db.session.scalar(select(Product.id).where(Product.kind == "monthly").limit(1))
        last = clock.today()
    if one is None or buyer is None:
        raise RuntimeError("no payments")
    first = last - timedelta(days=30)
    filters = {
        **{f"state {state}": PaymentFilter(state=state) for state in ("ready", "paid", "failed", "cancelled", "held")},
        **{f"kind {kind}": PaymentFilter(kind=kind) for kind in KINDS},
        "plan": PaymentFilter(plan_id=plan_id),
        "PG": PaymentFilter(pg="danal"),
        "period": PaymentFilter(first=first, last=last),
        "state and kind": PaymentFilter(state="failed", kind="renewal"),
        "kind, PG and period": PaymentFilter(
            kind="first", pg="mobilians", first=first - timedelta(days=365), last=last
        ),
        "state, kind, plan and PG": PaymentFilter(state="paid", kind="renewal", plan_id=plan_id, pg="mobilians"),
        "search merchant_uid": PaymentFilter(q=one.merchant_uid),
        "search imp_uid": PaymentFilter(q=str(one.imp_uid)),
        "search order": PaymentFilter(q=f"#{one.purchase_id}"),
        "search e-mail": PaymentFilter(q=buyer.buyer_email),
        "search phone tail": PaymentFilter(q=buyer.buyer_tel[-4:]),
    }
    pages = {"first page": (PaymentFilter(), Cursor()), "deep page": (PaymentFilter(), Cursor(older=some.id))}
    pages |= {"deep page, backwards": (PaymentFilter(), Cursor(newer=some.id))}
    pages |= {what: (chosen, Cursor()) for what, chosen in filters.items()}
    return {what: _page(*asked) for what, asked in pages.items()} | _figures(first, last)


def _figures(first: date, last: date) -> dict[str, Act]:
    """Return the queries of the sums and counts of a page."""
    several = PaymentFilter(kind="once", pg="mobilians")
    return {
        "sums of 31 days": lambda _size: figures.sums(first, last),
        "sums of 31 days, several filters": lambda _size: figures.sums(first, last, several),
        "failure reasons of 31 days": lambda _size: figures.failure_reasons(first, last),
        "count of an export": lambda _size: figures.count(PaymentFilter(state="paid")),
        "choice of PGs": lambda _size: listing.pg_providers(),
    }


def _page(chosen: PaymentFilter, cursor: Cursor) -> Act:
    return lambda size: listing.payments(chosen, cursor, size)


def _rows_shown(act: Act) -> int:
    shown = act(PAGE_SIZE)
    end_reading()
    return len(shown.rows) if isinstance(shown, Page) else 1


@dataclass(frozen=True)
class _Asked:
    """The SQL statements that a page sends to its shop's database."""

    app: Flask
    statements: list[tuple[str, Any]]

    @classmethod
    def by(cls, app: Flask, act: Act, rows: int) -> "_Asked":
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


def _milliseconds(small: _Asked, large: _Asked, repeats: int) -> tuple[float, float]:
    """Return the median time of the statements at both sizes, measured alternately so that other load affects both."""
    taken: tuple[list[float], list[float]] = ([], [])
    with small.cursor() as at_small, large.cursor() as at_large:
        for _ in range(repeats):
            taken[0].append(_once(at_small, small.statements))
            taken[1].append(_once(at_large, large.statements))
    return statistics.median(taken[0]), statistics.median(taken[1])


def _once(cursor: Any, statements: list[tuple[str, Any]]) -> float:
    began = time.perf_counter()
    for statement, parameters in statements:
        cursor.execute(statement, parameters)
        cursor.fetchall()
    return (time.perf_counter() - began) * 1000


def main() -> None:
    print(as_text(measure(int(sys.argv[1])) if len(sys.argv) > 1 else measure()))


if __name__ == "__main__":
    main()
