"""Which pages are there to look at, and in which states? One walk past all of them, for axe and for contact sheets.

`look` is called with a name and the page as it stands. Whoever looks may scroll and resize, not click.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from flask import abort
from playwright.sync_api import Browser, BrowserContext, Page

from shop import clock
from shop.database import db, transaction
from shop.models import Order, Payment, Subscription
from tests.servers import Server
from tests.test_journeys import identify, pay_in_popup, type_code

Look = Callable[[str, Page], None]

PUBLIC = {
    "shop": "/",
    "product": "/products/herb-kit",
    "product-plan": "/products/reading-pass",
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
    "/admin/billing-keys",
    "/admin/subscriptions",
    "/admin/monthly",
    "/admin/webhooks",
    "/admin/reconcile",
    "/admin/audit",
    "/admin/doctor",
)

UNPAID = "요금 미납으로 결제 불가합니다."
ORDERS: dict[str, tuple[str, dict[str, Any]]] = {  # how the order stands, and what its payment says
    "held": ("pending", {"held_reason": "amount"}),
    "expired": ("expired", {"status": "ready"}),
    "cancelled": ("cancelled", {"status": "cancelled"}),
    "given-back": ("pending", {"status": "cancelled", "cancel_reason": "[자동취소] 결제 금액이 주문 금액과 다름"}),
    "pending": ("pending", {"status": "ready"}),
    "failed": ("pending", {"status": "failed", "fail_reason": UNPAID}),
}


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
    for code in REFUSALS:
        with refusing(server, code):
            page.goto(f"{server.url}/refund")
            look(f"error-{code}", page)
    for name, address in SANDBOX.items():
        page.goto(server.url + address)
        look(name, page)
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
    look("cart", page)
    page.locator("#pay-once").click()
    look("cart-problems", page)
    _give_up_in_the_window(page, server, look)
    fill_in(page)
    pay_in_popup(page, ".pay-monthly")
    page.wait_for_url("**/orders/*")
    look("order-plan", page)
    put_in(page, server, "reading-pass")
    look("cart-subscribed", page)
    _send_an_old_form(page)
    look("error-form-too-old", page)
    page.goto(f"{server.url}/cart")
    fill_in(page)
    _pay_and_look(page, look)
    page.locator("#learn > summary").click()
    look("order-paid-learn", page)
    page.locator("#learn > summary").click()
    _order_states(page, server, look)
    page.goto(f"{server.url}/orders")
    look("orders", page)
    _subscription_states(page, server, look)
    page.goto(server.url + SANDBOX["panel"])
    look("panel-used", page)
    page.goto(server.url + SANDBOX["attacks"])
    page.locator("#attack-all").click()
    page.wait_for_function(
        "document.querySelectorAll('.verdict').length === document.querySelectorAll('.attack').length"
    )
    look("attacks-refused", page)
    page.close()


def work(page: Page, server: Server, look: Look) -> None:
    page.goto(f"{server.url}/login")
    page.locator("button:has-text('admin@example.com')").click()
    page.wait_for_url(f"{server.url}/")
    for address in OFFICE:
        page.goto(server.url + address)
        name = "office" + address.removeprefix("/admin").rstrip("/").replace("/", "-")
        look(name, page)
        if page.locator("td a").count():
            page.locator("td a").first.click()
            look(f"{name}-one", page)
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


def _send_an_old_form(page: Page) -> None:
    page.goto(f"{page.url}")
    page.locator("input[name=csrf_token]").evaluate_all("fields => fields.forEach((field) => (field.value = 'old'))")
    page.locator(".lines form button.link").first.click()
    page.wait_for_selector(".empty h1")


# --- states -----------------------------------------------------------------------------------------------------------


def _order_states(page: Page, server: Server, look: Look) -> None:
    page.goto(f"{server.url}/orders")
    page.locator(".orders a").last.click()
    page.wait_for_url("**/orders/*")
    order_id = int(page.url.rsplit("/", 1)[1])
    for name, (status, facts) in ORDERS.items():
        with server.app.app_context():
            payment_id = db.session.query(Payment.id).filter_by(order_id=order_id, status="paid").scalar()
            db.session.rollback()
            with painted((Order, order_id, {"status": status}), (Payment, payment_id, facts)):
                page.reload()
                look(f"order-{name}", page)


def _subscription_states(page: Page, server: Server, look: Look) -> None:
    page.goto(f"{server.url}/subscriptions")
    look("subscriptions", page)
    with server.app.app_context():
        subscription = db.session.query(Subscription).order_by(Subscription.id.desc()).first()
        assert subscription
        row, today = (Subscription, subscription.id), clock.today()
        declined = {"subscription_id": subscription.id, "period": f"{today:%Y-%m}", "status": "failed"}
        declined |= {
            "kind": "renewal",
            "name": "월간 읽기 이용권",
            "amount": subscription.amount,
            "is_test_channel": True,
        }
        declined |= {"buyer_name": "홍길동", "buyer_email": "walker@example.com", "buyer_tel": "010-****-5678"}
        db.session.rollback()
        with painted((*row, {"next_charge_on": today + timedelta(days=2)})):
            page.reload()
            look("subscriptions-soon", page)
        with transaction():
            attempt = Payment(**declined, merchant_uid="walk-205412-1", fail_reason=UNPAID, failed_at=clock.now())
            db.session.add(attempt)
        with painted((*row, {"status": "past_due", "next_charge_on": today})):
            page.reload()
            look("subscriptions-past-due", page)
        with painted(
            (*row, {"status": "ended", "ended_at": clock.now(), "end_reason": "missed", "next_charge_on": None})
        ):
            page.reload()
            look("subscriptions-ended", page)


@contextmanager
def painted(*looks: tuple[type[Any], int, dict[str, Any]]) -> Iterator[None]:
    """Rows as if they stood otherwise, for one look; then as they were."""
    before = [(table, row_id, _paint(table, row_id, facts)) for table, row_id, facts in looks]
    yield
    for table, row_id, facts in before:
        _paint(table, row_id, facts)


def _paint(table: type[Any], row_id: int, facts: dict[str, Any]) -> dict[str, Any]:
    """Write `facts` into the row; answers what stood there."""
    with transaction():
        row = db.session.get_one(table, row_id)
        before = {name: getattr(row, name) for name in facts}
        for name, value in facts.items():
            setattr(row, name, value)
    return before


@contextmanager
def refusing(server: Server, code: int) -> Iterator[None]:
    """One page of the shop answers with this error for a while."""
    views = server.app.view_functions
    usual, views["legal.refund"] = views["legal.refund"], lambda: abort(code)
    yield
    views["legal.refund"] = usual
