"""Reconciliation: compares our payments with PortOne's in both directions for a range of days, and repairs ours.

PortOne lists every approved and cancelled payment of the account, also those of other shops; ours are those whose
`merchant_uid` we have. A repair is one more look-up through `sync_payment`, which makes the decisions.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Literal, TypeVar

from sqlalchemy import or_, select

from . import sync
from .clock import SEOUL
from .database import db, end_reading, reading
from .events import Notification
from .models import REFUNDED_BY_BANK, Cancellation, Payment
from .portone.report import NotFound, PaymentProvider, PaymentReport, PaymentStatus, UnreadableAnswer, UnreadableRow

Kind = Literal["theirs_only", "ours_only", "state", "amount", "duplicate", "undone_at_kg", "unreadable"]

MONEY_STATES: tuple[PaymentStatus, ...] = ("paid", "cancelled")
REPAIRABLE = ("state", "amount", "duplicate")
BATCH_SIZE = 500  # ids in one query

Item = TypeVar("Item")


@dataclass(frozen=True)
class Difference:
    """One payment that differs between the two ledgers. Amounts in won: what the buyer paid, minus what was cancelled.

    - `theirs_only`: PortOne has a paid payment whose `merchant_uid` is not ours.
    - `ours_only`: PortOne does not know a payment that is paid or cancelled here.
    - `state`, `amount`: both have the payment, with another status or amount.
    - `duplicate`: a second paid payment with a `merchant_uid` of ours.
    - `undone_at_kg`: both say paid, but KG has cancelled it (test channels).
    - `unreadable`: a row from PortOne with missing or wrong fields. See `is_foreign` for those that are not ours.

    Money that a person paid back by bank is explained: PortOne still says paid, and that is no difference.
    """

    kind: Kind
    merchant_uid: str
    imp_uid: str | None
    ours: str
    theirs: str
    our_amount: int
    their_amount: int

    @property
    def is_foreign(self) -> bool:
        """Whether it is an unreadable row that matches no payment of ours: listed, but the ledgers still agree."""
        return self.kind == "unreadable" and self.ours == "-"


def compare(provider: PaymentProvider, first: date, last: date) -> list[Difference]:
    """Return every difference among payments approved or cancelled from `first` to `last` (days in Seoul, inclusive).

    Calls PortOne.
    """
    end_reading()
    since = datetime.combine(first, time(), SEOUL)
    until = datetime.combine(last + timedelta(days=1), time(), SEOUL)
    theirs: dict[str, PaymentReport] = {}  # by imp_uid
    unreadable: dict[tuple[str, str], UnreadableRow] = {}  # by imp_uid and merchant_uid
    for status in MONEY_STATES:
        for row in provider.payments_between(status, since, until):
            if isinstance(row, UnreadableRow):
                unreadable[row.imp_uid, row.merchant_uid] = row
            else:
                theirs[row.imp_uid] = row
    ours = _ours(since, until)
    found = [*_compare_theirs(theirs.values()), *map(_unreadable_row, unreadable.values())]
    listed = set(theirs) | {imp_uid for imp_uid, _ in unreadable}
    for payment in ours:
        if payment.imp_uid not in listed:
            found += _not_listed(provider, payment)
    found += _undone_at_kg(ours)
    return sorted(found, key=lambda one: (one.merchant_uid, one.imp_uid or ""))


def repair(provider: PaymentProvider, differences: Iterable[Difference]) -> Counter[str]:
    """Look up the repairable differences again; return the number of each outcome. A person handles the rest."""
    done: Counter[str] = Counter()
    for one in differences:
        if one.kind not in REPAIRABLE:
            done["left"] += 1
            continue
        result = sync.sync_payment(provider, Notification("reconcile", one.imp_uid, one.merchant_uid))
        done[result.outcome] += 1
    return done


def _ours(since: datetime, until: datetime) -> list[Payment]:
    """Return our payments that were paid or cancelled in `since` ≤ t < `until`."""
    paid = (Payment.paid_at >= since) & (Payment.paid_at < until)
    cancelled = (Payment.cancelled_at >= since) & (Payment.cancelled_at < until)
    has_money = or_(Payment.status.in_(MONEY_STATES), Payment.held_reason.is_not(None))
    query = select(Payment).where(or_(paid, cancelled), has_money).order_by(Payment.id)
    with reading():
        return list(db.session.scalars(query))


def _compare_theirs(reports: Iterable[PaymentReport]) -> Iterator[Difference]:
    """Compare each of PortOne's payments with ours of the same `merchant_uid`."""
    for batch in _batches(list(reports)):
        uids = [report.merchant_uid for report in batch]
        imp_uids = [report.imp_uid for report in batch]
        by_bank = select(Cancellation.imp_uid).where(
            Cancellation.imp_uid.in_(imp_uids), Cancellation.status == "by_bank"
        )
        with reading():
            found = db.session.scalars(select(Payment).where(Payment.merchant_uid.in_(uids)))
            known = {payment.merchant_uid: payment for payment in found}
            refunded = set(db.session.scalars(by_bank))
        for report in batch:
            kind = _kind_of(known.get(report.merchant_uid), report)
            if kind and not (report.imp_uid in refunded and report.status == "paid"):
                yield _difference(kind, known.get(report.merchant_uid), report)


