"""Differences of a reconciliation as staff work through them: grouped, money first, and closed by a person.

A closed difference is one that somebody looked at and found nothing wrong with. It stays closed while its facts are the
same: their digest is what the table keeps.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import astuple, dataclass
from hashlib import sha256

from sqlalchemy import delete, select

from payments.database import db, transaction
from payments.events import Notification, log_event
from payments.models import Event, Payment
from payments.reconcile import BATCH_SIZE, REPAIRABLE, Difference, Kind

from .models import ReviewedDifference

UNFOLDED = 5  # rows of a group that are shown at once
LONGEST_UID = 200  # as the event log keeps it
# The order of the groups among those with a difference of money, and then among the others.
PLACES: tuple[Kind, ...] = (
    *("duplicate", "amount", "state", "theirs_only", "ours_only"),
    *("undone_at_kg", "unreadable"),
)


@dataclass(frozen=True)
class Group:
    """The differences of one kind, those of the most money first."""

    kind: Kind
    rows: Sequence[Difference]

    @property
    def won(self) -> int:
        return sum(map(_money, self.rows))


def _money(one: Difference) -> int:
    return abs(one.our_amount - one.their_amount)


def grouped(found: Iterable[Difference]) -> list[Group]:
    """Return the differences by kind; kinds with a difference of money stand above those of facts only."""
    rows: dict[Kind, list[Difference]] = {}
    for one in sorted(found, key=_money, reverse=True):
        rows.setdefault(one.kind, []).append(one)
    groups = [Group(kind, of_kind) for kind, of_kind in rows.items()]
    return sorted(groups, key=lambda group: (group.won == 0, PLACES.index(group.kind)))


def facts_of(one: Difference) -> str:
    """Return the digest of all that is known of a difference."""
    return sha256(repr(astuple(one)).encode()).hexdigest()


def split(found: Collection[Difference]) -> tuple[list[Difference], list[tuple[Difference, ReviewedDifference]]]:
    """Return the differences that are open, and those that a person has closed, each with its review."""
    known = reviews(found)
    closed = [(one, known[facts]) for one in found if (facts := facts_of(one)) in known]
    return [one for one in found if facts_of(one) not in known], closed


def reviews(found: Collection[Difference]) -> dict[str, ReviewedDifference]:
    """Return the reviews of those differences that a person has closed, by their facts."""
    facts = [facts_of(one) for one in found]
    known: dict[str, ReviewedDifference] = {}
    for start in range(0, len(facts), BATCH_SIZE):
        query = select(ReviewedDifference).where(ReviewedDifference.facts.in_(facts[start : start + BATCH_SIZE]))
        known |= {row.facts: row for row in db.session.scalars(query.order_by(ReviewedDifference.id))}
    return known


def repairable(found: Iterable[Difference]) -> list[Difference]:
    """Return the differences that asking PortOne again may mend."""
    return [one for one in found if one.kind in REPAIRABLE]


def closable(found: Collection[Difference]) -> set[str]:
    """Return the facts of those differences that a person may close.

    One that asking PortOne again may mend is closable once staff have asked about its payment and it still exists.
    """
    uids, asked = [one.merchant_uid for one in repairable(found)], set[str | None]()
    for start in range(0, len(uids), BATCH_SIZE):
        some = Event.merchant_uid.in_(uids[start : start + BATCH_SIZE])
        asked |= set(db.session.scalars(select(Event.merchant_uid).where(some, Event.outcome == "ask")))
    return {facts_of(one) for one in found if one.kind not in REPAIRABLE or one.merchant_uid in asked}


def close(chosen: Collection[Difference], reason: str, actor: str, address: str | None) -> int:
    """Close differences that are open and closable, each with an event; return how many were."""
    with transaction():
        known, may_be = reviews(chosen), closable(chosen)
        still_open = [one for one in chosen if facts_of(one) in may_be - known.keys()]
        for one in still_open:
            row = ReviewedDifference(
                facts=facts_of(one), merchant_uid=one.merchant_uid, reason=reason, reviewed_by=actor
            )
            db.session.add(row)
            payment = db.session.scalar(select(Payment).filter_by(merchant_uid=one.merchant_uid))
            about = {"difference": one.kind, "ours": str(one.our_amount), "theirs": str(one.their_amount)}
            notification = Notification(
                "admin", one.imp_uid, one.merchant_uid[:LONGEST_UID], about, actor=actor, address=address
            )
            log_event(notification, "review", reason, payment)
    return len(still_open)


def reopen(facts: str, actor: str, address: str | None) -> bool:
    """Open a closed difference again, with an event. False: it is not closed, or not any more."""
    with transaction():
        row = db.session.scalar(select(ReviewedDifference).filter_by(facts=facts))
        if row is None:
            return False
        db.session.execute(delete(ReviewedDifference).where(ReviewedDifference.facts == facts))
        payment = db.session.scalar(select(Payment).filter_by(merchant_uid=row.merchant_uid))
        uid = row.merchant_uid[:LONGEST_UID]
        notification = Notification("admin", merchant_uid=uid, actor=actor, address=address)
        log_event(notification, "reopen", row.reason, payment)
    return True
