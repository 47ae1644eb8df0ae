"""The result of a window as the callback's object, with the fields of the older SDKs."""

import json
from collections.abc import Mapping
from typing import Any

COPIED = ("imp_uid", "merchant_uid", "pay_method", "name", "currency", "pg_provider", "pg_tid", "status", "paid_at")


def success_result(payment: Mapping[str, Any]) -> dict[str, Any]:
    """For a paid window."""
    result = {key: payment[key] for key in COPIED}
    result |= {key: payment[key] or "" for key in payment if key.startswith("buyer_")}
    return result | {
        "success": True,
        "paid_amount": payment["amount"],
        "pg_type": "payment",
        "apply_num": payment["apply_num"],
        "receipt_url": payment["receipt_url"] or "",
        "custom_data": json.loads(payment["custom_data"]) if payment["custom_data"] else None,
        "error_code": None,
        "error_msg": None,
    }


def failure_result(payment: Mapping[str, Any], pg_code: str | None, message: str) -> dict[str, Any]:
    """For a failed window: KG's code and text, without code when the buyer closed it."""
    return {
        "success": False,
        "imp_uid": payment["imp_uid"],
        "merchant_uid": payment["merchant_uid"],
        "error_code": pg_code,
        "error_msg": message,
    }
