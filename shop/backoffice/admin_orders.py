"""Back office pages about orders: what is to be sent, the record that it was, and the daily sheet."""

from datetime import timedelta

from flask import abort, flash, render_template, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from payments import clock
from payments.database import db, locked, transaction
from payments.events import log_event
from payments.models import Payment
from shop.orders import shipping
from shop.orders.buyers import buyers_of
from shop.orders.order_payments import numbers_of, order_of
from shop.web.labels import label

from . import contacts, daily, figures, filters
from .admin import acting, back_to_payment, bp, operators_only, payment_named
from .filters import Unreadable
from .titles import titles


@bp.get("/to-send")
def to_send() -> str:
    """List the orders that wait to be sent, those that were paid first at the top."""
    waiting, orders = figures.to_send(), shipping.waiting()
    phones = {order.id: contacts.recipients_phone(order, is_open=True) for order in orders}
    facts = {"orders": orders, "phones": phones, "waiting": waiting, "most": shipping.MOST_LISTED}
    return render_template("admin/to_send.html", **facts)


@bp.post("/payments/<merchant_uid>/send")
@operators_only
def send(merchant_uid: str) -> AnyResponse:
    """Mark the order of a payment as sent, or correct carrier and tracking number of one that was."""
    payment_id = payment_named(merchant_uid).id
    parcel = request.form.get("carrier", ""), request.form.get("tracking_number", "")
    notification = acting(merchant_uid=merchant_uid)
    with transaction():
        found = db.session.get_one(Payment, payment_id)
        order = order_of(found, lock=True)
        if order is None or order.paid_by not in (None, merchant_uid):
            abort(409)
        payment = locked(Payment, payment_id)
        refusal = shipping.send(order, payment, *parcel)
        corrected = refusal == "sent" and shipping.correct_parcel(order, *parcel)
        if refusal is None or corrected:
            written = " ".join(filter(None, (order.carrier, order.tracking_number)))
            log_event(notification, "parcel" if corrected else "send", written, payment)
    if corrected:
        flash(_("운송장을 고쳤습니다."), "success")
    elif refusal:
        flash(label("send", refusal), "error")
    else:
        flash(_("발송한 것으로 적었습니다."), "success")
    return back_to_payment(merchant_uid)


@bp.get("/daily", endpoint="daily")
def daily_sheet() -> str | tuple[str, int]:
    """Show one day's lines on a page to print: what came in, what went back, and what is to be sent now."""
    try:
        day = filters.day()
    except Unreadable as problem:
        return render_template("error.html", code=400, title=_("날짜를 확인해 주세요"), message=problem), 400
    came_in, cancelled, by_bank = daily.came_in(day), daily.cancelled(day), daily.refunded_by_bank(day)
    listed = [*came_in.rows, *cancelled.rows, *(payment for _row, payment in by_bank.rows)]
    return render_template(
        "admin/daily.html",
        day=day,
        today=clock.today(),
        yesterday=clock.today() - timedelta(days=1),
        came_in=came_in,
        cancelled=cancelled,
        by_bank=by_bank,
        buyers=buyers_of(listed),
        numbers=numbers_of(listed),
        title=titles(),
        most=daily.MOST_LINES,
        orders=shipping.waiting(),
        to_send=figures.to_send(),
    )
