"""How a window's result reaches the shop: as the callback's object in the page, or as the query of a redirect.

Both have a current and an older form, and no source documents which of them a phone-payment window uses. So each is a
setting (`callback_shape`, `redirect_query`), and a shop has to accept both.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

from ..ledger import kg
from ..ledger.options import Options
from .windows import WindowView

# UNVERIFIED for phone payments: code and text of other PGs' windows when the buyer closes them.
USER_CANCELLED = ("F400", "사용자가 결제를 취소하였습니다")


@dataclass(frozen=True)
class Result:
    """The result of a window: ids and, for a failure, the error. `legacy` is the older SDKs' complete object."""

    imp_uid: str | None
    merchant_uid: str
    success: bool
    error_code: str | None
    error_msg: str | None
    legacy: Mapping[str, Any]


def result_of(view: WindowView) -> Result:
    """The result of a finished window."""
    legacy = view.result or {}
    return Result(
        view.imp_uid,
        view.merchant_uid,
        bool(legacy.get("success")),
        legacy.get("error_code"),
        legacy.get("error_msg"),
        legacy,
    )


def refused(params: Mapping[str, Any], refusal: kg.Refused) -> Result:
    """The result when no window was opened; it has no imp_uid."""
    legacy = {"success": False, "imp_uid": None, "merchant_uid": params.get("merchant_uid")}
    legacy |= {"error_code": refusal.error_code, "error_msg": refusal.error_msg}
    return Result(None, str(params.get("merchant_uid") or ""), False, refusal.error_code, refusal.error_msg, legacy)


def callback_object(result: Result, options: Options) -> dict[str, Any]:
    """The callback's object. Current SDK: no `success`, and error fields only for a failure."""
    if options.callback_shape == "legacy":
        return dict(result.legacy)
    ids = {"imp_uid": result.imp_uid, "merchant_uid": result.merchant_uid}
    return ids if result.success else ids | _error(result)


def redirect_url(address: object, result: Result, options: Options) -> str | None:
    """The shop's address with the result in its query; None when there is no valid address."""
    try:
        parts = urlsplit(address if isinstance(address, str) else "")
    except ValueError:  # such as http://[
        return None
    if parts.scheme not in ("http", "https") or not parts.netloc:
        return None
    query = urlencode(_query(result, options))
    return urlunsplit(parts._replace(query=f"{parts.query}&{query}" if parts.query else query))


def _query(result: Result, options: Options) -> dict[str, str]:
    query = {"imp_uid": result.imp_uid or "", "merchant_uid": result.merchant_uid}
    if options.redirect_query == "merchant_uid_only":
        return {"merchant_uid": result.merchant_uid}
    if options.redirect_query == "full":
        query["imp_success"] = "true" if result.success else "false"
    if not result.success:
        query |= {name: value for name, value in _error(result).items() if value}
    return {name: value for name, value in query.items() if value}


def _error(result: Result) -> dict[str, str | None]:
    if result.error_code is None and result.error_msg == kg.USER_CANCELLED:
        return dict(zip(("error_code", "error_msg"), USER_CANCELLED, strict=True))
    return {"error_code": result.error_code, "error_msg": result.error_msg}
