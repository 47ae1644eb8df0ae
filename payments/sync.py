"""Has the money arrived? The waist of the house: everything about money passes through here.

`start_payment` opens an attempt, `sync_payment` asks PortOne what became of it, `record` (in `record.py`) writes the
answer down, `cancel_payment` gives the money back. Every door (callback, redirect, webhook) and every later look-up
ends in the same `sync_payment`.
"""

import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Literal

from sqlalchemy import bindparam, select

from shop.orders import orders
from shop.orders.models import Order

from . import clock, decision
from .database import db, end_reading, transaction
from .decision import KeyLookup, month_is_over, refusal_to_cancel
from .events import News, note
from .models import Payment
from .monthly import subscriptions
from .portone.report import (
    NotFound,
    OutcomeUnknown,
    PaymentProvider,
    PaymentReport,
    ProviderError,
    Refused,
    Unauthorized,
)
from .privacy import listed_buyer
from .record import GIVE_BACK_TEXTS, SyncResult, keep, record, record_all, request_cancel, without_report

# One asks for a cancel at a time: longer than any call to the provider takes.
CANCEL_LEASE = timedelta(minutes=2)

# Before a window opens, so many earlier attempts are looked up, in so many seconds altogether.
MOST_LOOKED_UP = 10
LOOK_UP_SECONDS = 10.0
STILL_OPEN = timedelta(days=1)  # an older attempt has been looked up by the sweep

NOT_GIVEN_BACK = "was not given back"  # so an event says of a surplus whose cancel failed; the sweep looks for it


class AlreadyPaid(Exception):
    """The money for what the buyer is about to pay for has arrived by an earlier attempt, `payment`."""

    def __init__(self, payment: Payment) -> None:
        super().__init__(payment.merchant_uid)
        self.payment = payment


class EarlierUnknown(OutcomeUnknown):
    """An earlier attempt at the same purchase got no answer: it may have been paid, so no window may open."""


# --- out: a new attempt ---------------------------------------------------------------------------------------------


def start_payment(
    provider: PaymentProvider, place: Callable[[], Order], claimed: Mapping[str, str] | None = None
) -> Payment:
    """Put an order on the books with an attempt to collect its amount: our rows first, then PortOne learns the amount.

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


# --- back: what became of it ----------------------------------------------------------------------------------------


def sync_payment(provider: PaymentProvider, news: News) -> SyncResult:
    """Ask PortOne about a payment that somebody mentioned, and record what it says (money law 1).

    The ids and claims in `news` are hints only. Never raises for what they hold: an id that is nobody's is `not_found`,
    an id that PortOne says belongs elsewhere is `mismatch`, and no answer is `unknown` (nothing written, ask later).
    """
    imp_uid, merchant_uid = news.imp_uid, news.merchant_uid
    known = _known_payment(imp_uid, merchant_uid)
    end_reading()
    if known is None:  # strangers' ids cost PortOne no call
        return without_report(news, "not_found", "neither id is ours")
    try:
        report = _look_up(provider, imp_uid, merchant_uid)
        key = _look_up_key(provider, report)
    except NotFound:
        return without_report(news, "not_found", "PortOne knows no such payment", known)
    except ProviderError as error:
        return without_report(news, "unknown", f"no answer: {error}", known)
    return take(provider, report, key, news)


def take(provider: PaymentProvider, report: PaymentReport, key: KeyLookup, news: News) -> SyncResult:
    """Write down what PortOne said, then give back at once what cannot be kept (money law 4)."""
    result = record(report, key, news)
    _give_back(provider, result, report, news)
    return result


def take_all(provider: PaymentProvider, told: Sequence[tuple[PaymentReport, News]]) -> list[SyncResult]:
    """The same for the answers to many later months' charges, which are written down in one transaction."""
    results = record_all(told)
    for result, (report, news) in zip(results, told, strict=True):
        _give_back(provider, result, report, news)
    return results


def _give_back(provider: PaymentProvider, result: SyncResult, report: PaymentReport, news: News) -> None:
    if result.surplus:
        _give_back_surplus(provider, report, news)
    elif result.give_back and result.payment:
        resume_cancel(provider, result.payment.id, news)


BY_MERCHANT_UID = select(Payment).where(Payment.merchant_uid == bindparam("uid"))
BY_IMP_UID = select(Payment).where(Payment.imp_uid == bindparam("uid"))


