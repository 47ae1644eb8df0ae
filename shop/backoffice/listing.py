"""Which rows does a list of the back office show? Filters by index, several of them at once, and what a search means.

Every list is read along an index by `paging.py`, so a page costs the same at a thousand rows and at a million.
"""

import itertools
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.orm import aliased, contains_eager

from payments import clock
from payments.database import db
from payments.models import BillingKey, Event, Payment, Subscription
from payments.sync import NOT_GIVEN_BACK
from shop.orders.models import Order, Product, User

from .paging import PAGE_SIZE, Cursor, Page, fixed, read_page

WAIT_BEFORE_ASKING = timedelta(minutes=10)  # so long an answer may simply be on its way

# What a person has to look at, and the states of a row.
TO_DO = ("held", "wanted", "unknown", "stuck", "surplus")
SURPLUS_SHOWN_FOR = timedelta(days=60)  # who gave it back by other means has nothing to press
PAYMENT_STATES = ("ready", "paid", "failed", "cancelled", *TO_DO)

MOST_STREAMS = 100  # of an index, read side by side
_PLANS = select(Product.id).where(Product.kind == "monthly")

_ORDER_NUMBER = re.compile(r"#?\s*(\d{1,9})", re.ASCII)
# Ids that are only ever made in small letters: ours of a payment, a month and a key, and PortOne's.
_SMALL_ID = re.compile(r"\d{6}-[\da-f]+|sub-[\da-f]+-\d{6}-\d+|key-[\da-f]+|imps?_\d+", re.ASCII | re.IGNORECASE)
_TEL_TAIL = re.compile(r"\d{4}", re.ASCII)


@dataclass(frozen=True)
class PaymentFilter:
    """What a reader chose. Empty fields choose everything; `first` and `last` are days in Seoul, both included."""

    state: str = ""
    kind: str = ""
    plan_id: int | None = None
    pg: str = ""
    first: date | None = None
    last: date | None = None
    q: str = ""


# --- payments ---------------------------------------------------------------------------------------------------------


def payments(chosen: PaymentFilter, cursor: Cursor, size: int = PAGE_SIZE) -> Page:
    """A page of payments, by when they were begun."""
    streams = _streams(chosen)
    query = select(Payment) if streams else select(Payment).where(*conditions(chosen))
    return read_page(query, (Payment.created_at, Payment.id), cursor, size, streams)


def _streams(chosen: PaymentFilter) -> list[Select[Any]]:
    """Several filters at once: the payments of each way in which the others can be filled, each along one index.

    Together they are what was chosen, so a page reads what it shows and one row of each, however rare the combination.
    Empty where one index serves as it is: a single filter, a search, or what waits for a person, which is never much.
    """
    if chosen.q or chosen.state not in ("", *Payment.STATES):
        return []
    if sum(map(bool, (chosen.state, chosen.kind, chosen.plan_id, chosen.pg))) < 2:
        return []
    values: tuple[list[Any], ...] = (
        [chosen.state] if chosen.state else [*Payment.STATES],
        [chosen.kind] if chosen.kind else [*Payment.KINDS],
        [chosen.plan_id] if chosen.plan_id else [0, *db.session.scalars(_PLANS)],
        [chosen.pg] if chosen.pg else ["", *pg_providers()],
    )
    if math.prod(map(len, values)) > MOST_STREAMS:
        return []
    narrowed = select(Payment.id, Payment.created_at).where(*_period(chosen), *_not_held(chosen.state))
    by_all = (Payment.status, Payment.kind, plan_or_zero(), pg_or_empty())
    return [
        narrowed.where(*(column == value for column, value in zip(by_all, each, strict=True)))
        for each in itertools.product(*values)
    ]


def plan_or_zero() -> ColumnElement[int]:
    """As the index `payments_by_all` has it: PostgreSQL keeps an index's order for `=`, not for IS NULL."""
    return func.coalesce(Payment.plan_id, fixed(0))


def pg_or_empty() -> ColumnElement[str]:
    return func.coalesce(Payment.pg_provider, fixed(""))


