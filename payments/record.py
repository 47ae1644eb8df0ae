"""What is written down when PortOne has spoken? Once, with all that follows from it, in one transaction.

`record` is the only place where a report changes our rows: the judgement is `decision.decide`, this file carries it
out. No network call happens here; what has to be asked of PortOne next, `sync.py` reads in the result.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import bindparam, select, update

from shop.orders import orders
from shop.orders.models import Order

from . import clock
from .database import db, transaction
from .decision import GIVEN_BACK, Decision, KeyLookup, Outcome, decide, refusal_to_cancel
from .events import News, note
from .models import BillingKey, Payment, Subscription, move
from .monthly import subscriptions
from .portone.report import PaymentReport

# What PortOne's console and the buyer read about a payment that goes back by itself; Korean, as KG's own texts.
GIVE_BACK_TEXTS = {
    "amount": "주문 금액과 결제 금액이 달라 자동 취소",
    "currency": "통화가 달라 자동 취소",
    "surplus": "이미 결제된 건에 중복 결제되어 자동 취소",
    "order_cancelled": "취소된 주문에 결제되어 자동 취소",
    "out_of_stock": "재고가 없어 자동 취소",
    "already_subscribed": "이미 이용 중인 구독이라 자동 취소",
    "no_billing_key": "빌링키가 발급되지 않아 자동 취소",
}


@dataclass(frozen=True)
class SyncResult:
    """What a look-up came to. `payment` is the one that PortOne spoke of, or None if it is not ours.

    `give_back`: this very news made the payment's money one that goes back; `surplus`: the report's own does.
    """

    outcome: Outcome
    reason: str
    payment: Payment | None = None
    give_back: bool = False
    surplus: bool = False


def record(report: PaymentReport, key: KeyLookup, news: News) -> SyncResult:
    """Write down what PortOne said, once, with all that follows from it, in one transaction (money law 3)."""
    with transaction():
        return _record(_named_by([report]).get(report.merchant_uid), report, key, news)


def record_all(told: Sequence[tuple[PaymentReport, News]]) -> list[SyncResult]:
    """Write down the answers to many later months' charges, all in one transaction or none."""
    with transaction(), db.session.no_autoflush:  # the lines in the book of events go out together
        named = _named_by([report for report, _ in told])
        return [_record(named.get(report.merchant_uid), report, "unknown", news) for report, news in told]


@dataclass(frozen=True)
class _Named:
    """A payment that a report speaks of. `month_taken`: another payment has paid the later month that it is for."""

    payment: Payment
    subscription: Subscription | None
    month_taken: bool


_named = Payment.merchant_uid.in_(bindparam("merchant_uids", expanding=True))
SUBSCRIPTIONS_NAMED = select(Payment.subscription_id).where(_named, Payment.subscription_id.is_not(None))
LOCKED_ORDER = select(Order).where(Order.id == bindparam("order_id")).with_for_update()
PAYMENTS_NAMED = select(Payment).where(_named).order_by(Payment.id).with_for_update(of=Payment)


def _named_by(reports: Sequence[PaymentReport]) -> dict[str, _Named]:
    """The payments that reports speak of, by merchant_uid; they and their subscriptions are locked.

    The subscriptions first, as the monthly run does: two who want both never wait for each other.
    """
    told = {"merchant_uids": [report.merchant_uid for report in reports]}
    ids = set(db.session.scalars(SUBSCRIPTIONS_NAMED, told))
    theirs = select(Subscription).where(Subscription.id.in_(ids)).order_by(Subscription.id).with_for_update()
    subscription_of = {one.id: one for one in db.session.scalars(theirs)} if ids else {}
    payments = db.session.scalars(PAYMENTS_NAMED, told).all()
    if not ids:
        return {payment.merchant_uid: _Named(payment, None, False) for payment in payments}
    paid = select(Payment.subscription_id, Payment.period, Payment.id).where(
        Payment.subscription_id.in_(ids),
        Payment.period.in_({payment.period for payment in payments}),
        Payment.status == "paid",
        Payment.held_reason.is_(None),
    )
    paid_by = {
        (subscription_id, period): payment_id for subscription_id, period, payment_id in db.session.execute(paid)
    }
    return {
        one.merchant_uid: _Named(
            one,
            subscription_of.get(one.subscription_id or 0),
            paid_by.get((one.subscription_id, one.period), one.id) != one.id,
        )
        for one in payments
    }


def _record(named: _Named | None, report: PaymentReport, key: KeyLookup, news: News) -> SyncResult:
    if named is None:
        return _told(news, report, Decision("mismatch", "PortOne says it is not one of our payments"), None)
    payment = named.payment
    order = db.session.scalar(LOCKED_ORDER, {"order_id": payment.order_id}) if payment.order_id else None
    plan_taken = order is not None and order.kind == "monthly" and subscriptions.plan_taken(order)
    month_status = "paid" if named.month_taken else "pending"
    decision = decide(payment, order.status if order else month_status, plan_taken, report, key)
    if decision.status:
        decision = _apply(decision, named, order, report, key)
    elif decision.held_reason:
        _hold(payment, decision.held_reason, **_facts(report))
    elif decision.outcome == "unchanged" and payment.status == "paid" and order:
        decision = _finish_subscription(payment, order, report, key) or decision
    result = _told(news, report, decision, payment)
    return replace(result, give_back=_request_give_back(payment, decision), surplus=decision.surplus)


