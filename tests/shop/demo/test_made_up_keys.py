"""Made-up subscriptions live on: the sandbox knows their keys, and charges them like those of its own windows."""

import shutil
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, time, timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import func, select

from payments import clock
from payments.database import db, end_reading
from payments.models import Payment
from payments.monthly import batch, subscriptions
from payments.monthly.models import Subscription
from sandbox.ledger.outcomes import outcome_at
from shop.demo import fake_history
from tests.clocks import NOON
from tests.sandboxed import Sandboxed, sandboxed

PAYMENTS = 900


@pytest.fixture
def seeded(tmp_path: Path, seeded_database: Path) -> Iterator[Sandboxed]:
    """A shop and its sandbox after two made-up years."""
    with sandboxed(tmp_path, seeded_database) as house:
        list(fake_history.History(PAYMENTS).write())
        yield house


def running() -> list[Subscription]:
    """The running subscriptions, but those of numbers that the sandbox declines later months of."""
    db.session.expire_all()
    live = db.session.scalars(select(Subscription).where(Subscription.status.in_(subscriptions.LIVE))).all()
    end_reading()
    return [one for one in live if outcome_at(one.billing_key.buyer_tel, "renewal").refusal is None]


def live_through(house: Sandboxed, days: int) -> Counter[str]:
    """Run the monthly run every morning; return how the charges came out."""
    results: Counter[str] = Counter()
    for _ in range(days):
        tomorrow = datetime.combine(clock.today() + timedelta(days=1), time(9), clock.SEOUL)
        house.ledger.clock.move_to(tomorrow)
        results.update(done.result for done in batch.charge_all(house.app, house.provider, batch.due_now(), 1))
    return results


def test_every_made_up_subscription_is_charged_in_its_month_and_goes_on(seeded: Sandboxed) -> None:
    assert seeded.app.extensions["register_made_up_keys"]() >= 10
    before = {one.id for one in running()}
    results = live_through(seeded, 31)
    assert results["charged"] >= len(before)
    after = {one.id: one.next_charge_on for one in running()}
    assert before == set(after)
    assert min(after.values()) > clock.today()


def test_a_sandbox_that_was_reset_is_told_again(seeded: Sandboxed) -> None:
    register = seeded.app.extensions["register_made_up_keys"]
    count = register()
    seeded.ledger.database.clear()
    seeded.ledger.clock.move_to(NOON)
    assert register() == register() == count
    known = {row["customer_uid"] for row in seeded.ledger.database.all("SELECT customer_uid FROM billing_keys")}
    assert {one.customer_uid for one in running()} <= known
    assert len(known) == count


def test_a_reset_sandbox_whose_clock_is_behind_the_shops_payments_is_moved_to_the_latest_and_told(
    seeded: Sandboxed,
) -> None:
    live_through(seeded, 1)
    latest = db.session.scalar(select(func.max(Payment.paid_at)))
    end_reading()
    assert latest
    seeded.ledger.database.clear()
    assert clock.now() < latest - timedelta(days=365)
    run = seeded.app.test_cli_runner().invoke(args=["seed"])
    assert run.exit_code == 0, run.output
    assert f"clock is moved to {latest.astimezone(clock.SEOUL):%Y-%m-%d %H:%M}" in run.output
    assert timedelta() <= clock.now() - latest < timedelta(minutes=5)


@pytest.mark.sqlite_only
def test_seeding_without_a_sandbox_that_answers_says_what_is_missing(app: Flask, past_database: Path) -> None:
    with app.app_context():
        db.engine.dispose()
        shutil.copy(past_database, str(db.engine.url.database))
    run = app.test_cli_runner().invoke(args=["seed"])
    assert run.exit_code == 1
    assert "run `flask seed` again" in run.output
