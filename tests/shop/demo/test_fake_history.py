"""`flask seed --payments`: made-up books that hold together."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import func, select

from app import close_app, create_app
from payments import clock
from payments.database import db
from payments.models import Event, Payment
from payments.monthly.models import Subscription
from shop.config import load_settings
from shop.orders.models import Order
from shop.orders.order_payments import KINDS
from tests.clocks import keep_time_of, start_sandbox
from tests.shop.test_config import LIVE


@pytest.fixture
def app(instance_path: Path, database: dict[str, str]) -> Iterator[Flask]:
    """The shop with its sandbox, which is told the billing keys."""
    start_sandbox(instance_path / "sandbox.sqlite3")
    app = create_app(load_settings(database, instance_path))
    keep_time_of(app)
    yield app
    close_app(app)


def test_as_many_payments_as_asked_for_of_every_kind_and_state(app: Flask) -> None:
    run = app.test_cli_runner().invoke(args=["seed", "--payments", "300"])
    assert run.exit_code == 0, run.output
    assert "300 payments" in run.output
    with app.app_context():
        assert db.session.query(Payment).count() == 300
        assert set(db.session.scalars(select(Payment.kind).distinct())) == set(KINDS)
        assert {"paid", "failed"} <= set(db.session.scalars(select(Payment.status).distinct()))
        assert db.session.query(Subscription).filter(Subscription.next_charge_on.is_not(None)).count()
        assert db.session.query(Event).filter_by(source="webhook").count()


def test_the_made_up_books_agree_with_themselves(app: Flask) -> None:
    runner = app.test_cli_runner()
    for _ in range(2):  # it may be run again: the books grow
        assert runner.invoke(args=["seed", "--payments", "150"]).exit_code == 0
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Payment)) == 300
        assert db.session.scalar(select(func.max(Payment.created_at))) <= clock.now()
        paid = select(func.count()).select_from(Payment).where(Payment.status == "paid", Payment.held_reason.is_(None))
        owner_is_paid = paid.join(Order, Order.paid_by == Payment.merchant_uid)
        assert db.session.scalar(owner_is_paid) == db.session.scalar(paid.where(Payment.kind != "renewal"))


def test_a_made_up_order_that_was_cancelled_says_when_as_its_payment_does(app: Flask) -> None:
    app.test_cli_runner().invoke(args=["seed", "--payments", "300"])
    with app.app_context():
        times = select(Order.cancelled_at, Payment.cancelled_at).outerjoin(
            Payment, (Payment.merchant_uid == Order.paid_by) & (Payment.status == "cancelled")
        )
        cancelled = db.session.execute(times.where(Order.status == "cancelled")).all()
        assert cancelled and all(
            of_order and of_order in (of_payment or of_order,) for of_order, of_payment in cancelled
        )
        assert any(of_payment for _, of_payment in cancelled)
        others = select(func.count(Order.cancelled_at)).where(Order.status != "cancelled")
        assert db.session.scalar(others) == 0


def test_the_shop_goes_on_after_the_seeding(app: Flask) -> None:
    app.test_cli_runner().invoke(args=["seed", "--payments", "50"])
    with app.app_context():
        one = db.session.scalars(select(Payment).where(Payment.status == "paid")).first()
        assert one is not None
        db.session.add(
            Payment(
                merchant_uid="next",
                kind="once",
                purchase_id=one.purchase_id,
                name="x",
                amount=100,
                is_test_channel=True,
            )
        )
        db.session.commit()  # on PostgreSQL: the sequence knows the ids that were given


def test_a_live_shop_gets_no_made_up_payments(tmp_path: Path) -> None:
    app = create_app(load_settings(LIVE, tmp_path))
    with app.app_context():
        upgrade()
    refused = app.test_cli_runner().invoke(args=["seed", "--payments", "10"])
    assert (refused.exit_code, "No such option" in refused.output) == (2, True)
    close_app(app)


@pytest.mark.parametrize("count", ["0", "-1", "many"])
def test_a_number_that_is_none_is_refused(count: str, app: Flask) -> None:
    assert app.test_cli_runner().invoke(args=["seed", "--payments", count]).exit_code == 2
