"""A buyer without a browser, for the stories: it uses the shop's addresses, and the sandbox's controls as window."""

import secrets
import time
from typing import Any

import requests

from shop.config import Settings

TIMEOUT_SECONDS = 30.0
LOOKS, LOOK_SECONDS = 40, 0.05  # at a webhook that the sandbox sends in the background
META = 'name="csrf-token" content="'  # before the token


class Stopped(Exception):
    """A request was not answered as it should be; the message names the request."""


class Visitor:
    """One buyer with separate cookies. `http` reaches the shop and the sandbox, and has the token of the controls."""

    def __init__(self, http: requests.Session, settings: Settings) -> None:
        self.email = f"story-{secrets.token_hex(4)}@example.com"
        self.password = secrets.token_urlsafe(12)
        self._settings = settings
        self._controls = http
        self._http = requests.Session()
        self._http.trust_env = False
        for prefix, adapter in http.adapters.items():
            self._http.mount(prefix, adapter)

    def sign_in(self) -> None:
        self._post("/login", data={"email": self.email, "password": self.password})

    def put_in_cart(self, product_id: int) -> None:
        self._post("/cart/items", data={"product_id": str(product_id), "quantity": "1"})

    def check_out(self, kind: str, phone: str, **more: Any) -> dict[str, Any]:
        """Press the pay button; return the parameters of `IMP.request_pay`."""
        buyer = {"buyer_name": "홍길동", "buyer_tel": phone, "buyer_email": self.email}
        answer = self._post("/checkout", json={"kind": kind, "consent": True, **buyer, **more})
        request_pay = _json_of(answer).get("request_pay")
        if not isinstance(request_pay, dict):
            raise Stopped(f"POST /checkout: {answer.status_code}")
        return request_pay

    def pay(self, request_pay: dict[str, Any], phone: str) -> str:
        """Approve in a payment window with this number; return the `imp_uid`, whatever the page would have heard."""
        asked = {**request_pay, "user_code": self._settings.imp_code, "phone": phone, "outcome": "approve"}
        told = _json_of(self._control("POST", "/controls/payments", json=asked))
        if not told.get("success"):
            raise Stopped(f"POST /controls/payments: {told.get('error_msg')}")
        return str(told["imp_uid"])

    def come_back(self, imp_uid: str, request_pay: dict[str, Any]) -> None:
        """Tell the shop what the page's callback would."""
        self._post("/payment/complete", json={"imp_uid": imp_uid, "merchant_uid": request_pay["merchant_uid"]})

    def wait_for_webhook(self, imp_uid: str) -> None:
        """Wait until the webhook of this payment was delivered; have one that waits for too long delivered now."""
        for _look in range(LOOKS):
            waiting = self._waiting_webhooks(imp_uid)
            if not waiting:
                return
            time.sleep(LOOK_SECONDS)
        for delivery_id in waiting:
            self._control("POST", f"/controls/deliveries/{delivery_id}/redeliver", json={})

    def _waiting_webhooks(self, imp_uid: str) -> list[int]:
        deliveries = _json_of(self._control("GET", "/controls/deliveries")).get("deliveries", [])
        return [one["id"] for one in deliveries if one["imp_uid"] == imp_uid and one["state"] == "waiting"]

    def close(self) -> None:
        self._http.close()

    def _post(self, path: str, **content: Any) -> requests.Response:
        page = self._ask(self._http, "GET", self._settings.public_url + "/login")
        token = page.text.partition(META)[2].partition('"')[0]
        headers = {"X-CSRFToken": token, "Referer": f"{self._settings.public_url}/"}
        return self._ask(self._http, "POST", self._settings.public_url + path, headers=headers, **content)

    def _control(self, method: str, path: str, **content: Any) -> requests.Response:
        return self._ask(self._controls, method, self._settings.api_url + path, **content)

    def _ask(self, http: requests.Session, method: str, url: str, **content: Any) -> requests.Response:
        try:
            answer = http.request(method, url, timeout=TIMEOUT_SECONDS, allow_redirects=False, **content)
        except requests.RequestException as error:
            raise Stopped(f"{method} {url}: {type(error).__name__}") from error
        if answer.status_code >= 400:
            raise Stopped(f"{method} {url}: {answer.status_code}")
        return answer


def _json_of(answer: requests.Response) -> dict[str, Any]:
    try:
        found = answer.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
