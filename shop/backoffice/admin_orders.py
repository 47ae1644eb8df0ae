"""Back office pages about orders: what is to be sent, and the record that it was."""

from flask import abort, flash, render_template, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from payments.database import db, locked, transaction
from payments.events import log_event
from payments.models import Payment
from shop.orders import shipping
from shop.orders.order_payments import order_of
from shop.web.labels import label

from . import figures
from .admin import acting, back_to_payment, bp, operators_only, payment_named


@bp.get("/to-send")
def to_send() -> str:
    """List the orders that wait to be sent, those that were paid first at the top."""
    waiting = figures.to_send()
    return render_template("admin/to_send.html", orders=shipping.waiting(), waiting=waiting, most=shipping.MOST_LISTED)


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
