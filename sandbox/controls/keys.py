"""Endpoints that store billing keys issued elsewhere, for moved or made-up subscriptions, and that delete one."""

from collections.abc import Mapping
from typing import Any

from flask import jsonify, request

from ..ledger import billing_keys, clock, fields, known_keys
from ..ledger.fields import BadField
from ..ledger.known_keys import KnownKey
from ..webhooks.current import database
from .controls import Answer, bp

MOST_KEYS = 200  # in one request
MOST_PAYMENTS = 24  # of one key
LARGEST_AMOUNT = 2**31 - 1
TEXTS = {"imp_uid": 40, "merchant_uid": 40, "name": 40, "buyer_name": 40, "buyer_tel": 20, "buyer_email": 254}
OPTIONAL = {"buyer_addr": 200, "buyer_postcode": 10, "pg_tid": 40}


@bp.post("/billing-keys")
def store_keys() -> Answer:
    """Store billing keys with their paid months, as if they had been paid here; those known already stay."""
    body = request.get_json(silent=True)
    if not isinstance(body, dict):
        raise BadField("body", "a JSON object")
    fields.refuse_unknown(body, {"keys"})
    keys = [_key(each) for each in _listed("keys", body.get("keys"), MOST_KEYS)]
    return jsonify(stored=known_keys.store(database(), keys), received=len(keys))


@bp.delete("/billing-keys/<customer_uid>")
def delete_key(customer_uid: str) -> Answer:
    """Delete a key, as the merchant can by V1's API."""
    if billing_keys.delete(database(), customer_uid) is None:
        return jsonify(error="not_found", message=f"no billing key {customer_uid}"), 404
    return jsonify(deleted=True)


def _key(given: Mapping[str, Any]) -> KnownKey:
    fields.refuse_unknown(given, {"customer_uid", "phone", "payments"})
    customer_uid = _filled("customer_uid", given.get("customer_uid"), 80)
    phone = _filled("phone", given.get("phone"), 20).replace("-", "")
    if not (phone.isascii() and phone.isdigit()):
        raise BadField("phone", "the number that pays, digits")
    payments = [_payment(each) for each in _listed("payments", given.get("payments"), MOST_PAYMENTS)]
    return KnownKey(customer_uid, phone, sorted(payments, key=lambda payment: payment["paid_at"]))


def _payment(given: Mapping[str, Any]) -> dict[str, Any]:
    fields.refuse_unknown(given, {*TEXTS, *OPTIONAL, "amount", "paid_at"})
    texts = {name: _filled(name, given.get(name), longest) for name, longest in TEXTS.items()}
    more = {name: fields.text(name, given[name], longest) for name, longest in OPTIONAL.items() if given.get(name)}
    amount = fields.integer("amount", given.get("amount"), 1, LARGEST_AMOUNT)
    paid_at = fields.integer("paid_at", given.get("paid_at"), 1, clock.now(database()))  # unix seconds, never to come
    return {**texts, **more, "amount": amount, "paid_at": paid_at}


def _listed(name: str, value: Any, most: int) -> list[Mapping[str, Any]]:
    if not isinstance(value, list) or not 1 <= len(value) <= most or not all(isinstance(one, dict) for one in value):
        raise BadField(name, f"a list of 1 to {most} objects")
    return value


def _filled(name: str, value: Any, longest: int) -> str:
    text = fields.text(name, value, longest)
    if not text:
        raise BadField(name, f"a text of 1 to {longest} characters")
    return text
