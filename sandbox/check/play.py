"""One case being played: its buyers, its windows, what it expects, and the steps recorded so far."""

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import requests

from .buyers import Buyer, Purchase
from .patterns import Answer
from .portone import PortOne
from .shopfile import ShopFile, Sign
from .trouble import Broken, NotDescribed, Unplayable
from .visitor import Visitor

PATIENCE_SECONDS = 5.0  # for what a shop records in the background
LOOK_SECONDS = 0.2
UNASKED = {"confirm_url": None}  # PortOne then does not ask the shop before the approval
PHONES = {
    "approved": "",  # the controls choose one
    "declined": "01000000031",  # over the limit
    "window_gone": "01000007001",  # paid, then the window is gone: webhook only
    "all_lost": "01000007003",  # answer and webhook both lost
    "later_lost": "01000006001",  # later months: paid, answer lost
    "later_all_lost": "01000006003",  # later months: paid, answer and webhook both lost
    "later_declined": "01000006016",  # later months: bill unpaid
}


@dataclass(frozen=True)
class Step:
    """One step for display: the key of a note, the request, and the answer."""

    note: str
    request: str
    answer: str
    sign: str = ""  # what the page said: the key of a word, such as `paid` or `not_paid`


@dataclass
class Buyers:
    """The buyers whose cases ended well: signing up is slow, and shops limit it."""

    free: list[Buyer] = field(default_factory=list)


