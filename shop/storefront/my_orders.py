"""The buyer's pages of their orders: the list, one order, and its cancellation once it is paid."""

from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_login import current_user
from sqlalchemy import select
from werkzeug.wrappers import Response as AnyResponse

from payments import cancellations, clock
from payments.cancel import cancel_payment
from payments.database import db, for_update, locked, transaction
from payments.decision import month_is_over, refusal_to_cancel
from payments.events import Notification, log_event
from payments.models import Payment
from payments.monthly import subscriptions
from shop.orders import order_payments, orders, phone_bill
from shop.orders.models import Order
from shop.web.buyer_words import why_given_back, why_held, why_not_cancelled
from shop.web.common import given_reason, login_required, provider

from .content import may_be_used
from .own_orders import own_order, payment_that_matters
from .store import bp

LONGEST_REASON = 100


@bp.get("/orders")
@login_required
def my_orders() -> str:
    """Show the buyer's orders."""
    found = orders.orders_of(current_user.id)
    return render_template("store/orders.html", orders=found, held_reasons=order_payments.held_reasons(found))


@bp.get("/orders/<int:order_id>")
@login_required
def order(order_id: int) -> str:
    """Show an order and its payments, to its owner only."""
    found = own_order(order_id, current_user.id)
    payment = payment_that_matters(found)
    refusal = refusal_to_cancel(payment, clock.now()) if payment else "not_paid"
    return render_template(
        "store/order.html",
        order=found,
        payments=order_payments.payments_of(found),
        payment=payment,
        subscription=subscriptions.subscription_of(found.id),
        is_open=order_payments.is_window_open(found),
        may_be_used=may_be_used(found),
        why_not_cancel=why_not_cancelled(refusal) if refusal else None,
        at_once=orders.may_cancel_at_once(found),
        **_of_payment(payment),
    )


def _of_payment(payment: Payment | None) -> dict[str, Any]:
    """Return what the page says of the payment that matters; empty values for an order without one."""
    held = payment.held_reason if payment else None
    paid_at = payment.paid_at if payment else None
    cancellation = cancellations.cancellation_of(payment) if payment else None
    return {
        "refund": cancellation,
        "why_held": why_held(held) if held else "",
        "why_given_back": why_given_back(cancellation) if payment else "",
        "cancel_requested": payment is not None and cancellations.is_requested(payment),
        "undone_by": cancellations.undone_by(payment) if payment else None,
        "bill_month": phone_bill.bill_month(paid_at) if paid_at else None,
        "last_day_to_cancel": phone_bill.last_day_to_cancel(paid_at) if paid_at else None,
        "is_same_month": paid_at is not None and not month_is_over(paid_at, clock.now()),
    }


@bp.post("/orders/<int:order_id>/cancel")
@login_required
def cancel_order(order_id: int) -> AnyResponse:
    """Cancel unused digital goods at once; for anything else, file a cancellation request for staff to decide."""
    user_id = current_user.id
    found = own_order(order_id, user_id)
    reason = given_reason()[:LONGEST_REASON]
    payment = payment_that_matters(found)
    refusal = refusal_to_cancel(payment, clock.now()) if payment else "not_paid"
    if found.status != "paid" or payment is None or refusal in ("not_paid", "already"):
        flash(why_not_cancelled(refusal or "not_paid"), "error")
    elif not reason:
        flash(_("취소하시는 이유를 적어 주세요."), "error")
    elif refusal is None and _begin_cancel_at_once(order_id, user_id, reason):
        notification = Notification(
            "buyer", merchant_uid=payment.merchant_uid, actor=current_user.email, address=request.remote_addr
        )
        result = cancel_payment(provider(), payment.id, reason, notification)
        flash(why_not_cancelled(result.reason), "success" if result.outcome == "cancelled" else "error")
    else:
        _ask_a_person(order_id, payment.id, reason)
    return redirect(url_for("store.order", order_id=order_id))


@bp.post("/orders/<int:order_id>/withdraw-cancel")
@login_required
def withdraw_cancel(order_id: int) -> AnyResponse:
    """Take back the buyer's cancellation request, as long as staff have not decided about it."""
    user_id = current_user.id
    notification = Notification("buyer", actor=current_user.email, address=request.remote_addr)
    with transaction():
        found = own_order(order_id, user_id, lock=True)
        payer = db.session.scalar(for_update(select(Payment).filter_by(merchant_uid=found.paid_by)))
        is_withdrawn = not (payer and cancellations.is_requested(payer)) and orders.withdraw_cancel_request(found)
        if is_withdrawn:
            log_event(notification, "withdrawn", "the buyer withdrew the cancellation request", payer)
    if is_withdrawn:
        flash(_("취소 신청을 철회했습니다."), "success")
    else:
        flash(_("이미 판매자가 처리해 철회할 취소 신청이 없습니다."), "info")
    return redirect(url_for("store.order", order_id=order_id))


def _begin_cancel_at_once(order_id: int, user_id: int, reason: str) -> bool:
    with transaction():  # the lock orders this against a concurrent `use_order`
        return orders.begin_cancel_at_once(own_order(order_id, user_id, lock=True), reason)


def _ask_a_person(order_id: int, payment_id: int, reason: str) -> None:
    notification = Notification("buyer", actor=current_user.email, address=request.remote_addr)
    with transaction():
        if orders.request_cancel(locked(Order, order_id), reason):
            log_event(notification, "wanted", reason, db.session.get_one(Payment, payment_id))
    flash(_("취소를 신청했습니다. 판매자가 확인한 뒤 알려 드립니다."), "success")
