"""What cron does for a real shop, done by the demo itself: `flask sync`, `flask bill`, then `flask notify`."""

import threading
from collections import Counter
from itertools import islice
from typing import Any

from flask import Flask, current_app

from payments import sweep
from payments.monthly import batch, charging
from shop.operations import notify
from shop.web.common import provider

WORKERS = 8
MOST_CHARGES = 300  # in one round; the next one goes on


def install(app: Flask) -> None:
    app.extensions["demo_rounds"] = threading.RLock()


def one_at_a_time() -> Any:
    """Return this app's lock for a round, and for a whole journey of the clock.

    A round of the background thread between two stops would take its charges, and the page would say that nothing was
    charged.
    """
    return current_app.extensions["demo_rounds"]


def run() -> Counter[str]:
    """Look up what is open, expire and cancel, charge what is due, send messages; return how the charges came out."""
    with one_at_a_time():
        sweep.sweep(provider())
        app = current_app._get_current_object()  # type: ignore[attr-defined]
        due = islice(batch.due_now(), MOST_CHARGES)
        results = Counter(done.result for done in batch.charge_all(app, provider(), due, WORKERS))
        charging.delete_ended_keys(provider())
        notify.run()
    # Those that wait after a decline, and those that somebody else is charging, came out otherwise or will.
    return Counter({result: count for result, count in results.items() if result not in ("skipped", "in_flight")})
