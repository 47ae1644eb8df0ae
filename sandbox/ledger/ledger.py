"""The gateway's books, in one hand: what the imitated PortOne and KG know, and every way in which it may change.

The parts do the work (`windows`, `charges`, `cancels`, `schedules`); this file holds what they share.
"""

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests

from ..webhooks.notify import Outbox, Postman
from ..webhooks.reach import Reach
from ..webhooks.worker import Worker
from ..window.windows import Windows, WindowView
from . import kg, objects
from .clock import Clock
from .database import Database
from .faults import Faults
from .kg import Declined, Refused
from .lookups import Lookups
from .merchant import IMP_CODE, Channel, channel_of
from .options import Options, options_of
from .schedules import Schedules

__all__ = ["Declined", "Ledger", "Refused", "WindowView"]


@dataclass(frozen=True)
class Ledger:
    """Every change is one durable transaction; no network call happens inside one."""

    database: Database
    clock: Clock
    outbox: Outbox
    postman: Postman
    worker: Worker
    faults: Faults
    http: requests.Session
    reach: Reach

    @property
    def lookups(self) -> Lookups:
        return Lookups(self.database)

    @property
    def schedules(self) -> Schedules:
        return Schedules(self)

    def options(self) -> Options:
        """The switches of `/controls/settings` as they stand."""
        return options_of(self.database)

    def tell(self, waiting: list[int]) -> None:
        """After a commit: hand over the webhooks that must arrive first, and have the worker send the others."""
        for delivery_id in waiting:
            self.postman.deliver(delivery_id)
        self.worker.wake()

    # --- the payment window ---

    @property
    def windows(self) -> Windows:
        return Windows(self)

    def open_window(
        self, user_code: str, params: Mapping[str, Any], *, device: str, page_url: str, user_agent: str, callback: bool
    ) -> str:
        """The id of a new window; its payment is `ready` from now on. Raises Refused."""
        return self.windows.open(
            user_code, params, device=device, page_url=page_url, user_agent=user_agent, callback=callback
        )

    def get_window(self, window_id: str) -> WindowView | None:
        """The window as it stands; None for an id that was never given out."""
        return self.windows.view(window_id)

    def send_code(self, window_id: str, *, carrier: str, phone: str, birth: str, gender: str) -> WindowView:
        """Check who pays and send an approval number, which the window shows. Raises Declined."""
        return self.windows.send_code(window_id, carrier=carrier, phone=phone, birth=birth, gender=gender)

    def confirm_code(self, window_id: str, code: str) -> WindowView:
        """The buyer typed the approval number: KG approves, or raises Declined."""
        return self.windows.confirm_code(window_id, code)

    def close_window(self, window_id: str, *, noticed: bool = True) -> WindowView:
        """The buyer gave up. Unnoticed (a dead browser), the payment stays `ready` for ever."""
        return self.windows.close(window_id, noticed=noticed)

    def check_request(self, user_code: str, params: Mapping[str, Any]) -> Channel:
        """The contract that this `request_pay` may use. Raises Refused for whatever keeps the window shut."""
        if user_code != IMP_CODE:
            raise Refused("SANDBOX_USER_CODE", "등록되지 않은 가맹점 식별코드입니다.")  # UNVERIFIED code and text
        kg.check_request(params)
        channel = channel_of(params.get("channelKey"), params.get("pg"))
        if channel is None:
            raise Refused("SANDBOX_CHANNEL", "등록되지 않은 결제 채널입니다.")  # UNVERIFIED code and text
        if self.is_approved(params["merchant_uid"]):
            raise Refused(*kg.ALREADY_PAID)
        prepared = self.prepared(params["merchant_uid"])
        # UNVERIFIED code and text; that the window does not open is documented
        if prepared and prepared["amount"] != params["amount"]:
            raise Refused("SANDBOX_PREPARE", "사전등록된 금액과 결제 금액이 다릅니다.")
        if prepared and prepared["currency"] not in (None, params.get("currency") or "KRW"):
            raise Refused("SANDBOX_PREPARE", "사전등록된 통화와 결제 통화가 다릅니다.")
        return channel

    # --- payments ---

    def payment(self, imp_uid: str) -> objects.Payment | None:
        row = self.lookups.payment(imp_uid)
        return json.loads(row["body"]) if row else None

    def is_approved(self, merchant_uid: str) -> bool:
        """Whether this order id was paid; one that was cancelled since is used up as well (UNVERIFIED)."""
        found = self.database.one(
            "SELECT 1 FROM payments WHERE merchant_uid = ? AND status IN ('paid', 'cancelled')", merchant_uid
        )
        return found is not None

    def undo_at_kg(self, imp_uid: str) -> bool:
        """KG takes a paid payment back and does not tell PortOne, as it does with real test payments."""
        sql = "UPDATE payments SET cancelled_at_kg = ? WHERE imp_uid = ? AND status = 'paid'"
        return self.database.change(sql, self.clock.now(), imp_uid) == 1

    # --- prepared amounts ---

    def prepared(self, merchant_uid: str) -> dict[str, Any] | None:
        row = self.database.one("SELECT * FROM prepared WHERE merchant_uid = ?", merchant_uid)
        return dict(row) if row else None

    def prepare(self, merchant_uid: str, amount: int, currency: str | None) -> bool:
        """Register an amount in won beforehand. False: this merchant_uid is registered already."""
        try:
            self.database.change("INSERT INTO prepared VALUES (?, ?, ?)", merchant_uid, amount, currency)
        except sqlite3.IntegrityError:
            return False
        return True

    def prepare_anew(self, merchant_uid: str, amount: int, currency: str | None) -> bool:
        """Change a registered amount in won. False: there is none."""
        sql = "UPDATE prepared SET amount = ?, currency = ? WHERE merchant_uid = ?"
        return self.database.change(sql, amount, currency, merchant_uid) == 1

    # --- billing keys ---

    def billing_key(self, customer_uid: str) -> str | None:
        """The key as V1 writes it; None when there is none (any more)."""
        row = self.database.one("SELECT body FROM billing_keys WHERE customer_uid = ?", customer_uid)
        return row["body"] if row else None

    def delete_key(self, customer_uid: str) -> str | None:
        """Forget a key at PortOne; as it was, or None. UNVERIFIED: its schedules stay, and fail when they run."""
        with self.database.writing() as books:
            row = books.execute("DELETE FROM billing_keys WHERE customer_uid = ? RETURNING body", (customer_uid,))
            found = row.fetchone()
        return found["body"] if found else None
