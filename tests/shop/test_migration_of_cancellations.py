"""Databases of the last release: what its events and marks told becomes rows and columns, and back again."""

from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask
from flask_migrate import downgrade, upgrade
from sqlalchemy import inspect

from payments import clock
from payments.database import db, end_reading
from payments.models import Cancellation
from payments.sweep import sweep
from shop.backoffice import figures
from shop.orders.models import Order
from tests import clocks
from tests.payments.fakes import FakeProvider

pytestmark = pytest.mark.law

KG_UNDONE = "결제취소에 실패하였습니다.(선택하신 내역은 이미 취소가 완료 되었습니다.)"
CREATED = "2026-10-01 03:00:00"
ASKED = "2026-10-02 03:00:00"
BACK = "2026-10-02 03:00:01"

OLD_ROWS = f"""
INSERT INTO users (id, email, password_hash, role, created_at)
  VALUES (90, 'old@example.com', 'x', 'buyer', '{CREATED}');
INSERT INTO orders (id, user_id, kind, status, amount, digital, buyer_name, buyer_tel, buyer_email, created_at,
                    expires_at, paid_by)
  VALUES (:id, 90, 'once', 'paid', 3900, true, '홍', '01012345678', 'old@example.com', '{CREATED}', '{CREATED}',
          :paid_by)"""  # noqa: S608 - our own texts

# id, status, held_reason, imp_uid, cancelled_amount, cancel_reason, cancelled_at, cancel_requested_at
PAYMENTS: list[tuple[Any, ...]] = [
    (90, "paid", None, "imp_90", 0, None, None, None),  # with duplicates, and a declined cancellation request
    (91, "cancelled", None, "imp_91", 3900, "고객 변심", BACK, ASKED),
    (92, "cancelled", None, "imp_92", 3900, "관리자페이지취소", BACK, None),
    (93, "paid", None, "imp_93", 0, "고객 변심", None, ASKED),  # a cancel that has no answer yet
    (94, "paid", "amount", "imp_94", 0, None, None, None),  # KG refused the automatic cancel
    (95, "paid", None, "imp_95", 0, None, None, None),  # KG had cancelled it itself
    (96, "ready", None, None, 0, None, None, None),  # a look-up got no answer
    (97, "failed", None, "imp_97", 0, None, None, None),
    (98, "paid", "partly_cancelled", "imp_98", 1000, None, None, None),
]

# payment, outcome, reason, imp_uid, actor, PortOne's report
EVENTS: list[tuple[Any, ...]] = [
    (91, "requested", "고객 변심", None, "admin@example.com", None),
    (94, "refused", "가맹점 잔액 부족", None, None, None),
    (95, "refused", KG_UNDONE, None, "admin@example.com", None),
    (96, "unknown", "no answer: timed out", None, None, None),
    (90, "decline", "먼저 것", None, "admin@example.com", None),
    (90, "decline", "지난달 결제", None, "admin@example.com", None),
    (90, "held", "another window of the same merchant_uid is paid too, surplus", "imp_a", None, ("imp_a", 3900)),
    (90, "unknown", "surplus imp_a was not given back: no answer", "imp_a", None, None),
    (90, "held", "another window of the same merchant_uid is paid too, surplus", "imp_b", None, ("imp_b", 3900)),
    (90, "cancelled", "surplus imp_b was given back", "imp_b", None, None),
    (90, "unknown", "surplus imp_c was not given back: month", "imp_c", None, None),
    (
        90,
        "held",
        "another window of the same merchant_uid is paid too, and not as asked: channel",
        None,
        None,
        ("imp_d", 7),
    ),
    (90, "held", "another window of the same merchant_uid is paid too, surplus", None, None, ("imp_e", 3900)),
]


def insert(table: str, **row: Any) -> None:
    names, marks = ", ".join(row), ", ".join(f":{name}" for name in row)
    db.session.execute(db.text(f"INSERT INTO {table} ({names}) VALUES ({marks})"), row)  # noqa: S608


