"""The attacks of the attack lab, played against the shop's public pages with real payment windows.

Each function returns whether the shop refused the attack. `ATTACKS` names the functions of this project's shop that
refuse it; the sandbox imports none of them.
"""

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import requests

from ..ledger import kg, lookups
from ..ledger.database import Database
from ..ledger.merchant import IMP_CODE
from ..webhooks.sender import Sender
from ..window import windows
from .shopper import Shopper, json_of

SMALLEST = 301  # won; KG's minimum
APPROVED, DECLINED = "01000001234", "01000000031"
DUPLICATES = 8
LONGEST_SHOWN = 240


@dataclass(frozen=True)
class Step:
    """One step for display: a text key, the request, and the response."""

    note: str
    request: str
    answer: str


@dataclass
class Lab:
    """One run of an attack: its visitors, its windows, and the steps recorded so far."""

    database: Database
    sender: Sender
    shop_url: str
    steps: list[Step] = field(default_factory=list)
    note: str = ""

    def visitor(self, *, signed_up: bool = True) -> Shopper:
        shopper = Shopper(self.sender.http, self.shop_url, self._write)
        if signed_up:
            shopper.sign_up()
        return shopper

    def buyer_at_checkout(self, **more: Any) -> tuple[Shopper, dict[str, Any], str]:
        """A new buyer after checkout: the buyer, the `request_pay` parameters, and the path of the order."""
        buyer = self.visitor()
        self.note = "cart"
        buyer.fill_cart()
        self.note = "checkout"
        asked = buyer.check_out(**more)
        return buyer, asked, buyer.newest_order()

    def open_window(self, asked: Mapping[str, Any]) -> str | None:
        """Open a payment window without webhooks; its id, or None when it is refused."""
        params = {key: value for key, value in asked.items() if key != "notice_url"}
        shown = f"IMP.request_pay  {{merchant_uid: {params.get('merchant_uid')}, amount: {params.get('amount')}}}"
        try:
            window_id = windows.open_window(
                self.database,
                IMP_CODE,
                params,
                device="pc",
                page_url=self.shop_url,
                user_agent="attack lab",
                callback=True,
            )
        except kg.Refused as refused:
            self._write(shown, refused.error_msg)
            return None
        self._write(shown, self._payment(window_id))
        return window_id

    def type_in(self, window_id: str, phone: str) -> str:
        """Pay in the window with this phone number; its imp_uid."""
        try:
            view = windows.send_code(self.database, window_id, carrier="SKT", phone=phone, birth="900101", gender="1")
            windows.confirm_code(self.database, self.sender, window_id, view.sms_code or "")
        except kg.Declined as declined:
            self._write(f"KG  {phone}", f"{declined.pg_code} {declined.message}")
        else:
            self._write(f"KG  {phone}", self._payment(window_id))
        return self.imp_uid(window_id)

    def imp_uid(self, window_id: str) -> str:
        view = windows.find(self.database, window_id)
        return view.imp_uid if view else ""

    def unpaid_window(self, asked: Mapping[str, Any]) -> str:
        """The imp_uid of a window left open and unpaid; an invented one when the window is refused."""
        self.note = "window"
        window_id = self.open_window(asked)
        return self.imp_uid(window_id) if window_id else "imp_000000000000"

    def claim(self, buyer: Shopper, imp_uid: str, asked: Mapping[str, Any], **more: Any) -> None:
        """Send the shop what its page sends after the window has closed."""
        claim = {"imp_uid": imp_uid, "merchant_uid": asked["merchant_uid"], **more}
        buyer.call("POST", "/payment/complete", json=claim)

    def is_unpaid(self, buyer: Shopper, order: str) -> bool:
        """Whether the order's page does not say paid."""
        self.note = "look"
        return buyer.state_of(order) != "paid"

    def _payment(self, window_id: str) -> str:
        row = lookups.payment(self.database, self.imp_uid(window_id))
        payment = json.loads(row["body"]) if row else {}
        return f"{payment.get('imp_uid')}: {payment.get('status')}, {payment.get('amount')} KRW"

    def _write(self, request: str, answer: str) -> None:
        self.steps.append(Step(self.note, request[:LONGEST_SHOWN], answer[:LONGEST_SHOWN]))


def changed_price(lab: Lab) -> bool:
    """Change the price in the checkout request, and then in the window's parameters."""
    buyer, asked, order = lab.buyer_at_checkout(amount=SMALLEST, price=SMALLEST)
    if asked["amount"] == SMALLEST:
        return False
    lab.note = "open_cheap"
    window_id = lab.open_window(asked | {"amount": SMALLEST})
    if window_id is not None:  # the shop did not register the amount beforehand: pay less and claim the order
        lab.claim(buyer, lab.type_in(window_id, APPROVED), asked)
    return lab.is_unpaid(buyer, order)


