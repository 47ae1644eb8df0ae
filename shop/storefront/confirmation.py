"""A printable confirmation of a paid order (거래확인서). It is no tax invoice and no cash receipt."""

from flask import abort, render_template
from flask_login import current_user

from payments import clock
from shop.orders.phone_bill import vat_in
from shop.web.common import login_required

from .own_orders import own_order, payment_that_matters
from .store import bp


@bp.get("/orders/<int:order_id>/confirmation")
@login_required
def confirmation(order_id: int) -> str:
    """Show the confirmation of an order that was paid, to its owner only."""
    found = own_order(order_id, current_user.id)
    payment = payment_that_matters(found)
    if found.paid_at is None or payment is None:
        abort(404)
    vat = vat_in(found.amount)
    return render_template("store/confirmation.html", order=found, payment=payment, vat=vat, now=clock.now())
