"""One transaction at a time, and nothing open after it."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from flask import Flask
from sqlalchemy import text, update

from payments.database import UncommittedChanges, db, end_reading, in_transaction, transaction

from .host import COFFEE, Order, Product, new_order

UNSAVED = 77  # the amount of an order that no other has


@pytest.fixture
def order(host_app: Flask) -> Order:
    """A row of the host, in its own session."""
    return db.session.get_one(Order, new_order().id)


def unsaved() -> Order:
    return Order(product_id=COFFEE, amount=UNSAVED)


def how_many_unsaved() -> int:
    return db.session.query(Order).filter_by(amount=UNSAVED).count()


def test_a_transaction_commits_and_leaves_nothing_open(host_app: Flask) -> None:
    with transaction():
        db.session.get_one(Product, COFFEE).stock = 7
        assert in_transaction()
    assert not in_transaction()
    assert db.session.get_one(Product, COFFEE).stock == 7


def test_an_error_rolls_everything_back_and_leaves_nothing_open(order: Order) -> None:
    end_reading()
    with pytest.raises(ZeroDivisionError), transaction():
        db.session.get_one(Order, order.id).status = "odd"
        db.session.flush()
        raise ZeroDivisionError
    assert not in_transaction()
    assert db.session.get_one(Order, order.id).status == "pending"


def test_transactions_do_not_nest(host_app: Flask) -> None:
    with transaction(), pytest.raises(RuntimeError, match="do not nest"), transaction():
        pass


def test_a_row_changed_outside_of_a_transaction_is_an_error_not_a_silent_commit(order: Order) -> None:
    order.status = "odd"
    with pytest.raises(UncommittedChanges):
        end_reading()
    assert order.status == "odd", "nothing is lost"
    db.session.commit()
    end_reading()


def test_a_host_with_flushed_or_executed_changes_is_refused_and_loses_nothing(order: Order) -> None:
    for change in (
        lambda: db.session.add(unsaved()) or db.session.flush(),
        lambda: db.session.execute(update(Order).where(Order.amount == UNSAVED).values(status="other")),
    ):
        change()
        with pytest.raises(UncommittedChanges), transaction():
            pass
        db.session.commit()
    assert db.session.query(Order).filter_by(amount=UNSAVED).one().status == "other"


@pytest.mark.parametrize("end", ["commit", "rollback", "close", "remove"])
def test_code_inside_a_transaction_cannot_end_it_and_nothing_is_written(end: str, host_app: Flask) -> None:
    with pytest.raises(RuntimeError, match="inside a transaction"), transaction():
        db.session.add(unsaved())
        db.session.flush()
        getattr(db.session, end)()
    assert how_many_unsaved() == 0


def test_a_savepoint_does_not_make_the_hosts_changes_look_committed(host_app: Flask) -> None:
    db.session.add(unsaved())
    db.session.flush()
    with db.session.begin_nested():
        db.session.query(Order).first()
    with pytest.raises(UncommittedChanges), transaction():
        pass
    db.session.rollback()
    assert how_many_unsaved() == 0


def test_a_row_of_the_hosts_session_that_is_changed_inside_a_transaction_stops_it(
    host_app: Flask, order: Order
) -> None:
    with pytest.raises(RuntimeError, match="another session"), transaction():
        db.session.add(unsaved())
        order.status = "odd"
    db.session.rollback()
    assert how_many_unsaved() == 0
    assert order.status == "pending"


def test_the_hosts_session_is_put_back_and_reads_what_was_written(order: Order) -> None:
    host = db.session()
    with transaction():
        assert db.session() is not host
        db.session.get_one(Order, order.id).status = "other"
    assert db.session() is host
    assert order.status == "other"


def test_what_was_committed_can_be_read_without_opening_a_transaction(host_app: Flask) -> None:
    with transaction():
        added = unsaved()
        db.session.add(added)
    assert added.amount == UNSAVED
    assert added.id
    assert not in_transaction()


def test_a_transaction_sees_what_others_wrote_since_the_last_look(order: Order) -> None:
    end_reading()
    with db.engine.begin() as other:
        other.execute(text("UPDATE orders SET status = 'other' WHERE id = :id"), {"id": order.id})
    with transaction():
        assert db.session.get_one(Order, order.id).status == "other"


def test_moments_come_back_aware_whatever_zone_they_went_in_with(host_app: Flask) -> None:
    moment = datetime(2054, 11, 24, 9, 0, tzinfo=timezone(timedelta(hours=9)))
    with transaction():
        added = Order(product_id=COFFEE, amount=UNSAVED, created_at=moment)
        db.session.add(added)
    found = db.session.query(Order).filter_by(amount=UNSAVED).one()
    assert found.created_at == moment
    assert found.created_at.tzinfo is UTC
