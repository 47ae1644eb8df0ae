"""Has the money arrived? The waist of the house: everything about money passes through here.

`start_payment` opens an attempt, `sync_payment` asks PortOne what became of it, `record` writes the answer down.
Every door (callback, redirect, webhook) and every later look-up ends in the same `sync_payment`.
"""

import secrets
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, update

from . import clock, orders, subscriptions
from .database import db, end_reading, transaction
from .decision import Decision, KeyLookup, Outcome, decide
from .events import News, note
from .models import BillingKey, Order, Payment, Subscription, move
from .privacy import listed_buyer
from .provider import NotFound, PaymentProvider, PaymentReport, ProviderError


@dataclass(frozen=True)
class SyncResult:
    """What a look-up came to. `payment` is the one that PortOne spoke of, or None if it is not ours."""

    outcome: Outcome
    reason: str
    payment: Payment | None = None


# --- out: a new attempt ---------------------------------------------------------------------------------------------


def start_payment(provider: PaymentProvider, order: Order) -> Payment:
    """Open an attempt to collect an order's amount: our row first, then PortOne learns the amount.

    Raises ProviderError when PortOne does not confirm the amount; the payment window must then not be opened.
    """
    with transaction():
        key = subscriptions.open_key(order) if order.kind == "monthly" else None
        payment = Payment(
            merchant_uid=new_merchant_uid(),
            order_id=order.id,
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
        note(News("checkout", merchant_uid=payment.merchant_uid), "ready", "opened", payment)
    provider.prepare(payment.merchant_uid, payment.amount)
    return payment


def new_merchant_uid() -> str:
    """Our id of an attempt: the Seoul date and 16 random digits, so 23 of the 40 characters that KG allows."""
    return f"{clock.today():%y%m%d}-{secrets.token_hex(8)}"


# --- back: what became of it ----------------------------------------------------------------------------------------


def sync_payment(
    provider: PaymentProvider,
    *,
    imp_uid: str | None = None,
    merchant_uid: str | None = None,
    source: str,
    claimed: dict[str, str] | None = None,
    actor: str | None = None,
    address: str | None = None,
    raw: str | None = None,
) -> SyncResult:
    """Ask PortOne about a payment that somebody mentioned, and record what it says (money law 1).

    The ids and `claimed` are hints only. Never raises for what they hold: an id that is nobody's is `not_found`,
    an id that PortOne says belongs elsewhere is `mismatch`, and no answer is `unknown` (nothing written, ask later).
    """
    news = News(source, imp_uid, merchant_uid, claimed or {}, actor, address, raw)
    known = _known_payment(imp_uid, merchant_uid) is not None
    end_reading()
    if not known:  # strangers' ids cost PortOne no call
        return without_report(news, "not_found", "neither id is ours")
    try:
        report = _look_up(provider, imp_uid, merchant_uid)
        key = _look_up_key(provider, report)
    except NotFound:
        return without_report(news, "not_found", "PortOne knows no such payment")
    except ProviderError as error:
        return without_report(news, "unknown", f"no answer: {error}")
    return record(report, key, news)


def _known_payment(imp_uid: str | None, merchant_uid: str | None) -> Payment | None:
    """The payment that one of the ids names, the merchant_uid first."""
    by_merchant_uid = select(Payment).where(Payment.merchant_uid == merchant_uid)
    by_imp_uid = select(Payment).where(Payment.imp_uid == imp_uid)
    found = db.session.scalar(by_merchant_uid) if merchant_uid else None
    return found or (db.session.scalar(by_imp_uid) if imp_uid else None)


def _look_up(provider: PaymentProvider, imp_uid: str | None, merchant_uid: str | None) -> PaymentReport:
    if imp_uid:
        return provider.get_payment(imp_uid)
    return provider.find_payment(merchant_uid or "")


def _look_up_key(provider: PaymentProvider, report: PaymentReport) -> KeyLookup:
    """A paid report may have issued a billing key, or may not (a MID without a recurring contract): read it back.

    Only while we wait for the key: a later month's charge is paid with a key that is known.
    """
    issuing = select(BillingKey.id).where(
        BillingKey.customer_uid == report.customer_uid, BillingKey.status == "issuing"
    )
    waiting = db.session.scalar(issuing) is not None
    end_reading()
    if report.status != "paid" or not report.customer_uid or not waiting:
        return "unknown"
    try:
        return provider.get_billing_key(report.customer_uid) or "absent"
    except ProviderError:
        return "unknown"


def record(report: PaymentReport, key: KeyLookup, news: News) -> SyncResult:
    """Write down what PortOne said, once, with all that follows from it, in one transaction (money law 3)."""
    with transaction():
        payment = db.session.scalar(
            select(Payment).where(Payment.merchant_uid == report.merchant_uid).with_for_update(of=Payment)
        )
        if payment is None:
            return _told(news, report, Decision("mismatch", "PortOne says it is not one of our payments"), None)
        order = db.session.get(Order, payment.order_id, with_for_update=True) if payment.order_id else None
        plan_taken = subscriptions.plan_taken(order) if order else False
        decision = decide(payment, order.status if order else _month_status(payment), plan_taken, report, key)
        if decision.status:
            decision = _apply(decision, payment, order, report, key)
        elif decision.held_reason:
            _hold(payment, decision.held_reason, **_facts(report))
        elif payment.status == "paid" and order:
            decision = _finish_subscription(payment, order, report, key) or decision
        return _told(news, report, decision, payment)


def without_report(news: News, outcome: Outcome, reason: str) -> SyncResult:
    """Note that nothing was learned; our books stay as they are."""
    with transaction():
        payment = _known_payment(news.imp_uid, news.merchant_uid)
        note(news, outcome, reason, payment)
    return SyncResult(outcome, reason, payment)


def _told(news: News, report: PaymentReport, decision: Decision, payment: Payment | None) -> SyncResult:
    """Note the decision; tell `mismatch` when PortOne spoke of another payment than was claimed."""
    note(news, decision.outcome, decision.reason, payment, report.as_received)
    if news.merchant_uid and news.merchant_uid != report.merchant_uid:
        return SyncResult("mismatch", "the payment belongs to another merchant_uid", payment)
    return SyncResult(decision.outcome, decision.reason, payment)


# --- applying: one guarded UPDATE, and only its winner acts -----------------------------------------------------------


def _apply(
    decision: Decision, payment: Payment, order: Order | None, report: PaymentReport, key: KeyLookup
) -> Decision:
    was_held = payment.held_reason is not None
    if not move(Payment, payment.id, decision.status or "", held_reason=decision.held_reason, **_facts(report)):
        return Decision("unchanged", "somebody else recorded it first")
    if order is None:
        if not was_held:
            _follow_month(decision, payment)
        return decision
    if decision.outcome == "paid":
        return _honour(decision, payment, order, report, key)
    if decision.outcome == "cancelled" and orders.cancel_paid(order, payment.merchant_uid):
        subscriptions.end_of_order(order, "cancelled")
    return decision


def _month_status(payment: Payment) -> str:
    """`paid` if another payment has already paid the month that this one is for."""
    others = select(Payment.id).where(
        Payment.subscription_id == payment.subscription_id,
        Payment.period == payment.period,
        Payment.status == "paid",
        Payment.held_reason.is_(None),
        Payment.id != payment.id,
    )
    return "paid" if db.session.scalar(others.limit(1)) else "pending"


def _follow_month(decision: Decision, payment: Payment) -> None:
    """What a later month's charge means for its subscription. A charge in flight when it ended is honoured."""
    subscription = db.session.get_one(Subscription, payment.subscription_id, with_for_update=True)
    if decision.outcome == "paid":
        subscriptions.month_paid(subscription, payment.period or "")
    elif decision.outcome == "failed":
        subscriptions.month_declined(subscription)
    elif decision.outcome == "cancelled":
        subscriptions.end(subscription, "cancelled", clock.now())


def _facts(report: PaymentReport) -> dict[str, Any]:
    """The columns that every report brings."""
    return {
        "imp_uid": report.imp_uid,
        "pg_tid": report.pg_tid,
        "pg_provider": report.pg_provider,
        "reported_amount": report.amount,
        "cancelled_amount": report.cancelled_amount,
        "fail_reason": report.fail_reason,
        "cancel_reason": report.cancel_reason,
        "paid_at": report.paid_at,
        "failed_at": report.failed_at,
        "cancelled_at": report.cancelled_at,
    }


def _honour(decision: Decision, payment: Payment, order: Order, report: PaymentReport, key: KeyLookup) -> Decision:
    """The money is right: the order is paid and, for a plan, the subscription starts. Else it is held."""
    if not orders.pay(order, payment.merchant_uid):
        return _hold(payment, "out_of_stock")
    paid_at = report.paid_at or clock.now()
    if order.kind == "monthly":
        db.session.execute(update(Payment).where(Payment.id == payment.id).values(period=clock.period_of(paid_at)))
    return _finish_subscription(payment, order, report, key) or decision


def _finish_subscription(payment: Payment, order: Order, report: PaymentReport, key: KeyLookup) -> Decision | None:
    """Start the subscription that this payment pays for, as soon as its key is seen. None: nothing to object to."""
    issuing = db.session.scalar(select(BillingKey).filter_by(customer_uid=payment.customer_uid, status="issuing"))
    if issuing is None or payment.held_reason or key == "unknown":
        return None
    if key == "absent":
        return _hold(payment, "no_billing_key")
    if not subscriptions.start(order, key, report.paid_at or clock.now()):
        return _hold(payment, "already_subscribed")
    return None


def _hold(payment: Payment, reason: str, **facts: Any) -> Decision:
    db.session.execute(update(Payment).where(Payment.id == payment.id).values(held_reason=reason, **facts))
    return Decision("held", f"paid, but cannot be honoured: {reason}", held_reason=reason)
