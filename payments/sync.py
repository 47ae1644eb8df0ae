"""Look-ups: ask PortOne what became of a payment, record its report, cancel what cannot be kept.

Every endpoint (callback, redirect, webhook) and every later look-up ends in `sync_payment`.
"""

from dataclasses import replace

from sqlalchemy import select

from . import clock
from .cancel import carry_out
from .database import db, locked, reading, transaction
from .events import Notification, log_event
from .extension import purchases_of
from .models import Payment
from .portone.report import NotFound, PaymentProvider, PaymentReport, ProviderError
from .record import SyncResult, keep, record, without_report

LOOK_UP_SECONDS = 10.0  # all calls of one look-up together


def sync_payment(provider: PaymentProvider, notification: Notification) -> SyncResult:
    """Ask PortOne about a payment that somebody mentioned, and record what it says (money law 1).

    Its ids and claims are hints only. Never raises for what they hold: an id that is nobody's is `not_found`, an id
    that PortOne says belongs elsewhere is `mismatch`, and no answer is `unknown` (nothing written, ask later).
    """
    known = _known_payment(notification.imp_uid, notification.merchant_uid)
    if known is None:  # other people's ids cost no call to PortOne
        return without_report(notification, "not_found", "neither id is ours")
    try:
        report = _look_up(provider.within(LOOK_UP_SECONDS), known, notification.imp_uid)
    except NotFound:
        if known.unanswered_since:
            with transaction():
                locked(Payment, known.id).unanswered_since = None
        return without_report(notification, "not_found", "PortOne knows no such payment", known)
    except ProviderError as error:
        return no_answer(notification, error, known)
    return take_report(provider, report, notification, known)


def _look_up(provider: PaymentProvider, known: Payment, imp_uid: str | None) -> PaymentReport:
    """Ask by the `imp_uid` that was mentioned; if PortOne does not know it, or there is none, by our own id."""
    if imp_uid:
        try:
            return provider.get_payment(imp_uid)
        except NotFound:  # such as `undefined`, or another account's
            pass
    return provider.find_payment(known.merchant_uid)


def take_report(
    provider: PaymentProvider, report: PaymentReport, notification: Notification, known: Payment | None = None
) -> SyncResult:
    """Record what PortOne reported, then cancel at once what cannot be kept (money law 4).

    `known` is the payment that was asked about. The report may be about another one.
    """
    is_known = known is not None and known.merchant_uid == report.merchant_uid
    payment = known if is_known else _known_payment(None, report.merchant_uid)
    if payment is None:
        return record(report, notification)
    try:
        purchases_of(payment).look_up(payment, report, provider)
        result = record(report, notification)
    except ProviderError as error:
        return no_answer(notification, error, payment)
    if result.cancellation_id:
        carry_out(provider, result.cancellation_id, notification)
        return replace(result, payment=_known_payment(None, report.merchant_uid))  # as it is after the cancel
    return result


def no_answer(notification: Notification, error: ProviderError, payment: Payment) -> SyncResult:
    """PortOne did not answer: nothing is recorded, and the sweep looks the payment up, even if it had given it up."""
    if payment.given_up_at or payment.unanswered_since is None:
        with transaction():
            row = locked(Payment, payment.id)
            row.given_up_at, row.unanswered_since = None, row.unanswered_since or clock.now()
    return without_report(notification, "unknown", f"no answer: {error}", payment)


def _known_payment(imp_uid: str | None, merchant_uid: str | None) -> Payment | None:
    """Return the payment that one of the ids names, the `merchant_uid` first."""
    by_ours = select(Payment).filter_by(merchant_uid=merchant_uid)
    by_theirs = select(Payment).filter_by(imp_uid=imp_uid)
    with reading():
        found = db.session.scalar(by_ours) if merchant_uid else None
        return found or (db.session.scalar(by_theirs) if imp_uid else None)


def release(provider: PaymentProvider, payment_id: int, notification: Notification, reason: str) -> str | None:
    """Keep held money, because a person decided so; its purchase is then paid. None: done; else why not.

    PortOne is asked first: money that went back meanwhile buys nothing (law 1). The answer is a label key of kind
    `release`.
    """
    held = db.session.get_one(Payment, payment_id)
    asked = sync_payment(provider, replace(notification, imp_uid=held.imp_uid, merchant_uid=held.merchant_uid))
    if asked.outcome in ("unknown", "not_found", "mismatch"):
        return "unknown"
    with transaction():
        refusal = keep(payment_id)
        if refusal is None:
            log_event(notification, "released", reason, db.session.get_one(Payment, payment_id))
    return refusal
