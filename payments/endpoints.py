"""Endpoints for payment notifications: PC callback, mobile redirect, webhook; and confirm, called before approval.

A notification only triggers a look-up at PortOne (money law 1); what it says is a hint about which payment to look up.
So the endpoints need neither a session nor a CSRF token, accept notifications in any order and any number of times, and
never store a caller's claims as facts.
"""

from typing import Any

from flask import Blueprint, Response, jsonify, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import CSRFProtect
from werkzeug.wrappers import Response as AnyResponse

from shop.web.common import local, provider, refuse

from . import sync
from .attempts import refusal_to_approve
from .events import News
from .models import Payment
from .portone.error_codes import Advice, advice_for
from .portone.responses import whole_number
from .privacy import mask_beginning, printable
from .record import SyncResult

bp = Blueprint("results", __name__, url_prefix="/payment")

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

# Shown in KG's window. The buyer's language is not known here, so Korean.
CONFIRM_REASONS = {
    "not_a_window": "주문을 찾을 수 없습니다",
    "amount": "주문 금액과 결제 금액이 다릅니다",
    "paid": "이미 결제된 주문입니다",
    "order_gone": "결제 기한이 지난 주문입니다",
}


def exempt_from_csrf(csrf: CSRFProtect) -> None:
    """Exempt only the POST endpoints of this file: PortOne has no token of ours, and a call only triggers a look-up."""
    for door in (complete, webhook, confirm):
        csrf.exempt(door)


@bp.post("/complete")
def complete() -> Response | tuple[Response, int]:
    """Handle the PC callback (결제창 콜백): look up the payment that the page names; return its status and page."""
    told = _told()
    if not (told.get("imp_uid") or told.get("merchant_uid")):
        return refuse(400, "no_id", _("imp_uid 또는 merchant_uid가 필요합니다."))
    result = _sync(told, source="callback")
    page = _page_of(result.payment) if result.outcome != "mismatch" else None
    body: dict[str, Any] = {
        "outcome": result.outcome,
        "status": result.payment.status if page and result.payment else None,
        "redirect": page,
        "message": _message(result),
    }
    if advice := _advice(result, told):
        body |= {"advice": local(advice, "buyer"), "by_buyer": advice.by_buyer}
    status = {"not_found": 404, "mismatch": 409, "unknown": 503}.get(result.outcome, 200)
    return jsonify(body), status


@bp.get("/redirect")
def redirect_back() -> AnyResponse | tuple[str, int]:
    """Handle the mobile redirect (m_redirect_url): redirect to the order, or show what is wrong."""
    told = _told()
    if not (told.get("imp_uid") or told.get("merchant_uid")):
        return _problem(told, _("결제 번호 없이 돌아왔습니다"), _("주문 내역에서 결제 상태를 확인해 주세요."), 400)
    result = _sync(told, source="redirect")
    if result.outcome == "not_found":
        return _problem(told, _("결제를 찾을 수 없습니다"), _("이 쇼핑몰의 결제가 아닙니다."), 404)
    if result.outcome == "mismatch":
        return _problem(told, _("결제 번호가 서로 다릅니다"), _("주문 내역에서 결제 상태를 확인해 주세요."), 409)
    return redirect(_page_of(result.payment) or url_for("store.my_orders"), code=303)


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
    refusal = refusal_to_approve(told.get("merchant_uid", ""), amount, _news(told, "confirm"))
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
    return sync.sync_payment(provider(), _news(told, source, raw))


def _news(told: dict[str, str], source: str, raw: str | None = None) -> News:
    return News(
        source, told.get("imp_uid"), told.get("merchant_uid"), claimed=told, address=request.remote_addr, raw=raw
    )


def _page_of(payment: Payment | None) -> str | None:
    if payment is None:
        return None
    if payment.order_id:
        return url_for("store.order", order_id=payment.order_id)
    return url_for("account.subscriptions")


def _message(result: SyncResult) -> str:
    """Return the message for the buyer; for a declined payment, KG's own words."""
    if result.outcome == "failed" and result.payment:
        return result.payment.fail_reason or str(_("결제되지 않았습니다."))
    messages = {
        "unknown": _l("결제사의 응답을 기다리고 있습니다. 다시 결제하지 마시고 잠시 후 확인해 주세요."),
        "not_found": _l("결제를 찾을 수 없습니다."),
        "mismatch": _l("다른 결제의 번호입니다."),
    }
    return str(messages.get(result.outcome, ""))


def _advice(result: SyncResult, told: dict[str, str]) -> Advice | None:
    """Return what the buyer can do now.

    The caller's error text is used where our row has no reason: it selects the advice only and changes nothing.
    """
    payment = result.payment
    if payment is None or result.outcome == "mismatch" or payment.status not in ("ready", "failed"):
        return None
    return advice_for(payment.fail_reason or told.get("error_msg"), told.get("error_code"))


def _problem(told: dict[str, str], title: str, message: str, status: int) -> tuple[str, int]:
    page = render_template("results/problem.html", title=title, message=message, merchant_uid=told.get("merchant_uid"))
    return page, status
