"""How does V1 write a payment and a billing key? All fields, always: what does not apply is null, 0 or empty."""

import secrets
from collections.abc import Mapping
from typing import Any

# In the order of the schema's alphabet, as answers were seen on the wire. UNVERIFIED for phone payments: `apply_num`,
# `pg_tid`'s form, `receipt_url`, and the presence of `deposit_history` and `promotion`.
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
BUYER_FIELDS = ("buyer_name", "buyer_email", "buyer_tel", "buyer_addr", "buyer_postcode")


def new_payment(imp_uid: str, params: Mapping[str, Any], started_at: int, **fields: Any) -> dict[str, Any]:
    """A payment that has just begun, from what the shop asked for."""
    asked = {key: params.get(key) or None for key in (*BUYER_FIELDS, "name", "customer_uid")}
    return {
        **_EMPTY_PAYMENT,
        "cancel_history": [],
        "cancel_receipt_urls": [],
        "deposit_history": [],
        **asked,
        "imp_uid": imp_uid,
        "merchant_uid": params["merchant_uid"],
        "amount": int(params["amount"]),
        "currency": params.get("currency") or "KRW",
        "started_at": started_at,
        **fields,
    }


def new_billing_key(payment: Mapping[str, Any], moment: int) -> dict[str, Any]:
    """A billing key (V1 calls it a customer) as the payment window issues it. Card fields are null for a phone."""
    return {
        "customer_uid": payment["customer_uid"],
        "pg_provider": payment["pg_provider"],
        "pg_id": payment["pg_id"],
        "sandbox": payment["sandbox"],
        "customer_id": None,
        "card_name": None,
        "card_code": None,
        "card_issuer_code": None,
        "card_issuer_name": None,
        "card_publisher_code": None,
        "card_publisher_name": None,
        "card_number": None,
        "card_type": None,
        "customer_name": payment["buyer_name"],
        "customer_tel": payment["buyer_tel"],
        "customer_email": payment["buyer_email"],
        "customer_addr": payment["buyer_addr"],
        "customer_postcode": payment["buyer_postcode"],
        "inserted": moment,
        "updated": moment,
    }


def new_imp_uid(prefix: str = "imp_") -> str:
    """PortOne's id: `imp_` for a window, `imps_` for an API charge, and twelve digits."""
    return f"{prefix}{secrets.randbelow(10**12):012d}"


def new_pg_tid() -> str:
    """The PG's transaction id. UNVERIFIED form: KG's direct API uses nineteen digits."""
    return f"19{secrets.randbelow(10**17):017d}"
