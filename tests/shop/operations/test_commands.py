"""The operator's commands."""

import csv
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from werkzeug.security import check_password_hash

from app import close_app, create_app
from payments import clock, reconcile
from payments.database import db, transaction
from payments.models import Event, Payment
from payments.monthly import claims
from payments.monthly.models import Subscription
from payments.portone.report import OutcomeUnknown, UnreadableRow
from payments.sweep import LOOK_AFTER
from shop.backoffice import differences
from shop.config import load_settings
from shop.orders import cart
from shop.orders.models import Product, User
from tests import clocks, conftest
from tests.conftest import BUYER, order_window
from tests.payments.fakes import FakeProvider
from tests.shop.bought import started
from tests.shop.test_config import LIVE


def test_init_db_and_seed_may_be_run_again_at_any_time(app: Flask) -> None:
    runner = app.test_cli_runner()
    for _ in range(2):
        for command in ("init-db", "seed"):
            assert runner.invoke(args=[command]).exit_code == 0
    with app.app_context():
        assert db.session.query(Product).count() == 14
        assert db.session.query(User).count() == 2


def test_seeding_leaves_what_a_merchant_changed_alone(app: Flask) -> None:
    with app.app_context():
        db.session.query(Product).filter_by(position=0).update({"price": 12_345})
        db.session.commit()
    app.test_cli_runner().invoke(args=["seed"])
    with app.app_context():
        assert db.session.query(Product).filter_by(position=0).one().price == 12_345


def test_seeding_fills_in_the_product_pages_that_an_earlier_release_left_empty(app: Flask) -> None:
    with app.app_context():
        db.session.query(Product).filter_by(position=0).update({"description_ko": None, "period_ko": None})
        db.session.query(Product).filter_by(position=1).update({"description_ko": "우리 글"})
        db.session.commit()
    app.test_cli_runner().invoke(args=["seed"])
    with app.app_context():
        first, second = db.session.query(Product).order_by(Product.position).limit(2)
        assert first.description_ko and first.description_ko.count("\n") >= 2
        assert (first.period_ko, second.description_ko) == ("기간 제한 없음", "우리 글")


def test_with_live_settings_no_demo_account_exists(tmp_path: Path) -> None:
    app = create_app(load_settings(LIVE, tmp_path))
    runner = app.test_cli_runner()
    assert runner.invoke(args=["init-db"]).exit_code == 0
    assert runner.invoke(args=["seed"]).exit_code == 0
    with app.app_context():
        assert db.session.query(Product).count() == 14
        assert db.session.query(User).count() == 0
    close_app(app)


def test_create_admin_makes_an_operator_once(app: Flask) -> None:
    runner = app.test_cli_runner()
    words = ["create-admin", "--email", "Boss@Example.com", "--password", "a-long-password"]
    assert runner.invoke(args=words).exit_code == 0
    again = runner.invoke(args=words)
    assert again.exit_code == 1
    assert "has an account already" in again.output
    with app.app_context():
        boss = db.session.query(User).filter_by(email="boss@example.com").one()
        assert boss.role == "operator"
        assert check_password_hash(boss.password_hash, "a-long-password")


@pytest.fixture
def three_due(provider: FakeProvider, shop: Any) -> list[Subscription]:
    """Three subscriptions started on 15 January 2055; their second month is due on 15 February."""
    clocks.stand_at(datetime(2055, 1, 15, 3, tzinfo=UTC))
    with transaction():
        buyers = [User(email=f"b{number}@example.com", password_hash="x") for number in range(3)]
        db.session.add_all(buyers)
    return [started(provider, buyer) for buyer in buyers]


def test_bill_charges_what_is_due_and_sums_up(
    app: Flask, three_due: list[Subscription], provider: FakeProvider
) -> None:
    runner = app.test_cli_runner()
    early = runner.invoke(args=["bill", "--on", "2055-02-14"])
    assert (early.exit_code, provider.charges) == (0, [])
    dry = runner.invoke(args=["bill", "--on", "2055-02-15", "--dry-run"])
    assert dry.output == "3 due on 2055-02-15 (14,700 won); nothing was charged.\n"
    assert provider.charges == []
    provider.answers = ["declined"]
    run = runner.invoke(args=["bill", "--on", "2055-02-15"])
    assert run.exit_code == 0, run.output
    assert "2 charged, 1 declined, 0 held, 0 unknown, 0 ended, 0 skipped, 0 error; 9,800 won;" in run.output
    again = runner.invoke(args=["bill", "--on", "2055-02-15"])
    assert "0 charged, 0 declined, 0 held, 0 unknown, 0 ended, 1 skipped, 0 error" in again.output
    dry = runner.invoke(args=["bill", "--on", "2055-02-15", "--dry-run"])
    waits = "1 declined, to be tried again from 13:00 (4,900 won)"
    assert dry.output == f"0 due on 2055-02-15 (0 won); {waits}; nothing was charged.\n"
    assert len(provider.charges) == 3


