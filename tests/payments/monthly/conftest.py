"""The host with subscriptions, and a business time that the tests move."""

from datetime import datetime, timedelta

import pytest
from flask import Flask

from payments import monthly
from payments.clock import SEOUL
from payments.monthly.models import Subscription

from .. import clocks
from ..fakes import FakeProvider
from ..host import TEA, Orders
from .host import started


@pytest.fixture
def app(app: Flask) -> Flask:
    monthly.init_app(app, Orders(TEA), subscriptions_page=lambda: "/subscriptions")
    return app


class Time:
    """Business time that the test moves."""

    def goes_to(self, *parts: int) -> None:
        clocks.stand_at(datetime(*parts, tzinfo=SEOUL))  # type: ignore[arg-type]

    def passes(self, **span: int) -> None:
        clocks.later(timedelta(**span))


@pytest.fixture
def time() -> Time:
    time = Time()
    time.goes_to(2055, 1, 31, 10)
    return time


@pytest.fixture
def subscription(time: Time, provider: FakeProvider) -> Subscription:
    """Started on 31 January 2055 at ten in the morning."""
    return started(provider)
