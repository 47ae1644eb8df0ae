"""How is a billing key charged again? One transaction: the key, KG's monthly rules, the payment, its webhook."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from . import entries
from .clock import in_seoul
from .kg import Refusal, refusal_of
from .merchant import CHANNELS, channel_of
from .monthly import BUYER_FIELDS, LastCharge, refusal_to_charge
from .objects import Payment, new_payment, new_pg_tid
from .outcomes import speaks
from .refusals import NO_SUCH_BUYER, ORDERED_ALREADY, ApiRefused

if TYPE_CHECKING:
    from .ledger import Ledger

AGAIN_PATH = "/subscribe/payments/again"


def again(ledger: Ledger, asked: Mapping[str, Any]) -> tuple[Payment, bool]:
    """Charge a key: the payment, `paid` or `failed`, and whether the answer is to be lost on its way.

    `asked` holds the parameters of `POST /subscribe/payments/again`, `amount` in whole won. Raises ApiRefused.
    """
    ordered = ledger.faults.decline(AGAIN_PATH)
    with ledger.database.writing() as books:
        key = key_row(books, asked["customer_uid"])
        if key is None:
            raise ApiRefused(NO_SUCH_BUYER)
        if entries.approved_row(books, asked["merchant_uid"]):
            raise ApiRefused(ORDERED_ALREADY)
        payment = charge(ledger, books, key, asked, usage="payment", ordered=ordered)
        paid = payment["status"] == "paid"
        waiting = ledger.outbox.queue(books, payment) if paid else []  # no webhook tells of a failed `again`
    if paid:
        ledger.tell(waiting)
    return payment, paid and speaks(key["phone"], "renewal").lost


def charge(
    ledger: Ledger,
    books: sqlite3.Connection,
    key: sqlite3.Row,
    asked: Mapping[str, Any],
    *,
    usage: str,
    ordered: Refusal | None,
) -> Payment:
    """A new payment by this key, `paid` or `failed` as KG decides. `ordered`: a refusal that a fault demands.

    Buyer data that were not given are the key's. UNVERIFIED for `again`; documented for schedules.
    """
    body = json.loads(key["body"])
    buyer = {field: asked.get(field) or body[field.replace("buyer_", "customer_")] for field in BUYER_FIELDS}
    refusal = ordered or _refusal(ledger, books, key, int(asked["amount"]), buyer)
    moment = ledger.clock.now()
    ending = (
        {"status": "failed", "failed_at": moment, "fail_reason": refusal.message}
        if refusal
        else {"status": "paid", "paid_at": moment, "pg_tid": new_pg_tid()}
    )
    payment = new_payment(
        entries.unused_imp_uid(books, "imps_"),
        {**asked, **buyer},
        moment,
        channel_of(None, f"{body['pg_provider']}.{body['pg_id']}") or CHANNELS[0],
        channel="api",
        custom_data=asked.get("custom_data"),
        customer_uid_usage=usage,
        **ending,
    )
    entries.add(books, payment, moment, notice_url=asked.get("notice_url"), phone=key["phone"])
    if not refusal:
        books.execute(
            "UPDATE billing_keys SET last_imp_uid = ? WHERE customer_uid = ?",
            (payment["imp_uid"], key["customer_uid"]),
        )
    return payment


def key_row(books: sqlite3.Connection, customer_uid: str) -> sqlite3.Row | None:
    row: sqlite3.Row | None = books.execute(
        "SELECT * FROM billing_keys WHERE customer_uid = ?", (customer_uid,)
    ).fetchone()
    return row


def _refusal(
    ledger: Ledger, books: sqlite3.Connection, key: sqlite3.Row, amount: int, buyer: Mapping[str, Any]
) -> Refusal | None:
    last = _last_charge(books, key)
    if last is None:
        return refusal_of("0060")
    now = ledger.clock.local()
    fixed_anchor = ledger.options().anchor == "fixed"
    by_rule = refusal_to_charge(last, now, amount, buyer, fixed_anchor=fixed_anchor)
    if by_rule:
        return by_rule
    outcome = speaks(key["phone"], "renewal")
    if outcome.once and not entries.refuses_now(books, f"{key['customer_uid']}:{now:%Y-%m}"):
        return None
    return outcome.refusal


def _last_charge(books: sqlite3.Connection, key: sqlite3.Row) -> LastCharge | None:
    last = entries.payment_row(books, key["last_imp_uid"])
    first = entries.payment_row(books, key["first_imp_uid"])
    if last is None or first is None:
        return None
    body = json.loads(last["body"])
    return LastCharge(
        paid_on=in_seoul(last["paid_at"]).date(),
        first_on=in_seoul(first["paid_at"]).date(),
        amount=body["amount"],
        buyer={field: body[field] for field in BUYER_FIELDS},
        cancelled=last["status"] == "cancelled" or bool(last["cancelled_at_kg"]),
    )
