"""How does somebody without a browser shop? By the shop's public pages: sign up, fill the cart, check out, look.

Knows the shop by URL only, as any visitor does. No redirect is followed, so nobody is led to another host.
"""

import json
import re
import secrets
from collections.abc import Callable, Mapping
from html.parser import HTMLParser
from typing import Any

import requests

from .ledger import Ledger

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


class ShopTrouble(Exception):
    """The shop did not answer as a shop does: away, or it refused what any visitor may do. The message says where."""


class Shopper:
    """One visitor with cookies of their own. `listen` is told of every call and its answer."""

    def __init__(self, ledger: Ledger, shop_url: str, listen: Callable[[str, str], None]) -> None:
        self._shop_url = shop_url.rstrip("/")
        self._listen = listen
        self._session = requests.Session()
        self._session.trust_env = False
        for prefix, adapter in ledger.http.adapters.items():  # mounted, the calls stay inside the process
            self._session.mount(prefix, adapter)

    def call(self, method: str, path: str, **content: Any) -> requests.Response:
        """One request, told to `listen`. Raises ShopTrouble when nobody answers."""
        answer = self._ask(method, path, **content)
        self._listen(_written(method, path, content), _in_short(answer))
        return answer

    def sign_up(self) -> None:
        """Become a buyer whom nobody knows, with a password that is forgotten at once."""
        form = _forms(self._page("/signup"))
        fields = next((fields for fields in form if "password" in fields), None)
        if fields is None:
            raise ShopTrouble("GET /signup: no form with a password")
        fields |= {"email": f"lab-{secrets.token_hex(6)}@example.com", "password": secrets.token_urlsafe(12)}
        answer = self._ask("POST", "/signup", data=fields)
        if answer.status_code not in (302, 303):
            raise ShopTrouble(f"POST /signup: {answer.status_code}")

    def fill_cart(self, quantity: int = 1) -> requests.Response:
        """Put the first thing that can be bought once into the cart."""
        for slug in dict.fromkeys(re.findall(r'href="[^"]*?(/products/[\w-]+)"', self._page("/"))):
            page = self._page(slug)
            form = next((fields for fields in _forms(page) if "product_id" in fields), None)
            if form and 'data-kind="once"' in page:
                return self.call("POST", "/cart/items", data=form | {"quantity": str(quantity)})
        raise ShopTrouble("GET /: nothing on sale")

    def check_out(self, **more: Any) -> dict[str, Any]:
        """Press "pay": what `IMP.request_pay` is to be called with. `more` joins what is asked. Raises ShopTrouble."""
        token = re.search(r'name="csrf-token" content="([^"]+)"', self._page("/cart"))
        headers = {"X-CSRFToken": token.group(1)} if token else {}
        answer = self.call("POST", "/checkout", json={"kind": "once", **BUYER, **more}, headers=headers)
        told = json_of(answer)
        if answer.status_code != 200 or not isinstance(told.get("request_pay"), dict):
            raise ShopTrouble(f"POST /checkout: {answer.status_code}")
        return dict(told["request_pay"])

    def newest_order(self) -> str:
        """The path of the latest order's page. Raises ShopTrouble."""
        found = re.search(r'href="[^"]*?(/orders/\d+)"', self._page("/orders"))
        if found is None:
            raise ShopTrouble("GET /orders: no order")
        return found.group(1)

    def state_of(self, order: str) -> str:
        """How an order stands by its own page: pending, paid, cancelled, expired. Raises ShopTrouble."""
        found = re.search(ORDER_STATUS, self.call("GET", order).text[:LONGEST_PAGE])
        if found is None:
            raise ShopTrouble(f"GET {order}: no state")
        return found.group(1)

    def _page(self, path: str) -> str:
        answer = self._ask("GET", path)
        if answer.status_code != 200:
            raise ShopTrouble(f"GET {path}: {answer.status_code}")
        return answer.text[:LONGEST_PAGE]

    def _ask(self, method: str, path: str, **content: Any) -> requests.Response:
        # Some frameworks want to see that a form comes from their own page.
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
            raise ShopTrouble(f"{method} {path}: {type(error).__name__}") from error


def json_of(answer: requests.Response) -> dict[str, Any]:
    """The answer's JSON object; empty for anything else."""
    try:
        told = answer.json()
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _written(method: str, path: str, content: Mapping[str, Any]) -> str:
    body = content.get("json") or content.get("data") or {}
    shown = {key: value for key, value in body.items() if key != "csrf_token" and key not in BUYER}
    pairs = ", ".join(f"{key}: {value}" for key, value in shown.items())
    return f"{method} {path}" + (f"  {{{pairs}}}" if pairs else "")


def _in_short(answer: requests.Response) -> str:
    """The status, and of the rest what an attack turns on."""
    told, state = json_of(answer), re.search(ORDER_STATUS, answer.text[:LONGEST_PAGE])
    if "request_pay" in told:
        told = {"merchant_uid": told.get("merchant_uid"), "amount": told["request_pay"].get("amount")}
    if told:
        return f"{answer.status_code} {json.dumps(told, ensure_ascii=False)}"
    return f"{answer.status_code} {state.group(1) if state else answer.headers.get('Location', '')}".strip()


def _forms(page: str) -> list[dict[str, str]]:
    """The fields of each form of a page as a browser would send them, with every required box ticked."""
    parser = _FormParser()
    parser.feed(page)
    return parser.forms


class _FormParser(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[dict[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        if tag == "form":
            self.forms.append({})
        name = told.get("name")
        if tag != "input" or not name or not self.forms:
            return
        left_alone = told.get("type") in ("checkbox", "radio") and not {"required", "checked"} & told.keys()
        if not left_alone:
            usual = "on" if told.get("type") == "checkbox" else ""
            self.forms[-1].setdefault(name, told.get("value") or usual)
