"""Attempts to pay: open one, look up earlier ones first, allow or refuse its approval."""

import secrets
from collections.abc import Callable, Mapping
from datetime import timedelta

from sqlalchemy import select

from shop.orders import orders
from shop.orders.models import Order

from . import clock, decision
from .database import db, end_reading, transaction
from .events import News, note
from .models import Payment
from .monthly import subscriptions
from .portone.report import OutcomeUnknown, PaymentProvider
from .privacy import listed_buyer
from .sync import sync_payment

# Before a window opens, so many earlier attempts are looked up, in so many seconds altogether.
MOST_LOOKED_UP = 10
LOOK_UP_SECONDS = 10.0
STILL_OPEN = timedelta(days=1)  # an older attempt has been looked up by the sweep


class AlreadyPaid(Exception):
    """The money for what the buyer is about to pay for has arrived by an earlier attempt, `payment`."""

    def __init__(self, payment: Payment) -> None:
        super().__init__(payment.merchant_uid)
        self.payment = payment


class EarlierUnknown(OutcomeUnknown):
    """An earlier attempt at the same purchase got no answer: it may have been paid, so no window may open."""


def start_payment(
    provider: PaymentProvider, place: Callable[[], Order], claimed: Mapping[str, str] | None = None
) -> Payment:
    """Insert an order with an attempt to collect its amount, commit, then register the amount at PortOne.

    `place` answers the order (`orders.place`, `subscriptions.subscribe`), inside the one transaction that both stand
    or fall in; what it raises is raised here. Raises ProviderError when PortOne does not confirm the amount; the
    payment window must then not be opened. `claimed`: what the buyer said with it, such as the consent, for the event.
    """
    with transaction():
        order = place()
        key = subscriptions.open_key(order) if order.kind == "monthly" else None
        payment = Payment(
            merchant_uid=new_merchant_uid(),
            order=order,
            customer_uid=key.customer_uid if key else None,
            name=orders.title(order),
            amount=order.amount,
            is_test_channel=provider.is_test_channel,
            kind="first" if key else "once",
            plan_id=order.lines[0].product_id if key else None,
            **listed_buyer(order.buyer_name, order.buyer_tel, order.buyer_email),
        )
        db.session.add(payment)
        db.session.flush()
        note(News("checkout", merchant_uid=payment.merchant_uid, claimed=claimed or {}), "ready", "opened", payment)
    provider.prepare(payment.merchant_uid, payment.amount)
    return payment


def new_merchant_uid() -> str:
    """Our id of an attempt: the Seoul date and 16 random digits, so 23 of the 40 characters that KG allows."""
    return f"{clock.today():%y%m%d}-{secrets.token_hex(8)}"


def look_up_earlier_attempts(provider: PaymentProvider, user_id: int, kind: str) -> None:
    """Look up the buyer's attempts whose outcome is not known, before another window opens: those of the pending order
    and those of orders that a changed cart has replaced.

    A window whose callback, redirect and webhook were all lost may have been paid (money law 5). Raises AlreadyPaid
    when one was, and EarlierUnknown when one got no answer. An attempt that is still open at PortOne, or that PortOne
    does not know, hinders nothing.
    """
    mine = select(Order.id).where(Order.user_id == user_id, Order.kind == kind)
    open_attempts = select(Payment).where(
        Payment.order_id.in_(mine), Payment.status == "ready", Payment.created_at > clock.now() - STILL_OPEN
    )
    attempts = db.session.scalars(open_attempts.order_by(Payment.id.desc()).limit(MOST_LOOKED_UP)).all()
    end_reading()
    bounded = provider.within(LOOK_UP_SECONDS)
    for attempt in attempts:
        found = sync_payment(bounded, News("checkout", merchant_uid=attempt.merchant_uid))
        if found.outcome == "unknown":
            raise EarlierUnknown(found.reason)
        if found.payment and _money_is_in(found.payment):
            raise AlreadyPaid(found.payment)


def _money_is_in(payment: Payment) -> bool:
    """Whether money has come in for this payment and has not gone back."""
    return payment.status == "paid" or (payment.held_reason is not None and payment.status != "cancelled")


def refusal_to_approve(merchant_uid: str, amount: int | None, news: News) -> str | None:
    """Why KG must not approve this window's payment of `amount` won now; None: it may. Asks nobody but our tables."""
    with transaction():
        payment = db.session.scalar(select(Payment).filter_by(merchant_uid=merchant_uid))
        order = payment.order if payment else None
        refusal = decision.refusal_to_approve(payment, order.status, amount) if payment and order else "not_a_window"
        note(news, "refused" if refusal else "allowed", refusal or "price, order and stock are in place", payment)
    return refusal
