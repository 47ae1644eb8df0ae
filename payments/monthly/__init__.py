"""Billing keys, subscriptions and the monthly run, by KG's rules for recurring phone bill payments (정기결제).

In reading order:

`first_month.py`    the payment that issues the key and starts the subscription
`later_month.py`    a later month's payment
`subscriptions.py`  the changes of state of subscriptions and keys
`charge_days.py`    the days on which a month may be charged
`billing_month.py`  the month that is charged next, and whether it may be charged now
`claims.py`         insert and lease the attempt of a due month
`charging.py`       charge it
`batch.py`          charge all that are due (`flask bill`)
`sweep.py`          what `flask sync` does for subscriptions
"""

from collections.abc import Callable

from flask import Flask

from ..models import Payment
from ..purchases import Purchases
from .first_month import AlreadySubscribed, FirstMonth, start_first_month
from .later_month import LaterMonth
from .models import FIRST_MONTH, LATER_MONTH, Subscription
from .sweep import sweep_subscriptions

__all__ = ["AlreadySubscribed", "init_app", "start_first_month"]


def init_app(
    app: Flask,
    purchases: Purchases,
    subscriptions_page: Callable[[], str],
    changed: Callable[[Subscription, str, Payment | None], None] | None = None,
) -> None:
    """Add subscriptions to an app that `payments.init_app` has prepared.

    `purchases`: the host's class for the purchase that starts a plan. `subscriptions_page`: returns the address of the
    page of a customer's subscriptions. `changed` is called inside the transaction in which a subscription changes, as
    the methods of `Purchases` are: `declined` (the first decline of a month), `ended`, and with the payment of a later
    month `paid`, or `returned` if its money went back.
    """
    extension = app.extensions["payments"]
    extension.plan_changed = changed or extension.plan_changed
    extension.purchases |= {FIRST_MONTH: FirstMonth(purchases), LATER_MONTH: LaterMonth(subscriptions_page)}
    extension.more_sweeps.append(sweep_subscriptions)
