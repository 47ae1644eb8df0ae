"""Benchmark of the back office with a million payments against a thousand.

    python -m bench.office             a million, on SQLite and PostgreSQL; prints every list by itself
    python -m bench.office 100000      a quick look
    BENCH_FOLDER=… keeps the databases for the next time

The measured time is that of a page's SQL statements alone, the median of many. Both sizes show the same number of rows.
A single filter reads along its index, so its ratio is bounded. What reads until it has found enough rows of several
filters, or all payments that it adds up, grows with them: there the time at the larger size is bounded.
"""

import contextlib
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import product
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import func, select

from app import create_app
from bench import export_csv, many_rows
from bench.__main__ import as_text
from bench.asked import Asked, milliseconds
from bench.export_csv import NOBODY
from bench.rows import row
from deploy.services import postgres_server
from payments import clock
from payments.database import db, end_reading, reading
from payments.models import Payment
from shop.backoffice import admin_payments, figures, listing
from shop.backoffice.listing import PaymentFilter
from shop.backoffice.paging import PAGE_SIZE, Cursor, Page
from shop.config import load_settings
from shop.orders.buyers import buyers_of
from shop.orders.models import Order, Product
from shop.orders.order_payments import KINDS, numbers_of
from shop.postgres import lift_limits

SMALL = 1_000
REPEATS, REPEATS_OF_SUMS = 300, 15
MOST_RATIO, MOST_MS, MOST_MS_OF_SUMS = 1.3, 300, 150
SLOWEST = 5  # combinations of filters that are measured again
NO_PLAN = 999_999_999  # one without subscriptions: nothing is found

LIVE = {
    "PORTONE_IMP_CODE": "imp12345678",
    "PORTONE_API_KEY": "1234567890123456",
    "PORTONE_API_SECRET": "never-used-here",
    "SECRET_KEY": "never-used-here-either",
    "PUBLIC_URL": "https://shop.example",
    "PORTONE_PG": "mobilians",
}

Act = Callable[[int], object]


def measure(payments: int = int(os.environ.get("BENCH_PAYMENTS", "1000000"))) -> list[dict[str, Any]]:
    """Return the rows of the table: for each database the slowest list, combination and sum."""
    rows = []
    for name, folder, small, large in _shops(payments):
        lists = _lists(small, large)
        worst = max(lists, key=lambda line: line["ratio"])
        what = f"back office on {name}, no filter or one filter: {payments:,} payments against {SMALL:,}"
        detail = f"the slowest of {len(lists)} lists: {worst['what']}, {worst['detail']}"
        rows.append(row(what, worst["ratio"], -MOST_RATIO, detail))
        rows += [*_combinations(name, large), *_sums(name, large)]
        if name == "SQLite":
            rows += export_csv.measure(*(folder / f"{name}-{size}" for size in (SMALL, payments)))
        else:
            rows.append(_bytes(large, payments))
    return rows


def every_list(payments: int) -> list[dict[str, Any]]:
    """Return a row for each list, combination and sum."""
    rows = []
    for name, _, small, large in _shops(payments):
        rows += [line | {"what": f"{name}: {line['what']}"} for line in _lists(small, large)]
        rows += [*_combinations(name, large), *_sums(name, large)]
    return rows


# --- the shops --------------------------------------------------------------------------------------------------------


def _shops(payments: int) -> Iterator[tuple[str, Path, Flask, Flask]]:
    """Yield for each database its name, and two shops below a folder, with SMALL and with `payments` payments."""
    with _folder() as folder, _one_core():
        for name, urls in _databases(folder):
            small, large = (_shop(folder / f"{name}-{size}", urls.get(size), size) for size in (SMALL, payments))
            yield name, folder, small, large


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
    yield "SQLite", {}
    kept = "BENCH_FOLDER" in os.environ
    with postgres_server(folder if kept else None, durable=kept) as (url, _):
        yield "PostgreSQL", _BySize(url)


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
    """Return a live shop with `size` payments; an empty one is filled, as a demo.

    A demo's lists leave out the attack lab's payments, which a live shop does not have.
    """
    folder.mkdir(parents=True, exist_ok=True)
    database = {"DATABASE_URL": url} if url else {}
    app = create_app(load_settings(NOBODY | database, folder))
    with app.app_context():
        have = db.session.scalar(select(func.count()).select_from(Payment)) or 0
        end_reading()
        if have == 0:
            many_rows.fill(app, size)
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            lift_limits(connection)
            # As autovacuum would do within a minute.
            connection.exec_driver_sql("VACUUM ANALYZE" if url else "PRAGMA optimize")
    return create_app(load_settings(LIVE | database, folder))


# --- what is measured -------------------------------------------------------------------------------------------------


def _lists(small: Flask, large: Flask) -> list[dict[str, Any]]:
    rows = []
    of_large = _single_filters(large)
    for what, act in _single_filters(small).items():
        with small.app_context():
            shown = _rows_shown(act)
        before, after = milliseconds(Asked.by(small, act, shown), Asked.by(large, of_large[what], shown), REPEATS)
        detail = f"{before:.3f} ms and {after:.3f} ms, {shown} rows"
        rows.append(row(what, after / before, -MOST_RATIO, detail))
    return rows


