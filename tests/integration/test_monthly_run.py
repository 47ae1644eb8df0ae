"""The monthly run against the real sandbox: whole years, lost answers, killed processes, runs at once."""

import itertools
import os
import signal
import subprocess
import sys
from collections import Counter
from datetime import date, datetime, time, timedelta
from pathlib import Path

import pytest

from payments import clock
from payments.clock import SEOUL
from payments.database import db, end_reading
from payments.monthly import batch, charging
from payments.monthly.charge_days import charge_day
from payments.monthly.models import Subscription
from sandbox.ledger import options
from tests.dying_run import STEPS
from tests.sandboxed import Sandboxed, sandboxed
from tests.servers import serving

ROOT = Path(__file__).parents[2]

ANCHORS = (1, 15, 28, 29, 30, 31)
# Numbers that the sandbox knows: always approved; each month's first try declined; paid, but the answer lost.
PHONES = ("01012345678", "01000006116", "01000006001")


def next_due() -> date | None:
    day = db.session.query(db.func.min(Subscription.next_charge_on)).filter(Subscription.status != "ended").scalar()
    end_reading()
    return day  # type: ignore[no-any-return]


def live_until(shop: Sandboxed, until: datetime) -> None:
    """Runs four times a day, on every day on which something is due."""
    while due_on := next_due():
        day = max(due_on, clock.today())
        hours = itertools.product((day, day + timedelta(days=1)), (9, 14, 19, 23))
        moments = (datetime.combine(on, time(hour), SEOUL) for on, hour in hours)
        moment = next(moment for moment in moments if moment > clock.now())
        if moment > until:
            return
        shop.ledger.clock.move_to(moment)
        for due in batch.due_now():
            charging.charge(shop.provider, due.subscription_id)


def end_of(*day: int) -> datetime:
    return datetime(*day, 23, 59, tzinfo=SEOUL)  # type: ignore[arg-type]


def months_of(days: list[date]) -> list[int]:
    return [day.year * 12 + day.month for day in days]


def follows_kgs_rules(shop: Sandboxed, customer_uid: str, months: int) -> None:
    """Exactly one paid charge in each calendar month, each within five days of the last, all of the same amount."""
    rows = shop.at_kg(customer_uid)
    days = [datetime.fromtimestamp(row["paid_at"], SEOUL).date() for row in rows]
    first = months_of(days)[0]
    assert months_of(days) == list(range(first, first + months)), days
    for before, after in itertools.pairwise(days):
        assert abs(after - charge_day(before, before.day)) <= timedelta(days=5), days


def a_year_of_keys(shop: Sandboxed, first: date, last: date, anchors: tuple[int, ...]) -> list[str]:
    """From `first` on, a new buyer on each of these days of every month that has it; each is watched for a year."""
    day, keys = first, []
    while day <= last:
        if day.day in anchors:
            moment = datetime.combine(day, time(20 if day.day % 2 else 0), SEOUL)
            live_until(shop, moment)
            shop.ledger.clock.move_to(moment)
            phone = PHONES[len(keys) % len(PHONES)]
            keys.append(str(shop.subscribes(f"b{len(keys)}@example.com", phone).customer_uid))
        day += timedelta(days=1)
    return keys


def test_from_a_leap_years_last_of_january_the_day_is_clamped_and_comes_back(
    tmp_path: Path, seeded_database: Path
) -> None:
    with sandboxed(tmp_path, seeded_database) as shop:
        shop.goes_to(2056, 1, 31, 20)
        keys = [str(shop.subscribes(f"b{n}@example.com", phone).customer_uid) for n, phone in enumerate(PHONES)]
        live_until(shop, end_of(2056, 4, 30))
        for key in keys:
            follows_kgs_rules(shop, key, 4)
        assert next_due() == date(2056, 5, 31)
        shop.books_agree()


@pytest.mark.slow
@pytest.mark.parametrize("year", [2055, 2056])
def test_a_year_from_every_month_and_anchor_follows_kgs_rules(year: int, tmp_path: Path, seeded_database: Path) -> None:
    """Every day of these that a month has, in a common and in a leap year. A third of the keys is declined once in each
    month, a third loses its answers."""
    with sandboxed(tmp_path, seeded_database) as shop:
        keys = a_year_of_keys(shop, date(year, 1, 1), date(year, 12, 31), ANCHORS)
        live_until(shop, end_of(year + 1, 12, 31))
        assert len(keys) == 65 + (year == 2056)
        for key in keys:
            subscription = db.session.query(Subscription).filter_by(customer_uid=key).one()
            started = clock.period_of(subscription.started_at)  # type: ignore[arg-type]
            months = 12 * (year + 1) + 12 - (int(started[:4]) * 12 + int(started[5:])) + 1
            assert months >= 13
            follows_kgs_rules(shop, key, months)
            assert (subscription.status, subscription.end_reason) == ("active", None)
        amounts = {
            row["amount"]
            for row in shop.ledger.database.all("SELECT json_extract(body, '$.amount') AS amount FROM payments")
        }
        assert len(amounts) == 1
        shop.books_agree()


