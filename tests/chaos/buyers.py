"""Buyers who never give up: they buy, pay, lose answers, and want their money back, whoever dies meanwhile."""

import random
import re
import threading
import time
from contextlib import suppress
from typing import Any

import requests

from tests.chaos.site import Site

FORM = {
    "buyer_name": "홍길동",
    "buyer_tel": "01012345678",
    "buyer_email": "buyer@example.com",
    "buyer_addr": "서울시 중구 세종대로 110",
    "buyer_postcode": "04524",
}
# No answer, or one without what was asked for: what a buyer sees when a server dies.
LOST = (requests.RequestException, KeyError, IndexError, ValueError, TypeError)
PAUSE_SECONDS = 0.1


class Buyer:
    """One signed-in browser."""

    def __init__(self, site: Site, number: int, shop: str | None = None) -> None:
        self._site, self._shop = site, shop or site.url
        self._http = requests.Session()
        for name, value in site.cookies[number].items():
            self._http.cookies.set(name, value, domain="127.0.0.1", path="/")

    def close(self) -> None:
        self._http.close()

    def checkout(self, product_id: int | None) -> dict[str, Any]:
        """What `request_pay` is to be called with; None buys the plan. KeyError when the shop refuses."""
        token = self._token()
        body = FORM | {"kind": "monthly", "product_id": self._site.plan}
        if product_id:
            self._post(f"{self._shop}/cart/items", token, data={"product_id": product_id, "quantity": 1})
            body = FORM | {"kind": "once"}
        asked: dict[str, Any] = self._post(f"{self._shop}/checkout", token, json=body).json()["request_pay"]
        return asked

    def go_through_the_window(self, asked: dict[str, Any], outcome: str) -> dict[str, Any]:
        """What the callback is told."""
        told: dict[str, Any] = requests.post(
            f"{self._site.sandbox_url}/controls/payments", json=asked | {"outcome": outcome}, timeout=30
        ).json()
        return told

    def come_back(self, told: dict[str, Any], door: str) -> None:
        ids = {name: told[name] for name in ("imp_uid", "merchant_uid") if told.get(name)}
        if door == "redirect":
            requests.get(f"{self._shop}/payment/redirect", params=ids, timeout=30, allow_redirects=False)
        else:
            requests.post(f"{self._shop}/payment/{door}", json=ids, timeout=30)

    def cancel_the_latest(self) -> None:
        page = self._http.get(f"{self._shop}/orders", timeout=30).text
        order_id = re.findall(r"/orders/(\d+)", page)[0]
        token = self._token()
        self._post(f"{self._shop}/orders/{order_id}/cancel", token, data={"reason": "마음이 바뀜"})

    def _token(self) -> str:
        page = self._http.get(f"{self._shop}/cart", timeout=30).text
        return page.split('name="csrf-token" content="', 1)[1].split('"', 1)[0]

    def _post(self, address: str, token: str, **body: Any) -> requests.Response:
        return self._http.post(address, headers={"X-CSRFToken": token}, timeout=30, allow_redirects=False, **body)


def one_purchase(site: Site, number: int, chance: random.Random) -> None:
    """Something that a buyer does, with every way in which it ends; raises one of LOST when a server is gone."""
    buyer = Buyer(site, number)
    try:
        asked = buyer.checkout(chance.choice([*site.goods, None]))
        told = buyer.go_through_the_window(asked, chance.choice(["approve"] * 5 + ["decline", "close"]))
        for door in chance.sample(["complete", "redirect", "webhook"], k=chance.randint(0, 2)):
            buyer.come_back(told, door)
        if chance.random() < 0.4:
            buyer.cancel_the_latest()
        elif chance.random() < 0.1:
            address = f"{site.sandbox_url}/controls/payments/{told['imp_uid']}/cancel"
            requests.post(address, timeout=30)  # somebody presses the button in PortOne's console
    finally:
        buyer.close()


def shopping(site: Site, number: int, seed: int, over: threading.Event) -> threading.Thread:
    """A buyer's thread that goes on until it is `over`."""

    def shop() -> None:
        chance = random.Random(f"{seed}:{number}")  # noqa: S311 - a game, no secret
        while not over.is_set():
            with suppress(*LOST):
                one_purchase(site, number, chance)
            time.sleep(PAUSE_SECONDS)

    thread = threading.Thread(target=shop)
    thread.start()
    return thread
