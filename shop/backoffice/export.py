"""CSV export of payments and of reconciliation differences, to be opened in a spreadsheet.

Payments are streamed, so memory use does not grow with their number. The first columns are for programs: names and
values as in the database. The others are for people: headings and states in the reader's language.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import fields
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import select, tuple_

from payments.database import db, end_reading
from payments.models import Payment, table_of
from payments.reconcile import Difference
from shop.orders.buyers import ListedBuyer, buyers_of
from shop.orders.order_payments import numbers_of
from shop.web.labels import LABELS, label, payment_state

from . import differences, listing
from .listing import PaymentFilter
from .spreadsheet import BYTE_ORDER_MARK, csv_text

Words = Mapping[str, Mapping[str, str]]  # labels by kind and value

ROWS_AT_ONCE = 500
MACHINE_COLUMNS = ("merchant_uid", "imp_uid", "status", "amount", "cancelled_amount")
COLUMNS = {
    "state": _l("상태"),
    "held_reason": _l("보류 이유"),
    "kind": _l("종류"),
    "name": _l("상품"),
    "order_number": _l("주문 번호"),
    "period": _l("결제한 달"),
    "customer_uid": _l("빌링키 (customer_uid)"),
    "buyer_name": _l("구매자"),
    "buyer_email": _l("이메일"),
    "buyer_tel": _l("휴대폰"),
    "pg_provider": _l("PG"),
    "pg_tid": _l("PG 거래번호 (pg_tid)"),
    "created_at": _l("시작 (서울)"),
    "paid_at": _l("결제 (서울)"),
    "failed_at": _l("실패 (서울)"),
    "cancelled_at": _l("취소 (서울)"),
    "fail_reason": _l("실패 이유"),
    "cancel_reason": _l("취소 이유"),
}


def payments_csv(chosen: PaymentFilter) -> Iterator[str]:
    """Return the chosen payments as CSV, newest first, in pieces. No transaction is open between two pieces.

    Call it inside the request, whose language its words are in; the pieces may be read later.
    """
    headings = [*MACHINE_COLUMNS, *map(str, COLUMNS.values())]
    words = {kind: {value: label(kind, value) for value in LABELS[kind]} for kind in ("payment", "held", "kind", "pg")}
    return _pieces(chosen, headings, words)


def _pieces(chosen: PaymentFilter, headings: list[str], words: Words) -> Iterator[str]:
    yield BYTE_ORDER_MARK + csv_text([headings])
    place = (Payment.created_at, Payment.id)
    query = select(table_of(Payment)).where(*listing.conditions(chosen))
    query = query.order_by(*(column.desc() for column in place)).limit(ROWS_AT_ONCE)
    rows = db.session.execute(query).all()
    while rows:
        buyers, numbers = buyers_of(rows), numbers_of(rows)
        end_reading()
        yield csv_text(_cells(row, buyers[row.id], numbers.get(row.id), words) for row in rows)
        if len(rows) < ROWS_AT_ONCE:
            return
        rows = db.session.execute(query.where(tuple_(*place) < (rows[-1].created_at, rows[-1].id))).all()


def _cells(row: Any, buyer: ListedBuyer, number: str | None, words: Words) -> list[Any]:
    held = row.held_reason
    others = {
        "state": words["payment"][payment_state(row)],
        "held_reason": words["held"].get(held, held),
        "kind": words["kind"].get(row.kind, row.kind),
        "order_number": number,
        "buyer_name": buyer.name,
        "buyer_email": buyer.email,
        "buyer_tel": buyer.tel,
        "pg_provider": words["pg"].get(row.pg_provider, row.pg_provider),
    }
    return [others[name] if name in others else getattr(row, name) for name in (*MACHINE_COLUMNS, *COLUMNS)]


def differences_csv(found: Collection[Difference]) -> str:
    """Return the differences as CSV, one row each: the columns for programs, then what it is and what to do.

    `closed` is the reason for which a person closed it as nothing wrong, and empty if it is open.
    """
    columns, known = [one.name for one in fields(Difference)], differences.reviews(found)
    rows = []
    for one in found:
        review = known.get(differences.facts_of(one))
        rows.append([*(getattr(one, name) for name in columns), review.reason if review else "", *_explained(one)])
    return csv_text([[*columns, "closed", _l("다른 점"), _l("할 일")], *rows])


def _explained(one: Difference) -> tuple[str, str]:
    return label("difference", one.kind), label("advice", one.kind)
