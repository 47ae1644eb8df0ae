"""Which tricks does a shop have to withstand? Each is played for real: against its public pages, with real windows.

An attack answers whether the shop refused it. Which function of the shop does so is told beside it; the sandbox knows
that by name only.
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

SMALLEST = 301  # won; KG charges no less
APPROVED, DECLINED = "01000001234", "01000000031"
DUPLICATES = 8
LONGEST_SHOWN = 240


@dataclass(frozen=True)
class Step:
    """What was done (a key of the texts), how it went over the wire, and what came back."""

    note: str
    request: str
    answer: str


@dataclass
class Lab:
    """One run: its visitors, its windows, and its notes."""

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
        """A new buyer who pressed "pay": who, what the window is asked for, and the order's page."""
        buyer = self.visitor()
        self.note = "cart"
        buyer.fill_cart()
        self.note = "checkout"
        asked = buyer.check_out(**more)
        return buyer, asked, buyer.newest_order()

    def open_window(self, asked: Mapping[str, Any]) -> str | None:
        """The id of the payment window, None when PortOne keeps it shut. No webhook tells of what happens in it."""
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
        """Go through the window with this number; its imp_uid."""
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
        """The imp_uid of a window that is open and nobody pays in; a made-up one when it stays shut."""
        self.note = "window"
        window_id = self.open_window(asked)
        return self.imp_uid(window_id) if window_id else "imp_000000000000"

    def claim(self, buyer: Shopper, imp_uid: str, asked: Mapping[str, Any], **more: Any) -> None:
        """What the page tells the shop after the window has closed."""
        told = {"imp_uid": imp_uid, "merchant_uid": asked["merchant_uid"], **more}
        buyer.call("POST", "/payment/complete", json=told)

    def is_unpaid(self, buyer: Shopper, order: str) -> bool:
        """Whether the shop, asked at the end, has not given the order away."""
        self.note = "look"
        return buyer.state_of(order) != "paid"

    def _payment(self, window_id: str) -> str:
        row = lookups.payment(self.database, self.imp_uid(window_id))
        payment = json.loads(row["body"]) if row else {}
        return f"{payment.get('imp_uid')}: {payment.get('status')}, {payment.get('amount')} KRW"

    def _write(self, request: str, answer: str) -> None:
        self.steps.append(Step(self.note, request[:LONGEST_SHOWN], answer[:LONGEST_SHOWN]))


def changed_price(lab: Lab) -> bool:
    """The price is changed twice: in what the page sends to the shop, and in what it asks the window for."""
    buyer, asked, order = lab.buyer_at_checkout(amount=SMALLEST, price=SMALLEST)
    if asked["amount"] == SMALLEST:
        return False
    lab.note = "open_cheap"
    window_id = lab.open_window(asked | {"amount": SMALLEST})
    if window_id is not None:  # this shop has not registered the price beforehand: pay, and claim it
        lab.claim(buyer, lab.type_in(window_id, APPROVED), asked)
    return lab.is_unpaid(buyer, order)


def replayed_payment(lab: Lab) -> bool:
    """A payment that was made once is shown again, for another order of the same price."""
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
    """The right amount for the right order, but KG declined; the page says that it worked."""
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
    """The window is open and nothing is paid; a stranger posts "paid" where PortOne would."""
    buyer, asked, order = lab.buyer_at_checkout()
    imp_uid = lab.unpaid_window(asked)
    lab.note = "forge_webhook"
    told = {"imp_uid": imp_uid, "merchant_uid": asked["merchant_uid"], "status": "paid"}
    lab.visitor(signed_up=False).call("POST", "/payment/webhook", json=told)
    return lab.is_unpaid(buyer, order)


def forged_redirect(lab: Lab) -> bool:
    """The address that a phone comes back to is typed by hand: imp_success=true."""
    buyer, asked, order = lab.buyer_at_checkout()
    imp_uid = lab.unpaid_window(asked)
    lab.note = "forge_redirect"
    query = f"imp_uid={imp_uid}&merchant_uid={asked['merchant_uid']}&imp_success=true"
    buyer.call("GET", f"/payment/redirect?{query}")
    return lab.is_unpaid(buyer, order)


def strangers_order(lab: Lab) -> bool:
    """Another buyer, and somebody who is nobody, type the number of an order into the address."""
    _, _, order = lab.buyer_at_checkout()
    lab.note = "peek"
    other = lab.visitor().call("GET", order)
    lab.note = "peek_nobody"
    nobody = lab.visitor(signed_up=False).call("GET", order)
    return all(answer.status_code != 200 for answer in (other, nobody))


def duplicate_webhooks(lab: Lab) -> bool:
    """A real payment, told by many webhooks at the same time: only one of them may change anything."""
    buyer, asked, order = lab.buyer_at_checkout()
    lab.note = "pay_once"
    window_id = lab.open_window(asked)
    if window_id is None:
        return True
    told = {"imp_uid": lab.type_in(window_id, APPROVED), "merchant_uid": asked["merchant_uid"], "status": "paid"}
    lab.note = "many"
    answers = _at_once(lab, told)
    lab.note = "look"
    state = buyer.state_of(order)
    return state == "paid" and sum(json_of(answer).get("outcome") == "paid" for answer in answers) <= 1


def _at_once(lab: Lab, told: Mapping[str, str]) -> list[requests.Response]:
    answers: list[requests.Response] = []
    stranger = lab.visitor(signed_up=False)
    calls = [
        threading.Thread(target=lambda: answers.append(stranger.call("POST", "/payment/webhook", json=told)))
        for _ in range(DUPLICATES)
    ]
    for call in calls:
        call.start()
    for call in calls:
        call.join()
    return answers


def negative_quantity(lab: Lab) -> bool:
    """Minus three of something are put into the cart, to bring the sum down."""
    buyer = lab.visitor()
    lab.note = "minus"
    return buyer.fill_cart(quantity=-3).status_code == 400


@dataclass(frozen=True)
class Attack:
    """`refused_by`: the file and the function of this project's shop that refuse."""

    run: Callable[[Lab], bool]
    refused_by: tuple[tuple[str, str], ...]


ATTACKS: dict[str, Attack] = {
    "changed-price": Attack(changed_price, (("shop/orders.py", "place"), ("shop/payments.py", "start_payment"))),
    "replayed-payment": Attack(replayed_payment, (("shop/books.py", "record"),)),
    "failed-payment": Attack(failed_payment, (("shop/decision.py", "decide"),)),
    "forged-webhook": Attack(forged_webhook, (("shop/results.py", "webhook"), ("shop/payments.py", "sync_payment"))),
    "forged-redirect": Attack(
        forged_redirect, (("shop/results.py", "redirect_back"), ("shop/payments.py", "sync_payment"))
    ),
    "strangers-order": Attack(strangers_order, (("shop/store.py", "order"),)),
    "duplicate-webhooks": Attack(duplicate_webhooks, (("shop/books.py", "record"), ("shop/decision.py", "decide"))),
    "negative-quantity": Attack(negative_quantity, (("shop/store.py", "add_item"),)),
}
