"""Business time: the calendar is Seoul's, wherever the server stands."""

from datetime import UTC, date, datetime

from flask import Flask

from payments import clock


def test_the_evening_in_utc_is_the_next_day_in_seoul() -> None:
    app = Flask(__name__)
    clock.use_source(app, lambda: datetime(2054, 12, 31, 15, 0, tzinfo=UTC))
    with app.app_context():
        assert clock.today() == date(2055, 1, 1)
        assert clock.period_of(clock.now()) == "2055-01"


def test_a_minute_before_midnight_in_seoul_is_still_the_old_month() -> None:
    assert clock.period_of(datetime(2054, 12, 31, 14, 59, tzinfo=UTC)) == "2054-12"


def test_without_a_source_the_systems_clock_is_read() -> None:
    with Flask(__name__).app_context():
        assert abs((clock.now() - datetime.now(UTC)).total_seconds()) < 5


def test_two_apps_in_one_process_have_clocks_of_their_own() -> None:
    earlier, later = Flask("earlier"), Flask("later")
    clock.use_source(earlier, lambda: datetime(2054, 1, 1, tzinfo=UTC))
    clock.use_source(later, lambda: datetime(2055, 1, 1, tzinfo=UTC))
    with earlier.app_context():
        assert clock.now().year == 2054
    with later.app_context():
        assert clock.now().year == 2055
