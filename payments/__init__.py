"""Phone-bill payments (KG Mobilians) through PortOne V1: take the money, record it, give it back.

In reading order:

`purchases.py`    the class that a host implements: what a payment is for
`attempts.py`     open an attempt to pay, after a look-up of the earlier ones
`endpoints.py`    callback, redirect, webhook, confirm: each only causes a look-up
`sync.py`         ask PortOne what became of a payment
`decision.py`     what a report means for a payment; pure
`record.py`       write the decision and what follows from it, in one transaction
`cancel.py`       give the money of a payment back
`sweep.py`        look up what is still open (`flask sync`)
`reconcile.py`    compare our payments with PortOne's (`flask reconcile`)
`portone/`        PortOne V1: reports and errors, the REST client and its HTTP transport, the parameters of
                  `IMP.request_pay`, error codes
`monthly/`        billing keys, subscriptions, and the monthly run (`flask bill`)

Used by all of them: `models.py` (the tables), `settings.py`, `extension.py` (what `init_app` was given), `database.py`
(transactions), `clock.py` (business time), `events.py` (the event log), `signals.py` (signals for logs and metrics),
`privacy.py` (masking), `texts.py` (what buyers read).
"""

from collections.abc import Callable, Mapping

from flask import Flask

from . import endpoints
from .extension import Extension
from .portone.client import PortOne
from .portone.report import PaymentProvider
from .purchases import Purchases
from .settings import PortOneSettings

__all__ = ["Purchases", "init_app"]


def init_app(
    app: Flask,
    settings: PortOneSettings,
    purchases: Mapping[str, Purchases],
    *,
    provider: PaymentProvider | None = None,
    language: Callable[[], str] = lambda: "ko",
    problem_page: Callable[[str, str, str | None], str] = lambda title, message, merchant_uid: f"{title}\n{message}",
) -> None:
    """Add payments to a Flask app: its state and the four endpoints below `/payment`.

    `purchases`: the host's classes, by the kind that is given to `start`. `provider`: PortOne with these settings
    unless given. `language` returns the reader's language, `ko` or `en`. `problem_page` renders what a buyer sees who
    comes back with ids that are not a payment's: a title, a message, and the `merchant_uid` or None.
    """
    app.extensions["payments"] = Extension(
        settings, provider or PortOne(settings), dict(purchases), language, problem_page
    )
    app.register_blueprint(endpoints.bp)
