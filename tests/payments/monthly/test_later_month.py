"""Later months: a charge whose report leaves facts out."""

from datetime import timedelta

from payments import clock
from payments.database import db
from payments.models import Payment
from payments.monthly import charging
from payments.monthly.billing_month import month_of
from payments.monthly.models import Subscription

from .. import clocks
from ..fakes import FakeProvider
from ..test_record import BARE, heard
from .host import plan_window


def test_a_plan_whose_reports_name_no_time_goes_on_month_by_month(provider: FakeProvider) -> None:
    first = plan_window(provider)
    provider.issues_key(first.customer_uid or "")
    assert heard(provider, first, **BARE) == "paid"
    assert first.billing_month == f"{clock.now().astimezone(clock.SEOUL):%Y-%m}"
    for _ in range(3):
        clocks.later(timedelta(days=31))
        later = charge_without_a_time(provider)
        subscription = db.session.query(Subscription).one()
        month = month_of(subscription)
        assert (subscription.status, later.status, later.paid_at) == ("active", "paid", clock.now())
        assert month is not None
        assert month.standing(clock.now()) == "early"
        assert month.window.last >= month.due_on


def charge_without_a_time(provider: FakeProvider) -> Payment:
    """Charge what is due; PortOne says that it is paid, but not when."""
    provider.answers = ["lost"]
    assert [charging.charge(provider, one.subscription_id) for one in charging.due()] == ["unknown"]
    payment = db.session.query(Payment).order_by(Payment.id.desc()).first()
    assert payment
    assert heard(provider, payment, **BARE) == "paid"
    return payment
