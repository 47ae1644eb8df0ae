"""HTTP client that acts as a buyer: signs in, fills the cart, pays, returns to the shop.

It completes the payment window through the sandbox's controls. Used by the benchmarks, the soak and the server's tests.
"""

import re
from typing import Any

import requests

BUYER = {"buyer_name": "홍길동", "buyer_tel": "01012345678", "buyer_email": "buyer@example.com"}
ADDRESS = {"buyer_addr": "서울특별시 중구 세종대로 110", "buyer_postcode": "04524"}
TOKEN = re.compile(r'name="csrf-token" content="([^"]+)"')
PRODUCT_ID = re.compile(r'name="product_id" value="(\d+)"')
SECONDS = 60


class Shopper:
    """One buyer with separate cookies. Raises requests.HTTPError for a 4xx or 5xx response."""

    def __init__(self, shop: str, sandbox: str, controls_token: str = "") -> None:
        self.shop, self.sandbox = shop, sandbox
        self.http = requests.Session()
        self.http.trust_env = False
        self.controls = {"X-Controls-Token": controls_token}
        self.token = ""

    def page(self, path: str) -> str:
        """Load a page and return its text; its CSRF token is used from now on."""
        answer = self.http.get(self.shop + path, timeout=SECONDS)
        answer.raise_for_status()
        found = TOKEN.search(answer.text)
        self.token = found[1] if found else self.token
        return answer.text

    def post(self, path: str, **content: Any) -> requests.Response:
        """Send a POST as a form or script of the page does."""
        headers = {"X-CSRFToken": self.token, "Referer": self.shop + "/"}
        answer = self.http.post(self.shop + path, headers=headers, timeout=SECONDS, **content)
        answer.raise_for_status()
        return answer

    def sign_up(self, email: str, password: str = "long-enough") -> None:  # noqa: S107
        self.page("/signup")
        self.post("/signup", data={"email": email, "password": password})
        self.page("/")

    def sign_in(self, email: str = "buyer@example.com", password: str = "demo") -> None:  # noqa: S107
        self.page("/login")
        self.post("/login", data={"email": email, "password": password})
        self.page("/")

    def put_in_cart(self, slug: str) -> int:
        """Put one piece in the cart; return the product's id."""
        found = PRODUCT_ID.search(self.page(f"/products/{slug}"))
        product_id = int(found[1]) if found else 0
        self.post("/cart/items", data={"product_id": product_id, "quantity": 1})
        return product_id

    def check_out(self, kind: str = "once", **more: Any) -> dict[str, Any]:
        """Check out; return the parameters of `IMP.request_pay` and our id of the attempt."""
        told: dict[str, Any] = self.post("/checkout", json={"kind": kind, **BUYER, **ADDRESS, **more}).json()
        return told

    def approve(self, told: dict[str, Any], outcome: str = "approve") -> dict[str, Any]:
        """Complete the payment window; return what the callback receives."""
        wanted = told["request_pay"] | {"outcome": outcome}
        answer = self.http.post(
            f"{self.sandbox}/controls/payments", json=wanted, headers=self.controls, timeout=SECONDS
        )
        answer.raise_for_status()
        window: dict[str, Any] = answer.json()
        return window

    def come_back(self, window: dict[str, Any]) -> dict[str, Any]:
        """Call the PC callback's endpoint; return its response."""
        ids = {"imp_uid": window["imp_uid"], "merchant_uid": window["merchant_uid"]}
        told: dict[str, Any] = self.post("/payment/complete", json=ids).json()
        return told

    def buy(self, slug: str = "bear-emoji") -> str:
        """Buy one product, from its page to the paid order; return the shop's outcome."""
        self.put_in_cart(slug)
        outcome: str = self.come_back(self.approve(self.check_out()))["outcome"]
        return outcome

    def close(self) -> None:
        self.http.close()
