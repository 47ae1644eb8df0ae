"""The outbox: what buyers are told by e-mail, one row each, written in the transaction of what it tells of.

The example of an outside effect that must not undo a payment. Nothing here sends: a mail server that does not respond
would hold the payment's locks, and a mail that was sent cannot be rolled back. So the row commits or rolls back with
the change, and `flask notify` (shop/operations/notify.py) sends it afterwards. A row keeps facts and no text: a mistake
in a template shows when it is sent, long after the payment was recorded.
"""

from datetime import date, datetime, timedelta
from typing import Any, ClassVar

from sqlalchemy import JSON, ForeignKey, String, UniqueConstraint, exists, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column, relationship

from payments import cancellations, clock
from payments.database import Base, db, find_locked, transaction
from payments.models import REFUNDED_BY_BANK, Cancellation, Payment, one_of, partial_index
from payments.monthly.billing_month import month_of
from payments.monthly.models import Subscription

from .models import Order

NOTICE = timedelta(days=3)  # how long before a monthly charge the buyer is told
MOST_NOTICES = 500  # that one run writes
MOST_TRIES = 20  # of one message, with those that staff ask for

# Codes of `Message.error` that stand for no try; the others are `smtp_550` and the like, and names of exceptions.
SHOWN_ONLY = "no_mail_url"  # without MAIL_URL the back office shows messages, and none is sent
OUTDATED = "outdated"


class Message(Base):
    """One message to the buyer of an order. `next_try_at` is null once nothing more is done with it.

    `sent_at`: a mail server has accepted it. `error`: a code that says why it has not, or has not yet.
    """

    __tablename__ = "messages"
    KINDS: ClassVar = ("paid", "cancelled", "refunded", "charge_soon", "declined", "ended", "sent", "cancel_declined")

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

    @property
    def may_be_tried_again(self) -> bool:
        """Whether it was given up, for a reason that may be over by now."""
        given_up = self.sent_at is None and self.next_try_at is None
        return given_up and self.error not in (SHOWN_ONLY, OUTDATED) and self.tries < MOST_TRIES


# --- what is told; all but `announce_charges` are called inside the transaction of the change -------------------------


def paid(order: Order, payment: Payment) -> None:
    """Tell that the payment has paid the order."""
    _tell("paid", order, **_paid_money(payment))


def returned(order: Order, payment: Payment, *, was_paid: bool, held_reason: str | None = None) -> None:
    """Tell that the payment's money went back. `was_paid`: it had paid the order, which is cancelled now."""
    money = _returned_money(payment)
    kind = "cancelled" if was_paid and not money["by_bank"] else "refunded"
    _tell(kind, order, was_paid=was_paid, duplicate=held_reason in ("duplicate", "order_paid"), **money)


def duplicate_returned(order: Order, cancellation: Cancellation) -> None:
    """Tell that the money of a second window of a payment went back; what it has paid stays."""
    by_bank = cancellation.status == "by_bank"
    _tell("refunded", order, duplicate=True, amount=cancellation.amount, by_bank=by_bank)


def sent(order: Order, *, corrected: bool = False) -> None:
    """Tell that the order was sent, and how; `corrected`: that its carrier or tracking number were wrong before."""
    _tell("sent", order, carrier=order.carrier, tracking_number=order.tracking_number, corrected=corrected)


def cancel_declined(order: Order) -> None:
    """Tell that staff declined the cancellation request, and why."""
    _tell("cancel_declined", order, reason=order.cancel_declined_reason)


def plan_changed(subscription: Subscription, change: str, payment: Payment | None) -> None:
    """Tell what `payments.monthly` says of a subscription: a month was paid, declined or refunded, or it ended."""
    order = _order_of(subscription)
    if order is None:
        return
    if change == "ended":
        _tell("ended", order, subscription, reason=subscription.end_reason)
    elif change == "declined" and (month := month_of(subscription)):
        why, last = month.declined and month.declined.fail_reason, str(month.window.last)
        _tell("declined", order, subscription, amount=subscription.amount, month=month.due_on.month, why=why, last=last)
    elif payment:
        kind, money = ("paid", _paid_money) if change == "paid" else ("refunded", _returned_money)
        about: dict[str, Any] = {"month": int(payment.period[-2:]), "next": str(subscription.next_charge_on or "")}
        _tell(kind, order, subscription, **about, **money(payment))


def announce_charges() -> int:
    """Write the notices of the charges of the next three days, one for each month; return how many.

    If the command did not run for a day or two, the notice comes later; on the charge day itself it is too late.
    """
    told = exists().where(Message.subscription_id == Subscription.id, Message.charge_on == Subscription.next_charge_on)
    soon = Subscription.next_charge_on.between(clock.today() + timedelta(days=1), clock.today() + NOTICE)
    coming = select(Subscription).where(Subscription.status == "active", soon, ~told).order_by(Subscription.id)
    try:
        with transaction():
            plans = db.session.scalars(coming.limit(MOST_NOTICES)).all()
            notices = [(plan, order, plan.next_charge_on) for plan in plans if (order := _order_of(plan))]
            for plan, order, day in notices:
                _tell("charge_soon", order, plan, day, amount=plan.amount, day=str(day))
        return len(notices)
    except IntegrityError:  # another process has written the same ones at this moment
        return 0


def use_language(user_id: int, language: str) -> None:
    """Write to this buyer in another language from now on, about earlier orders too. Call inside a transaction()."""
    db.session.execute(update(Order).where(Order.user_id == user_id).values(language=language))


def try_again(message_id: int) -> bool:
    """Let a message that was given up wait for one more try. False: it is none. Call inside a transaction()."""
    message = find_locked(Message, message_id)
    if message is None or not message.may_be_tried_again:
        return False
    message.next_try_at = clock.now()
    return True


def _tell(kind: str, order: Order, plan: Subscription | None = None, on: date | None = None, **facts: Any) -> None:
    about = {"order_id": order.id, "subscription_id": plan.id if plan else None, "charge_on": on}
    db.session.add(Message(kind=kind, language=order.language or "ko", facts=facts, **about))


def _order_of(plan: Subscription) -> Order | None:
    """Return the order that started a plan; None: it began elsewhere, and the buyer's address is not known."""
    return db.session.get(Order, int(plan.purchase_id)) if plan.purchase_id.isdecimal() else None


def _paid_money(payment: Payment) -> dict[str, Any]:
    at = (payment.paid_at or clock.now()).astimezone(clock.SEOUL)
    return {"amount": payment.amount, "at": f"{at:%Y-%m-%d %H:%M}", "day": at.day, "pg_tid": payment.pg_tid}


def _returned_money(payment: Payment) -> dict[str, Any]:
    amount = cancellations.remaining(payment) or payment.cancelled_amount  # by bank: what was not cancelled before
    return {"amount": amount, "by_bank": payment.held_reason == REFUNDED_BY_BANK}
