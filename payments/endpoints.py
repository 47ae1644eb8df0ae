"""Endpoints for payment notifications: PC callback, mobile redirect, webhook; and confirm, called before approval.

A notification only triggers a look-up at PortOne (money law 1); what it says is a hint about which payment to look up.
So the endpoints need neither a session nor a CSRF token, accept notifications in any order and any number of times, and
never store a caller's claims as facts.
"""

from typing import Any

from flask import Blueprint, Response, jsonify, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from . import sync
from .attempts import refusal_to_approve
from .events import Notification
from .extension import extension, purchases_of
from .portone.error_codes import Advice, advice_for
from .portone.responses import whole_number
from .privacy import mask_beginning, printable
from .record import SyncResult
from .texts import CONFIRM_REASONS, TEXTS, buyer_advice, text

# A host with Flask-WTF exempts this blueprint: PortOne has no token of ours, and a call only triggers a look-up.
bp = Blueprint("payments", __name__, url_prefix="/payment")

HINTS = (
    "imp_uid",
    "merchant_uid",
    "status",
    "imp_success",
    "success",
    "error_code",
    "error_msg",
    "cancellation_id",
    "amount",
)

LONGEST_RAW = 2000


@bp.post("/complete")
def complete() -> Response | tuple[Response, int]:
    """Handle the PC callback (결제창 콜백): look up the payment that the page names; return its status and page."""
    told = _told()
    if not (told.get("imp_uid") or told.get("merchant_uid")):
        return jsonify(error="no_id", message=text("no_id")), 400
    result = _sync(told, source="callback")
    page = _page_of(result)
    body: dict[str, Any] = {
        "outcome": result.outcome,
        "status": result.payment.status if page and result.payment else None,
        "redirect": page,
        "message": _message(result),
    }
    if advice := _advice(result, told):
        body |= {"advice": buyer_advice(advice), "by_buyer": advice.by_buyer}
    status = {"not_found": 404, "mismatch": 409, "unknown": 503}.get(result.outcome, 200)
    return jsonify(body), status


@bp.get("/redirect")
def redirect_back() -> AnyResponse | tuple[str, int]:
    """Handle the mobile redirect (m_redirect_url): redirect to the order, or show what is wrong."""
    told = _told()
    if not (told.get("imp_uid") or told.get("merchant_uid")):
        return _problem(told, "no_id_title", "see_orders", 400)
    result = _sync(told, source="redirect")
    if result.outcome == "not_found":
        return _problem(told, "not_found_title", "not_ours", 404)
    page = _page_of(result)
    if page is None:
        return _problem(told, "mismatch_title", "see_orders", 409)
    return redirect(page, code=303)


@bp.post("/webhook")
def webhook() -> Response | tuple[Response, int]:
    """Handle the webhook (웹훅), JSON or form. PortOne retries only after 5xx: only an unknown outcome returns 503."""
    body = request.get_data(as_text=True)  # before the form is parsed, which would consume it
    raw = printable(mask_beginning(body, LONGEST_RAW), LONGEST_RAW)
    result = _sync(_told(), source="webhook", raw=raw)
    return jsonify(outcome=result.outcome), 503 if result.outcome == "unknown" else 200


@bp.post("/confirm")
def confirm() -> Response | tuple[Response, int]:
    """Allow or refuse a payment before KG approves it (confirm_url): check its amount and that its order is pending.

    HTTP 200 lets the approval continue, any other status stops it; KG's window and PortOne's `fail_reason` then show
    the reason. Calls no other service, so it responds well within PortOne's limit (5 or 10 seconds, its pages differ).
    """
    told = _told()
    amount = whole_number(told.get("amount"))
    refusal = refusal_to_approve(told.get("merchant_uid", ""), amount, _notification(told, "confirm"))
    if refusal is None:
        return jsonify(outcome="allowed")
    return jsonify(outcome="refused", reason=CONFIRM_REASONS[refusal]), 409


def _told() -> dict[str, str]:
    """Read the caller's claims from query, form or JSON: known keys only, as short printable text."""
    body = request.get_json(silent=True)
    told: dict[str, Any] = {**request.args.to_dict(), **request.form.to_dict()}
    if isinstance(body, dict):
        told |= body
    hints = {key: told[key] for key in HINTS if isinstance(told.get(key), str | int | float)}
    texts = {key: printable(str(value), 200) for key, value in hints.items()}
    return {key: text for key, text in texts.items() if text}


def _sync(told: dict[str, str], source: str, raw: str | None = None) -> SyncResult:
    return sync.sync_payment(extension().provider, _notification(told, source, raw))


def _notification(told: dict[str, str], source: str, raw: str | None = None) -> Notification:
    return Notification(
        source, told.get("imp_uid"), told.get("merchant_uid"), claimed=told, address=request.remote_addr, raw=raw
    )


def _page_of(result: SyncResult) -> str | None:
    """Return the page of what was paid for; None if the ids are not those of one payment of ours."""
    if result.payment is None or result.outcome == "mismatch":
        return None
    return purchases_of(result.payment).page(result.payment)


def _message(result: SyncResult) -> str:
    """Return the message for the buyer; for a declined payment, KG's own words."""
    if result.outcome == "failed" and result.payment and result.payment.fail_reason:
        return result.payment.fail_reason
    return text(result.outcome) if result.outcome in TEXTS else ""


def _advice(result: SyncResult, told: dict[str, str]) -> Advice | None:
    """Return what the buyer can do now.

    The caller's error text is used where our row has no reason: it selects the advice only and changes nothing.
    """
    payment = result.payment
    if payment is None or result.outcome == "mismatch" or payment.status not in ("ready", "failed"):
        return None
    return advice_for(payment.fail_reason or told.get("error_msg"), told.get("error_code"))


def _problem(told: dict[str, str], title: str, message: str, status: int) -> tuple[str, int]:
    page = extension().problem_page(text(title), text(message), told.get("merchant_uid"))
    return page, status