def _known_payment(imp_uid: str | None, merchant_uid: str | None) -> Payment | None:
    """The payment that one of the ids names, the merchant_uid first."""
    found = db.session.scalar(BY_MERCHANT_UID, {"uid": merchant_uid}) if merchant_uid else None
    return found or (db.session.scalar(BY_IMP_UID, {"uid": imp_uid}) if imp_uid else None)


def _look_up(provider: PaymentProvider, imp_uid: str | None, merchant_uid: str | None) -> PaymentReport:
    if imp_uid:
        return provider.get_payment(imp_uid)
    return provider.find_payment(merchant_uid or "")


def _look_up_key(provider: PaymentProvider, report: PaymentReport) -> KeyLookup:
    """A paid report may have issued a billing key, or may not (a MID without a recurring contract): read it back.

    Only while we wait for the key: a later month's charge is paid with a key that is known.
    """
    if report.status != "paid" or not report.customer_uid:
        return "unknown"
    waiting = db.session.scalar(subscriptions.key_not_seen(report.customer_uid)) is not None
    end_reading()
    if not waiting:
        return "unknown"
    try:
        return provider.get_billing_key(report.customer_uid) or "absent"
    except ProviderError:
        return "unknown"


# --- before the money -------------------------------------------------------------------------------------------------


def refusal_to_approve(merchant_uid: str, amount: int | None, news: News) -> str | None:
    """Why KG must not approve this window's payment of `amount` won now; None: it may. Asks nobody but our tables."""
    with transaction():
        payment = db.session.scalar(select(Payment).filter_by(merchant_uid=merchant_uid))
        order = payment.order if payment else None
        refusal = decision.refusal_to_approve(payment, order.status, amount) if payment and order else "not_a_window"
        note(news, "refused" if refusal else "allowed", refusal or "price, order and stock are in place", payment)
    return refusal


# --- the money goes back ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class CancelResult:
    """How a cancel (결제취소) ended. `reason` is a label key of kind `cancel`, or KG's own words when it refused.

    `cancelled`: the money went back, now or earlier. `refused`: it did not. `unknown`: no answer; the sweep asks again.
    """

    outcome: Literal["cancelled", "refused", "unknown"]
    reason: str


def cancel_payment(provider: PaymentProvider, payment_id: int, reason: str, news: News) -> CancelResult:
    """Give a payment's whole amount back, once, however many ask at once.

    Refused before PortOne is asked when KG's rules forbid it. The mark in our row comes first (money law 5): after a
    crash the sweep goes on from it.
    """
    with transaction():
        payment = db.session.get_one(Payment, payment_id, with_for_update=True)
        refusal = refusal_to_cancel(payment, clock.now())
        if refusal == "already":
            return CancelResult("cancelled", refusal)
        if refusal == "month" and payment.cancel_requested_at:
            refusal = None  # it was asked for in time and may have been carried out: that is looked up below
        if refusal:
            note(news, "refused", refusal, payment)
            return CancelResult("refused", refusal)
        if not _is_free(payment):
            return CancelResult("unknown", "in_progress")
        if not payment.cancel_requested_at:
            request_cancel(payment, reason)
        note(news, "requested", reason, payment)
    return resume_cancel(provider, payment_id, news)


def resume_cancel(provider: PaymentProvider, payment_id: int, news: News) -> CancelResult:
    """Carry out a cancel that a row asks for; safe to call at any time, by anybody, at once."""
    with transaction():
        payment = db.session.get_one(Payment, payment_id, with_for_update=True)
        if payment.status == "cancelled":
            return CancelResult("cancelled", "already")
        if payment.cancel_requested_at is None or payment.imp_uid is None or not _is_free(payment):
            return CancelResult("unknown", "in_progress")
        in_time = refusal_to_cancel(payment, clock.now()) != "month"
        payment.claimed_until = clock.now() + CANCEL_LEASE
        imp_uid, reason = payment.imp_uid, payment.cancel_reason or ""
        amount = (payment.reported_amount or payment.amount) - payment.cancelled_amount
    if not in_time:
        # Too late to ask, not too late to look: it may have been asked for in time, and its answer lost.
        return _look_after_cancel(provider, payment, imp_uid, news, Refused("month"))
    try:
        report = provider.cancel(imp_uid, amount, reason)
    except Unauthorized as error:
        return _cancel_unknown(payment, news, str(error))
    except (Refused, OutcomeUnknown) as error:
        return _look_after_cancel(provider, payment, imp_uid, news, error)
    return _cancelled(payment.id, report, news)


