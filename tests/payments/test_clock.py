"""Business time: the calendar is Seoul's, wherever the server stands."""

from collections.abc import Iterator
from datetime import UTC, date, datetime

import pytest

from payments import clock


@pytest.fixture(autouse=True)
def systems_clock_afterwards() -> Iterator[None]:
    yield
    clock.use_source(None)


def test_the_evening_in_utc_is_the_next_day_in_seoul() -> None:
    clock.use_source(lambda: datetime(2054, 12, 31, 15, 0, tzinfo=UTC))
    assert clock.today() == date(2055, 1, 1)
    assert clock.period_of(clock.now()) == "2055-01"


def test_a_minute_before_midnight_in_seoul_is_still_the_old_month() -> None:
    assert clock.period_of(datetime(2054, 12, 31, 14, 59, tzinfo=UTC)) == "2054-12"


def test_without_a_source_the_systems_clock_is_read() -> None:
    clock.use_source(None)
    assert abs((clock.now() - datetime.now(UTC)).total_seconds()) < 5
