"""Phone-bill payments (KG Mobilians) through PortOne V1: take the money, record it, give it back.

In reading order:

`purchases.py`    the class that a host implements: what a payment is for
`attempts.py`     open an attempt to pay, after a look-up of the earlier ones
`endpoints.py`    callback, redirect, webhook, confirm: each only causes a look-up
`notification.py` what such a request says: ids, claims, raw body, in whatever form they arrive
`sync.py`         ask PortOne what became of a payment
`decision.py`     what a report means for a payment; pure
`record.py`       write the decision and what follows from it, in one transaction
`cancellations.py` the rows of money that goes back
`cancel.py`       ask PortOne for them
`sweep.py`        look up what is still open (`flask sync`)
`reconcile.py`    compare our payments with PortOne's (`flask reconcile`)
`portone/`        PortOne V1: reports and errors, the REST client and its HTTP transport, the parameters of
                  `IMP.request_pay`, texts that KG can print, error codes
`monthly/`        billing keys, subscriptions, and the monthly run (`flask bill`)

Used by all of them: `models.py` (the tables), `settings.py`, `extension.py` (what `init_app` was given), `database.py`
(transactions), `clock.py` (business time), `events.py` (the event log), `signals.py` (signals for logs and metrics),
`privacy.py` (masking), `texts.py` (what buyers read).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import Flask

from . import commands, endpoints
from .attempts import AlreadyPaid, EarlierUnknown, PurchaseClosed, look_up_earlier_attempts, start_payment
from .cancel import cancel_payment
from .database import UncommittedChanges, after_commit, locked, transaction
from .decision import Standing
from .events import Notification
from .extension import Extension, extension
from .models import Payment
from .portone.client import PortOne
from .portone.report import PaymentProvider, ProviderError
from .portone.request_pay import Buyer, request_pay
from .purchases import Purchases
from .settings import PortOneSettings

LONGEST_KIND = 16
__version__ = "2.0.0"  # CHANGES.md tells those who copied this folder what is new
__all__ = [
    "AlreadyPaid",
    "Buyer",
    "EarlierUnknown",
    "Notification",
    "Payment",
    "PortOneSettings",
    "ProviderError",
    "PurchaseClosed",
    "Purchases",
    "Standing",
    "Started",
    "UncommittedChanges",
    "after_commit",
    "cancel_payment",
    "init_app",
    "locked",
    "start",
    "transaction",
]


def init_app(
    app: Flask,
    settings: PortOneSettings,
    purchases: Mapping[str, Purchases],
    *,
    provider: PaymentProvider | None = None,
    language: Callable[[], str] = lambda: "ko",
    problem_page: Callable[[str, str, str | None], str] = lambda title, message, merchant_uid: f"{title}\n{message}",
) -> None:
    """Add payments to a Flask app: its state, the four endpoints below `/payment`, and `flask sync`.

    `purchases`: the host's classes, by the kind that is given to `start`. `provider`: PortOne with these settings
    unless given. `language` returns the reader's language, `ko` or `en`. `problem_page` renders what a buyer sees who
    comes back with ids that are not a payment's: a title, a message, and the `merchant_uid` or None.
    """
    for kind, each in purchases.items():
        if not isinstance(each, Purchases) or not 1 <= len(kind) <= LONGEST_KIND:
            raise TypeError(f"{kind!r}: give an instance of Purchases, and a kind of at most {LONGEST_KIND} letters")
    app.extensions["payments"] = Extension(
        settings, provider or PortOne(settings), dict(purchases), language, problem_page
    )
    app.register_blueprint(endpoints.bp)
    app.cli.add_command(commands.sync)


@dataclass(frozen=True)
class Started:
    """What the page needs to open the payment window: `IMP.init(imp_code)`, then `IMP.request_pay(request_pay, …)`."""

    merchant_uid: str
    imp_code: str
    request_pay: dict[str, Any]


def start(kind: str, purchase_id: object, *, amount: int, name: str, buyer: Buyer, digital: bool) -> Started:
    """Open an attempt to pay a purchase that your app has committed; `amount` is in won.

    Earlier attempts at it are looked up first. `name` stands on the phone bill; `portone.kg_text.fit_bytes` makes one
    that KG takes. `digital`: nothing is shipped. Raises AlreadyPaid, PurchaseClosed, UncommittedChanges; and
    ProviderError if PortOne did not answer, of which EarlierUnknown is about an earlier attempt. After any of them no
    window may open.
    """
    state = extension()
    look_up_earlier_attempts(state.provider, kind, [purchase_id])
    payment = start_payment(state.provider, kind, purchase_id, amount=amount, name=name)
    arguments = request_pay(state.settings, payment, buyer, digital=digital)
    return Started(payment.merchant_uid, state.settings.imp_code, arguments)
