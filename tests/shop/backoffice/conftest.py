"""What the tests of the back office share."""

import shutil
from collections.abc import Iterator

import pytest
from flask import Flask

from payments.database import db
from shop.demo import fake_history
from tests.conftest import PAST_PAYMENTS


@pytest.fixture
def past(app: Flask, request: pytest.FixtureRequest) -> Iterator[Flask]:
    """A shop with four hundred payments of two years."""
    with app.app_context():
        if db.engine.dialect.name == "sqlite":
            db.engine.dispose()
            shutil.copy(request.getfixturevalue("past_database"), str(db.engine.url.database))
        else:
            list(fake_history.History(PAST_PAYMENTS).write())
        yield app
