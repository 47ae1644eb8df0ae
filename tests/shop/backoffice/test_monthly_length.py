"""The monthly page stays short: what wants a person first, the rest folded or in a list of its own."""

import re

from flask import Flask
from flask.testing import FlaskClient

from payments import clock
from payments.database import db, end_reading, transaction
from payments.monthly.models import Subscription
from shop.demo import fake_history
from tests.conftest import PAST_PAYMENTS, sign_in

MOST_ROWS = 40  # that are not folded


def page_of(app: Flask) -> str:
    client: FlaskClient = app.test_client()
    sign_in(client, "admin@example.com")
    return client.get("/admin/monthly").get_data(as_text=True)


def test_with_many_subscriptions_the_page_stays_short_and_leads_to_the_whole_lists(past: Flask) -> None:
    list(fake_history.History(6 * PAST_PAYMENTS).write())
    assert db.session.query(Subscription).filter_by(status="active").count() > 25
    assert db.session.query(Subscription).filter_by(status="ended").count() > 20
    end_reading()
    page = page_of(past)
    shown = re.sub(r"<details.*?</details>", "", page, flags=re.DOTALL)
    assert shown.count("<tr") + shown.count("<li><span") < MOST_ROWS
    for address in (
        "/admin/payments?kind=renewal",
        "/admin/subscriptions?status=ended",
        "/admin/subscriptions?status=active",
    ):
        assert f'href="{address}"' in page


def test_what_is_past_due_stands_above_what_comes(past: Flask) -> None:
    with transaction():
        late = db.session.query(Subscription).filter_by(status="active").order_by(Subscription.id.desc()).first()
        assert late
        late.status, late.next_charge_on = "past_due", clock.today()
        uid = late.customer_uid
    page = page_of(past)
    waiting, coming = page.index('id="waiting"'), page.index('id="coming"')
    assert waiting < page.index(str(uid)) < coming
    assert str(uid) not in page[coming:]
