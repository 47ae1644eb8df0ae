"""The state of this package in one Flask app, kept in `app.extensions`: many apps can live in one process."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

from flask import current_app

from .decision import Standing
from .models import Payment
from .portone.report import PaymentProvider
from .purchases import Purchases
from .settings import PortOneSettings


@dataclass
class Extension:
    """What `payments.init_app` was given.

    `purchases`: the host's classes by kind. `language`: returns the reader's language, `ko` or `en`. `problem_page`:
    renders a page for the buyer from a title, a message and the `merchant_uid` (or None). `more_sweeps`: further
    steps of `flask sync`, such as those of `monthly/`; each returns the number of each outcome. `plan_changed`: the
    `changed` of `monthly.init_app`.
    """

    settings: PortOneSettings
    provider: PaymentProvider
    purchases: dict[str, Purchases]
    language: Callable[[], str]
    problem_page: Callable[[str, str, str | None], str]
    more_sweeps: list[Callable[[PaymentProvider], Counter[str]]] = field(default_factory=list)
    plan_changed: Callable[[Any, str, Payment | None], None] = lambda subscription, change, payment: None


def extension() -> Extension:
    """Return the state of the current app. Raises KeyError if `payments.init_app` was not called for it."""
    return cast("Extension", current_app.extensions["payments"])


def purchases_of(payment: Payment) -> Purchases:
    """Return the host's class for the payment's kind. Raises KeyError for a kind that `init_app` was not given."""
    purchases = extension().purchases
    if payment.kind not in purchases:
        raise KeyError(f"payments.init_app was given no Purchases for the kind {payment.kind!r}")
    return purchases[payment.kind]


def lock_purchase(payment: Payment) -> Standing:
    """Lock the payment's purchase, and return what the host says of it. Raises TypeError if that is no Standing."""
    purchases = purchases_of(payment)
    standing = purchases.lock(payment)
    if not isinstance(standing, Standing):
        raise TypeError(f"{type(purchases).__name__}.lock returned {standing!r} instead of a Standing")
    return standing