def conditions(chosen: PaymentFilter) -> list[ColumnElement[bool]]:
    """The WHERE of a filter, for the list and for the export."""
    # What waits for a person is never much, and has an index of its own: the others' would only mislead.
    column = _without_index if chosen.state in TO_DO else lambda each: each
    found = [*_state(chosen.state), *_payment_search(chosen.q)]
    if chosen.kind:
        found.append(column(Payment.kind) == fixed(chosen.kind))
    if chosen.plan_id is not None:
        found.append(column(Payment.plan_id) == chosen.plan_id)
    if chosen.pg:
        found.append(column(Payment.pg_provider) == chosen.pg)
    return found + _period(chosen)


def _without_index(column: Any) -> ColumnElement[Any]:
    """The same value, in such a way that no index of the column is thought of."""
    return func.coalesce(column, column)


def _period(chosen: PaymentFilter) -> list[ColumnElement[bool]]:
    first = [Payment.created_at >= fixed(midnight(chosen.first))] if chosen.first else []
    last = [Payment.created_at < fixed(midnight(chosen.last + timedelta(days=1)))] if chosen.last else []
    return first + last


def midnight(day: date) -> datetime:
    """When a day begins in Seoul."""
    return datetime.combine(day, time(), clock.SEOUL).astimezone(UTC)


def _state(state: str) -> list[ColumnElement[bool]]:
    special = {
        "held": held,
        "wanted": cancel_wanted,
        "unknown": unanswered,
        "stuck": cancel_open,
        "surplus": surplus_kept,
    }
    if state in special:
        return [special[state]()]
    if state in PAYMENT_STATES:
        return [Payment.status == fixed(state), *_not_held(state)]
    return []


def _not_held(state: str) -> list[ColumnElement[bool]]:
    """Money that is held has a state of its own in the lists."""
    return [Payment.held_reason.is_(None)] if state else []


def held() -> ColumnElement[bool]:
    """Its money came in and is not ours to keep yet."""
    return Payment.held_reason.is_not(None)


def cancel_open() -> ColumnElement[bool]:
    """A cancel was asked for, and the money has not gone back."""
    return and_(Payment.status == fixed("paid"), Payment.cancel_requested_at.is_not(None))


def cancel_wanted() -> ColumnElement[bool]:
    """The buyer wants the money back, and a person has to see to it."""
    asking = select(Order.paid_by).where(
        Order.status == fixed("paid"), Order.cancel_wanted_at.is_not(None), Order.paid_by.is_not(None)
    )
    return Payment.merchant_uid.in_(asking.scalar_subquery())


def unanswered() -> ColumnElement[bool]:
    """PortOne was asked and gave no answer, and none has come since."""
    asked_in_vain = select(Event.payment_id).where(Event.outcome == fixed("unknown"), Event.payment_id.is_not(None))
    long_ago = Payment.created_at < clock.now() - WAIT_BEFORE_ASKING
    return and_(Payment.id.in_(asked_in_vain.scalar_subquery()), Payment.status == "ready", long_ago)


def surplus_kept() -> ColumnElement[bool]:
    """A second window of it was paid too, and that money could not be given back."""
    later = aliased(Event)
    went_back = select(later.id).where(
        later.imp_uid == Event.imp_uid, later.id > Event.id, later.outcome == fixed("cancelled")
    )
    kept = select(Event.payment_id).where(
        Event.outcome == fixed("unknown"),
        Event.payment_id.is_not(None),
        Event.reason.contains(NOT_GIVEN_BACK),
        Event.at >= clock.now() - SURPLUS_SHOWN_FOR,
        ~went_back.exists(),
    )
    return Payment.id.in_(kept.scalar_subquery())


def _payment_search(q: str) -> list[ColumnElement[bool]]:
    """What a search means: an e-mail, the last four digits of a phone, an order (`#1234`), or one of the two ids."""
    q = _as_made(q)
    if not q:
        return []
    if "@" in q:
        return [Payment.buyer_email == q.lower()]
    if _TEL_TAIL.fullmatch(q):
        return [Payment.tel_tail == q]
    if order := _ORDER_NUMBER.fullmatch(q):
        return [Payment.order_id == int(order[1])]
    return [or_(Payment.merchant_uid == q, Payment.imp_uid == q)]


