"""The buyer's pages of their orders: the list, one order, its cancellation, and the use of digital goods."""

from flask import abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_login import current_user
from sqlalchemy import select
from werkzeug.wrappers import Response as AnyResponse

from payments import cancellations, clock
from payments.cancel import cancel_payment
from payments.database import db, find_locked, for_update, locked, transaction
from payments.decision import refusal_to_cancel
from payments.events import Notification, log_event
from payments.models import Payment
from payments.monthly import subscriptions
from shop.orders import order_payments, orders
from shop.orders.models import Order
from shop.web.common import given_reason, login_required, provider
from shop.web.labels import label

from .store import bp

LONGEST_REASON = 100


@bp.get("/orders")
@login_required
def my_orders() -> str:
    """Show the buyer's orders."""
    return render_template("store/orders.html", orders=orders.orders_of(current_user.id))


@bp.get("/orders/<int:order_id>")
@login_required
def order(order_id: int) -> str:
    """Show an order and its payments, to its owner only."""
    found = _own_order(order_id, current_user.id)
    attempts = order_payments.payments_of(found)
    payment = _payment_that_matters(found)
    return render_template(
        "store/order.html",
        order=found,
        payments=attempts,
        payment=payment,
        subscription=subscriptions.subscription_of(found),
        why_not_cancel=refusal_to_cancel(payment, clock.now()) if payment else "not_paid",
        at_once=orders.may_cancel_at_once(found),
        cancel_requested=cancellations.is_requested(payment) if payment else False,
        refund=cancellations.cancellation_of(payment) if payment else None,
        undone_by_carrier=cancellations.is_undone_by_carrier(payment) if payment else False,
    )


@bp.post("/orders/<int:order_id>/cancel")
@login_required
def cancel_order(order_id: int) -> AnyResponse:
    """Cancel unused digital goods at once; for anything else, file a cancellation request for staff to decide."""
    user_id = current_user.id
    found = _own_order(order_id, user_id)
    reason = given_reason()[:LONGEST_REASON]
    payment = _payment_that_matters(found)
    refusal = refusal_to_cancel(payment, clock.now()) if payment else "not_paid"
    if found.status != "paid" or payment is None or refusal in ("not_paid", "already"):
        flash(label("cancel", refusal or "not_paid"), "error")
    elif not reason:
        flash(_("취소하시는 이유를 적어 주세요."), "error")
    elif refusal is None and _begin_cancel_at_once(order_id, user_id, reason):
        notification = Notification(
            "buyer", merchant_uid=payment.merchant_uid, actor=current_user.email, address=request.remote_addr
        )
        result = cancel_payment(provider(), payment.id, reason, notification)
        flash(label("cancel", result.reason), "success" if result.outcome == "cancelled" else "error")
    else:
        _ask_a_person(order_id, payment.id, reason)
    return redirect(url_for("store.order", order_id=order_id))


@bp.post("/orders/<int:order_id>/use")
@login_required
def use_order(order_id: int) -> AnyResponse:
    """Mark digital goods as used; from then on staff decide about a cancel, which the page says beforehand."""
    user_id = current_user.id
    with transaction():
        found = _own_order(order_id, user_id, lock=True)
        payers = select(Payment).filter_by(merchant_uid=found.paid_by)
        payer = db.session.scalar(for_update(payers))
        going_back = payer is None or cancellations.is_requested(payer) or payer.held_reason or found.cancel_wanted_at
        if going_back or found.kind != "once" or not found.digital or not orders.fulfil(found):
            abort(409)
    flash(_("이용을 시작했습니다. 즐겁게 쓰세요."), "success")
    return redirect(url_for("store.order", order_id=order_id))


def _begin_cancel_at_once(order_id: int, user_id: int, reason: str) -> bool:
    with transaction():  # the lock orders this against a concurrent `use_order`
        return orders.begin_cancel_at_once(_own_order(order_id, user_id, lock=True), reason)


def _own_order(order_id: int, user_id: int, *, lock: bool = False) -> Order:
    """Return the buyer's own order; 404 for a missing one and for somebody else's."""
    found = find_locked(Order, order_id) if lock else db.session.get(Order, order_id)
    if found is None or found.user_id != user_id:
        abort(404)
    return found


def _ask_a_person(order_id: int, payment_id: int, reason: str) -> None:
    notification = Notification("buyer", actor=current_user.email, address=request.remote_addr)
    with transaction():
        if orders.request_cancel(locked(Order, order_id), reason):
            log_event(notification, "wanted", reason, db.session.get_one(Payment, payment_id))
    flash(_("취소를 신청했습니다. 판매자가 확인한 뒤 알려 드립니다."), "success")


def _payment_that_matters(order: Order) -> Payment | None:
    """Return the attempt that paid the order, else one for which money came in, else the newest.

    A duplicate payment that was cancelled automatically must not hide the one that paid.
    """
    attempts = order_payments.payments_of(order)
    payer = [payment for payment in attempts if payment.merchant_uid == order.paid_by]
    with_money = [payment for payment in attempts if payment.status in ("paid", "cancelled") or payment.held_reason]
    return next(iter([*payer, *with_money, *attempts]), None)
