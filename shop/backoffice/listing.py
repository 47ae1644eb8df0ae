"""Queries of the back office's lists: filters and searches, each a WHERE condition.

One index, `payments_by_time`, has the order of the list and the columns that its filters compare, so that any
combination of them is checked in the index; what waits for a person has small indexes of its own. A search finds its
few rows by an index, which are then sorted. `tests/shop/backoffice/test_list_indexes.py` shows each index in use.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import ColumnElement, String, and_, cast, false, func, or_, select
from sqlalchemy.orm import aliased

from payments import clock
from payments.database import db
from payments.models import REFUNDED_BY_BANK, Cancellation, Event, Payment
from payments.monthly.models import BillingKey, Subscription
from shop.orders import buyer_input, buyers, order_numbers
from shop.orders.buyer_input import InvalidText
from shop.orders.models import Order, User
from shop.orders.order_payments import is_of_order
from shop.web.common import settings

from .paging import PAGE_SIZE, Cursor, Page, read_page

PGS_OF_LATEST = 10_000  # payments whose PGs can be chosen
WAIT_BEFORE_ASKING = timedelta(minutes=10)  # until then the result may still arrive by itself

# States that need a person's decision; then all states that can be chosen.
TO_DO = ("held", "wanted", "unknown", "stuck", "duplicate")
PAYMENT_STATES = ("ready", "paid", "failed", "cancelled", REFUNDED_BY_BANK, *TO_DO)

_ORDER_ID = re.compile(r"#?\s*(\d{1,9})", re.ASCII)
# Ids that are always lower case: ours of a payment, of a monthly charge and of a key, and PortOne's `imp_uid`.
_SMALL_ID = re.compile(r"\d{6}-[\da-f]+|sub-[\da-f]+-\d{6}-\d+|key-[\da-f]+|imps?_\d+", re.ASCII | re.IGNORECASE)
_TEL_TAIL = re.compile(r"\d{4}", re.ASCII)


@dataclass(frozen=True)
class PaymentFilter:
    """Filters of a payment list. Empty fields select everything; `first` and `last` are days in Seoul, inclusive."""

    state: str = ""
    kind: str = ""
    plan_id: int | None = None
    pg: str = ""
    first: date | None = None
    last: date | None = None
    q: str = ""


# --- payments ---------------------------------------------------------------------------------------------------------


def payments(chosen: PaymentFilter, cursor: Cursor, size: int = PAGE_SIZE) -> Page:
    """Return a page of payments, ordered by creation time."""
    return read_page(select(Payment).where(*conditions(chosen)), (Payment.created_at, Payment.id), cursor, size)


def conditions(chosen: PaymentFilter) -> list[ColumnElement[bool]]:
    """Return the WHERE conditions of a filter, for the list, its sums and the export."""
    found = [*in_state(chosen.state), *_payment_search(chosen.q), *_period(chosen)]
    if chosen.kind:
        found.append(Payment.kind == chosen.kind)
    if chosen.plan_id is not None:
        found.append(false() if chosen.kind == buyers.ONCE else buyers.is_of_plan(chosen.plan_id))
    if chosen.pg:
        found.append(Payment.pg_provider == chosen.pg)
    if not chosen.q and not settings().live:  # a search still finds them
        found.append(~buyers.is_of_attack_lab())
    return found


def _period(chosen: PaymentFilter) -> list[ColumnElement[bool]]:
    first = [Payment.created_at >= midnight(chosen.first)] if chosen.first else []
    last = [Payment.created_at < midnight(chosen.last + timedelta(days=1))] if chosen.last else []
    return first + last


def midnight(day: date) -> datetime:
    """Return when a day begins in Seoul, in UTC."""
    return datetime.combine(day, time(), clock.SEOUL).astimezone(UTC)


def in_state(state: str) -> list[ColumnElement[bool]]:
    """Return the conditions of one of `PAYMENT_STATES`. Held payments, and those refunded by bank, are separate states,
    although PortOne calls them paid.
    """
    special = {
        "held": held,
        "wanted": cancel_wanted,
        "unknown": unanswered,
        "stuck": cancel_open,
        "duplicate": duplicate_kept,
        REFUNDED_BY_BANK: refunded_by_bank,
    }
    if state in special:
        return [special[state]()]
    return [Payment.status == state, Payment.held_reason.is_(None)] if state else []


def held() -> ColumnElement[bool]:
    """Select held payments."""
    return Payment.held_reason != REFUNDED_BY_BANK


def refunded_by_bank() -> ColumnElement[bool]:
    """Select payments whose money a person paid back by bank."""
    return Payment.held_reason == REFUNDED_BY_BANK


def cancel_open() -> ColumnElement[bool]:
    """Select payments whose own cancel was requested and has no answer."""
    return _has_cancellation(Cancellation.status == "requested", Cancellation.imp_uid == _own_imp_uid())


def cancel_wanted() -> ColumnElement[bool]:
    """Select payments with a cancellation request that a person has to decide."""
    asking = select(Order.paid_by).where(
        Order.status == "paid", Order.cancel_wanted_at.is_not(None), Order.paid_by.is_not(None)
    )
    return Payment.merchant_uid.in_(asking.scalar_subquery())


def unanswered() -> ColumnElement[bool]:
    """Select payments whose look-up got no answer, and that have no money after `WAIT_BEFORE_ASKING`.

    A failed window counts: another one of the same attempt may be paid.
    """
    long_ago = Payment.created_at < clock.now() - WAIT_BEFORE_ASKING
    is_open = or_(Payment.status == "ready", and_(Payment.status == "failed", Payment.period == ""))
    return and_(Payment.unanswered_since.is_not(None), is_open, Payment.held_reason.is_(None), long_ago)


def duplicate_kept() -> ColumnElement[bool]:
    """Select payments with a duplicate payment whose money has not gone back."""
    is_kept = Cancellation.status.in_(("requested", "refused"))
    return _has_cancellation(is_kept, Cancellation.imp_uid != _own_imp_uid())


def _has_cancellation(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    return Payment.id.in_(select(Cancellation.payment_id).where(*conditions).scalar_subquery())


def _own_imp_uid() -> ColumnElement[str | None]:
    """Return the SQL for the `imp_uid` of the payment that a cancellation belongs to."""
    payment = aliased(Payment)
    return select(payment.imp_uid).where(payment.id == Cancellation.payment_id).scalar_subquery()


def _payment_search(q: str) -> list[ColumnElement[bool]]:
    """Search by e-mail, phone or its last digits, order number or id (`#1234`), name, and every id of a payment."""
    q = _as_made(q)
    if not q:
        return []
    if "@" in q:
        return [buyers.has_email(q)]
    if _TEL_TAIL.fullmatch(q):
        return [buyers.has_tel_tail(q)]
    if tel := _whole_tel(q):
        return [buyers.has_tel(tel)]
    if number := order_numbers.as_written(q):
        return [is_of_order(Order.number == number)]
    if order := _ORDER_ID.fullmatch(q):
        return [is_of_order(Order.id == int(order[1]))]
    if not any(map(str.isdigit, q)):  # every id has digits
        return [buyers.has_name(_as_ordered(q))]
    return [or_(Payment.merchant_uid == q, Payment.imp_uid == q, Payment.pg_tid == q)]


def _whole_tel(q: str) -> str | None:
    """Return the digits of a phone number in whatever spelling; None: it is none."""
    try:
        return buyer_input.checked_tel(q)
    except InvalidText:
        return None


def _as_ordered(name: str) -> str:
    """Return a name as the order keeps it."""
    try:
        return buyer_input.checked_name(name)
    except InvalidText:
        return name


def _as_made(q: str) -> str:
    """Return the search text, in lower case if it is an id: the indexed columns are compared case-sensitively."""
    return q.lower() if _SMALL_ID.fullmatch(q) else q


def pg_providers() -> list[str]:
    """Return the PGs of the latest payments."""
    latest = select(Payment.pg_provider).order_by(Payment.created_at.desc(), Payment.id.desc()).limit(PGS_OF_LATEST)
    names = db.session.scalars(select(latest.subquery().c.pg_provider).distinct())
    return sorted(name for name in names if name)


# --- billing keys and subscriptions -----------------------------------------------------------------------------------


def billing_keys(state: str, q: str, cursor: Cursor) -> Page:
    """Return a page of billing keys, each with its subscription and the time of its last payment."""
    last_paid = select(func.max(Payment.paid_at)).where(Payment.customer_uid == BillingKey.customer_uid)
    query = select(BillingKey, Subscription, last_paid.scalar_subquery()).outerjoin(
        Subscription, Subscription.customer_uid == BillingKey.customer_uid
    )
    query = query.where(*_key_search(q))
    if state in BillingKey.STATES:
        query = query.where(BillingKey.status == state)
    return read_page(query, (BillingKey.id,), cursor)


def _key_search(q: str) -> list[ColumnElement[bool]]:
    q = _as_made(q)
    if not q:
        return []
    if "@" in q:
        return [func.lower(BillingKey.buyer_email) == func.lower(q)]
    if tel := _whole_tel(q):
        return [BillingKey.tel_tail == tel[-4:], BillingKey.buyer_tel == tel]
    return [BillingKey.tel_tail == q if _TEL_TAIL.fullmatch(q) else BillingKey.customer_uid == q]


def subscriptions(state: str, plan_id: int | None, q: str, cursor: Cursor) -> Page:
    """Return a page of subscriptions with their subscribers."""
    query = select(Subscription).where(*_subscription_search(q))
    if state in Subscription.STATES:
        query = query.where(Subscription.status == state)
    if plan_id is not None:
        query = query.where(Subscription.plan_ref == str(plan_id))
    return read_page(query, (Subscription.id,), cursor)


def _subscription_search(q: str) -> list[ColumnElement[bool]]:
    """Search by the subscriber's e-mail, last four digits of the phone, order, billing key, or monthly charge id."""
    q = _as_made(q)
    if not q:
        return []
    if "@" in q:
        owner = select(cast(User.id, String)).where(User.email == q.lower())
        return [Subscription.customer_ref == owner.scalar_subquery()]
    tel = _whole_tel(q)
    if tel or _TEL_TAIL.fullmatch(q):
        whole = [BillingKey.buyer_tel == tel] if tel else []
        keys = select(BillingKey.customer_uid).where(BillingKey.tel_tail == (tel or q)[-4:], *whole)
        return [Subscription.customer_uid.in_(keys.scalar_subquery())]
    if number := order_numbers.as_written(q):
        order_id = select(cast(Order.id, String)).where(Order.number == number)
        return [Subscription.purchase_id == order_id.scalar_subquery()]
    if order := _ORDER_ID.fullmatch(q):
        return [Subscription.purchase_id == order[1].lstrip("0")]
    token = re.sub(r"^sub-(\w+)-\d{6}-\d+$", r"\1", q)
    return [or_(Subscription.customer_uid == q, Subscription.token == token)]


