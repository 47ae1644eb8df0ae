"""Which pages are there to look at, and in which states? One walk past all of them, for axe and for contact sheets.

`look` is called with a name and the page as it stands. Whoever looks may scroll and resize, not click.
"""

from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page

from tests.servers import Server
from tests.shop.storefront.test_journeys import identify, pay_in_popup, type_code
from tests.walk_states import (
    Look,
    after_paying,
    cart_states,
    message_states,
    office_states,
    order_states,
    refusing,
    subscription_states,
)

PUBLIC = {
    "shop": "/",
    "product": "/products/herb-kit",
    "product-plan": "/products/reading-pass",
    "product-download": "/products/night-walk-ebook",
    "login": "/login",
    "signup": "/signup",
    "terms": "/terms",
    "privacy": "/privacy",
    "refund": "/refund",
    "error-404": "/nowhere",
    "error-405": "/logout",
    "problem-400": "/payment/redirect",
    "problem-404": "/payment/redirect?imp_uid=imp_000000000000&merchant_uid=nobodys",
}
REFUSALS = (400, 403, 409, 413, 429, 500, 503)
SANDBOX = {"panel": "/sandbox/controls/", "attacks": "/sandbox/controls/attacks", "window-gone": "/sandbox/window/none"}
OFFICE = (
    "/admin/",
    "/admin/payments",
    "/admin/to-send",
    "/admin/daily",
    "/admin/billing-keys",
    "/admin/subscriptions",
    "/admin/monthly",
    "/admin/webhooks",
    "/admin/reconcile",
    "/admin/messages",
    "/admin/audit",
    "/admin/doctor",
)


def walk(browser: Browser, server: Server, look: Look, **context: Any) -> None:
    """Past everything, as a visitor, a buyer, somebody who plays the gateway, and the staff."""

    def look_at_rest(name: str, page: Page) -> None:
        page.wait_for_load_state()  # with its styles, where a click has led to another page
        look(name, page)

    visitor = browser.new_context(**context)
    visit(visitor.new_page(), server, look_at_rest)
    buy(visitor, server, look_at_rest)
    visitor.close()
    staff = browser.new_context(**context)
    work(staff.new_page(), server, look_at_rest)
    staff.close()


def visit(page: Page, server: Server, look: Look) -> None:
    for name, address in PUBLIC.items():
        page.goto(server.url + address)
        look(name, page)
    page.goto(f"{server.url}/signup")
    page.locator("form:has(#email) button").click()
    look("signup-problems", page)
    page.goto(f"{server.url}/login")
    page.locator("form:has(#email) button").click()
    look("login-problems", page)
    page.goto(server.url)
    page.locator(".stories > summary").click()
    look("shop-stories", page)
    for code in REFUSALS:
        with refusing(server, code):
            page.goto(f"{server.url}/refund")
            look(f"error-{code}", page)
    for name, address in SANDBOX.items():
        page.goto(server.url + address)
        look(name, page)
    page.goto(server.url)
    page.locator(".stories > summary").click()
    page.locator("form[action$=paid-twice] button").click()
    page.wait_for_url("**/orders/*")
    look("story-paid-twice", page)
    page.close()


def buy(context: BrowserContext, server: Server, look: Look) -> None:
    page = context.new_page()
    enter(page, server, "walker@example.com")
    for address in ("/cart", "/orders", "/subscriptions"):
        page.goto(server.url + address)
        look(f"{address[1:]}-empty", page)
    page.goto(f"{server.url}/admin/")
    look("error-403-signed-in", page)
    put_in(page, server, "moon-mug", "reading-pass")
    cart_states(page, server, look)
    page.locator("#pay-once").click()
    look("cart-problems", page)
    _give_up_in_the_window(page, server, look)
    fill_in(page)
    pay_in_popup(page, ".pay-monthly")
    page.wait_for_url("**/orders/*")
    look("order-plan", page)
    put_in(page, server, "reading-pass")
    look("cart-subscribed", page)
    _send_a_wrong_token(page)
    look("error-form-refused", page)
    page.goto(f"{server.url}/cart")
    fill_in(page)
    _pay_and_look(page, look)
    page.locator("#learn > summary").click()
    look("order-paid-learn", page)
    page.locator("#learn > summary").click()
    order_states(page, server, look)
    page.goto(f"{server.url}/orders")
    look("orders", page)
    after_paying(page, server, look)
    subscription_states(page, server, look)
    page.goto(server.url + SANDBOX["panel"])
    look("panel-used", page)
    page.goto(server.url + SANDBOX["attacks"])
    page.locator("#attack-all").click()
    page.wait_for_function(
        "document.querySelectorAll('.verdict').length === document.querySelectorAll('.attack').length", timeout=120_000
    )
    look("attacks-refused", page)
    page.close()


