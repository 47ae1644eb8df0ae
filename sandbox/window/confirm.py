"""V1's `confirm_url`: the shop may stop a payment just before the PG approves it."""

from collections.abc import Mapping
from typing import Any

import requests

from ..webhooks.reach import Reach

# Text of PortOne's guide; in brackets the shop's reason, or NO_REASON.
STOPPED = "고객사 요청에 의해 결제를 중단합니다. (상세사유 : %s)"
NO_REASON = "알 수 없음"
ERROR_CODE = "SANDBOX_CONFIRM"  # UNVERIFIED: the error_code in the browser
LONGEST_REASON = 200


def refusal(http: requests.Session, reach: Reach, url: str, payment: Mapping[str, Any], seconds: float) -> str | None:
    """The `fail_reason` when the payment must stop; None when the shop responds with HTTP 200.

    Anything else stops it: another status, no response within `seconds`, an address that is not allowed.
    """
    if not reach.allows(url):
        return STOPPED % NO_REASON
    body = {"imp_uid": payment["imp_uid"], "merchant_uid": payment["merchant_uid"], "amount": payment["amount"]}
    try:
        response = http.post(url, json=body, timeout=seconds, allow_redirects=False)
    except (requests.RequestException, ValueError):  # ValueError: an invalid address
        return STOPPED % NO_REASON
    if response.status_code == 200:
        return None
    return STOPPED % (_reason(response) if reach.may_show_answer(url) else NO_REASON)


def _reason(response: requests.Response) -> str:
    try:
        body = response.json()
    except ValueError:
        return NO_REASON
    reason = body.get("reason") if isinstance(body, dict) else None
    return reason[:LONGEST_REASON] if isinstance(reason, str) and reason else NO_REASON
