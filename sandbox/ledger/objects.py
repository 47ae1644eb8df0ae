"""V1's JSON objects: payment, billing key, cancellation, schedule. Unused fields are present as null, 0 or empty."""

import json
import secrets
from collections.abc import Mapping
from typing import Any

from .merchant import Channel
from .monthly import BUYER_FIELDS

Payment = dict[str, Any]
CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

# Alphabetical, as in observed responses. UNVERIFIED for phone payments: `apply_num`, `receipt_url`, the format of
# `pg_tid`, and the presence of `deposit_history` and `promotion`.
_EMPTY_PAYMENT: dict[str, Any] = {
    "amount": 0,
    "apply_num": "",
    "bank_code": None,
    "bank_name": None,
    "buyer_addr": None,
    "buyer_email": None,
    "buyer_name": None,
    "buyer_postcode": None,
    "buyer_tel": None,
    "cancel_amount": 0,
    "cancel_history": [],
    "cancel_reason": None,
    "cancel_receipt_urls": [],
    "cancelled_at": 0,
    "card_code": None,
    "card_issuer_code": None,
    "card_issuer_name": None,
    "card_name": None,
    "card_number": None,
    "card_publisher_code": None,
    "card_publisher_name": None,
    "card_quota": 0,
    "card_type": None,
    "cash_receipt_issued": False,
    "channel": "pc",
    "currency": "KRW",
    "custom_data": None,
    "customer_uid": None,
    "customer_uid_usage": None,
    "deposit_history": [],
    "emb_pg_provider": None,
    "escrow": False,
    "fail_reason": None,
    "failed_at": 0,
    "imp_uid": "",
    "merchant_uid": "",
    "name": None,
    "paid_at": 0,
    "pay_method": "phone",
    "pg_id": "",
    "pg_provider": "mobilians",
    "pg_tid": None,
    "promotion": None,
    "receipt_url": None,
    "sandbox": True,
    "started_at": 0,
    "status": "ready",
    "user_agent": "sorry_not_supported_anymore",
    "vbank_code": None,
    "vbank_date": 0,
    "vbank_holder": None,
    "vbank_issued_at": 0,
    "vbank_name": None,
    "vbank_num": None,
}


def new_payment(imp_uid: str, asked: Mapping[str, Any], started_at: int, contract: Channel, **fields: Any) -> Payment:
    """A new payment from the request's parameters; `fields` override them."""
    echoed = {key: asked.get(key) or None for key in (*BUYER_FIELDS, "name", "customer_uid")}
    return {
        **_EMPTY_PAYMENT,
        "cancel_history": [],
        "cancel_receipt_urls": [],
        "deposit_history": [],
        **echoed,
        "imp_uid": imp_uid,
        "merchant_uid": asked["merchant_uid"],
        "amount": int(asked["amount"]),
        "currency": asked.get("currency") or "KRW",
        "pg_provider": contract.pg_provider,
        "pg_id": contract.pg_id,
        "sandbox": contract.is_test_channel,
        "started_at": started_at,
        **fields,
    }


def new_billing_key(payment: Mapping[str, Any], moment: int, customer_id: str | None) -> dict[str, Any]:
    """A billing key (V1 calls it a customer) as the payment window issues it. Card fields are null for a phone."""
    return {
        "card_code": None,
        "card_issuer_code": None,
        "card_issuer_name": None,
        "card_name": None,
        "card_number": None,
        "card_publisher_code": None,
        "card_publisher_name": None,
        "card_type": None,
        "customer_addr": payment["buyer_addr"],
        "customer_email": payment["buyer_email"],
        "customer_id": customer_id,
        "customer_name": payment["buyer_name"],
        "customer_postcode": payment["buyer_postcode"],
        "customer_tel": payment["buyer_tel"],
        "customer_uid": payment["customer_uid"],
        "inserted": moment,
        "pg_id": payment["pg_id"],
        "pg_provider": payment["pg_provider"],
        "sandbox": payment["sandbox"],
        "updated": moment,
    }


def new_cancellation(payment: Mapping[str, Any], amount: int, moment: int, reason: str) -> dict[str, Any]:
    """One element of `cancel_history`. Observed: its `pg_tid` equals the payment's."""
    return {
        "amount": amount,
        "cancellation_id": new_cancellation_id(),
        "cancelled_at": moment,
        "pg_tid": payment["pg_tid"],
        "reason": reason,
        "receipt_url": None,
    }


def new_schedule(item: Mapping[str, Any], key: Mapping[str, Any]) -> dict[str, Any]:
    """A scheduled charge; missing buyer data default to the key's."""
    buyer = {field: item.get(field) or key[field.replace("buyer_", "customer_")] for field in BUYER_FIELDS}
    return {
        "amount": item["amount"],
        **buyer,
        "currency": item.get("currency") or "KRW",
        "custom_data": item.get("custom_data"),
        "customer_id": key["customer_id"],
        "customer_uid": key["customer_uid"],
        "executed_at": 0,
        "fail_reason": None,
        "imp_uid": None,
        "merchant_uid": item["merchant_uid"],
        "name": item.get("name"),
        "payment_status": None,
        "pg_id": key["pg_id"],
        "pg_provider": key["pg_provider"],
        "promotion_id": item.get("promotion_id"),
        "revoked_at": 0,
        "schedule_at": item["schedule_at"],
        "schedule_status": "scheduled",
    }


def to_json(thing: Mapping[str, Any]) -> str:
    """The object as JSON, with sorted keys as in observed responses."""
    return json.dumps(thing, sort_keys=True, separators=(",", ":"))


def new_imp_uid(prefix: str = "imp_") -> str:
    """PortOne's id: `imp_` for a window, `imps_` for an API charge, and twelve digits."""
    return f"{prefix}{secrets.randbelow(10**12):012d}"


def new_pg_tid() -> str:
    """The PG's transaction id. UNVERIFIED format: KG's direct API uses nineteen digits."""
    return f"19{secrets.randbelow(10**17):017d}"


def new_cancellation_id() -> str:
    """An opaque id of twenty characters, like the one observed."""
    return "06" + "".join(secrets.choice(CROCKFORD) for _ in range(18))
