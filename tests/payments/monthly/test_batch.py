"""The monthly run as a whole: many at a time, each a unit of its own."""

from collections import Counter
from datetime import UTC, datetime

import pytest
from flask import Flask

from payments.database import db
from payments.models import Payment
from payments.monthly import batch, charging
from payments.monthly.models import Subscription

from .. import clocks
from ..fakes import FakeProvider
from .host import started


@pytest.fixture
def many_due(provider: FakeProvider) -> list[Subscription]:
    """Thirty subscriptions from 15 January 2055; it is now the morning of 15 February."""
    clocks.stand_at(datetime(2055, 1, 15, 3, tzinfo=UTC))
    subscriptions = [started(provider, customer) for customer in range(30)]
    clocks.stand_at(datetime(2055, 2, 15, 0, tzinfo=UTC))
    return subscriptions


def test_what_is_due_is_found_page_by_page(many_due: list[Subscription]) -> None:
    assert list(batch.due_now()) == [(one.id, one.amount) for one in many_due]


def test_a_run_charges_everybody_once_and_one_more_run_brings_lost_answers_to_the_truth(
    app: Flask, many_due: list[Subscription], provider: FakeProvider
) -> None:
    provider.answers = ["lost", "paid", "paid", "declined", "dropped"] * 6
    first = Counter(one.result for one in batch.charge_all(app, provider, batch.due_now(), workers=8))
    assert first == {"charged": 12, "unknown": 12, "declined": 6}
    clocks.stand_at(datetime(2055, 2, 15, 5, tzinfo=UTC))
    provider.answers = []
    second = Counter(one.result for one in batch.charge_all(app, provider, batch.due_now(), workers=8))
    assert second == {"charged": 18}
    paid = Counter(one.customer_uid for one in provider.reports.values() if one.status == "paid")
    assert set(paid.values()) == {2}  # the first month and this one
    db.session.expire_all()
    assert db.session.query(Payment).filter_by(period="2055-02", status="paid").count() == 30


def test_a_run_tells_what_it_brought_in_won(app: Flask, many_due: list[Subscription], provider: FakeProvider) -> None:
    provider.answers = ["declined"]
    assert vars(charging.count_due()) == {"count": 30, "won": 30 * 4900}
    assert sum(one.won for one in batch.charge_all(app, provider, batch.due_now(), workers=4)) == 29 * 4900
