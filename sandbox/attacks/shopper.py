"""A visitor of the shop without a browser: signs up, fills a cart, checks out, reads pages.

It knows the shop by URL only, and follows no redirect, so it never calls another host.
"""

import json
import re
import secrets
from collections.abc import Callable, Mapping
from html.parser import HTMLParser
from typing import Any

import requests

TIMEOUT_SECONDS = 10
LONGEST_PAGE = 200_000  # characters of a page that are read
ORDER_STATUS = r'data-order-status="(\w+)"'
BUYER = {
    "buyer_name": "공격 실험실",
    "buyer_tel": "010-0000-1234",
    "buyer_email": "lab@example.com",
    "buyer_addr": "서울시 중구 세종대로 110",
    "buyer_postcode": "04524",
}


class ShopError(Exception):
    """The shop was unreachable, or refused what any visitor may do. The message names the request."""


class Shopper:
    """One visitor with its own cookies. `listen` is called with every request and response."""

    def __init__(self, http: requests.Session, shop_url: str, listen: Callable[[str, str], None]) -> None:
        self._shop_url = shop_url.rstrip("/")
        self._listen = listen
        self._session = requests.Session()
        self._session.trust_env = False
        for prefix, adapter in http.adapters.items():  # keeps calls in the process when the shop is mounted
            self._session.mount(prefix, adapter)

    def call(self, method: str, path: str, **content: Any) -> requests.Response:
        """Send one request and report it to `listen`. Raises ShopError without a response."""
        response = self._ask(method, path, **content)
        self._listen(_request_text(method, path, content), _response_text(response))
        return response

    def sign_up(self) -> None:
        """Sign up with a random address and password."""
        form = _forms(self._page("/signup"))
        fields = next((fields for fields in form if "password" in fields), None)
        if fields is None:
            raise ShopError("GET /signup: no form with a password")
        fields |= {"email": f"lab-{secrets.token_hex(6)}@example.com", "password": secrets.token_urlsafe(12)}
        response = self._ask("POST", "/signup", data=fields)
        if response.status_code not in (302, 303):
            raise ShopError(f"POST /signup: {response.status_code}")

    def fill_cart(self, quantity: int = 1) -> requests.Response:
        """Put the first one-time product into the cart."""
        for slug in dict.fromkeys(re.findall(r'href="[^"]*?(/products/[\w-]+)"', self._page("/"))):
            page = self._page(slug)
            form = next((fields for fields in _forms(page) if "product_id" in fields), None)
            if form and 'data-kind="once"' in page:
                return self.call("POST", "/cart/items", data=form | {"quantity": str(quantity)})
        raise ShopError("GET /: nothing on sale")

    def check_out(self, **more: Any) -> dict[str, Any]:
        """Check out; the parameters of `IMP.request_pay`. `more` is added to the request. Raises ShopError."""
        token = re.search(r'name="csrf-token" content="([^"]+)"', self._page("/cart"))
        headers = {"X-CSRFToken": token.group(1)} if token else {}
        response = self.call("POST", "/checkout", json={"kind": "once", **BUYER, **more}, headers=headers)
        body = json_of(response)
        if response.status_code != 200 or not isinstance(body.get("request_pay"), dict):
            raise ShopError(f"POST /checkout: {response.status_code}")
        return dict(body["request_pay"])

    def newest_order(self) -> str:
        """The path of the latest order's page. Raises ShopError."""
        found = re.search(r'href="[^"]*?(/orders/\d+)"', self._page("/orders"))
        if found is None:
            raise ShopError("GET /orders: no order")
        return found.group(1)

    def state_of(self, order: str) -> str:
        """The status on the order's page: pending, paid, cancelled, expired. Raises ShopError."""
        found = re.search(ORDER_STATUS, self.call("GET", order).text[:LONGEST_PAGE])
        if found is None:
            raise ShopError(f"GET {order}: no state")
        return found.group(1)

    def _page(self, path: str) -> str:
        response = self._ask("GET", path)
        if response.status_code != 200:
            raise ShopError(f"GET {path}: {response.status_code}")
        return response.text[:LONGEST_PAGE]

    def _ask(self, method: str, path: str, **content: Any) -> requests.Response:
        # Some frameworks require a Referer of their own origin.
        headers = {"Referer": f"{self._shop_url}/", **content.pop("headers", {})}
        try:
            return self._session.request(
                method,
                self._shop_url + path,
                headers=headers,
                timeout=TIMEOUT_SECONDS,
                allow_redirects=False,
                **content,
            )
        except requests.RequestException as error:
            raise ShopError(f"{method} {path}: {type(error).__name__}") from error


def json_of(response: requests.Response) -> dict[str, Any]:
    """The JSON object of a response; empty for anything else."""
    try:
        body = response.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _request_text(method: str, path: str, content: Mapping[str, Any]) -> str:
    body = content.get("json") or content.get("data") or {}
    shown = {key: value for key, value in body.items() if key != "csrf_token" and key not in BUYER}
    pairs = ", ".join(f"{key}: {value}" for key, value in shown.items())
    return f"{method} {path}" + (f"  {{{pairs}}}" if pairs else "")


def _response_text(response: requests.Response) -> str:
    """The status and the part of the response that matters to an attack."""
    body, state = json_of(response), re.search(ORDER_STATUS, response.text[:LONGEST_PAGE])
    if "request_pay" in body:
        body = {"merchant_uid": body.get("merchant_uid"), "amount": body["request_pay"].get("amount")}
    if body:
        return f"{response.status_code} {json.dumps(body, ensure_ascii=False)}"
    return f"{response.status_code} {state.group(1) if state else response.headers.get('Location', '')}".strip()


def _forms(page: str) -> list[dict[str, str]]:
    """The fields of each form as a browser would send them, with required boxes checked."""
    parser = _FormParser()
    parser.feed(page)
    return parser.forms


class _FormParser(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[dict[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if tag == "form":
            self.forms.append({})
        name = attributes.get("name")
        if tag != "input" or not name or not self.forms:
            return
        unchecked = attributes.get("type") in ("checkbox", "radio") and not {"required", "checked"} & attributes.keys()
        if not unchecked:
            default = "on" if attributes.get("type") == "checkbox" else ""
            self.forms[-1].setdefault(name, attributes.get("value") or default)
