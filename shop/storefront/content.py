"""The digital content of a paid order or of a running plan, for its buyer."""

from flask import abort, flash, redirect, render_template, url_for
from flask_babel import gettext as _
from flask_login import current_user
from sqlalchemy import select
from werkzeug.wrappers import Response as AnyResponse

from payments import cancellations
from payments.database import db, for_update, transaction
from payments.models import Payment
from payments.monthly import subscriptions
from shop.orders import orders, plans
from shop.orders.models import Order, OrderLine
from shop.web.common import login_required

from .own_orders import own_order
from .store import bp


@bp.get("/orders/<int:order_id>/content")
@login_required
def content(order_id: int) -> str | AnyResponse:
    """Show the content; before its first use only what using it means."""
    found = own_order(order_id, current_user.id)
    if not may_be_used(found):
        flash(_("지금은 이용하실 수 없는 주문입니다."), "info")
        return redirect(url_for("store.order", order_id=order_id))
    subscription = subscriptions.subscription_of(order_id)
    return render_template(
        "store/content.html",
        order=found,
        lines=digital_lines(found),
        until=plans.usable_until(subscription) if subscription and subscription.status == "ended" else None,
    )


@bp.post("/orders/<int:order_id>/use")
@login_required
def use_order(order_id: int) -> AnyResponse:
    """Open the content; from then on staff decide about a cancel, which the page says beforehand."""
    user_id = current_user.id
    with transaction():
        found = own_order(order_id, user_id, lock=True)
        payer = db.session.scalar(for_update(select(Payment).filter_by(merchant_uid=found.paid_by)))
        if not may_be_used(found, payer):
            abort(409)
        is_first = found.content_opened_at is None
        orders.open_content(found)
    if is_first:
        flash(_("이용을 시작했습니다."), "success")
    return redirect(url_for("store.content", order_id=order_id))


def may_be_used(order: Order, payer: Payment | None = None) -> bool:
    """Return whether the order has digital content that its buyer may use: paid for, and no money is going back."""
    if order.status != "paid" or order.cancel_wanted_at or not digital_lines(order):
        return False
    payer = payer or db.session.scalar(select(Payment).filter_by(merchant_uid=order.paid_by))
    if payer is None or payer.held_reason or cancellations.is_requested(payer):
        return False
    subscription = subscriptions.subscription_of(order.id) if order.kind == "monthly" else None
    return order.kind == "once" or (subscription is not None and plans.is_usable(subscription))


def digital_lines(order: Order) -> list[OrderLine]:
    """Return the lines of an order that are used on a screen, not shipped."""
    return [line for line in order.lines if line.product.digital]
