"""Fast bulk inserts of made-up rows, thousands at a time, without the ORM.

Only `fake_history.py` writes like this. The daily sums, which triggers normally keep, are computed here instead.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from itertools import combinations
from typing import Any

from sqlalchemy import func, select, text

from payments.clock import SEOUL
from payments.database import db, end_reading, transaction
from payments.models import Event, Payment, PaymentDay
from payments.monthly.models import BillingKey, Subscription
from shop.backoffice.figures import facet
from shop.orders.models import Order, OrderLine, User

IN_ORDER = (User, Order, OrderLine, BillingKey, Subscription, Payment, Event)  # referenced tables first
COUNTS = ("ready", "paid", "failed", "cancelled", "held")


class Bulk:
    """Buffer of rows to insert, with their daily sums."""

    def __init__(self) -> None:
        self.is_sqlite = db.engine.dialect.name == "sqlite"
        self.size = 0
        self._rows: dict[Any, list[tuple[Any, ...]]] = defaultdict(list)
        self._columns = {model: [column.name for column in model.__table__.columns] for model in IN_ORDER}
        self._days: dict[tuple[str, date], Counter[str]] = defaultdict(Counter)

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

    def count(self, payment: dict[str, Any]) -> None:
        """Add one payment to the sums of its day, as the triggers of migration 0021 would."""
        state = "held" if payment["held_reason"] else payment["status"]
        won = {"paid": payment["amount"], "cancelled": payment["cancelled_amount"], "held": payment["amount"]}
        named = [("kind", payment["kind"]), ("plan_id", payment.get("plan_id")), ("pg", payment["pg_provider"])]
        known = [one for one in named if one[1]]
        facets = {facet(**dict(some)) for many in range(len(known) + 1) for some in combinations(known, many)}
        day = payment["created_at"].astimezone(SEOUL).date()
        for name in facets:
            self._days[name, day][state] += 1
            if state in won:
                self._days[name, day][f"{state}_won"] += won[state]

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
    def without_triggers(self) -> Iterator[None]:
        """Disable the triggers inside the block; afterwards write the daily sums and enable the triggers again."""
        triggers = self._rest()
        try:
            yield
        finally:
            with transaction():
                self._add_sums()
                for statement in triggers:
                    db.session.execute(text(statement))
            if self.is_sqlite:
                db.engine.dispose()  # closes the connection with the unsafe pragmas
            else:
                self._move_sequences()

    def _rest(self) -> list[str]:
        """Disable the triggers and return the statements that enable them again."""
        if self.is_sqlite:
            self._hurry()
        with transaction():
            if not self.is_sqlite:
                db.session.execute(text("ALTER TABLE payments DISABLE TRIGGER payment_days_follow"))
                return ["ALTER TABLE payments ENABLE TRIGGER payment_days_follow"]
            kept = text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'payments'")
            triggers = {str(name): str(statement) for name, statement in db.session.execute(kept)}
            for name in triggers:
                db.session.execute(text(f"DROP TRIGGER {name}"))
            return list(triggers.values())

    def _hurry(self) -> None:
        """Use a large cache and do not wait for the disk; after a power failure, seed again."""
        connection = db.engine.raw_connection()
        for pragma in ("synchronous=OFF", "cache_size=-250000"):
            connection.cursor().execute(f"PRAGMA {pragma}")
        connection.close()

    def _add_sums(self) -> None:
        known = {(row.facet, row.day): row for row in db.session.scalars(select(PaymentDay))}
        for (name, day), sums in self._days.items():
            row = known.get((name, day)) or PaymentDay(facet=name, day=day)
            for column in (*COUNTS, "paid_won", "cancelled_won", "held_won"):
                setattr(row, column, (getattr(row, column) or 0) + sums[column])
            db.session.add(row)
        self._days.clear()

    def _move_sequences(self) -> None:
        """Move PostgreSQL's id sequences past the ids that were inserted here."""
        for model in IN_ORDER:
            latest = select(func.max(model.id)).scalar_subquery()
            sequence = func.pg_get_serial_sequence(model.__tablename__, "id")
            with transaction():
                db.session.execute(select(func.setval(sequence, func.coalesce(latest, 1))))
        end_reading()
