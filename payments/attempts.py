"""Attempts to pay: look up earlier ones, open a new one, allow or refuse its approval."""

import secrets
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import select

from . import clock, decision
from .database import db, reading, transaction
from .events import Notification, log_event
from .extension import lock_purchase
from .models import Payment
from .portone.kg_text import KG_NAME_BYTES, fit_bytes
from .portone.report import OutcomeUnknown, PaymentProvider
from .privacy import mask_text
from .record import is_paid_by_another
from .sync import LOOK_UP_SECONDS, sync_payment

# Before a window opens, so many earlier attempts are looked up, all together in LOOK_UP_SECONDS.
MOST_LOOKED_UP = 10


class AlreadyPaid(Exception):
    """The money for what the buyer is about to pay for has arrived by an earlier attempt, `payment`."""

    def __init__(self, payment: Payment) -> None:
        super().__init__(payment.merchant_uid)
        self.payment = payment


class PurchaseClosed(Exception):
    """The purchase takes no money now: it is paid, cancelled or expired."""


class EarlierUnknown(OutcomeUnknown):
    """An earlier attempt at the same purchase got no answer: it may have been paid, so no window may open."""


def start_payment(provider: PaymentProvider, kind: str, purchase_id: object, **facts: Any) -> Payment:
    """Insert an attempt to pay the host's purchase, commit, then register its amount at PortOne.

    `facts` are those of `open_attempt`. The purchase itself must have been committed before. Raises PurchaseClosed, and
    ProviderError when PortOne does not confirm the amount; the payment window must then not be opened.
    """
    with transaction():
        payment = open_attempt(kind, purchase_id, is_test_channel=provider.is_test_channel, **facts)
    provider.prepare(payment.merchant_uid, payment.amount)
    return payment


def open_attempt(
    kind: str,
    purchase_id: object,
    *,
    amount: int,
    name: str,
    is_test_channel: bool,
    customer_uid: str | None = None,
    claimed: Mapping[str, str] | None = None,
) -> Payment:
    """Insert the row of an attempt to pay `amount` won, and its first event. Call inside a transaction().

    `name` stands in the window and on the phone bill; `kg_text.fit_bytes` makes one that KG takes. `customer_uid`: the
    window also issues this billing key. `claimed`: what the buyer said with it, such as the consent, for the event.
    Raises PurchaseClosed, and ValueError for an amount or a name that KG would refuse.
    """
    if type(amount) is not int or amount <= 0:
        raise ValueError(f"amount is a positive integer of won, not {amount!r}")
    name = " ".join(name.split())
    if fit_bytes(name, KG_NAME_BYTES) != name:
        raise ValueError(f"KG does not take the name {name!r}: `kg_text.fit_bytes` makes one that it takes")
    payment = Payment(
        merchant_uid=new_merchant_uid(),
        kind=kind,
        purchase_id=str(purchase_id),
        period="",
        customer_uid=customer_uid,
        name=name,
        amount=amount,
        is_test_channel=is_test_channel,
    )
    if lock_purchase(payment).state != "open":
        raise PurchaseClosed(f"{kind} {purchase_id}")
    db.session.add(payment)
    db.session.flush()
    log_event(
        Notification("checkout", merchant_uid=payment.merchant_uid, claimed=claimed or {}), "ready", "opened", payment
    )
    return payment


def new_merchant_uid() -> str:
    """Return our id of an attempt: the Seoul date and 16 random digits, so 23 of the 40 characters that KG allows."""
    merchant_uid = f"{clock.today():%y%m%d}-{secrets.token_hex(8)}"
    is_like_a_number = mask_text(merchant_uid) != merchant_uid  # one in ten thousand: the log would mask it
    return new_merchant_uid() if is_like_a_number else merchant_uid


def look_up_earlier_attempts(provider: PaymentProvider, kind: str, purchase_ids: Iterable[object]) -> None:
    """Look up the attempts at these purchases whose outcome is not known, before another window opens.

    A window whose callback, redirect and webhook were all lost may have been paid (money law 5). Raises AlreadyPaid
    when one was, and EarlierUnknown when one got no answer. An attempt that is still open at PortOne, or that PortOne
    does not know, hinders nothing. The newest ten attempts are looked up, in ten seconds altogether.
    """
    wanted = [str(each) for each in purchase_ids]
    if not wanted:
        return
    open_attempts = select(Payment.merchant_uid).where(
        Payment.kind == kind,
        Payment.purchase_id.in_(wanted),
        Payment.status == "ready",
        Payment.given_up_at.is_(None),  # else the sweep had an answer after its window's life
    )
    with reading():
        merchant_uids = db.session.scalars(open_attempts.order_by(Payment.id.desc()).limit(MOST_LOOKED_UP)).all()
    bounded = provider.within(LOOK_UP_SECONDS)
    for merchant_uid in merchant_uids:
        found = sync_payment(bounded, Notification("checkout", merchant_uid=merchant_uid))
        if found.outcome == "unknown":
            raise EarlierUnknown(found.reason)
        if found.payment and _money_is_in(found.payment):
            raise AlreadyPaid(found.payment)


def _money_is_in(payment: Payment) -> bool:
    """Return whether money has come in for this payment and has not gone back."""
    return payment.status == "paid" or (payment.held_reason is not None and payment.status != "cancelled")


def refusal_to_approve(merchant_uid: str, amount: int | None, notification: Notification) -> str | None:
    """Return why KG must not approve this window's payment of `amount` won now; None: it may. Calls nobody."""
    with transaction():
        payment = db.session.scalar(select(Payment).filter_by(merchant_uid=merchant_uid, period=""))
        refusal: str | None = "not_a_window"
        if payment:
            standing = lock_purchase(payment)
            taken = is_paid_by_another(payment)
            refusal = decision.refusal_to_approve(payment, standing, amount, paid_by_another=taken)
        log_event(
            notification, "refused" if refusal else "allowed", refusal or "price, order and stock are in place", payment
        )
    return refusal