def test_a_bug_in_one_subscription_stops_nobody_else_and_shows_in_the_exit_status(
    app: Flask, three_due: list[Subscription], provider: FakeProvider
) -> None:
    with transaction():  # a row that no code makes: its first payment is gone
        db.session.query(Event).delete()
        broken = db.session.get_one(Subscription, three_due[1].id)
        db.session.query(Payment).filter_by(purchase_id=broken.purchase_id).delete()
    run = app.test_cli_runner().invoke(args=["bill", "--on", "2055-02-15", "--workers", "2"])
    assert run.exit_code == 1
    assert "2 charged, 0 declined, 0 held, 0 unknown, 0 ended, 0 skipped, 1 error" in run.output


def test_beside_a_decline_a_dead_key_and_a_bug_the_rest_is_charged_and_the_summary_tells_each(
    app: Flask, three_due: list[Subscription], provider: FakeProvider
) -> None:
    with transaction():
        buyers = [User(email=f"c{number}@example.com", password_hash="x") for number in range(3)]
        db.session.add_all(buyers)
    others = [started(provider, buyer) for buyer in buyers]
    provider.answers = ["declined"]  # the first one
    del provider.keys[str(three_due[1].customer_uid)]
    with transaction():  # a row that no code makes: its first payment is gone
        db.session.query(Event).delete()
        db.session.query(Payment).filter_by(purchase_id=others[0].purchase_id).delete()
    run = app.test_cli_runner().invoke(args=["bill", "--on", "2055-02-15", "--workers", "1"])
    assert run.exit_code == 1
    assert "3 charged, 1 declined, 0 held, 0 unknown, 0 ended, 0 skipped, 1 error; 14,700 won" in run.output
    assert "1 key_gone: PortOne has no such billing key." in run.output


def test_an_open_outcome_shows_in_the_exit_status(
    app: Flask, three_due: list[Subscription], provider: FakeProvider
) -> None:
    provider.answers = ["lost"]
    run = app.test_cli_runner().invoke(args=["bill", "--on", "2055-02-15"])
    assert (run.exit_code, "2 charged, 0 declined, 0 held, 1 unknown" in run.output) == (1, True)


def test_a_second_run_tells_of_a_charge_without_an_answer_as_the_first_did(
    app: Flask, three_due: list[Subscription], provider: FakeProvider
) -> None:
    """Nobody is at that month until ten minutes are over: a 0 would hide it."""
    provider.answers = ["lost"]
    runner = app.test_cli_runner()
    runs = [runner.invoke(args=["bill", "--on", "2055-02-15"]) for _ in range(2)]
    assert [run.exit_code for run in runs] == [1, 1]
    assert "0 charged, 0 declined, 0 held, 1 unknown" in runs[1].output
    assert len(provider.charges) == 3


def test_a_run_beside_another_ends_with_0_and_says_that_the_other_is_at_it(
    app: Flask, three_due: list[Subscription], provider: FakeProvider
) -> None:
    clocks.stand_at(datetime(2055, 2, 15, 0, tzinfo=UTC))  # nine in Seoul
    for subscription in three_due:  # the other run has leased all three, and waits for PortOne
        assert isinstance(claims.claim(subscription.id), claims.Attempt)
    run = app.test_cli_runner().invoke(args=["bill", "--on", "2055-02-15"])
    assert run.exit_code == 0
    assert "3 in_flight: another run, or PortOne's own schedule, is charging these months now" in run.output
    assert provider.charges == []


def test_a_day_that_is_none_is_refused(app: Flask) -> None:
    assert app.test_cli_runner().invoke(args=["bill", "--on", "soon"]).exit_code == 2


def test_create_admin_refuses_a_short_password(app: Flask) -> None:
    refused = app.test_cli_runner().invoke(args=["create-admin", "--email", "b@example.com", "--password", "short"])
    assert refused.exit_code == 2
    assert "at least 8" in refused.output


# --- what is open, and whether the books agree ---


def test_sync_says_what_became_of_what_was_open(app: Flask, provider: FakeProvider, buyer: User) -> None:
    runner = app.test_cli_runner()
    assert runner.invoke(args=["sync"]).output == "Nothing was open.\n"
    cart.put_in_cart(buyer.id, conftest.product().id, 1)
    payment = order_window(provider, buyer.id, BUYER)
    provider.hears_of(payment.merchant_uid, amount=payment.amount)
    clocks.later(LOOK_AFTER)
    assert runner.invoke(args=["sync"]).stdout == "1 paid\n"


