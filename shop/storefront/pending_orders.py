"""Orders that are not paid yet: how one stands by our own tables, and its cancellation by the buyer."""

from dataclasses import asdict
from typing import Any

from flask import Response, flash, jsonify, redirect, request, url_for
from flask_babel import gettext as _
from flask_login import current_user
from werkzeug.wrappers import Response as AnyResponse

from payments import clock
from payments.attempts import AlreadyPaid, EarlierUnknown, look_up_earlier_attempts
from payments.database import transaction
from payments.events import Notification, log_event
from shop.orders import order_payments, orders, plans
from shop.orders.models import Order
from shop.web.common import login_required, provider, refuse
from shop.web.refusals import refusal_of

from . import rate_limits
from .own_orders import own_order, payment_that_matters
from .store import bp


@bp.get("/orders/<int:order_id>/state")
def order_state(order_id: int) -> Response | tuple[Response, int]:
    """Return how the buyer's own order stands. Pages ask while a payment window is open; PortOne is not asked."""
    if not current_user.is_authenticated:
        return refuse(401, "login_required", _("로그인이 필요합니다."))
    return jsonify(_state(own_order(order_id, current_user.id)))


def _state(order: Order) -> dict[str, Any]:
    payment = payment_that_matters(order)
    shown = "held" if payment and payment.held_reason else payment.status if payment else None
    return {
        "order": order.status,
        "payment": shown,
        "open": order_payments.is_window_open(order),
        "seconds": max(0, int((order.expires_at - clock.now()).total_seconds())),  # how long asking makes sense
        "redirect": url_for("store.order", order_id=order.id),
        "refusal": asdict(refusal_of(payment.fail_reason)) if payment and shown == "failed" else None,
    }


@bp.post("/orders/<int:order_id>/cancel-unpaid")
@login_required
def cancel_unpaid(order_id: int) -> AnyResponse:
    """Cancel an order that is not paid, after a look-up of its open payments; its stock is released."""
    user_id, page = current_user.id, redirect(url_for("store.order", order_id=order_id))
    found = own_order(order_id, user_id)
    rate_limits.check_checkout(current_user.get_id())  # PortOne is asked here too
    try:
        look_up_earlier_attempts(provider(), order_payments.PAYMENT_KINDS[found.kind], [order_id])
    except AlreadyPaid as paid:
        if paid.payment.held_reason is None:
            flash(_("방금 결제된 것을 찾아 주문을 취소하지 않았습니다."), "info")
        return page
    except EarlierUnknown:
        flash(_("결제 결과를 확인하지 못해 주문을 그대로 두었습니다. 잠시 후 다시 눌러 주세요."), "error")
        return page
    if _cancel(order_id, user_id):
        flash(_("주문을 취소했습니다. 청구된 금액은 없고, 장바구니는 그대로 있습니다."), "success")
    else:
        flash(_("그사이 주문이 바뀌어 취소하지 않았습니다."), "info")
    return page


def _cancel(order_id: int, user_id: int) -> bool:
    """Cancel the order unless it was paid meanwhile, or money came in that a person has to see to."""
    notification = Notification("buyer", actor=current_user.email, address=request.remote_addr)
    with transaction():
        order = own_order(order_id, user_id, lock=True)
        attempts = order_payments.payments_of(order)
        if order.status != "pending" or any(one.held_reason and one.status != "cancelled" for one in attempts):
            return False
        orders.cancel_pending(order)
        if order.kind == "monthly":
            plans.end_unstarted(user_id, "by_buyer")
        if attempts:
            log_event(notification, "order_cancelled", "the buyer cancelled the unpaid order", attempts[0])
    return True