def _single_filters(app: Flask) -> dict[str, Act]:
    """Return the queries of each list; each takes the number of rows to show."""
    with app.app_context(), reading():
        count = db.session.scalar(select(func.max(Payment.id))) or 0
        some = db.session.get_one(Payment, count // 2)
        found_by_all = select(Payment).where(Payment.imp_uid.is_not(None), Payment.kind == "once").limit(1)
        one = db.session.scalars(found_by_all).one()
        buyer = db.session.get_one(Order, int(one.purchase_id))
        last = clock.today()
    filters = {
        "first page": PaymentFilter(),
        **{f"state {state}": PaymentFilter(state=state) for state in ("ready", "paid", "failed", "cancelled", "held")},
        **{f"kind {kind}": PaymentFilter(kind=kind) for kind in KINDS},
        "PG": PaymentFilter(pg="danal"),
        "period": PaymentFilter(first=last - timedelta(days=30), last=last),
        "search merchant_uid": PaymentFilter(q=one.merchant_uid),
        "search imp_uid": PaymentFilter(q=str(one.imp_uid)),
        "search order": PaymentFilter(q=f"#{one.purchase_id}"),
        "search e-mail": PaymentFilter(q=buyer.buyer_email),
    }
    deep = {"deep page": Cursor(older=some.id), "deep page, backwards": Cursor(newer=some.id)}
    pages = {what: _page(chosen, Cursor()) for what, chosen in filters.items()}
    return pages | {what: _page(PaymentFilter(), cursor) for what, cursor in deep.items()}


def _page(chosen: PaymentFilter, cursor: Cursor) -> Act:
    """Return the queries of one page of payments, with their buyers and order numbers."""

    def act(size: int) -> Page:
        page = listing.payments(chosen, cursor, size)
        buyers_of(page.rows)
        numbers_of(page.rows)
        return page

    return act


def _rows_shown(act: Act) -> int:
    shown = act(PAGE_SIZE)
    end_reading()
    return len(shown.rows) if isinstance(shown, Page) else 1


def _combinations(name: str, app: Flask) -> list[dict[str, Any]]:
    """Measure every combination of filters once, the slowest again. The plan counts as one: payments know no plan."""
    with app.app_context():
        plan_id = db.session.scalar(select(Product.id).where(Product.kind == "monthly").limit(1))
        last = clock.today()
        kinds, pgs = ("", *KINDS), ("", "danal", "mobilians")
        states, periods = ("", "ready", "paid", "failed", "cancelled", "held"), (None, last - timedelta(days=30))
        combined = [PaymentFilter(*one) for one in product(states, kinds, (None, plan_id, NO_PLAN), pgs, periods)]
        once = sorted(((_timed(one), number) for number, one in enumerate(combined)), reverse=True)[:SLOWEST]
        medians = {n: statistics.median(_timed(combined[n]) for _ in range(REPEATS_OF_SUMS)) for _, n in once}
    worst = max(medians, key=lambda number: medians[number])
    chosen = combined[worst]
    told = [str(value) for value in (chosen.state, chosen.kind, chosen.pg, chosen.first) if value]
    told += [f"plan {chosen.plan_id}"] if chosen.plan_id else []
    what = f"back office on {name}, any combination of filters, ms"
    detail = f"the slowest of {len(combined)}: {', '.join(told) or 'none'}"
    return [row(what, medians[worst], -MOST_MS, detail, "ms")]


def _timed(chosen: PaymentFilter) -> float:
    began = time.perf_counter()
    listing.payments(chosen, Cursor())
    taken = (time.perf_counter() - began) * 1000
    end_reading()
    return taken


def _sums(name: str, app: Flask) -> list[dict[str, Any]]:
    with app.app_context():
        last = clock.today()
    first = last - timedelta(days=30)
    by_day, whole, reasons, rows, pgs, digits = (
        milliseconds(Asked.by(app, act), None, REPEATS_OF_SUMS)[0]
        for act in (
            lambda _size: figures.sums_by_day(first, last),
            lambda _size: figures.sums(first, last, PaymentFilter(pg="mobilians")),
            lambda _size: figures.failure_reasons(first, last),
            lambda _size: admin_payments.expected_rows(PaymentFilter(state="failed")),
            lambda _size: listing.pg_providers(),
            _page(PaymentFilter(q="5678"), Cursor()),
        )
    )
    detail = f"by day for the chart; {whole:.0f} ms in one sum with a filter"
    told = f"failure reasons {reasons:.0f}, rows of an export {rows:.0f}, PGs {pgs:.0f}, four digits {digits:.0f}"
    others, slowest = f"back office on {name}, other counts of its pages, ms", max(reasons, rows, pgs, digits)
    return [
        row(f"back office on {name}, sums of 31 days, ms", by_day, -MOST_MS_OF_SUMS, detail, "ms"),
        row(others, slowest, -MOST_MS, told, "ms"),
    ]


def _bytes(app: Flask, payments: int) -> dict[str, Any]:
    with app.app_context():
        sizes = select(func.pg_table_size("payments"), func.pg_indexes_size("payments"))
        table, indexes = (size / payments for size in db.session.execute(sizes).one())
        end_reading()
    detail = f"beside {table:.0f} of its row"
    what = "PostgreSQL: bytes of the indexes of a payment"
    return row(what, indexes, None, detail, "bytes", index_bytes_of_a_payment=indexes)


def main() -> None:
    print(as_text(every_list(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)))


if __name__ == "__main__":
    main()
