"""One transaction at a time, and nothing open after it."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import text, update
from sqlalchemy.exc import IntegrityError

from payments.database import UncommittedChanges, db, end_reading, in_transaction, transaction
from shop.orders.models import Order, User
from tests.conftest import product


def test_a_transaction_commits_and_leaves_nothing_open(shop: Any) -> None:
    with transaction():
        product().stock = 7
        assert in_transaction()
    assert not in_transaction()
    assert product().stock == 7


def test_an_error_rolls_everything_back_and_leaves_nothing_open(shop: Any, buyer: User) -> None:
    end_reading()
    with pytest.raises(ZeroDivisionError), transaction():
        db.session.get_one(User, buyer.id).role = "operator"
        db.session.flush()
        raise ZeroDivisionError
    assert not in_transaction()
    assert db.session.get_one(User, buyer.id).role == "buyer"


def test_transactions_do_not_nest(shop: Any) -> None:
    with transaction(), pytest.raises(RuntimeError, match="do not nest"), transaction():
        pass


def test_a_row_changed_outside_of_a_transaction_is_an_error_not_a_silent_commit(shop: Any, buyer: User) -> None:
    buyer.role = "operator"
    with pytest.raises(UncommittedChanges):
        end_reading()
    assert buyer.role == "operator", "nothing is lost"
    db.session.commit()
    end_reading()


def test_a_host_with_flushed_or_executed_changes_is_refused_and_loses_nothing(shop: Any, buyer: User) -> None:
    for change in (
        lambda: db.session.add(User(email="unsaved@example.com", password_hash="x")) or db.session.flush(),
        lambda: db.session.execute(update(User).where(User.email == "unsaved@example.com").values(role="viewer")),
    ):
        change()
        with pytest.raises(UncommittedChanges), transaction():
            pass
        db.session.commit()
    assert db.session.query(User).filter_by(email="unsaved@example.com").one().role == "viewer"


@pytest.mark.parametrize("end", ["commit", "rollback", "close", "remove"])
def test_code_inside_a_transaction_cannot_end_it_and_nothing_is_written(end: str, shop: Any) -> None:
    with pytest.raises(RuntimeError, match="inside a transaction"), transaction():
        db.session.add(User(email="half@example.com", password_hash="x"))
        db.session.flush()
        getattr(db.session, end)()
    assert db.session.query(User).filter_by(email="half@example.com").count() == 0


def test_a_savepoint_does_not_make_the_hosts_changes_look_committed(shop: Any) -> None:
    db.session.add(User(email="unsaved@example.com", password_hash="x"))
    db.session.flush()
    with db.session.begin_nested():
        db.session.query(User).first()
    with pytest.raises(UncommittedChanges), transaction():
        pass
    db.session.rollback()
    assert db.session.query(User).filter_by(email="unsaved@example.com").count() == 0


def test_a_row_of_the_hosts_session_that_is_changed_inside_a_transaction_stops_it(shop: Any, buyer: User) -> None:
    with pytest.raises(RuntimeError, match="another session"), transaction():
        db.session.add(User(email="half@example.com", password_hash="x"))
        buyer.role = "operator"
    db.session.rollback()
    assert db.session.query(User).filter_by(email="half@example.com").count() == 0
    assert buyer.role == "buyer"


def test_the_hosts_session_is_put_back_and_reads_what_was_written(shop: Any, buyer: User) -> None:
    host = db.session()
    with transaction():
        assert db.session() is not host
        db.session.get_one(User, buyer.id).role = "viewer"
    assert db.session() is host
    assert buyer.role == "viewer"


def test_what_was_committed_can_be_read_without_opening_a_transaction(shop: Any) -> None:
    with transaction():
        user = User(email="new@example.com", password_hash="x")
        db.session.add(user)
    assert user.email == "new@example.com"
    assert user.id
    assert not in_transaction()


def test_a_transaction_sees_what_others_wrote_since_the_last_look(shop: Any, buyer: User) -> None:
    end_reading()
    with db.engine.begin() as other:
        other.execute(text("UPDATE users SET role = 'viewer' WHERE id = :id"), {"id": buyer.id})
    with transaction():
        assert db.session.get_one(User, buyer.id).role == "viewer"


@pytest.mark.sqlite_only
def test_sqlite_is_durable_and_checks_its_references(shop: Any) -> None:
    pragmas = {
        name: db.session.scalar(text(f"PRAGMA {name}")) for name in ("journal_mode", "synchronous", "foreign_keys")
    }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_moments_come_back_aware_whatever_zone_they_went_in_with(shop: Any) -> None:
    moment = datetime(2054, 11, 24, 9, 0, tzinfo=timezone(timedelta(hours=9)))
    with transaction():
        user = User(email="zone@example.com", password_hash="x", created_at=moment)
        db.session.add(user)
    found = db.session.query(User).filter_by(email="zone@example.com").one()
    assert found.created_at == moment
    assert found.created_at.tzinfo is UTC


def test_a_failed_statement_does_not_tell_whose_data_were_in_it(shop: Any, buyer: User) -> None:
    """Its text goes to the log with the traceback."""
    pending = {"kind": "once", "amount": 1000, "digital": True, "buyer_name": "홍길동", "buyer_tel": "01012345678"}
    moment = datetime(2054, 11, 25, tzinfo=UTC)
    with pytest.raises(IntegrityError) as failed, transaction():
        for _ in range(2):  # one pending order of a kind for each buyer
            db.session.add(Order(user_id=buyer.id, buyer_email="b@example.com", expires_at=moment, **pending))
    assert "buyer_name" in str(failed.value)
    assert "홍길동" not in str(failed.value)
