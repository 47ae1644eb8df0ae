"""The outbox: what buyers are told by e-mail, one row each, written in the transaction of what it tells of.

The example of an outside effect that must not undo a payment. Nothing here sends: a mail server that does not respond
would hold the payment's locks, and a mail that was sent cannot be rolled back. So the row commits or rolls back with
the change, and `flask notify` (shop/operations/notify.py) sends it afterwards. A row keeps facts and no text: a mistake
in a template shows when it is sent, long after the payment was recorded.
"""

import logging
from datetime import date, datetime, timedelta
from typing import Any, ClassVar

from sqlalchemy import JSON, ForeignKey, String, UniqueConstraint, exists, select
from sqlalchemy.orm import Mapped, mapped_column, relationship

from payments import cancellations, clock
from payments.database import Base, db, locked, reading, transaction
from payments.models import REFUNDED_BY_BANK, Payment, one_of, partial_index
from payments.monthly.billing_month import month_of
from payments.monthly.models import Subscription

from .models import Order, User

NOTICE = timedelta(days=3)  # how long before a monthly charge the buyer is told

log = logging.getLogger(__name__)


class Message(Base):
    """One message to the buyer of an order. `next_try_at` is null once nothing more is done with it.

    `sent_at`: a mail server has accepted it. `error`: why it has not, or has not yet (`notify.py` names the codes).
    """

    __tablename__ = "messages"
    KINDS: ClassVar = ("paid", "cancelled", "refunded", "charge_soon", "declined", "ended")

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"))  # for a plan, the order that started it
    subscription_id: Mapped[int | None] = mapped_column(ForeignKey("subscriptions.id"))
    charge_on: Mapped[date | None]  # the day of which a `charge_soon` tells
    facts: Mapped[Any] = mapped_column(JSON)
    language: Mapped[str] = mapped_column(String(2))
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    sent_at: Mapped[datetime | None]
    tries: Mapped[int] = mapped_column(default=0)
    next_try_at: Mapped[datetime | None] = mapped_column(default=clock.now)
    error: Mapped[str | None] = mapped_column(String(40))
    order: Mapped[Order] = relationship()
    subscription: Mapped[Subscription | None] = relationship()

    __table_args__ = (
        one_of("kind", KINDS),
        partial_index("messages_waiting", "next_try_at", "id", condition="next_try_at IS NOT NULL"),
        partial_index("messages_unsent", "id", condition="sent_at IS NULL"),
        UniqueConstraint("subscription_id", "charge_on"),  # each charge is announced once
    )


# --- what is told; call inside the transaction of the change ----------------------------------------------------------


def paid(order: Order, payment: Payment) -> None:
    """Tell that the payment has paid the order."""
    at = (payment.paid_at or clock.now()).astimezone(clock.SEOUL)
    _tell("paid", order, amount=payment.amount, at=f"{at:%Y-%m-%d %H:%M}", day=at.day, pg_tid=payment.pg_tid)


def returned(order: Order, payment: Payment, *, was_paid: bool, held_reason: str | None = None) -> None:
    """Tell that the payment's money went back. `was_paid`: it had paid the order, which is cancelled now."""
    by_bank = payment.held_reason == REFUNDED_BY_BANK
    kind = "cancelled" if was_paid and not by_bank else "refunded"
    duplicate = held_reason in ("duplicate", "order_paid")
    _tell(kind, order, amount=_returned_won(payment), by_bank=by_bank, was_paid=was_paid, duplicate=duplicate)


def duplicate_returned(order: Order, amount: int, *, by_bank: bool) -> None:
    """Tell that the money of a second window of a payment went back; what it has paid stays."""
    _tell("refunded", order, amount=amount, by_bank=by_bank, duplicate=True)


def plan_changed(subscription: Subscription, change: str, payment: Payment | None) -> None:
    """Tell what `payments.monthly` says of a subscription: that a month was declined, that it ended, or a refund."""
    if change == "ended":
        _tell_of_plan("ended", subscription, reason=subscription.end_reason)
    elif change == "declined" and (month := month_of(subscription)):
        facts: dict[str, Any] = {"month": month.due_on.month, "last": month.window.last.isoformat()}
        facts["why"] = month.declined.fail_reason if month.declined else None
        _tell_of_plan("declined", subscription, amount=subscription.amount, **facts)
    elif payment:
        by_bank = any(row.status == "by_bank" for row in cancellations.cancellations_of(payment))
        month_of_it = int(payment.period[-2:])
        _tell_of_plan("refunded", subscription, amount=_returned_won(payment), by_bank=by_bank, month=month_of_it)


def remember_language(user_id: int, language: str) -> None:
    """Keep the language in which a buyer used the shop last: that of the messages to come."""
    db.session.get_one(User, user_id).language = language


def _tell_of_plan(kind: str, subscription: Subscription, charge_on: date | None = None, **facts: Any) -> bool:
    """Tell the buyer of the order that started the plan. False: no order of this shop did, so nobody is told."""
    purchase_id = subscription.purchase_id
    order = db.session.get(Order, int(purchase_id)) if purchase_id.isdecimal() else None
    if order:
        _tell(kind, order, subscription, charge_on, **facts)
    return order is not None


def _tell(
    kind: str, order: Order, subscription: Subscription | None = None, charge_on: date | None = None, **facts: Any
) -> None:
    language = order.user.language or "ko"
    names = [line.name_en if language == "en" else line.name_ko for line in order.lines]
    facts |= {"name": "".join(names[:1]), "others": len(names[1:])}
    about = {"order_id": order.id, "subscription_id": subscription.id if subscription else None}
    db.session.add(Message(kind=kind, language=language, charge_on=charge_on, facts=facts, **about))


def _returned_won(payment: Payment) -> int:
    if payment.held_reason == REFUNDED_BY_BANK:
        return cancellations.remaining(payment)
    return payment.cancelled_amount or payment.amount


# --- three days before a charge ---------------------------------------------------------------------------------------


def announce_charges() -> int:
    """Write the notices of the charges of the next three days, one for each month; return how many.

    If the command did not run for a day or two, the notice comes later; on the charge day itself it is too late.
    """
    told = exists().where(Message.subscription_id == Subscription.id, Message.charge_on == Subscription.next_charge_on)
    soon = Subscription.next_charge_on.between(clock.today() + timedelta(days=1), clock.today() + NOTICE)
    query = select(Subscription.id).where(Subscription.status == "active", soon, ~told).order_by(Subscription.id)
    with reading():
        ids = db.session.scalars(query).all()
    return sum(map(_announce, ids))


def _announce(subscription_id: int) -> bool:
    """Write one notice, unless another process wrote it, or the plan ended, meanwhile: the lock orders us after it."""
    try:
        with transaction():
            subscription = locked(Subscription, subscription_id)
            day = subscription.next_charge_on
            told = db.session.scalar(select(Message.id).filter_by(subscription_id=subscription_id, charge_on=day))
            if subscription.status != "active" or day is None or told:
                return False
            return _tell_of_plan(
                "charge_soon", subscription, charge_on=day, amount=subscription.amount, day=day.isoformat()
            )
    except Exception:  # one broken subscription stops no other
        log.exception("the charge of subscription %s could not be announced", subscription_id)
        return False
