"""Queries for payments; results are the JSON texts that V1 sends."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from .database import Database

ORDERS = {
    "started": "started_at, id",
    "-started": "started_at DESC, id DESC",
    "paid": "paid_at, id",
    "-paid": "paid_at DESC, id DESC",
    "updated": "updated_at, id",
    "-updated": "updated_at DESC, id DESC",
}
USUAL_ORDER = "-started"
STATUSES = ("ready", "paid", "cancelled", "failed")
# The time that a list by status filters on. UNVERIFIED for `all`.
MOMENT_OF = {
    "all": "started_at",
    "ready": "started_at",
    "paid": "paid_at",
    "cancelled": "cancelled_at",
    "failed": "failed_at",
}


@dataclass(frozen=True)
class Page:
    """One page of a list: `number` counts from 1, `limit` is the page size, `total` the length of the list."""

    total: int
    number: int
    limit: int
    texts: list[str]

    @property
    def previous(self) -> int:
        """The page before, 0 when there is none."""
        return self.number - 1

    @property
    def next(self) -> int:
        """The page after, 0 when there is none."""
        return self.number + 1 if self.total > self.number * self.limit else 0


def payment(database: Database, imp_uid: str) -> sqlite3.Row | None:
    """`body` and `is_test` of one payment."""
    return database.one("SELECT body, is_test FROM payments WHERE imp_uid = ?", imp_uid)


def is_approved(database: Database, merchant_uid: str) -> bool:
    """Whether this merchant_uid was paid. UNVERIFIED: a cancelled one cannot be paid again."""
    found = database.one(
        "SELECT 1 FROM payments WHERE merchant_uid = ? AND status IN ('paid', 'cancelled')", merchant_uid
    )
    return found is not None


def of_order(database: Database, merchant_uid: str, status: str, sorting: str, number: int, limit: int) -> Page:
    """Every window and charge of one merchant_uid; empty `status` means any."""
    where, values = "merchant_uid = ?", [merchant_uid]
    if status:
        where, values = f"{where} AND status = ?", [*values, status]
    return _page(database, where, values, sorting, number, limit)


def of_status(database: Database, status: str, since: int, until: int, sorting: str, number: int, limit: int) -> Page:
    """Payments of one status (or `all`) whose time lies between `since` and `until`, inclusive."""
    values: list[object] = [since, until]
    where = f"{MOMENT_OF[status]} BETWEEN ? AND ?"
    if status != "all":
        where, values = f"status = ? AND {where}", [status, *values]
    return _page(database, where, values, sorting, number, limit)


def of_customer(database: Database, customer_uid: str, number: int, limit: int) -> Page:
    """Payments of a billing key, the issuing one included."""
    return _page(database, "customer_uid = ?", [customer_uid], USUAL_ORDER, number, limit)


def many(database: Database, imp_uids: Sequence[str], merchant_uids: Sequence[str]) -> tuple[list[str], bool]:
    """Payments of these ids, and whether every id was found.

    UNVERIFIED: of several payments of a merchant_uid, the one that started last.
    """
    found: dict[int, str] = {}
    missing = False
    wanted = [("imp_uid", uid) for uid in imp_uids] + [("merchant_uid", uid) for uid in merchant_uids]
    for column, uid in wanted:
        row = database.one(
            f"SELECT id, body FROM payments WHERE {column} = ? ORDER BY {ORDERS[USUAL_ORDER]} LIMIT 1",  # noqa: S608
            uid,
        )
        if row is None:
            missing = True
        else:
            found[row["id"]] = row["body"]
    return [found[number] for number in sorted(found)], not missing


def _page(database: Database, where: str, values: Sequence[object], sorting: str, number: int, limit: int) -> Page:
    with database.reading() as connection:
        total = connection.execute(f"SELECT count(*) FROM payments WHERE {where}", values).fetchone()[0]  # noqa: S608
        rows = connection.execute(
            f"SELECT body FROM payments WHERE {where} ORDER BY {ORDERS[sorting]} LIMIT ? OFFSET ?",  # noqa: S608
            (*values, limit, (number - 1) * limit),
        ).fetchall()
    return Page(total, number, limit, [row["body"] for row in rows])