def work(page: Page, server: Server, look: Look) -> None:
    page.goto(f"{server.url}/login")
    page.locator("button:has-text('admin@example.com')").click()
    page.wait_for_url(f"{server.url}/admin/")
    for address in OFFICE:
        page.goto(server.url + address)
        name = "office" + address.removeprefix("/admin").rstrip("/").replace("/", "-")
        look(name, page)
        if page.locator("td a").count():
            page.locator("td a").first.click()
            look(f"{name}-one", page)
    office_states(page, server, look)
    message_states(page, server, look)
    page.close()


# --- steps ------------------------------------------------------------------------------------------------------------


def enter(page: Page, server: Server, email: str) -> None:
    page.goto(f"{server.url}/signup")
    page.locator("#email").fill(email)
    page.locator("#password").fill("long-enough")
    for consent in page.locator(".consent input").all():
        consent.check()
    page.locator("form:has(#email) button").click()
    page.wait_for_url(f"{server.url}/")


def put_in(page: Page, server: Server, *slugs: str) -> None:
    for slug in slugs:
        page.goto(f"{server.url}/products/{slug}")
        page.locator(".buy button").click()
        page.wait_for_url("**/cart")


def fill_in(page: Page) -> None:
    page.locator("#buyer_name").fill("홍길동")
    page.locator("#buyer_tel").fill("010-1234-5678")
    if page.locator("#buyer_postcode").count():
        page.locator("#buyer_postcode").fill("04524")
        page.locator("#buyer_addr").fill("서울특별시 중구 세종대로 110")
    for consent in page.locator(".consent input").all():
        consent.check()


def _give_up_in_the_window(page: Page, server: Server, look: Look) -> None:
    fill_in(page)
    with page.expect_popup() as opened:
        page.locator("#pay-once").click()
    window = opened.value
    window.wait_for_url("**/window/*")
    look("cart-waiting", page)
    look("window", window)
    window.locator("#send-code").click()
    look("window-problems", window)
    window.locator("#numbers > summary").click()
    look("window-numbers", window)
    window.locator("#numbers > summary").click()
    identify(window)
    window.wait_for_selector("#approval:not([hidden])")
    look("window-code", window)
    window.locator("#approval .cancel").click()
    page.locator("#checkout-status.bad").wait_for()
    look("cart-failed", page)
    other = page.context.new_page()
    put_in(other, server, "bear-emoji")
    other.close()
    page.locator("#pay-once").click()
    page.locator("#new-cart:not([hidden])").wait_for()
    look("cart-changed", page)
    page.goto(f"{server.url}/cart")
    page.locator(".lines").first.locator("form button.link").last.click()  # the cart as it was


def _pay_and_look(page: Page, look: Look) -> None:
    """The window's end is shown only where nobody waits for it: in a window that is looked at by itself."""
    with page.expect_popup() as opened:
        page.locator("#pay-once").click()
    window = opened.value
    identify(window)
    window.wait_for_selector("#approval:not([hidden])")
    ended = page.context.new_page()
    ended.goto(window.url)
    type_code(window)
    page.wait_for_url("**/orders/*")
    ended.reload()
    look("window-ended", ended)
    ended.close()
    look("order-paid", page)
    page.locator("details.cancel > summary").click()
    look("order-cancel-asked", page)


def _send_a_wrong_token(page: Page) -> None:
    page.goto(f"{page.url}")
    page.locator("input[name=csrf_token]").evaluate_all("fields => fields.forEach((field) => (field.value = 'old'))")
    page.locator(".lines form button.link").first.click()
    page.wait_for_selector(".empty h1")