# --- lost answers ---


@pytest.mark.slow
def test_answers_lost_by_a_third_of_three_hundred_cost_nobody_twice_and_one_more_run_finds_the_truth(
    tmp_path: Path, seeded_database: Path
) -> None:
    with sandboxed(tmp_path, seeded_database) as shop:
        options.change(shop.ledger.database, {"webhook_order": "never"})  # they would bring the truth as well
        shop.goes_to(2055, 1, 15, 9)
        for number in range(300):
            shop.subscribes(f"b{number}@example.com")
        shop.goes_to(2055, 2, 15, 9)
        lost = {"path": "/subscribe/payments/again", "fault": "drop_after", "probability": 1 / 3, "seed": 7}
        shop.ledger.faults.add(lost)
        first = results_of(shop)
        assert first["charged"] + first["unknown"] == 300
        assert 70 < first["unknown"] < 130
        shop.ledger.faults.clear()
        shop.goes_to(2055, 2, 15, 10)
        assert results_of(shop) == {"charged": first["unknown"]}
        assert set(Counter(row["customer_uid"] for row in shop.at_kg()).values()) == {2}  # January and February
        assert results_of(shop) == {}
        shop.books_agree()


def results_of(shop: Sandboxed) -> Counter[str]:
    return Counter(done.result for done in batch.charge_all(shop.app, shop.provider, batch.due_now(), workers=8))


# --- processes that die, and processes at once, on both databases ---


def environ_of(server_url: str, folder: Path, database: dict[str, str]) -> dict[str, str]:
    """Another process of the same shop; the sandbox is reached over real sockets."""
    shared = {"DATABASE_URL": f"sqlite:///{folder / 'shop.sqlite3'}"} | database
    return os.environ | shared | {"INSTANCE_PATH": str(folder), "PORTONE_API_URL": f"{server_url}/sandbox"}


@pytest.mark.slow
def test_killed_at_any_step_a_month_is_charged_once_and_the_next_run_finishes(
    tmp_path: Path, database: dict[str, str]
) -> None:
    with serving(tmp_path, **database) as server, server.app.app_context():
        shop = Sandboxed(server.app)
        shop.goes_to(2055, 1, 15, 9)
        for number in range(len(STEPS)):
            shop.subscribes(f"b{number}@example.com")
        shop.goes_to(2055, 2, 15, 9)
        environ = environ_of(server.url, tmp_path, database)
        for due, step in zip(batch.due_now(), STEPS, strict=True):
            if step == "after the request left":
                shop.ledger.faults.add(
                    {"path": "/subscribe/payments/again", "fault": "latency", "value": 1, "count": 1}
                )
            command = [sys.executable, "-m", "tests.dying_run", str(due.subscription_id), step]
            assert subprocess.run(command, cwd=ROOT, env=environ, timeout=60).returncode == -signal.SIGKILL, step
        assert bill(environ).returncode == 0  # too early: every attempt still belongs to its worker
        shop.goes_to(2055, 2, 15, 10)
        finished = bill(environ)
        assert (finished.returncode, finished.stdout.split(";")[0]) == (
            0,
            "4 charged, 0 declined, 0 held, 0 unknown, 0 ended, 0 skipped, 0 error",
        ), finished
        assert set(Counter(row["customer_uid"] for row in shop.at_kg()).values()) == {2}
        shop.books_agree()


@pytest.mark.slow
def test_three_runs_at_once_in_processes_of_their_own_charge_everybody_once(
    tmp_path: Path, database: dict[str, str]
) -> None:
    with serving(tmp_path, **database) as server, server.app.app_context():
        shop = Sandboxed(server.app)
        shop.goes_to(2055, 1, 15, 9)
        for number in range(40):
            shop.subscribes(f"b{number}@example.com")
        shop.goes_to(2055, 2, 15, 9)
        environ = environ_of(server.url, tmp_path, database)
        command = [sys.executable, "-m", "flask", "--app", "app", "bill"]
        processes = [
            subprocess.Popen(command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            for _ in range(3)
        ]
        told = [process.communicate(timeout=90) for process in processes]
        assert [process.returncode for process in processes] == [0, 0, 0], told
        assert sum(int(out.split(" charged")[0]) for out, _ in told) == 40, told
        assert set(Counter(row["customer_uid"] for row in shop.at_kg()).values()) == {2}
        shop.books_agree()


def bill(environ: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "flask", "--app", "app", "bill"]
    return subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60)
