"""What only a database with many writers can get wrong: who waits for whom."""

import time

from flask import Flask

from payments import clock, sync
from payments.database import db, transaction
from payments.events import Notification
from payments.models import Payment
from payments.monthly import charging, claims

from .. import clocks
from ..fakes import FakeProvider
from ..threads import beside
from .host import started

BLOCKED_SECONDS = 0.5  # long enough for the other one to have read, and to wait for the lock


def test_the_monthly_run_and_a_webhook_never_wait_for_each_other(app: Flask, provider: FakeProvider) -> None:
    """Both want the subscription and its open charge; the one that came second must not hold what the first needs."""
    subscription = started(provider)
    subscription_id = subscription.id
    clocks.later(claims.LEASE * 6 * 24 * 31)
    provider.answers = ["lost"]
    assert charging.charge(provider, subscription_id) == "unknown"
    charge = db.session.query(Payment).filter_by(status="ready").one()
    charge_id, merchant_uid = charge.id, charge.merchant_uid
    with transaction():  # as the monthly run does when it takes an attempt up again
        db.session.get_one(type(subscription), subscription_id, with_for_update=True)
        webhook, results = beside(
            app, lambda: sync.sync_payment(provider, Notification("webhook", merchant_uid=merchant_uid)).outcome
        )
        time.sleep(BLOCKED_SECONDS)
        db.session.get_one(Payment, charge_id, with_for_update=True).claimed_until = clock.now() + claims.LEASE
    webhook.join()
    assert results == ["paid"]
