"""A buyer of the shop and its purchases: the steps of the shop's file, and the three ways to tell of a payment."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .patterns import Answer, fill, json_of
from .shopfile import ShopFile, Step
from .trouble import Unplayable
from .visitor import Visitor

LYING = {"success": True, "imp_success": True, "status": "paid"}  # what an attacker adds to any of them


def random() -> str:
    return secrets.token_hex(6)


class Buyer:
    """One buyer with its own cookies; `values` are those that its steps have taken."""

    def __init__(self, shop: ShopFile, visitor: Visitor) -> None:
        self.shop, self.visitor = shop, visitor
        self.values: dict[str, Any] = {
            "email": f"check-{secrets.token_hex(4)}@example.com",
            "password": f"Aa1!{secrets.token_urlsafe(9)}",
            "url": shop.url,
        }

    def sign_up(self) -> None:
        self.values |= self.run(self.shop.login, self.values | {"random": random()})

    def order(self, changes: Mapping[str, Mapping[str, Any]] | None = None) -> "Purchase":
        """Order and press "pay". `changes`: for a step, fields that an attacker sets."""
        return self._buy(self.shop.order, self.values, changes or {})

    def again(self, purchase: "Purchase") -> "Purchase":
        """Press "pay" for the same order once more."""
        return self._buy(self.shop.again, purchase.values, {})

    def subscribe(self) -> "Purchase":
        return self._buy(self.shop.subscribe, self.values, {})

    def run(
        self, steps: Sequence[Step], values: Mapping[str, Any], changes: Mapping[str, Mapping[str, Any]] | None = None
    ) -> dict[str, Any]:
        """Do steps one after the other; all values that are then known."""
        known = dict(values)
        for step in steps:
            known |= self.visitor.do(step, known, (changes or {}).get(step.where))
            if step.request_pay:
                known["request_pay"] = {**parameters(known.get("request_pay")), **fill(step.request_pay, known)}
        return known

    def _buy(
        self, steps: Sequence[Step], values: Mapping[str, Any], changes: Mapping[str, Mapping[str, Any]]
    ) -> "Purchase":
        # An earlier purchase's parameters must not be taken for this one's.
        known = self.run(steps, {**values, "random": random(), "request_pay": None}, changes)
        request_pay = parameters(known["request_pay"])
        for name in ("merchant_uid", "amount"):
            if not request_pay.get(name):
                raise Unplayable("no_request_pay", step=steps[-1].where, name=name)
        return Purchase(self, known, request_pay)


def parameters(found: Any) -> dict[str, Any]:
    """The parameters of `IMP.request_pay`: a JSON object, or its text; empty for anything else."""
    read = json_of(found) if isinstance(found, str) else found
    return dict(read) if isinstance(read, Mapping) else {}


@dataclass(frozen=True)
class Purchase:
    """An order whose "pay" was pressed."""

    buyer: Buyer
    values: Mapping[str, Any]
    request_pay: Mapping[str, Any]

    @property
    def merchant_uid(self) -> str:
        return str(self.request_pay["merchant_uid"])

    @property
    def amount(self) -> int:
        try:
            return int(self.request_pay["amount"])
        except (TypeError, ValueError):
            raise Unplayable("no_request_pay", step="request_pay", name="amount") from None

    # --- where the shop hears of a payment ---

    def webhook_address(self) -> str:
        """The shop's webhook address; "" when it has none."""
        named = self.request_pay.get("notice_url")
        addresses = named if isinstance(named, list) else [named]
        own = [one for one in addresses if isinstance(one, str) and self.buyer.visitor.is_own(one)]
        path = self.buyer.shop.webhook.path
        return own[0] if own else self.buyer.visitor.address(path) if path else ""

    def callback(self, told: Mapping[str, Any], lying: Mapping[str, Any] | None = None) -> Answer | None:
        """Send what the page sends after the window; None when the file does not describe it."""
        step = self.buyer.shop.callback
        return self.buyer.visitor.send(step, {**self.values, **ids(told)}, lying) if step else None

    def redirect(self, told: Mapping[str, Any], *, success: bool | None = None) -> Answer | None:
        """Come back from the window as a phone does; None when the shop has no such address."""
        step, named = self.buyer.shop.redirect, self.request_pay.get("m_redirect_url")
        if step is None and not named:
            return None
        values = ids(told)
        path = fill(step.path, {**self.values, **values}) if step else str(named)
        said = values["success"] if success is None else success
        query = f"imp_uid={values['imp_uid']}&merchant_uid={values['merchant_uid']}&imp_success={str(said).lower()}"
        path = f"{path}{'&' if '?' in path else '?'}{query}"
        return self.buyer.visitor.call("GET", self.buyer.visitor.address(path).removeprefix(self.buyer.shop.url))

    def webhook(self, by: Visitor, told: Mapping[str, Any], status: str) -> Answer:
        """Post a webhook as PortOne would, or as anybody can."""
        values = ids(told)
        body = {"imp_uid": values["imp_uid"], "merchant_uid": values["merchant_uid"], "status": status}
        return by.call("POST", self.webhook_address(), json=body)


def ids(told: Mapping[str, Any]) -> dict[str, Any]:
    """What the window's end brings to a page."""
    return {
        "imp_uid": str(told.get("imp_uid") or ""),
        "merchant_uid": str(told.get("merchant_uid") or ""),
        "success": bool(told.get("success")),
        "error_code": str(told.get("error_code") or ""),
        "error_msg": str(told.get("error_msg") or ""),
    }