@dataclass
class Play:
    """A run of one case. `http` reaches the shop, `portone` the sandbox; `fresh`: only new buyers."""

    shop: ShopFile
    http: requests.Session
    portone: PortOne
    buyers: Buyers
    fresh: bool = False
    patience: float = PATIENCE_SECONDS
    steps: list[Step] = field(default_factory=list)
    note: str = ""
    remark: str = ""  # the key of a text about how it went well
    job_output: str = ""
    used: list[Buyer] = field(default_factory=list)
    reused: bool = False
    keys: list[str] = field(default_factory=list)  # billing keys that were issued

    def __post_init__(self) -> None:
        self.portone.listen = self.record

    # --- people ---

    def buyer(self, *, keep: bool = True) -> Buyer:
        """A buyer who may order. `keep`: others may use it when this case ends well."""
        self.note = "sign_up"
        if keep and not self.fresh and self.buyers.free:
            self.reused = True
            found = self.buyers.free.pop()
            found.visitor.listen = self.record
        else:
            found = Buyer(self.shop, self.anybody())
            found.sign_up()
        if keep:
            self.used.append(found)
        return found

    def anybody(self) -> Visitor:
        """A visitor who is nobody yet."""
        return Visitor(self.http, self.shop.url, self.record)

    def order(self, buyer: Buyer | None = None) -> Purchase:
        """A buyer at the payment window."""
        buyer = buyer or self.buyer()
        self.note = "order"
        return buyer.order()

    # --- windows ---

    def open_window(
        self, purchase: Purchase, changes: Mapping[str, Any] | None = None, *, webhook: bool = False
    ) -> str:
        """Open the window of a purchase; its imp_uid. `webhook`: PortOne will send them. Raises Unplayable."""
        imp_uid, why = self.portone.open_window(self.window(purchase, webhook=webhook) | dict(changes or {}))
        if not imp_uid:
            raise Unplayable("window_refused", merchant_uid=purchase.merchant_uid, why=why)
        return imp_uid

    def window(self, purchase: Purchase, *, webhook: bool = False) -> dict[str, Any]:
        """The parameters with which the window is opened."""
        asked = {name: value for name, value in purchase.request_pay.items() if name != "notice_url"}
        return asked | ({"notice_url": self.webhook_address(purchase)} if webhook else {})

    def webhook_address(self, purchase: Purchase) -> str:
        """Raises NotDescribed for a shop without webhooks."""
        found = purchase.webhook_address()
        if not found:
            raise NotDescribed("[webhook]")
        return found

    def pay(self, purchase: Purchase, phone: str = "approved", *, webhook: bool = False) -> dict[str, Any]:
        """Open the window and pay with this number of PHONES; what the callback would get."""
        self.note = "pay"
        return self.portone.end_window(self.open_window(purchase, webhook=webhook), phone=PHONES[phone])

    def tell(self, purchase: Purchase, told: Mapping[str, Any], lying: Mapping[str, Any] | None = None) -> Answer:
        """Let the shop hear of a payment as its page does: by the callback, the way back of a phone, or a webhook."""
        answer = purchase.callback(told, lying) or purchase.redirect(told, success=True if lying else None)
        if answer is None:
            self.webhook_address(purchase)
            answer = purchase.webhook(self.anybody(), told, "paid" if lying or told.get("success") else "failed")
        return answer

    # --- expectations ---

    def must_be_paid(self, purchase: Purchase, imp_uid: str = "", key: str = "not_paid") -> None:
        """Raises Broken when the order does not count as paid, or its money was cancelled."""
        self.note = "look"
        if not self.becomes_paid(purchase):
            raise Broken(key)
        if imp_uid and self.portone.payment(imp_uid)["status"] != "paid":
            raise Broken("given_back", imp_uid=imp_uid)

    def must_not_be_paid(self, purchase: Purchase, key: str = "paid_for_nothing") -> None:
        """Raises Broken when the order counts as paid."""
        self.note = "look"
        if self.is_paid(purchase):
            raise Broken(key)

    def becomes_paid(self, purchase: Purchase) -> bool:
        """Whether the order counts as paid now or soon."""
        return self._becomes(self.shop.paid, purchase, {})

    def is_paid(self, purchase: Purchase) -> bool:
        time.sleep(self.shop.paid.after)
        return self.shows(self.shop.paid, purchase, {})

    def must_stop_being_paid(self, purchase: Purchase) -> None:
        """Raises Broken when the order counts as paid for longer than we wait."""
        self.note = "look"
        if not self._becomes(self.shop.paid, purchase, {}, wanted=False):
            raise Broken("still_paid")

    def becomes_charged(self, purchase: Purchase, times: Mapping[str, Any]) -> bool:
        """Whether a month counts as paid now or soon; so it does where the file has no sign of it."""
        return self.shop.charged is None or self._becomes(self.shop.charged, purchase, times)

    def _becomes(self, sign: Sign, purchase: Purchase, more: Mapping[str, Any], *, wanted: bool = True) -> bool:
        time.sleep(sign.after)
        until = time.monotonic() + self.patience
        while self.shows(sign, purchase, more) != wanted:
            if time.monotonic() > until:
                return False
            time.sleep(LOOK_SECONDS)
        return True

    def shows(self, sign: Sign, purchase: Purchase, more: Mapping[str, Any]) -> bool:
        """Whether the buyer's page says so now. A look that is repeated while we wait is one step."""
        shown = purchase.buyer.visitor.shows(sign, {**purchase.values, **more})
        last = self.steps[-1]
        said = sign.step.where if shown else f"not_{sign.step.where}"
        self.steps[-1] = Step(last.note, last.request, last.answer.split(" ")[0], said)
        if self.steps[-1:] == self.steps[-2:-1]:
            self.steps.pop()
        return shown

    def needs(self, found: Any, section: str) -> Any:
        """Raises NotDescribed when the file has no such section."""
        if not found:
            raise NotDescribed(section)
        return found

    def delete_keys(self) -> None:
        """Delete the keys of this case: the months of later ones would charge them too, some without an answer."""
        for customer_uid in self.keys:
            with suppress(Unplayable):  # the shop has deleted it, or nobody answers
                self.portone.delete_key(customer_uid)

    def record(self, request: str, answer: str) -> None:
        """Add a step for display."""
        self.steps.append(Step(self.note, request, answer))
