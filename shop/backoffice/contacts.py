"""Whole phone numbers of buyers: for operators only, while something about the order is open.

A parcel's label needs one, and so does a call about a refund. Every other page, list, export and log masks them, and
so does a demo that strangers share.
"""

from flask_login import current_user

from payments.models import Payment
from payments.privacy import mask_phone
from shop.orders.buyer_input import with_hyphens
from shop.orders.buyers import phone_of
from shop.orders.models import Order
from shop.web.common import settings

# The next steps of a payment (`next_step.py`) for which staff send a parcel or have to reach the buyer.
WITH_BUYER = ("send", "wanted", "wanted_by_bank", "decide", "decide_by_bank", "cancel", "refund", "duplicate")


def phone(tel: str | None, *, is_open: bool) -> str:
    """Return a phone number for the reader of the page: whole for operators while it is needed, else masked."""
    if not is_open or current_user.role != "operator" or settings().is_shared_demo:
        return mask_phone(tel)
    return with_hyphens(tel or "")


def buyers_phone(payment: Payment, next_step: str) -> str:
    """Return the phone number of a payment's buyer for its page."""
    return phone(phone_of(payment), is_open=next_step in WITH_BUYER)


def recipients_phone(order: Order, *, is_open: bool) -> str:
    """Return the phone number of whoever gets the parcel."""
    return phone(order.recipient_tel or order.buyer_tel, is_open=is_open)
