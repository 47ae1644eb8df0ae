"""KG's rules for charging a billing key again and for cancelling. A billing month is a calendar month in Seoul.

From PortOne's help pages: a billing key is charged exactly once every calendar month, within five days of last month's
payment, with the same amount and the same buyer; a skipped month ends the key. A payment is cancelled as a whole, in
its own month. Which of KG's four texts of code 0060 belongs to which cause is inferred from their wording.
"""

from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from .kg import Refusal, refusal_of

DAYS_EITHER_WAY = 5

SKIPPED = Refusal("0060", "전월 등록된 월자동결제 이력이 없어 처리 불가합니다.")
DIFFERS = Refusal("0060", "전월에 등록된 자동결제 거래정보 불일치로 처리 불가합니다.")
NOT_STANDING = Refusal("0060", "정상 결제 상태의 구매번호가 아님으로 처리 불가합니다.")

BUYER_FIELDS = ("buyer_name", "buyer_email", "buyer_tel", "buyer_addr", "buyer_postcode")


@dataclass(frozen=True)
class LastCharge:
    """The latest approved payment of a key, with which KG compares. `paid_on` and `first_on` are days in Seoul."""

    paid_on: date
    first_on: date
    amount: int
    buyer: Mapping[str, Any]
    cancelled: bool


def refusal_to_charge(
    last: LastCharge, now: datetime, amount: int, buyer: Mapping[str, Any], *, fixed_anchor: bool
) -> Refusal | None:
    """KG's reason to decline a charge of `amount` won today, or None."""
    if last.cancelled:
        return NOT_STANDING
    months_since = (now.year - last.paid_on.year) * 12 + now.month - last.paid_on.month
    if months_since > 1:
        return SKIPPED
    first, latest = charge_window(last, now, fixed_anchor=fixed_anchor)
    if months_since < 1 or not first <= now.date() <= latest:
        return DIFFERS  # UNVERIFIED: code and text for the wrong day and for twice in a month
    if amount != last.amount or _differs(last.buyer, buyer):
        return DIFFERS
    return None


def charge_window(last: LastCharge, now: datetime, *, fixed_anchor: bool) -> tuple[date, date]:
    """The first and last day of this month on which KG charges.

    UNVERIFIED: in a month without that day its last day counts, and the window never leaves the month.
    """
    days_in_month = monthrange(now.year, now.month)[1]
    middle = min((last.first_on if fixed_anchor else last.paid_on).day, days_in_month)
    first, latest = max(1, middle - DAYS_EITHER_WAY), min(days_in_month, middle + DAYS_EITHER_WAY)
    return date(now.year, now.month, first), date(now.year, now.month, latest)


def _differs(before: Mapping[str, Any], asked: Mapping[str, Any]) -> bool:
    """Whether a buyer field differs. UNVERIFIED: hyphens in the phone number are ignored."""
    return any(_plain(field, asked.get(field)) != _plain(field, before.get(field)) for field in BUYER_FIELDS)


def _plain(field: str, value: Any) -> str:
    text = str(value or "").strip()
    return text.replace("-", "") if field == "buyer_tel" else text


def refusal_to_cancel(paid_at: datetime, now: datetime, amount: int, asked: int, *, undone: bool) -> Refusal | None:
    """KG's reason to refuse a cancel of `asked` of `amount` won, or None. `undone`: KG has cancelled it already."""
    if undone:
        return refusal_of("0044")
    if (paid_at.year, paid_at.month) != (now.year, now.month):
        return refusal_of("0042")
    if asked != amount:
        return refusal_of("0045")  # no partial cancel of a phone payment
    return None