def _kind_of(payment: Payment | None, report: PaymentReport) -> Kind | None:
    """Return the kind of difference between our payment and PortOne's report, or None."""
    if payment is None:
        return "theirs_only" if report.status == "paid" else None
    if payment.imp_uid != report.imp_uid and _has_money(payment):
        return "duplicate" if report.status == "paid" else None  # a cancelled duplicate is no difference
    if _state(payment) != report.status:
        return "state"
    if payment.held_reason == REFUNDED_BY_BANK:
        return None
    return "amount" if _remaining(payment) != report.amount - report.cancelled_amount else None


def _not_listed(provider: PaymentProvider, payment: Payment) -> Iterator[Difference]:
    """Look up a payment that is not in PortOne's lists: it may be listed on another day, or not exist there."""
    try:
        report = (
            provider.get_payment(payment.imp_uid) if payment.imp_uid else provider.find_payment(payment.merchant_uid)
        )
    except (NotFound, UnreadableAnswer) as error:
        failure: Kind = "ours_only" if isinstance(error, NotFound) else "unreadable"
        yield Difference(failure, payment.merchant_uid, payment.imp_uid, payment.status, "-", _remaining(payment), 0)
        return
    kind = _kind_of(payment, report)
    if kind:
        yield _difference(kind, payment, report)


def _undone_at_kg(ours: list[Payment]) -> Iterator[Difference]:
    """Yield payments that are paid in both ledgers, but whose cancel KG refused: it had cancelled them itself."""
    for batch in _batches([payment for payment in ours if payment.status == "paid"]):
        refusals = select(Cancellation.imp_uid).where(
            Cancellation.imp_uid.in_([payment.imp_uid for payment in batch]),
            Cancellation.status == "refused",
            Cancellation.answer == "undone_at_kg",
        )
        with reading():
            refused = set(db.session.scalars(refusals))
        for payment in batch:
            if payment.imp_uid in refused:
                amount = _remaining(payment)
                yield Difference("undone_at_kg", payment.merchant_uid, payment.imp_uid, "paid", "paid", amount, amount)


def _unreadable_row(row: UnreadableRow) -> Difference:
    """Describe an unreadable row, with our status and amount if one of its ids is ours."""
    ids = or_(Payment.merchant_uid == row.merchant_uid, Payment.imp_uid == row.imp_uid)
    with reading():
        payment = db.session.scalar(select(Payment).where(ids).limit(1))
    status, remaining = (payment.status, _remaining(payment)) if payment else ("-", 0)
    return Difference("unreadable", row.merchant_uid, row.imp_uid, status, "-", remaining, 0)


def _difference(kind: Kind, payment: Payment | None, report: PaymentReport) -> Difference:
    return Difference(
        kind=kind,
        merchant_uid=report.merchant_uid,
        imp_uid=report.imp_uid,
        ours=_state(payment) if payment else "-",
        theirs=report.status,
        our_amount=_remaining(payment) if payment else 0,
        their_amount=report.amount - report.cancelled_amount if report.status in MONEY_STATES else 0,
    )


def _has_money(payment: Payment) -> bool:
    """Return whether the buyer paid, even if the money went back since."""
    return _state(payment) in MONEY_STATES


def _state(payment: Payment) -> str:
    """Return the status, or `paid` for a held payment whose row still says `ready` or `failed` (wrong channel etc.)."""
    return "paid" if payment.held_reason and payment.status in ("ready", "failed") else payment.status


def _remaining(payment: Payment) -> int:
    """Return what the buyer paid minus what was cancelled or refunded by bank, in won."""
    if not _has_money(payment) or payment.held_reason == REFUNDED_BY_BANK:
        return 0
    return (payment.reported_amount or 0) - payment.cancelled_amount


def _batches(items: list[Item]) -> Iterator[list[Item]]:
    for start in range(0, len(items), BATCH_SIZE):
        yield items[start : start + BATCH_SIZE]
