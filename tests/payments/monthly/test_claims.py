"""The attempt of a month: reserved as a row first, when the month is PortOne's to charge by its own schedule."""

from datetime import datetime

import pytest

from payments import clock
from payments.clock import SEOUL
from payments.database import db
from payments.models import Payment
from payments.monthly import claims
from payments.monthly.models import LATER_MONTH, Subscription

from ..fakes import FakeProvider
from .conftest import Time
from .host import started

NOON = datetime(2055, 2, 15, 12, tzinfo=SEOUL)


@pytest.fixture
def reserved_for(time: Time, provider: FakeProvider) -> Subscription:
    """Started on 15 January 2055."""
    time.goes_to(2055, 1, 15, 9)
    return started(provider)


@pytest.mark.parametrize(
    "at",
    [
        datetime(2055, 2, 14, 23, 59, tzinfo=SEOUL),  # before its day
        datetime(2055, 2, 20, 23, 55, tzinfo=SEOUL),  # too late
        datetime(2055, 3, 15, 12, tzinfo=SEOUL),  # a later month's
        datetime(2055, 1, 10, 12, tzinfo=SEOUL),  # in the past
    ],
)
def test_only_a_moment_that_kgs_rules_allow_can_be_reserved(at: datetime, reserved_for: Subscription) -> None:
    assert claims.reserve(reserved_for.id, at) is None
    assert db.session.query(Payment).filter(Payment.kind == LATER_MONTH).count() == 0


def test_a_month_is_reserved_once_and_its_notice_stays_calm(reserved_for: Subscription) -> None:
    assert claims.reserve(reserved_for.id, NOON)
    assert claims.reserve(reserved_for.id, NOON) is None
    found = claims.month_of(db.session.get_one(Subscription, reserved_for.id))
    assert found
    assert found.standing(clock.now()) == "early"
