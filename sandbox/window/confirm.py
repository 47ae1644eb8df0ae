"""May this payment go on? Asked of the shop just before the PG approves: V1's `confirm_url`."""

from collections.abc import Mapping
from typing import Any

import requests

from ..webhooks.reach import Reach

# Word for word what PortOne's guide prints; the part in brackets is the shop's reason, or the second text.
STOPPED = "고객사 요청에 의해 결제를 중단합니다. (상세사유 : %s)"
NO_REASON = "알 수 없음"
ERROR_CODE = "SANDBOX_CONFIRM"  # UNVERIFIED: which error_code the browser is told
LONGEST_REASON = 200


def refusal(http: requests.Session, reach: Reach, url: str, payment: Mapping[str, Any], seconds: float) -> str | None:
    """Why the payment must stop, as its `fail_reason`; None when the shop answered HTTP 200.

    Anything else stops it: another status, no answer within `seconds`, an address that may not be called.
    """
    if not reach.allows(url):
        return STOPPED % NO_REASON
    body = {"imp_uid": payment["imp_uid"], "merchant_uid": payment["merchant_uid"], "amount": payment["amount"]}
    try:
        answer = http.post(url, json=body, timeout=seconds, allow_redirects=False)
    except (requests.RequestException, ValueError):  # a ValueError comes from an address that no socket understands
        return STOPPED % NO_REASON
    return None if answer.status_code == 200 else STOPPED % _reason(answer)


def _reason(answer: requests.Response) -> str:
    try:
        told = answer.json()
    except ValueError:
        return NO_REASON
    reason = told.get("reason") if isinstance(told, dict) else None
    return reason[:LONGEST_REASON] if isinstance(reason, str) and reason else NO_REASON
