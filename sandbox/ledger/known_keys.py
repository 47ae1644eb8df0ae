"""Billing keys that were issued before this sandbox was asked: stored with their first and their latest payment."""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import billing_keys, clock, entries
from .database import Database
from .merchant import CHANNELS
from .objects import Payment, new_payment, new_pg_tid


@dataclass(frozen=True)
class KnownKey:
    """A key, the number that pays, and its paid months, oldest first: KG compares with the first and the latest.

    Each payment has V1's fields: imp_uid, merchant_uid, name, amount, paid_at, and those of the buyer.
    """

    customer_uid: str
    phone: str
    payments: Sequence[Mapping[str, Any]]


def store(database: Database, keys: Sequence[KnownKey]) -> int:
    """Store the keys that are not known yet, in one transaction; how many that were."""
    with database.writing() as connection:
        new = [key for key in keys if billing_keys.row(connection, key.customer_uid) is None]
        for key in new:
            _store(connection, key, clock.now(database))
    return len(new)


def _store(connection: sqlite3.Connection, key: KnownKey, now: int) -> None:
    payments = [_payment(key, number) for number in range(len(key.payments))]
    for payment in payments:
        is_known = entries.payment_row(connection, payment["imp_uid"])
        if not is_known and not entries.approved_row(connection, payment["merchant_uid"]):
            entries.add(connection, payment, now, phone=key.phone)
    billing_keys.issue(connection, payments[0], payments[0]["paid_at"], key.phone, None)
    last = "UPDATE billing_keys SET last_imp_uid = ? WHERE customer_uid = ?"
    connection.execute(last, (payments[-1]["imp_uid"], key.customer_uid))


def _payment(key: KnownKey, number: int) -> Payment:
    asked = key.payments[number]
    return new_payment(
        asked["imp_uid"],
        {**asked, "customer_uid": key.customer_uid},
        asked["paid_at"],
        CHANNELS[0],
        channel="api" if number else "pc",
        customer_uid_usage="payment" if number else "issue",
        status="paid",
        paid_at=asked["paid_at"],
        pg_tid=asked.get("pg_tid") or new_pg_tid(),
    )