def _as_made(q: str) -> str:
    """What was looked for, an id in the case that ids of its form are made in: the column is compared as it is."""
    return q.lower() if _SMALL_ID.fullmatch(q) else q


def pg_providers() -> list[str]:
    """The PGs that payments came through, each found by one step along the index."""
    found: list[str] = []
    following = select(func.min(Payment.pg_provider))
    name = db.session.scalar(following)
    while name is not None and len(found) < 20:
        found.append(name)
        name = db.session.scalar(following.where(Payment.pg_provider > name))
    return found


# --- billing keys and subscriptions -----------------------------------------------------------------------------------


def billing_keys(state: str, q: str, cursor: Cursor) -> Page:
    """A page of billing keys, each with its subscription and the moment of its last paid month."""
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
        return [BillingKey.buyer_email.in_([q, q.lower()])]
    return [BillingKey.tel_tail == q if _TEL_TAIL.fullmatch(q) else BillingKey.customer_uid == q]


def subscriptions(state: str, plan_id: int | None, q: str, cursor: Cursor) -> Page:
    """A page of subscriptions with their subscribers."""
    query = select(Subscription).join(Subscription.user).options(contains_eager(Subscription.user))
    query = query.where(*_subscription_search(q))
    if state in Subscription.STATES:
        query = query.where(Subscription.status == state)
    if plan_id is not None:
        query = query.where(Subscription.product_id == plan_id)
    return read_page(query, (Subscription.id,), cursor)


def _subscription_search(q: str) -> list[ColumnElement[bool]]:
    """By the subscriber's e-mail, the phone's last digits, the order, the key, or the token in the monthly ids."""
    q = _as_made(q)
    if not q:
        return []
    if "@" in q:
        return [Subscription.user_id == select(User.id).where(User.email == q.lower()).scalar_subquery()]
    if _TEL_TAIL.fullmatch(q):
        keys = select(BillingKey.customer_uid).where(BillingKey.tel_tail == q)
        return [Subscription.customer_uid.in_(keys.scalar_subquery())]
    if order := _ORDER_NUMBER.fullmatch(q):
        return [Subscription.order_id == int(order[1])]
    token = re.sub(r"^sub-(\w+)-\d{6}-\d+$", r"\1", q)
    return [or_(Subscription.customer_uid == q, Subscription.token == token)]


# --- the book of events -----------------------------------------------------------------------------------------------


def webhooks(outcome: str, q: str, cursor: Cursor) -> Page:
    """A page of the webhook inbox: what came, and what was decided."""
    query = select(Event).where(Event.source == fixed("webhook"))
    if outcome:
        query = query.where(Event.outcome == outcome)
    if q:
        query = query.where(or_(Event.merchant_uid == q, Event.imp_uid == q))
    return read_page(query, (Event.id,), cursor)


def repeats(shown: Sequence[Event]) -> set[int]:
    """Which of these webhooks say word for word what an earlier one said."""
    earlier = select(func.min(Event.id), Event.merchant_uid, Event.raw).where(
        Event.source == fixed("webhook"),
        Event.merchant_uid.in_({one.merchant_uid for one in shown if one.merchant_uid}),
    )
    found = db.session.execute(earlier.group_by(Event.merchant_uid, Event.raw))
    first = {(merchant_uid, raw): row_id for row_id, merchant_uid, raw in found}
    return {one.id for one in shown if one.raw and first.get((one.merchant_uid, one.raw), one.id) < one.id}


def audit(actor: str, act: str, cursor: Cursor) -> Page:
    """A page of what people did."""
    query = select(Event).where(Event.actor.is_not(None))
    if actor:
        query = query.where(Event.actor == actor.lower())
    if act:
        query = query.where(Event.outcome == act)
    return read_page(query, (Event.id,), cursor)
