"""A shop's page for the SDK's tests: another origin than the sandbox, a strict content policy, one button.

What it asks for stands in its address, because looking into a page with Playwright counts as the buyer's gesture.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from flask import Flask, Response
from playwright.sync_api import Frame, Page, expect

from sandbox import Sandbox
from sandbox.ledger import options
from tests.sandbox.conftest import ASKED, served
from tests.sandbox.driver import driven

GIVEN_UP = {"error_code": "F400", "error_msg": "사용자가 결제를 취소하였습니다", "merchant_uid": "order-1"}

PAGE = """<!doctype html><html lang="ko"><title>shop</title><meta name="viewport" content="width=device-width">
<p><a href="#behind">behind</a></p><button id="pay">pay</button><p id="heard"></p>
%s<script src="/shop.js"></script>"""

# Ways to load the SDK, by the path of the page below /cart.
LOADED = {
    "": '<script src="%s/v1/iamport.js"></script>',
    "1.2.0": '<script src="%s/js/iamport.payment-1.2.0.js"></script>',
    "1.1.8": '<script src="%s/js/iamport.payment-1.1.8.js"></script>',
    "esm": '<script type="module" src="%s/v1/iamport.esm.js"></script>',
    "as-module": '<script type="module" src="%s/v1/iamport.js"></script>',
    "imported": '<script type="module" src="/imports.js"></script>',
    "twice": '<script src="%s/v1/iamport.js"></script><script src="/init.js"></script>'
    '<script src="%s/v1/iamport.js"></script>',
}

SCRIPT = """
const told = JSON.parse(decodeURIComponent(location.search.slice(1)));
const heard = [];
function hear(result) {
  heard.push(result);
  document.getElementById("heard").textContent = JSON.stringify(heard);
}
function pay() {
  if (told.init) IMP.init("imp00000000");
  IMP.request_pay(told.params, told.callback ? hear : undefined);
}
document.getElementById("pay").addEventListener("click", pay);
if (told.unclicked) window.addEventListener("load", pay);
"""


@dataclass
class Shop:
    """The shop's address, the sandbox's, and the sandbox behind it."""

    url: str
    sandbox_url: str
    sandbox: Sandbox

    def visit(
        self,
        page: Page,
        *,
        loaded: str = "",
        unclicked: bool = False,
        init: bool = True,
        callback: bool = True,
        **asked: Any,
    ) -> None:
        """Open the page, with its SDK ready and told how the sandbox is switched."""
        told = {"params": ASKED | asked, "init": init, "callback": callback, "unclicked": unclicked}
        address = f"{self.url}/cart/{loaded}?{quote(json.dumps(told))}"
        if unclicked:
            page.goto(address)
            return
        with page.expect_response("**/window/hints") as hints:
            page.goto(address)
        hints.value.finished()

    def switch(self, **changes: Any) -> None:
        options.change(self.sandbox.database, changes)

    @property
    def back(self) -> str:
        return f"{self.url}/back"

    def payment(self) -> dict[str, Any]:
        """The newest payment of the order."""
        page = self.sandbox.ledger.lookups.of_order("order-1", "", "-started", 1, 1)
        return dict(json.loads(page.texts[0]))


@contextmanager
def serving_shop(sandbox_app: Flask) -> Iterator[Shop]:
    """The shop and the sandbox, each on a port of its own."""
    with served(sandbox_app) as sandbox_url, served(shop_app(sandbox_url)) as url:
        yield Shop(url, sandbox_url, driven(sandbox_app))


def shop_app(sandbox_url: str) -> Flask:
    app = Flask("a shop")
    origin = "{0.scheme}://{0.netloc}".format(urlsplit(sandbox_url))
    policy = f"default-src 'self'; script-src 'self' {origin}; connect-src {origin}; frame-src {origin}"

    @app.get("/cart/")
    @app.get("/cart/<loaded>")
    @app.get("/back")
    def page(loaded: str = "") -> Response:
        scripts = LOADED[loaded].replace("%s", sandbox_url)
        return Response(PAGE % scripts, headers={"Content-Security-Policy": policy})

    @app.get("/imports.js")
    def imports() -> Response:
        script = f'import IMP from "{sandbox_url}/v1/iamport.esm.js"; window.imported = IMP;'
        return Response(script, content_type="text/javascript")

    @app.get("/init.js")
    def init() -> Response:
        return Response('IMP.init("imp00000000");', content_type="text/javascript")

    @app.get("/shop.js")
    def script() -> Response:
        return Response(SCRIPT, content_type="text/javascript")

    @app.get("/favicon.ico")
    def icon() -> Response:
        return Response(status=204)

    return app


def open_popup(page: Page) -> Page:
    """Click, and have the popup at the payment window."""
    with page.expect_popup() as opened:
        page.locator("#pay").click()
    expect(opened.value.locator("#send-code")).to_be_visible()
    return opened.value


def identify(window: Page | Frame, phone: str = "010-1234-5678") -> None:
    expect(window.locator("main[inert]")).to_have_count(0)  # its script listens from then on
    window.locator("input[name=phone]").fill(phone)
    window.locator("input[name=birth]").fill("900101")
    window.locator("input[name=gender]").fill("1")
    window.locator("#agree-all").check()
    window.locator("#send-code").click()


def approve(window: Page | Frame) -> None:
    code = window.locator("#sms-code-shown")
    expect(code).not_to_be_empty()
    window.locator("input[name=code]").fill(code.inner_text())
    window.locator("#pay").click()


def expect_heard(page: Page, *results: dict[str, Any]) -> None:
    """The callback was called once for each of these, and what it was called with held at least this."""
    heard = page.locator("#heard")
    expect(heard).not_to_be_empty()
    told = json.loads(heard.inner_text())
    assert len(told) == len(results), told
    for result, expected in zip(told, results, strict=True):
        assert {key: result.get(key) for key in expected} == expected, result