def replayed_payment(lab: Lab) -> bool:
    """Present the imp_uid of a paid order for another order of the same price."""
    _, asked, _ = lab.buyer_at_checkout()
    lab.note = "pay_once"
    window_id = lab.open_window(asked)
    if window_id is None:
        return True
    imp_uid = lab.type_in(window_id, APPROVED)
    buyer, other, order = lab.buyer_at_checkout()
    lab.note = "claim_other"
    lab.claim(buyer, imp_uid, other)
    return lab.is_unpaid(buyer, order)


def failed_payment(lab: Lab) -> bool:
    """Report success for a payment of the right amount that KG declined."""
    buyer, asked, order = lab.buyer_at_checkout()
    lab.note = "declined"
    window_id = lab.open_window(asked)
    if window_id is None:
        return True
    imp_uid = lab.type_in(window_id, DECLINED)
    lab.note = "claim_success"
    lab.claim(buyer, imp_uid, asked, success=True, status="paid")
    return lab.is_unpaid(buyer, order)


def forged_webhook(lab: Lab) -> bool:
    """Post a webhook that says paid while the window is open and unpaid."""
    buyer, asked, order = lab.buyer_at_checkout()
    imp_uid = lab.unpaid_window(asked)
    lab.note = "forge_webhook"
    claim = {"imp_uid": imp_uid, "merchant_uid": asked["merchant_uid"], "status": "paid"}
    lab.visitor(signed_up=False).call("POST", "/payment/webhook", json=claim)
    return lab.is_unpaid(buyer, order)


def forged_redirect(lab: Lab) -> bool:
    """Open the redirect URL with imp_success=true for an unpaid payment."""
    buyer, asked, order = lab.buyer_at_checkout()
    imp_uid = lab.unpaid_window(asked)
    lab.note = "forge_redirect"
    query = f"imp_uid={imp_uid}&merchant_uid={asked['merchant_uid']}&imp_success=true"
    buyer.call("GET", f"/payment/redirect?{query}")
    return lab.is_unpaid(buyer, order)


def strangers_order(lab: Lab) -> bool:
    """Open a buyer's order as another buyer, and without signing in."""
    _, _, order = lab.buyer_at_checkout()
    lab.note = "peek"
    other = lab.visitor().call("GET", order)
    lab.note = "peek_nobody"
    nobody = lab.visitor(signed_up=False).call("GET", order)
    return all(answer.status_code != 200 for answer in (other, nobody))


def duplicate_webhooks(lab: Lab) -> bool:
    """Send many webhooks of one real payment at once; only one may change anything."""
    buyer, asked, order = lab.buyer_at_checkout()
    lab.note = "pay_once"
    window_id = lab.open_window(asked)
    if window_id is None:
        return True
    claim = {"imp_uid": lab.type_in(window_id, APPROVED), "merchant_uid": asked["merchant_uid"], "status": "paid"}
    lab.note = "many"
    responses = _at_once(lab, claim)
    lab.note = "look"
    state = buyer.state_of(order)
    return state == "paid" and sum(json_of(answer).get("outcome") == "paid" for answer in responses) <= 1


def _at_once(lab: Lab, claim: Mapping[str, str]) -> list[requests.Response]:
    responses: list[requests.Response] = []
    stranger = lab.visitor(signed_up=False)
    calls = [
        threading.Thread(target=lambda: responses.append(stranger.call("POST", "/payment/webhook", json=claim)))
        for _ in range(DUPLICATES)
    ]
    for call in calls:
        call.start()
    for call in calls:
        call.join()
    return responses


def negative_quantity(lab: Lab) -> bool:
    """Put a quantity of -3 into the cart to lower the total."""
    buyer = lab.visitor()
    lab.note = "minus"
    return buyer.fill_cart(quantity=-3).status_code == 400


@dataclass(frozen=True)
class Attack:
    """`refused_by`: files and functions of this project's shop that refuse the attack."""

    run: Callable[[Lab], bool]
    refused_by: tuple[tuple[str, str], ...]


ATTACKS: dict[str, Attack] = {
    "changed-price": Attack(
        changed_price, (("shop/orders/orders.py", "place"), ("payments/attempts.py", "start_payment"))
    ),
    "replayed-payment": Attack(replayed_payment, (("payments/record.py", "record"),)),
    "failed-payment": Attack(failed_payment, (("payments/decision.py", "decide"),)),
    "forged-webhook": Attack(
        forged_webhook, (("payments/endpoints.py", "webhook"), ("payments/sync.py", "sync_payment"))
    ),
    "forged-redirect": Attack(
        forged_redirect, (("payments/endpoints.py", "redirect_back"), ("payments/sync.py", "sync_payment"))
    ),
    "strangers-order": Attack(strangers_order, (("shop/storefront/my_orders.py", "order"),)),
    "duplicate-webhooks": Attack(
        duplicate_webhooks, (("payments/record.py", "record"), ("payments/decision.py", "decide"))
    ),
    "negative-quantity": Attack(negative_quantity, (("shop/storefront/store.py", "add_item"),)),
}