def fill() -> None:
    user, order = OLD_ROWS.split(";\n")
    db.session.execute(db.text(user))
    for number in range(90, 99):
        db.session.execute(db.text(order), {"id": number, "paid_by": f"m-{number}"})
    for row_id, status, held_reason, imp_uid, cancelled_amount, cancel_reason, cancelled_at, requested_at in PAYMENTS:
        insert(
            "payments",
            id=row_id,
            merchant_uid=f"m-{row_id}",
            kind="once",
            purchase_id=str(row_id),
            period="",
            name="x",
            amount=3900,
            is_test_channel=True,
            status=status,
            held_reason=held_reason,
            imp_uid=imp_uid,
            reported_amount=3900 if imp_uid else None,
            cancelled_amount=cancelled_amount,
            cancel_reason=cancel_reason,
            created_at=CREATED,
            paid_at=CREATED if status in ("paid", "cancelled") else None,
            cancelled_at=cancelled_at,
            cancel_requested_at=requested_at,
        )
    for number, (payment_id, outcome, reason, imp_uid, actor, report) in enumerate(EVENTS, start=900):
        told = f'{{"imp_uid": "{report[0]}", "amount": {report[1]}}}' if report else None
        about = {"payment_id": payment_id, "merchant_uid": f"m-{payment_id}", "imp_uid": imp_uid, "actor": actor}
        source = "admin" if actor else "webhook"
        more = {"outcome": outcome, "reason": reason, "claimed": "{}", "report": told}
        insert("events", id=number, at=f"2026-10-02 03:00:{number - 890}", source=source, **about, **more)
    db.session.commit()


def rows() -> dict[str, tuple[Any, ...]]:
    db.session.expire_all()
    found = db.session.scalars(db.select(Cancellation).order_by(Cancellation.id)).all()
    end_reading()
    return {row.imp_uid: (row.payment_id, row.status, row.amount, row.answer, row.requested_by) for row in found}


EXPECTED = {
    "imp_91": (91, "done", 3900, None, "admin@example.com"),
    "imp_92": (92, "done", 3900, None, None),
    "imp_93": (93, "requested", 3900, None, None),
    "imp_94": (94, "refused", 3900, "가맹점 잔액 부족", None),
    "imp_95": (95, "refused", 3900, "undone_at_kg", None),
    "imp_a": (90, "requested", 3900, None, None),
    "imp_b": (90, "done", 3900, None, None),
    "imp_c": (90, "refused", 3900, "month", None),
    "imp_d": (90, "refused", 7, "channel", None),
    "imp_e": (90, "requested", 3900, None, None),
}


@pytest.fixture
def old_database(app: Flask) -> Flask:
    with app.app_context():
        downgrade(revision="0040")
        fill()
    return app


def test_marks_and_events_of_an_older_shop_become_rows_and_columns(old_database: Flask) -> None:
    with old_database.app_context():
        upgrade()
        assert rows() == EXPECTED
        counted = {state: number for state, number in figures.to_do().items() if number}
        # As the last release counted them; a second window that is not as asked was in no list.
        assert counted == {"held": 2, "unknown": 1, "stuck": 1, "duplicate": 1}
        day = datetime(2026, 10, 1, tzinfo=UTC).date()
        sums = figures.sums(day, day)
        assert (sums.paid, sums.cancelled, sums.held, sums.failed, sums.ready) == (3, 2, 2, 1, 1)
        held = 3900 + 3900 - 1000  # of one, a part was cancelled
        assert (sums.paid_won, sums.cancelled_won, sums.held_won) == (3 * 3900, 2 * 3900, held)
        order = db.session.get_one(Order, 90)
        assert order.cancel_declined_reason == "지난달 결제"
        assert order.cancel_declined_at and order.cancel_declined_at.second == 15
        end_reading()


def test_downgraded_shop_knows_what_is_open_and_a_second_upgrade_finds_it_again(old_database: Flask) -> None:
    with old_database.app_context():
        upgrade()
        end_reading()
        downgrade(revision="0040")
        assert "cancellations" not in inspect(db.engine).get_table_names()
        marked = db.session.execute(
            db.text("SELECT id FROM payments WHERE cancel_requested_at IS NOT NULL ORDER BY id")
        )
        assert [row.id for row in marked] == [91, 93]
        told = db.session.execute(db.text("SELECT imp_uid FROM events WHERE reason LIKE '%was not given back%'"))
        assert {row.imp_uid for row in told} == {"imp_a", "imp_c", "imp_d", "imp_e"}
        end_reading()
        upgrade()
        again = rows()
        assert {imp_uid: row[:2] for imp_uid, row in again.items() if imp_uid != "imp_d"} == {
            imp_uid: row[:2] for imp_uid, row in EXPECTED.items() if imp_uid != "imp_d"
        }


def test_sweep_finishes_the_cancels_that_an_older_shop_had_left_open(
    old_database: Flask, provider: FakeProvider
) -> None:
    with old_database.app_context():
        upgrade()
        clocks.stand_at(datetime(2026, 10, 3, 3, tzinfo=UTC))
        for imp_uid in ("imp_93", "imp_a", "imp_e"):
            merchant_uid = f"m-{EXPECTED[imp_uid][0]}"
            provider.hears_of(merchant_uid, amount=3900, imp_uid=imp_uid, paid_at=clock.now())
        assert sweep(provider)["given_back"] == 3
        assert sorted(imp_uid for imp_uid, _ in provider.cancels) == ["imp_93", "imp_a", "imp_e"]
