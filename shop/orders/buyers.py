"""The buyers of payments. `payments` keeps none of their data: a window's stand in its order, a plan's in the billing
key, where they are frozen.
"""

import sys
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, String, and_, case, cast, exists, false, func, select, union
from sqlalchemy.orm import aliased

from payments.database import db
from payments.models import Payment
from payments.monthly.models import FIRST_MONTH, LATER_MONTH, BillingKey, Subscription
from payments.privacy import mask_phone

from .models import Order
from .order_payments import PAYMENT_KINDS, Attempt

ONCE = PAYMENT_KINDS["once"]
MOST_NAMESAKES = 1000  # orders whose buyers' names begin alike
LAB_EMAIL = "lab@example.com"  # the buyer of every order that the sandbox's attack lab places; a test compares them


@dataclass(frozen=True)
class ListedBuyer:
    """A buyer as lists show one: the e-mail in lower case, the phone masked."""

    name: str
    email: str
    tel: str


NOBODY = ListedBuyer("", "", "")  # of a row that leads nowhere


def buyers_of(payments: Collection[Attempt]) -> dict[int, ListedBuyer]:
    """Return the buyers of these payments by the payment's id."""
    order_ids = {one.id: int(one.purchase_id) for one in payments if one.kind == ONCE}
    customer_uids = {one.id: one.customer_uid for one in payments if one.kind != ONCE}
    orders = _read(Order, Order.id, order_ids.values())
    keys = _read(BillingKey, BillingKey.customer_uid, customer_uids.values())
    found = {one: orders.get(order_id, NOBODY) for one, order_id in order_ids.items()}
    return found | {one: keys.get(customer_uid, NOBODY) for one, customer_uid in customer_uids.items()}


def _read(table: type[Order] | type[BillingKey], key: Any, wanted: Collection[Any]) -> dict[Any, ListedBuyer]:
    query = select(key, table.buyer_name, table.buyer_email, table.buyer_tel).where(key.in_(set(wanted)))
    rows = db.session.execute(query) if wanted else ()
    return {found: ListedBuyer(name, email.lower(), mask_phone(tel)) for found, name, email, tel in rows}


def phone_of(payment: Attempt) -> str:
    """Return the whole phone number of a payment's buyer; empty if the payment leads nowhere."""
    order = select(Order.buyer_tel).where(Order.id == int(payment.purchase_id)) if payment.kind == ONCE else None
    key = select(BillingKey.buyer_tel).where(BillingKey.customer_uid == payment.customer_uid)
    return db.session.scalar(key if order is None else order) or ""


def has_email(email: str) -> ColumnElement[bool]:
    """Select the payments whose buyer has this e-mail address, upper or lower case."""
    return _by_buyer(*(func.lower(table.buyer_email) == func.lower(email) for table in (Order, BillingKey)))


def is_of_attack_lab() -> ColumnElement[bool]:
    """Select the payments of the sandbox's attack lab, which are no sales."""
    return has_email(LAB_EMAIL)


def has_tel_tail(digits: str) -> ColumnElement[bool]:
    """Select the payments whose buyer's phone number ends with these four digits."""
    return _by_buyer(Order.tel_tail == digits, BillingKey.tel_tail == digits)


def has_tel(tel: str) -> ColumnElement[bool]:
    """Select the payments of a whole phone number, as digits; its last four find the few rows to compare."""
    return _by_buyer(*(and_(table.tel_tail == tel[-4:], table.buyer_tel == tel) for table in (Order, BillingKey)))


def has_name(name: str) -> ColumnElement[bool]:
    """Select the payments of a buyer's orders by the name, and the later months of the plans among them.

    The beginning of a name is enough, unless so many orders have it that the list would take long.
    """
    begins = _begins_with(Order.buyer_name, name)
    some = select(Order.id).where(begins).limit(MOST_NAMESAKES + 1)
    is_common = (db.session.scalar(select(func.count()).select_from(some.subquery())) or 0) > MOST_NAMESAKES
    order_ids = select(cast(Order.id, String)).where(Order.buyer_name == name if is_common else begins)
    first = aliased(Payment)
    keys = select(first.customer_uid).where(first.kind == FIRST_MONTH, first.purchase_id.in_(order_ids))
    attempts = select(Payment.id).where(Payment.kind.in_(PAYMENT_KINDS.values()), Payment.purchase_id.in_(order_ids))
    months = select(Payment.id).where(Payment.customer_uid.in_(keys))
    return Payment.id.in_(union(attempts.correlate(None), months.correlate(None)))


def _begins_with(column: Any, text: str) -> ColumnElement[bool]:
    """Compare as the index does: PostgreSQL's serves LIKE, SQLite's is in the order of code points."""
    if db.engine.dialect.name == "postgresql":
        found: ColumnElement[bool] = column.startswith(text, autoescape=True)
        return found
    return and_(column >= text, column < text + chr(sys.maxunicode))


def _by_buyer(order: ColumnElement[bool], key: ColumnElement[bool]) -> ColumnElement[bool]:
    """Select the payments of the orders and the billing keys that fulfil these conditions."""
    order_ids = select(cast(Order.id, String)).where(order)
    customer_uids = select(BillingKey.customer_uid).where(key)
    windows = select(Payment.id).where(Payment.kind == ONCE, Payment.purchase_id.in_(order_ids))
    plans = select(Payment.id).where(Payment.customer_uid.in_(customer_uids))
    return Payment.id.in_(union(windows.correlate(None), plans.correlate(None)))


def is_of_plan(plan_id: int) -> ColumnElement[bool]:
    """Select the payments for a plan: the first months of its subscriptions, also declined ones, and the later ones."""

    def subscriptions(column: Any) -> ScalarSelect[Any]:
        return select(column).where(Subscription.plan_ref == str(plan_id)).scalar_subquery()

    of_plan = case(
        (Payment.kind == FIRST_MONTH, Payment.purchase_id.in_(subscriptions(Subscription.purchase_id))),
        (Payment.kind == LATER_MONTH, Payment.purchase_id.in_(subscriptions(cast(Subscription.id, String)))),
        else_=false(),
    )
    # Where nobody has the plan, PostgreSQL then reads no payment to find that out.
    return and_(exists().where(Subscription.plan_ref == str(plan_id)), of_plan)
