"""Look-ups: ask PortOne what became of a payment, record its report, give back what cannot be kept.

Every endpoint (callback, redirect, webhook) and every later look-up ends in `sync_payment`.
"""

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import bindparam, select

from .cancel import give_back_surplus, resume_cancel
from .database import db, end_reading, transaction
from .decision import KeyLookup
from .events import News, note
from .models import Payment
from .monthly import subscriptions
from .portone.report import NotFound, PaymentProvider, PaymentReport, ProviderError
from .record import SyncResult, keep, record, record_all, without_report


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
        give_back_surplus(provider, report, news)
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
