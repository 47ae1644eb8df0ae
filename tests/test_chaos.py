"""A short crash run, on both databases; `make chaos` is the long one."""

from pathlib import Path

import pytest

from tests.chaos.runs import Findings, die_at_step, kill_at_random, settle
from tests.chaos.site import Site

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

DATABASES = ("sqlite", "postgres")


@pytest.fixture(params=DATABASES)
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Site:
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else None
    return Site(tmp_path, url, buyers=4)


def agreed(found: Findings) -> bool:
    print(found)
    assert found.payments
    return found.at_last == []


def test_servers_killed_at_random_leave_books_that_agree(site: Site) -> None:
    try:
        kill_at_random(site, kills=4, seed=1)
        assert agreed(settle(site))
        assert site.kills.total() >= 4
    finally:
        site.stop_all()


@pytest.mark.parametrize(("victim", "steps"), [("shop", (14, 31)), ("sandbox", (8,)), ("command", (4,))])
def test_a_process_killed_at_a_given_step_leaves_books_that_agree(
    victim: str, steps: tuple[int, ...], site: Site
) -> None:
    try:
        for number, step in enumerate(steps):
            assert die_at_step(site, number, victim, step), site.steps
        found = settle(site)
        assert found.after_sync == []
        assert agreed(found)
    finally:
        site.stop_all()