def test_sync_fails_when_portone_does_not_answer(app: Flask, provider: FakeProvider, buyer: User) -> None:
    cart.put_in_cart(buyer.id, conftest.product().id, 1)
    order_window(provider, buyer.id, BUYER)
    clocks.later(LOOK_AFTER)
    provider.trouble = OutcomeUnknown("no answer")
    result = app.test_cli_runner().invoke(args=["sync"])
    assert (result.exit_code, result.output) == (1, "1 unknown\n")


def test_reconcile_shows_saves_and_repairs_what_differs(
    app: Flask, provider: FakeProvider, buyer: User, tmp_path: Path
) -> None:
    cart.put_in_cart(buyer.id, conftest.product().id, 1)
    lost = order_window(provider, buyer.id, BUYER)
    provider.hears_of(lost.merchant_uid, amount=lost.amount)
    runner = app.test_cli_runner()
    table = tmp_path / "report.csv"
    shown = runner.invoke(args=["reconcile", "--csv", str(table)])
    assert shown.exit_code == 1
    assert f"{lost.merchant_uid}" in shown.output
    assert shown.output.endswith("differences: 1\n")
    assert lost.merchant_uid in table.read_text(encoding="utf-8-sig")
    repaired = runner.invoke(args=["reconcile", "--repair"])
    assert repaired.exit_code == 0
    assert "repair: 1 paid" in repaired.output
    assert repaired.output.endswith("differences: 0\n")


def test_reconcile_counts_differences_that_a_person_closed_apart_and_fails_for_the_open_ones_only(
    app: Flask, provider: FakeProvider, shop: Any, tmp_path: Path
) -> None:
    for number in (1, 2):
        provider.hears_of(f"other-{number}", amount=500)
    found = reconcile.compare(provider, clock.today(), clock.today())
    runner, table = app.test_cli_runner(), tmp_path / "report.csv"
    differences.close(found[:1], "다른 서비스의 결제", "admin@example.com", None)
    half = runner.invoke(args=["reconcile", "--csv", str(table)])
    assert half.exit_code == 1
    assert ("other-1" in half.output, "other-2" in half.output) == (False, True)
    assert half.output.endswith("differences: 1; closed as nothing wrong: 1 (--all lists them)\n")
    rows = {row["merchant_uid"]: row["closed"] for row in csv.DictReader(table.read_text("utf-8-sig").splitlines())}
    assert rows == {"other-1": "다른 서비스의 결제", "other-2": ""}
    every = runner.invoke(args=["reconcile", "--all"])
    assert "0 won | PortOne: paid 500 won | closed by admin@example.com: 다른 서비스의 결제\n" in every.output
    differences.close(found[1:], "다른 서비스의 결제", "admin@example.com", None)
    none_open = runner.invoke(args=["reconcile"])
    assert (none_open.exit_code, none_open.output.count("other-")) == (0, 0)
    assert none_open.output.endswith("differences: 0; closed as nothing wrong: 2 (--all lists them)\n")


def test_reconcile_counts_foreign_unreadable_rows_and_says_that_the_books_agree(
    app: Flask, provider: FakeProvider
) -> None:
    provider.unreadable = [UnreadableRow("imp_paypal", "another-service-1", "no usable currency")]
    result = app.test_cli_runner().invoke(args=["reconcile"])
    assert result.exit_code == 0
    assert "imp_paypal" in result.output
    assert result.output.endswith("differences: 0, unreadable rows that are not ours: 1\n")


def test_reconcile_refuses_days_that_run_backwards(app: Flask, provider: FakeProvider) -> None:
    result = app.test_cli_runner().invoke(args=["reconcile", "--from", "2055-02-01", "--to", "2055-01-01"])
    assert result.exit_code == 2
    assert "--from" in result.output


def test_reconcile_says_when_portone_does_not_answer(app: Flask, provider: FakeProvider) -> None:
    provider.trouble = OutcomeUnknown("no answer")
    result = app.test_cli_runner().invoke(args=["reconcile"])
    assert result.exit_code == 1
    assert "PortOne did not answer" in result.output


def test_an_account_that_could_never_sign_in_is_not_created(app: Flask) -> None:
    result = app.test_cli_runner().invoke(args=["create-admin", "--email", "bad", "--password", "longer-pass-123"])
    assert result.exit_code == 2
    assert "--email" in result.output


def test_a_live_shop_charges_on_no_other_day_than_today(tmp_path: Path) -> None:
    app = create_app(load_settings(LIVE, tmp_path))
    runner = app.test_cli_runner()
    assert runner.invoke(args=["init-db"]).exit_code == 0
    run = runner.invoke(args=["bill", "--on", "2055-02-15"])
    assert run.exit_code == 2
    assert "--dry-run" in run.output
    assert runner.invoke(args=["bill", "--on", "2055-02-15", "--dry-run"]).exit_code == 0
    close_app(app)
