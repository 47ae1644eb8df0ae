"""Fast bulk inserts of made-up rows, thousands at a time, without the ORM.

Only `fake_history.py` writes like this.
"""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import func, select

from payments.database import db, end_reading, transaction
from payments.models import Cancellation, Event, Payment
from payments.monthly.models import BillingKey, Subscription
from shop.orders.models import Order, OrderLine, User

IN_ORDER = (User, Order, OrderLine, BillingKey, Subscription, Payment, Cancellation, Event)  # referenced tables first


class Bulk:
    """Buffer of rows to insert."""

    def __init__(self) -> None:
        self.is_sqlite = db.engine.dialect.name == "sqlite"
        self.size = 0
        self._rows: dict[Any, list[tuple[Any, ...]]] = defaultdict(list)
        self._columns = {model: [column.name for column in model.__table__.columns] for model in IN_ORDER}

    def add(self, model: Any, **row: Any) -> None:
        """Add one row; columns that are not given are null."""
        self._rows[model].append(tuple(self._stored(row.get(name)) for name in self._columns[model]))
        self.size += 1

    def _stored(self, value: Any) -> Any:
        """Convert a value to what the driver expects."""
        if isinstance(value, datetime):
            plain = value.astimezone(UTC).replace(tzinfo=None)
            return plain.isoformat(" ", "microseconds") if self.is_sqlite else plain
        if isinstance(value, date) and self.is_sqlite:
            return value.isoformat()
        return value

    def flush(self) -> None:
        """Insert the buffered rows in one transaction."""
        with transaction():
            connection = db.session.connection()
            for model in IN_ORDER:
                rows = self._rows.pop(model, [])
                if rows:
                    self._insert(connection, model.__tablename__, self._columns[model], rows)
        self.size = 0

    def _insert(self, connection: Any, table: str, columns: list[str], rows: list[tuple[Any, ...]]) -> None:
        names = ", ".join(columns)
        if self.is_sqlite:
            marks = ", ".join("?" * len(columns))
            connection.connection.driver_connection.executemany(
                f"INSERT INTO {table} ({names}) VALUES ({marks})",  # noqa: S608 - our own names
                rows,
            )
            return
        cursor = connection.connection.driver_connection.cursor()
        with cursor, cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)

    @contextmanager
    def fast_writes(self) -> Iterator[None]:
        """Give SQLite a large cache and let it not wait for the disk. After a power failure, seed again."""
        if self.is_sqlite:
            connection = db.engine.raw_connection()
            for pragma in ("synchronous=OFF", "cache_size=-250000"):
                connection.cursor().execute(f"PRAGMA {pragma}")
            connection.close()
        try:
            yield
        finally:
            if self.is_sqlite:
                db.engine.dispose()  # closes the connection with these pragmas
            else:
                self._move_sequences()

    def _move_sequences(self) -> None:
        """Move PostgreSQL's id sequences past the ids that were inserted here."""
        for model in IN_ORDER:
            latest = select(func.max(model.id)).scalar_subquery()
            sequence = func.pg_get_serial_sequence(model.__tablename__, "id")
            with transaction():
                db.session.execute(select(func.setval(sequence, func.coalesce(latest, 1))))
        end_reading()
