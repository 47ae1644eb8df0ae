"""How does a window's result travel back to the shop: as a callback's object on a page, as a query in an address?

Both exist in today's form and in an older one, and nobody outside KG and PortOne can say which of them a phone-bill
window gives: so each is a switch (`callback_shape`, `redirect_query`), and a shop has to live with either.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

from ..ledger import kg
from ..ledger.options import Options
from .windows import WindowView

# UNVERIFIED for a phone-bill window: code and text that other PGs' windows give for a buyer who gave up.
USER_CANCELLED = ("F400", "사용자가 결제를 취소하였습니다")


@dataclass(frozen=True)
class Answer:
    """What a page may hear: ids and, for a failure, why. `told` is the older SDKs' object with all its fields."""

    imp_uid: str | None
    merchant_uid: str
    success: bool
    error_code: str | None
    error_msg: str | None
    told: Mapping[str, Any]


def answer_of(view: WindowView) -> Answer:
    """How this window ended."""
    told = view.result or {}
    return Answer(
        view.imp_uid,
        view.merchant_uid,
        bool(told.get("success")),
        told.get("error_code"),
        told.get("error_msg"),
        told,
    )


def refused(params: Mapping[str, Any], refusal: kg.Refused) -> Answer:
    """No window was opened, so there is no imp_uid."""
    told = {"success": False, "imp_uid": None, "merchant_uid": params.get("merchant_uid")}
    told |= {"error_code": refusal.error_code, "error_msg": refusal.error_msg}
    return Answer(None, str(params.get("merchant_uid") or ""), False, refusal.error_code, refusal.error_msg, told)


def callback_object(answer: Answer, options: Options) -> dict[str, Any]:
    """What the callback is called with. Today's SDK: no `success`, and error fields only for a failure."""
    if options.callback_shape == "legacy":
        return dict(answer.told)
    ids = {"imp_uid": answer.imp_uid, "merchant_uid": answer.merchant_uid}
    return ids if answer.success else ids | _error(answer)


def redirect_url(address: object, answer: Answer, options: Options) -> str | None:
    """The shop's address with the result joined on, all values as text; None: there is no address to go to."""
    try:
        parts = urlsplit(address if isinstance(address, str) else "")
    except ValueError:  # such as http://[
        return None
    if parts.scheme not in ("http", "https") or not parts.netloc:
        return None
    query = urlencode(_query(answer, options))
    return urlunsplit(parts._replace(query=f"{parts.query}&{query}" if parts.query else query))


def _query(answer: Answer, options: Options) -> dict[str, str]:
    query = {"imp_uid": answer.imp_uid or "", "merchant_uid": answer.merchant_uid}
    if options.redirect_query == "merchant_uid_only":
        return {"merchant_uid": answer.merchant_uid}
    if options.redirect_query == "full":
        query["imp_success"] = "true" if answer.success else "false"
    if not answer.success:
        query |= {name: value for name, value in _error(answer).items() if value}
    return {name: value for name, value in query.items() if value}


def _error(answer: Answer) -> dict[str, str | None]:
    if answer.error_code is None and answer.error_msg == kg.USER_CANCELLED:
        return dict(zip(("error_code", "error_msg"), USER_CANCELLED, strict=True))
    return {"error_code": answer.error_code, "error_msg": answer.error_msg}
