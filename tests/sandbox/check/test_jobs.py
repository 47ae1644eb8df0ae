"""What cron runs for the shop, as a step: which answers mean that it ran."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
import requests
from pytest_httpserver import HTTPServer

from sandbox.check import jobs
from sandbox.check.play import Buyers, Play
from sandbox.check.portone import PortOne
from sandbox.check.shopfile import Job, ShopFile, Sign, Step
from sandbox.check.trouble import Unplayable

NOON = datetime.fromisoformat("2027-01-31T12:00:00+09:00")
JOB = Job(step=Step("monthly", "POST", "/jobs", json={"today": "{date}"}))


class Clock(PortOne):
    """A sandbox of which only the clock is asked."""

    def __init__(self) -> None:
        super().__init__(requests.Session(), "http://nowhere.invalid")
        self.moment = NOON

    def now(self) -> datetime:
        return self.moment

    def move_to(self, moment: datetime, *, with_shop: bool = False) -> None:
        self.moment = moment


@pytest.fixture
def run(httpserver: HTTPServer, tmp_path: Path) -> Callable[[Job], Play]:
    shop = ShopFile(tmp_path, httpserver.url_for("").rstrip("/"), "a shop", Sign(Step("paid", "GET", "/")))

    def run(job: Job) -> Play:
        play = Play(shop, requests.Session(), Clock(), Buyers())
        jobs.run(play, job, "monthly", NOON)
        return play

    return run


@pytest.mark.parametrize("status", [200, 204, 500, 503])
def test_a_job_that_left_something_open_may_say_so_by_its_status(
    run: Callable[[Job], Play], httpserver: HTTPServer, status: int
) -> None:
    httpserver.expect_request("/jobs", "POST", json={"today": "2027-01-31"}).respond_with_data("one open", status)
    assert f"→ {status}" in run(JOB).job_output


@pytest.mark.parametrize("status", [401, 403, 404, 405])
def test_a_job_whose_address_or_token_is_wrong_did_not_run(
    run: Callable[[Job], Play], httpserver: HTTPServer, status: int
) -> None:
    httpserver.expect_request("/jobs").respond_with_data("no", status)
    with pytest.raises(Unplayable) as refused:
        run(JOB)
    assert (refused.value.key, refused.value.facts["step"], refused.value.facts["got"]) == ("status", "monthly", status)


def test_a_job_of_which_the_file_names_the_status_did_not_run_with_another(
    run: Callable[[Job], Play], httpserver: HTTPServer
) -> None:
    httpserver.expect_request("/jobs").respond_with_data("done", 200)
    assert JOB.step is not None
    with pytest.raises(Unplayable):
        run(replace(JOB, step=replace(JOB.step, status=202)))
