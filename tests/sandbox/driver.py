"""The sandbox as tests drive it: its functions with the database filled in, under one object.

`driven(app).ledger.open_window(...)` calls `sandbox.window.windows.open_window(database, ...)`, and so on.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from types import ModuleType
from typing import Any

from flask import Flask

from sandbox import Sandbox
from sandbox.ledger import billing_keys, cancels, clock, faults, lookups, options, outbox, prepared_amounts, schedules
from sandbox.ledger.database import Database
from sandbox.ledger.merchant import Channel
from sandbox.ledger.options import Options
from sandbox.webhooks import due
from sandbox.webhooks.sender import Sender
from sandbox.window import windows
from sandbox.window.windows import WindowView


class Bound:
    """The functions of a module over the database, called without it."""

    def __init__(self, module: ModuleType, database: Database) -> None:
        self._module, self._database = module, database

    def __getattr__(self, name: str) -> Any:
        return partial(getattr(self._module, name), self._database)


@dataclass(frozen=True)
class Ledger:
    database: Database
    postman: Sender

    @property
    def clock(self) -> Bound:
        return Bound(clock, self.database)

    @property
    def faults(self) -> Bound:
        return Bound(faults, self.database)

    @property
    def lookups(self) -> Bound:
        return Bound(lookups, self.database)

    @property
    def outbox(self) -> Bound:
        return Bound(outbox, self.database)

    @property
    def schedules(self) -> Bound:
        return Bound(schedules, self.database)

    def options(self) -> Options:
        return options.options_of(self.database)

    def open_window(self, user_code: str, params: dict[str, Any], **told: Any) -> str:
        return windows.open_window(self.database, user_code, params, **told)

    def get_window(self, window_id: str) -> WindowView | None:
        return windows.find(self.database, window_id)

    def send_code(self, window_id: str, **typed: str) -> WindowView:
        return windows.send_code(self.database, window_id, **typed)

    def confirm_code(self, window_id: str, code: str) -> WindowView:
        return windows.confirm_code(self.database, self.postman, window_id, code)

    def close_window(self, window_id: str, *, noticed: bool = True) -> WindowView:
        return windows.close(self.database, window_id, noticed=noticed)

    def check_request(self, user_code: str, params: dict[str, Any]) -> Channel:
        return windows.check_request(self.database, user_code, params)

    def payment(self, imp_uid: str) -> dict[str, Any] | None:
        row = lookups.payment(self.database, imp_uid)
        return json.loads(row["body"]) if row else None

    def is_approved(self, merchant_uid: str) -> bool:
        return lookups.is_approved(self.database, merchant_uid)

    def undo_at_kg(self, imp_uid: str) -> bool:
        return cancels.undo_at_kg(self.database, imp_uid)

    def prepare(self, merchant_uid: str, amount: int, currency: str | None) -> bool:
        return prepared_amounts.register(self.database, merchant_uid, amount, currency)

    def prepared(self, merchant_uid: str) -> dict[str, Any] | None:
        return prepared_amounts.find(self.database, merchant_uid)

    def billing_key(self, customer_uid: str) -> str | None:
        return billing_keys.find(self.database, customer_uid)


@dataclass(frozen=True)
class DrivenSandbox(Sandbox):
    @property
    def ledger(self) -> Ledger:
        return Ledger(self.database, self.sender)

    @property
    def clock(self) -> Bound:
        return self.ledger.clock


def driven(app: Flask) -> DrivenSandbox:
    """The sandbox behind its Flask app, as `create_sandbox` returns it."""
    return DrivenSandbox(**vars(app.extensions["sandbox"]))


def travel(ledger: Ledger, target: datetime) -> None:
    """Move the business clock to `target`; what falls due on the way is done at its own moment."""
    due.travel(ledger.database, ledger.postman, target)