# --- the event log ----------------------------------------------------------------------------------------------------


def webhooks(outcome: str, q: str, cursor: Cursor) -> Page:
    """Return a page of the webhook inbox: what was received, and what was decided."""
    query = select(Event).where(Event.source == "webhook")
    if outcome:
        query = query.where(Event.outcome == outcome)
    if q:
        query = query.where(or_(Event.merchant_uid == q, Event.imp_uid == q))
    return read_page(query, (Event.id,), cursor)


def repeats(shown: Sequence[Event]) -> set[int]:
    """Return the ids of those webhooks whose body is identical to an earlier one's."""
    earlier = select(func.min(Event.id), Event.merchant_uid, Event.raw).where(
        Event.source == "webhook",
        Event.merchant_uid.in_({one.merchant_uid for one in shown if one.merchant_uid}),
    )
    found = db.session.execute(earlier.group_by(Event.merchant_uid, Event.raw))
    first = {(merchant_uid, raw): row_id for row_id, merchant_uid, raw in found}
    return {one.id for one in shown if one.raw and first.get((one.merchant_uid, one.raw), one.id) < one.id}


def audit(actor: str, act: str, cursor: Cursor) -> Page:
    """Return a page of the staff actions."""
    query = select(Event).where(Event.actor.is_not(None))
    if actor:
        query = query.where(Event.actor == actor.lower())
    if act:
        query = query.where(Event.outcome == act)
    return read_page(query, (Event.id,), cursor)
