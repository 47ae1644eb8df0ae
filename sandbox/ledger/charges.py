"""Charges by billing key: the key, KG's monthly rules, the payment and its webhook in one transaction."""

import json
import sqlite3
from collections.abc import Mapping
from typing import Any

from . import billing_keys, clock, entries, faults, outbox
from .clock import in_seoul
from .database import Database
from .kg import Refusal, refusal_of
from .merchant import CHANNELS, channel_with
from .monthly import BUYER_FIELDS, LastCharge, refusal_to_charge
from .objects import Payment, new_payment, new_pg_tid
from .options import options_of
from .outbox import Changed
from .outcomes import outcome_at
from .refusals import NO_SUCH_BUYER, ORDERED_ALREADY, ApiRefused

AGAIN_PATH = "/subscribe/payments/again"


def again(database: Database, asked: Mapping[str, Any]) -> Changed:
    """Charge a key; the payment is `paid` or `failed`.

    `asked` holds the parameters of `POST /subscribe/payments/again`, `amount` in whole won. Raises ApiRefused.
    """
    ordered = faults.decline(database, AGAIN_PATH)
    with database.writing() as connection:
        key = billing_keys.row(connection, asked["customer_uid"])
        if key is None:
            raise ApiRefused(NO_SUCH_BUYER)
        if entries.approved_row(connection, asked["merchant_uid"]):
            raise ApiRefused(ORDERED_ALREADY)
        payment = charge(database, connection, key, asked, usage="payment", ordered=ordered)
        paid, outcome = payment["status"] == "paid", outcome_at(key["phone"], "renewal")
        # a failed `again` sends no webhook
        waiting = outbox.queue(database, connection, payment, silent=outcome.silent) if paid else []
    return Changed(payment, waiting, lost=paid and outcome.lost)


def charge(
    database: Database,
    connection: sqlite3.Connection,
    key: sqlite3.Row,
    asked: Mapping[str, Any],
    *,
    usage: str,
    ordered: Refusal | None,
) -> Payment:
    """Create a payment by this key, `paid` or `failed` as KG decides. `ordered`: a refusal injected by a fault.

    Missing buyer data default to the key's. UNVERIFIED for `again`; documented for schedules.
    """
    body = json.loads(key["body"])
    buyer = {field: asked.get(field) or body[field.replace("buyer_", "customer_")] for field in BUYER_FIELDS}
    refusal = ordered or _refusal(database, connection, key, int(asked["amount"]), buyer)
    moment = clock.now(database)
    ending = (
        {"status": "failed", "failed_at": moment, "fail_reason": refusal.message}
        if refusal
        else {"status": "paid", "paid_at": moment, "pg_tid": new_pg_tid()}
    )
    payment = new_payment(
        entries.unused_imp_uid(connection, "imps_"),
        {**asked, **buyer},
        moment,
        channel_with(body["pg_provider"], body["pg_id"]) or CHANNELS[0],
        channel="api",
        custom_data=asked.get("custom_data"),
        customer_uid_usage=usage,
        **ending,
    )
    entries.add(connection, payment, moment, notice_url=asked.get("notice_url"), phone=key["phone"])
    if not refusal:
        connection.execute(
            "UPDATE billing_keys SET last_imp_uid = ? WHERE customer_uid = ?",
            (payment["imp_uid"], key["customer_uid"]),
        )
    return payment


def _refusal(
    database: Database, connection: sqlite3.Connection, key: sqlite3.Row, amount: int, buyer: Mapping[str, Any]
) -> Refusal | None:
    last = _last_charge(connection, key)
    if last is None:
        return refusal_of("0060")
    now = clock.local(database)
    fixed_anchor = options_of(database).anchor == "fixed"
    by_rule = refusal_to_charge(last, now, amount, buyer, fixed_anchor=fixed_anchor)
    if by_rule:
        return by_rule
    outcome = outcome_at(key["phone"], "renewal")
    if outcome.once and not entries.refuses_first_time(connection, f"{key['customer_uid']}:{now:%Y-%m}"):
        return None
    return outcome.refusal


def _last_charge(connection: sqlite3.Connection, key: sqlite3.Row) -> LastCharge | None:
    last = entries.payment_row(connection, key["last_imp_uid"])
    first = entries.payment_row(connection, key["first_imp_uid"])
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
