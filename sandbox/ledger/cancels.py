"""Cancels: the whole amount, in the month of the payment, or KG's reason for refusing."""

import json
import sqlite3

from . import clock, entries, faults, outbox
from .clock import in_seoul
from .database import Database
from .kg import Refusal
from .monthly import refusal_to_cancel
from .objects import Payment
from .outbox import Changed
from .outcomes import outcome_at
from .refusals import (
    CANCEL_REFUSED,
    CANCELLED_ALREADY,
    CHECKSUM_DIFFERS,
    MORE_THAN_LEFT,
    NEITHER_UID,
    NOTHING_TO_CANCEL,
    ApiRefused,
    bad_field,
)

CANCEL_PATH = "/payments/cancel"
REASON_BY_API = "취소요청api"
REASON_BY_CONSOLE = "관리자페이지취소"


def cancel(
    database: Database,
    *,
    imp_uid: str | None,
    merchant_uid: str | None,
    amount: int = 0,
    checksum: int | None = None,
    reason: str = REASON_BY_API,
    webhook: bool = False,
) -> Changed:
    """Cancel a payment. `amount` in won, 0 for the remaining amount. Raises ApiRefused.

    `imp_uid` takes precedence: if it is wrong, nothing is cancelled even when `merchant_uid` is right.
    """
    if not imp_uid and not merchant_uid:
        raise ApiRefused(NEITHER_UID, 1, 400)  # UNVERIFIED status and code
    ordered = faults.decline(database, CANCEL_PATH)
    refusal = None
    waiting: list[int] = []
    with database.writing() as connection:
        row = _row(connection, imp_uid, merchant_uid)
        payment: Payment = json.loads(row["body"])
        asked = _asked_amount(payment, amount, checksum)
        refusal = ordered or _refusal(database, connection, row, payment, asked)
        if refusal is None:
            cancellation_id = entries.cancel(connection, payment, clock.now(database), asked, reason)
            if webhook:
                waiting = outbox.queue(
                    database, connection, payment, from_console=True, cancellation_id=cancellation_id
                )
    if refusal:
        raise ApiRefused(CANCEL_REFUSED % refusal.message, -1)
    return Changed(payment, waiting)


def undo_at_kg(database: Database, imp_uid: str) -> bool:
    """Cancel at KG without PortOne learning of it, as KG does with real test payments. False: not paid."""
    sql = "UPDATE payments SET cancelled_at_kg = ? WHERE imp_uid = ? AND status = 'paid'"
    return database.change(sql, clock.now(database), imp_uid) == 1


def _row(connection: sqlite3.Connection, imp_uid: str | None, merchant_uid: str | None) -> sqlite3.Row:
    row = entries.payment_row(connection, imp_uid) if imp_uid else entries.approved_row(connection, merchant_uid or "")
    if row is None or row["status"] not in ("paid", "cancelled"):
        raise ApiRefused(NOTHING_TO_CANCEL)
    return row


def _asked_amount(payment: Payment, amount: int, checksum: int | None) -> int:
    """The amount to cancel in won. Raises ApiRefused. UNVERIFIED: codes and texts."""
    left = payment["amount"] - payment["cancel_amount"]
    if left == 0:
        raise ApiRefused(CANCELLED_ALREADY)
    if amount < 0:
        raise bad_field("amount")
    if checksum is not None and checksum != left:
        raise ApiRefused(CHECKSUM_DIFFERS)
    if amount > left:
        raise ApiRefused(MORE_THAN_LEFT)
    return int(amount or left)


def _refusal(
    database: Database, connection: sqlite3.Connection, row: sqlite3.Row, payment: Payment, asked: int
) -> Refusal | None:
    by_rule = refusal_to_cancel(
        in_seoul(row["paid_at"]),
        clock.local(database),
        payment["amount"],
        asked,
        undone=bool(row["cancelled_at_kg"]),
    )
    if by_rule:
        return by_rule
    outcome = outcome_at(row["phone"], "cancel")
    if outcome.once and not entries.refuses_first_time(connection, f"{row['imp_uid']}:cancel"):
        return None
    return outcome.refusal
