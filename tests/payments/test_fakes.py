"""The fakes keep their promises too: a fault in one would be looked for in payments."""

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask

from payments.portone.report import ChargeRequest, PaymentReport

from .fakes import FakeProvider

THREADS, EACH = 8, 150


@pytest.fixture
def busy_threads() -> Iterator[None]:
    """Threads change places as often as they can, as on a machine that has much to do."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


@pytest.mark.sqlite_only
@pytest.mark.usefixtures("busy_threads")
def test_a_provider_that_many_threads_charge_at_once_answers_each_of_them(host_app: Flask) -> None:
    provider = FakeProvider()
    provider.issues_key("key-1")
    provider.answers = ["declined"] * (THREADS * EACH // 2)

    def charge(thread: int) -> list[PaymentReport]:
        uids = [f"month-{thread}-{number}" for number in range(EACH)]
        with host_app.app_context():
            return [
                provider.charge(ChargeRequest("key-1", uid, 4900, "월", "홍길동", "01012345678", "a@example.com"))
                for uid in uids
            ]

    with ThreadPoolExecutor(THREADS) as pool:
        told = [report for each in pool.map(charge, range(THREADS)) for report in each]
    assert [report.status for report in told].count("failed") == THREADS * EACH // 2
    assert len(provider.reports) == len(provider.charges) == THREADS * EACH
