"""The record of a subscription's months, one row for each."""

from datetime import timedelta

from flask.testing import FlaskClient

from payments.database import db
from payments.models import Payment
from payments.monthly import charging
from payments.monthly.models import Subscription
from shop.orders.models import User
from shop.storefront.month_rows import month_rows
from tests import clocks
from tests.conftest import sign_in
from tests.payments.fakes import FakeProvider
from tests.shop.bought import started


def months(*attempts: tuple[str, str]) -> list[tuple[str, str, int]]:
    """The rows of attempts, newest first: month, state that is shown, number of declined ones."""
    rows = month_rows(Payment(period=period, status=status) for period, status in attempts)
    return [(row.month, row.payment.status, len(row.declined)) for row in rows]


def test_the_declined_attempts_of_a_month_are_one_row() -> None:
    late = [("2054-12", "failed")] * 6
    assert months(*late, ("2054-11", "paid")) == [("2054-12", "failed", 6), ("2054-11", "paid", 0)]


def test_a_month_that_was_paid_in_the_end_is_shown_as_paid() -> None:
    assert months(("2054-12", "paid"), ("2054-12", "failed")) == [("2054-12", "paid", 1)]


def test_a_late_month_is_folded_into_one_line_with_its_reason_and_the_next_try(
    client: FlaskClient, provider: FakeProvider, buyer: User
) -> None:
    sign_in(client)
    subscription: Subscription = started(provider, buyer)
    clocks.later(timedelta(days=30))  # 15 December, noon
    provider.answers = ["declined"] * 2
    for _ in range(2):
        charging.charge(provider, subscription.id)
        clocks.later(timedelta(hours=5))
    page = client.get("/subscriptions").get_data(as_text=True).split("</main>", 1)[0]  # without the demo's panel
    assert page.count("<summary>2번 시도 · 이번 달 소액결제 한도를 다 썼습니다.") == 1
    assert "다음 시도 2054-12-15 21:00" in page
    assert page.count("당월 한도 초과로 결제 불가합니다.") == 1
    assert db.session.query(Payment).filter_by(status="failed").count() == 2
