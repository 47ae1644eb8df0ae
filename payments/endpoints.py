"""Endpoints for payment notifications: PC callback, mobile redirect, webhook; and confirm, called before approval.

A notification only triggers a look-up at PortOne (money law 1); what it says is a hint about which payment to look up.
So the endpoints need neither a session nor a CSRF token, accept notifications in any order and any number of times, and
never store a caller's claims as facts.
"""

import logging
from dataclasses import replace
from typing import Any

from flask import Blueprint, Response, jsonify, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from . import sync
from .attempts import refusal_to_approve
from .events import Notification
from .extension import extension, purchases_of
from .notification import Unreadable, read_notification
from .portone.error_codes import Advice, advice_for
from .portone.responses import whole_number
from .record import SyncResult
from .texts import CONFIRM_REASONS, TEXTS, buyer_advice, meaning, text

# A host with Flask-WTF exempts this blueprint: PortOne has no token of ours, and a call only triggers a look-up.
bp = Blueprint("payments", __name__, url_prefix="/payment")

log = logging.getLogger(__name__)


@bp.post("/complete", strict_slashes=False)
def complete() -> Response | tuple[Response, int]:
    """Handle the PC callback (결제창 콜백): look up the payment that the page names; return its status and page."""
    notification = _read("callback")
    if not _has_id(notification):
        return jsonify(error="no_id", message=text("no_id")), 400
    found = sync.sync_payment(extension().provider, notification)
    result = _as_answered(found, notification)
    page = _page_of(result)
    body: dict[str, Any] = {
        "outcome": result.outcome,
        "status": result.payment.status if page and result.payment else None,
        "redirect": page,
        "message": _message(result),
    }
    if _is_absent(found):
        body["known"] = False  # nothing was paid: the page may offer to pay again
    if advice := _advice(result, notification):
        body |= {"meaning": meaning(advice), "advice": buyer_advice(advice), "by_buyer": advice.by_buyer}
    status = {"not_found": 404, "mismatch": 409, "unknown": 503}.get(result.outcome, 200)
    return jsonify(body), status


@bp.route("/redirect", methods=["GET", "POST"], strict_slashes=False)
def redirect_back() -> AnyResponse | tuple[str, int]:
    """Handle the mobile redirect (m_redirect_url): redirect to the order, or show what is wrong.

    Some in-app browsers and payment pages return by POST.
    """
    notification = _read("redirect")
    if not _has_id(notification):
        return _problem(notification, "no_id_title", "see_orders", 400)
    result = _look_up(notification)
    if result.outcome == "not_found":
        return _problem(notification, "not_found_title", "not_ours", 404)
    page = _page_of(result)
    if page is None:
        return _problem(notification, "mismatch_title", "see_orders", 409)
    return redirect(page, code=303)


@bp.post("/webhook", strict_slashes=False)
def webhook() -> Response | tuple[Response, int]:
    """Handle the webhook (웹훅). PortOne repeats it only after 5xx: so 503 if it is about a payment of ours and PortOne
    does not answer, or does not know it yet."""
    try:
        notification = read_notification("webhook")
    except Unreadable as body:
        log.warning("a webhook could not be read: %s", body)
        return jsonify(outcome="unreadable"), 400
    result = _look_up(notification)
    return jsonify(outcome=result.outcome), 503 if result.outcome == "unknown" else 200


@bp.post("/confirm", strict_slashes=False)
def confirm() -> Response | tuple[Response, int]:
    """Allow or refuse a payment before KG approves it (confirm_url): check its amount and that its order is pending.

    HTTP 200 lets the approval continue, any other status stops it; KG's window and PortOne's `fail_reason` then show
    the reason. Calls no other service, so it responds well within PortOne's limit (5 or 10 seconds, its pages differ).
    """
    notification = _read("confirm")
    amount = whole_number(notification.claimed.get("amount"))
    refusal = refusal_to_approve(notification.merchant_uid or "", amount, notification)
    if refusal is None:
        return jsonify(outcome="allowed")
    return jsonify(outcome="refused", reason=CONFIRM_REASONS[refusal]), 409


def _read(source: str) -> Notification:
    """Read the request; one that cannot be read names no payment."""
    try:
        return read_notification(source)
    except Unreadable:
        return Notification(source, address=request.remote_addr)


def _has_id(notification: Notification) -> bool:
    return bool(notification.imp_uid or notification.merchant_uid)


def _look_up(notification: Notification) -> SyncResult:
    return _as_answered(sync.sync_payment(extension().provider, notification), notification)


def _as_answered(found: SyncResult, notification: Notification) -> SyncResult:
    """Return what a caller is told. That PortOne does not know a payment of ours is no answer yet: `unknown`.

    It is one where the page says that no window opened, such as a blocked popup: `unchanged`.
    """
    refused = notification.source == "callback" and not notification.imp_uid and notification.claimed.get("error_msg")
    return replace(found, outcome="unchanged" if refused else "unknown") if _is_absent(found) else found


def _is_absent(found: SyncResult) -> bool:
    """Return whether PortOne answered that it does not know this payment of ours."""
    return found.outcome == "not_found" and found.payment is not None


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


def _advice(result: SyncResult, notification: Notification) -> Advice | None:
    """Return what the buyer can do now.

    The caller's error text is used where our row has no reason: it selects the advice only and changes nothing.
    """
    payment = result.payment
    if payment is None or result.outcome == "mismatch" or payment.status not in ("ready", "failed"):
        return None
    claimed = notification.claimed
    return advice_for(payment.fail_reason or claimed.get("error_msg"), claimed.get("error_code"))


def _problem(notification: Notification, title: str, message: str, status: int) -> tuple[str, int]:
    page = extension().problem_page(text(title), text(message), notification.merchant_uid)
    return page, status