def without_report(news: News, outcome: Outcome, reason: str, payment: Payment | None = None) -> SyncResult:
    """Note that nothing was learned; our books stay as they are."""
    if not news.is_quiet:
        with transaction():
            note(news, outcome, reason, payment)
    return SyncResult(outcome, reason, payment)


def request_cancel(payment: Payment, reason: str) -> None:
    """The row first: from now on the sweep sees to it that the money goes back, whoever dies meanwhile."""
    payment.cancel_requested_at, payment.cancel_reason = clock.now(), reason


def _request_give_back(payment: Payment, decision: Decision) -> bool:
    """Whether this decision's money goes back by itself; the others, and what KG would refuse, wait for a person."""
    if decision.outcome != "held" or decision.held_reason not in GIVEN_BACK:
        return False
    if refusal_to_cancel(payment, clock.now()):
        return False
    request_cancel(payment, GIVE_BACK_TEXTS[decision.held_reason])
    return True


def _told(news: News, report: PaymentReport, decision: Decision, payment: Payment | None) -> SyncResult:
    """Note the decision; tell `mismatch` when PortOne spoke of another payment than was claimed."""
    if not (news.is_quiet and decision.outcome == "unchanged"):
        note(news, decision.outcome, decision.reason, payment, report.as_received)
    if news.merchant_uid and news.merchant_uid != report.merchant_uid:
        return SyncResult("mismatch", "the payment belongs to another merchant_uid", payment)
    return SyncResult(decision.outcome, decision.reason, payment)


# --- applying: one guarded UPDATE, and only its winner acts -----------------------------------------------------------


def _apply(decision: Decision, named: _Named, order: Order | None, report: PaymentReport, key: KeyLookup) -> Decision:
    payment = named.payment
    held_reason = payment.held_reason
    if not move(
        Payment,
        payment.id,
        decision.status or "",
        held_reason=decision.held_reason,
        claimed_until=None,
        **_facts(report),
    ):
        return Decision("unchanged", "somebody else recorded it first")
    if order is None:
        _follow_month(decision, named, held_reason)
        return decision
    if decision.outcome == "paid":
        return _honour(decision, payment, order, report, key)
    if decision.outcome == "cancelled":
        if orders.cancel_paid(order, payment.merchant_uid):
            subscriptions.end_of_order(order, "cancelled")
        _end_key(payment)
    return decision


def _end_key(payment: Payment) -> None:
    """The money that issued a billing key went back: if nothing else uses the key, it is deleted at PortOne too."""
    for key_id in db.session.scalars(subscriptions.key_not_seen(payment.customer_uid)):
        move(BillingKey, key_id, "ended", ended_at=clock.now(), end_reason="cancelled")


def _follow_month(decision: Decision, named: _Named, held_reason: str | None) -> None:
    """What a later month's charge means for its subscription. A charge in flight when it ended is honoured.

    Money that was held and went back leaves the subscription as it was, if another payment has paid the month.
    """
    payment, subscription = named.payment, named.subscription
    if held_reason == "surplus" or subscription is None:
        return
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


def keep(payment: Payment) -> str | None:
    """Honour money that was held, because a person says so. None: done; else why it cannot be (a label key).

    Call inside a transaction(), and let nothing of it stand when the answer is a refusal: nothing was written then.
    """
    refusal = why_not_keep(payment)
    if refusal:
        return refusal
    order = db.session.get_one(Order, payment.order_id, with_for_update=True)
    if order.paid_by != payment.merchant_uid and not orders.pay(order, payment.merchant_uid):
        return "out_of_stock"
    if payment.status == "paid":
        payment.held_reason = None
    else:
        move(Payment, payment.id, "paid", held_reason=None)
    return None


def why_not_keep(payment: Payment) -> str | None:
    """Why a person cannot keep this payment's money (a label key of kind `release`); None: it may be kept."""
    if payment.held_reason is None or payment.status == "cancelled":
        return "not_held"
    if payment.cancel_requested_at:
        return "cancel_in_progress"
    if payment.customer_uid:  # KG compares every later month with this one, so a wrong first month starts nothing
        return "no_subscription"
    order = db.session.get_one(Order, payment.order_id)
    if order.paid_by != payment.merchant_uid and order.status not in ("pending", "expired"):
        return "order_gone"
    return None


def _finish_subscription(payment: Payment, order: Order, report: PaymentReport, key: KeyLookup) -> Decision | None:
    """Start the subscription that this payment pays for, as soon as its key is seen. None: nothing to object to."""
    if payment.customer_uid is None:
        return None
    waiting = db.session.scalar(subscriptions.key_not_seen(payment.customer_uid)) is not None
    if not waiting or payment.held_reason or key == "unknown":
        return None
    if key == "absent":
        return _hold(payment, "no_billing_key")
    if not subscriptions.start(order, key, report.paid_at or clock.now()):
        return _hold(payment, "already_subscribed")
    return None


def _hold(payment: Payment, reason: str, **facts: Any) -> Decision:
    db.session.execute(update(Payment).where(Payment.id == payment.id).values(held_reason=reason, **facts))
    return Decision("held", f"paid, but cannot be honoured: {reason}", held_reason=reason)