def _look_after_cancel(
    provider: PaymentProvider, payment: Payment, imp_uid: str, news: News, error: ProviderError
) -> CancelResult:
    """No plain yes came: PortOne's books say whether the money went back all the same."""
    try:
        report = provider.get_payment(imp_uid)
    except NotFound:
        return _cancel_refused(payment.id, news, f"{error}; PortOne knows no such payment")
    except ProviderError as silence:
        return _cancel_unknown(payment, news, f"{error}; and then: {silence}")
    if report.status == "cancelled":
        return _cancelled(payment.id, report, news)
    if isinstance(error, OutcomeUnknown):
        return _cancel_unknown(payment, news, str(error))
    return _cancel_refused(payment.id, news, str(error))


def _cancelled(payment_id: int, report: PaymentReport, news: News) -> CancelResult:
    payment = record(report, "unknown", news).payment
    if payment and payment.status != "cancelled":
        return _cancel_refused(payment_id, news, "only a part was cancelled")
    return CancelResult("cancelled", "done")


def _cancel_unknown(payment: Payment, news: News, why: str) -> CancelResult:
    """The mark stays in the row, so the sweep asks again."""
    without_report(news, "unknown", f"no answer to the cancel: {why}", payment)
    return CancelResult("unknown", "unknown")


def _cancel_refused(payment_id: int, news: News, why: str) -> CancelResult:
    """A definite no: nobody asks again by himself, a person decides."""
    with transaction():
        payment = db.session.get_one(Payment, payment_id, with_for_update=True)
        payment.cancel_requested_at, payment.claimed_until, payment.cancel_reason = None, None, None
        note(news, "refused", why, payment)
    return CancelResult("refused", why)


def _give_back_surplus(provider: PaymentProvider, report: PaymentReport, news: News) -> None:
    """A second window of a paid payment was paid too: it has no row of ours, so its event is the mark.

    If this fails, the next news of it, the sweep or the reconciliation comes here again.
    """
    trouble = _cancel_surplus(provider, report)
    if trouble:
        outcome, reason = "unknown", f"surplus {report.imp_uid} {NOT_GIVEN_BACK}: {trouble}"
    else:
        outcome, reason = "cancelled", f"surplus {report.imp_uid} was given back"
    with transaction():
        note(replace(news, imp_uid=report.imp_uid), outcome, reason, _known_payment(None, report.merchant_uid))


def _cancel_surplus(provider: PaymentProvider, report: PaymentReport) -> str | None:
    """None: the money went back, perhaps for another door that came here at the same moment; else why it stays."""
    if report.paid_at and month_is_over(report.paid_at, clock.now()):
        return "month"  # the report says that it is still paid, and KG would refuse; the back office's to-do names it
    try:
        provider.cancel(report.imp_uid, report.amount, GIVE_BACK_TEXTS["surplus"])
    except ProviderError as error:
        with suppress(ProviderError):
            if provider.get_payment(report.imp_uid).status == "cancelled":
                return None
        return str(error)
    return None


def _is_free(payment: Payment) -> bool:
    """Whether nobody is asking PortOne about this payment right now."""
    return payment.claimed_until is None or payment.claimed_until <= clock.now()


# --- a person keeps what was held -------------------------------------------------------------------------------------


def release(provider: PaymentProvider, payment_id: int, news: News, reason: str) -> str | None:
    """A person has looked at held money and keeps it: what it was for is honoured. None: done; else why not.

    PortOne is asked first: money that went back meanwhile buys nothing (law 1). The answer is a label key of kind
    `release`.
    """
    held = db.session.get_one(Payment, payment_id)
    asked = sync_payment(provider, replace(news, imp_uid=held.imp_uid, merchant_uid=held.merchant_uid))
    if asked.outcome in ("unknown", "not_found", "mismatch"):
        return "unknown"
    with transaction():
        payment = db.session.get_one(Payment, payment_id, with_for_update=True)
        refusal = keep(payment)
        if refusal is None:
            note(news, "released", reason, payment)
    return refusal
