"""`make screenshots`: buys in a real browser, keeps the README's pictures and makes contact sheets.

The pictures go to docs/pictures/. The sheets (each page at three widths, light and dark, Korean and English) go to
contact-sheets/, which is not kept in git: look at them when pages have changed. `--quick` takes the pictures only.
"""

import sys
import tempfile
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from shop.database import db, transaction  # noqa: E402
from shop.models import Order, Payment  # noqa: E402
from tests.servers import Server, serving  # noqa: E402
from tests.test_journeys import fill_buyer, identify, pay_in_popup, put_in_cart, sign_in, type_code  # noqa: E402

PICTURES = ROOT / "docs" / "pictures"
SHEETS = ROOT / "contact-sheets"
WIDTHS = (360, 768, 1440)
KOREAN = {"locale": "ko-KR", "timezone_id": "Asia/Seoul"}
PUBLIC_PAGES = (
    "/",
    "/products/herb-kit",
    "/products/reading-pass",
    "/login",
    "/signup",
    "/terms",
    "/refund",
    "/nowhere",
)


# --- the README's pictures --------------------------------------------------------------------------------------------


def take(page: Page, name: str) -> None:
    page.wait_for_load_state("networkidle")
    page.screenshot(path=str(PICTURES / f"{name}.png"))


def desk_pictures(browser: Browser, server: Server) -> None:
    page = browser.new_page(viewport={"width": 1200, "height": 760}, **KOREAN)
    page.goto(server.url)
    take(page, "shop")
    sign_in(page, server)
    for slug in ("moon-mug", "bear-emoji", "reading-pass"):
        put_in_cart(page, server, slug)
    page.goto(f"{server.url}/cart")
    fill_buyer(page)
    take(page, "cart")
    pay_in_popup(page, ".pay-monthly")
    page.wait_for_url("**/orders/*")
    page.goto(f"{server.url}/cart")
    fill_buyer(page, tel="010-0000-0031")
    with page.expect_popup() as opened:
        page.locator("#pay-once").click()
    window = opened.value
    window.set_viewport_size({"width": 390, "height": 720})
    window.locator("input[name=birth]").fill("900101")
    window.locator("input[name=gender]").fill("1")
    take(window, "window")
    identify(window)
    window.locator("#approval .cancel").click()
    page.locator("#checkout-status.bad").wait_for()
    fill_buyer(page)
    pay_in_popup(page, "#pay-once")
    page.wait_for_url("**/orders/*")
    take(page, "paid")
    page.locator("#learn > summary").click()
    page.locator("#learn").screenshot(path=str(PICTURES / "learn.png"))
    page.close()
    admin = browser.new_page(viewport={"width": 1200, "height": 760}, **KOREAN)
    sign_in(admin, server, "admin@example.com")
    admin.goto(f"{server.url}/admin/payments")
    take(admin, "admin")
    admin.close()


def purchase_picture(browser: Browser, server: Server, phone: dict[str, Any]) -> None:
    """One purchase on a phone as a strip of four."""
    size = {"viewport": {"width": 390, "height": 780}, "device_scale_factor": 1}
    context = browser.new_context(**phone | size | KOREAN)
    page = context.new_page()
    shots = []
    page.goto(server.url)
    page.wait_for_load_state("networkidle")
    shots.append(page.screenshot())
    sign_in(page, server)
    put_in_cart(page, server, "night-walk-ebook")
    fill_buyer(page)
    page.locator(".bill").scroll_into_view_if_needed()
    page.locator("#pay-once").evaluate("button => button.closest('.bill').scrollIntoView({block: 'center'})")
    shots.append(page.screenshot())
    page.locator("#pay-once").tap()
    page.wait_for_url("**/window/**")
    identify(page)
    page.wait_for_selector("#approval:not([hidden])")
    page.evaluate("scrollTo(0, 0)")
    shots.append(page.screenshot())
    type_code(page)
    page.wait_for_url("**/orders/*")
    page.wait_for_load_state("networkidle")
    shots.append(page.screenshot())
    context.close()
    strip(browser, shots, PICTURES / "purchase.png", "phones")


def strip(browser: Browser, shots: list[bytes], target: Path, kind: str) -> None:
    """Pictures side by side on one."""
    style = {
        "phones": "body{display:flex;gap:22px;padding:24px;background:#10312f;width:max-content;height:max-content}"
        "img{width:270px;border-radius:22px;border:5px solid #18262b}",
        "sheet": "body{display:flex;gap:10px;padding:10px;background:#777;align-items:start;width:max-content}"
        "img{max-height:1500px;max-width:900px}",
    }[kind]
    images = "".join(f'<img src="data:image/png;base64,{b64encode(shot).decode()}">' for shot in shots)
    page = browser.new_page()
    page.set_content(f"<!doctype html><style>*{{margin:0;box-sizing:border-box}}{style}</style><body>{images}</body>")
    page.wait_for_function("() => [...document.images].every(image => image.complete)")
    page.set_viewport_size({"width": page.evaluate("document.body.scrollWidth"), "height": 400})
    page.screenshot(path=str(target), full_page=True)
    page.close()


# --- the contact sheets -----------------------------------------------------------------------------------------------


class Sheet:
    """Every page that was looked at, three widths each, in rows of files: one for each page."""

    def __init__(self, browser: Browser, page: Page, name: str) -> None:
        self.browser, self.page, self.name = browser, page, name

    def add(self, title: str) -> None:
        shots = []
        for width in WIDTHS:
            self.page.set_viewport_size({"width": width, "height": 900})
            self.page.add_style_tag(content=".learn { position: static !important }")  # not across a whole page
            self.page.wait_for_timeout(80)
            wide = self.page.evaluate("document.documentElement.scrollWidth > innerWidth + 1")
            if wide:
                print(f"! {title} is wider than {width} pixels ({self.name})")
            shots.append(self.page.screenshot(full_page=True))
        self.page.set_viewport_size({"width": 1280, "height": 900})
        strip(self.browser, shots, SHEETS / f"{title}-{self.name}.png", "sheet")


def look_at_everything(browser: Browser, server: Server, scheme: str, language: str) -> None:
    email = f"{scheme}-{language}@example.com"
    context = browser.new_context(bypass_csp=True, color_scheme=scheme, **KOREAN | {"locale": language})  # type: ignore[arg-type]
    page = context.new_page()
    sheet = Sheet(browser, page, f"{scheme}-{language[:2]}")
    for address in PUBLIC_PAGES:
        page.goto(server.url + address)
        sheet.add(address.strip("/").replace("/", "-") or "shop")
    enter(page, server, email)
    for address in ("/cart", "/orders", "/subscriptions"):
        page.goto(server.url + address)
        sheet.add(f"{address[1:]}-empty")
    for slug in ("moon-mug", "reading-pass"):
        page.goto(f"{server.url}/products/{slug}")
        page.locator(".buy button").click()
    sheet.add("cart")
    page.locator("#pay-once").click()
    sheet.add("cart-problems")
    fill_in(page)
    with page.expect_popup() as opened:
        page.locator("#pay-once").click()
    window = opened.value
    window.wait_for_url("**/window/*")
    sheet.add("cart-waiting")
    identify(window)
    window.locator("#approval .cancel").click()
    page.locator("#checkout-status.bad").wait_for()
    sheet.add("cart-failed")
    fill_in(page)
    pay_in_popup(page, ".pay-monthly")
    page.wait_for_url("**/orders/*")
    sheet.add("order-plan")
    page.goto(f"{server.url}/cart")
    fill_in(page)
    pay_in_popup(page, "#pay-once")
    page.wait_for_url("**/orders/*")
    sheet.add("order-paid")
    for address in ("/orders", "/subscriptions"):
        page.goto(server.url + address)
        sheet.add(address[1:])
    page.goto(f"{server.url}/orders")
    page.locator(".orders a").first.click()
    page.wait_for_url("**/orders/*")
    order_id = int(page.url.rsplit("/", 1)[1])
    for state in ("held", "expired", "cancelled", "pending", "failed"):
        with painted(server, order_id, state):
            page.reload()
            sheet.add(f"order-{state}")
    context.close()


def enter(page: Page, server: Server, email: str) -> None:
    page.goto(f"{server.url}/signup")
    page.locator("#email").fill(email)
    page.locator("#password").fill("long-enough")
    for consent in page.locator(".consent input").all():
        consent.check()
    page.locator("form:has(#email) button").click()
    page.wait_for_url(f"{server.url}/")


def fill_in(page: Page) -> None:
    page.locator("#buyer_name").fill("홍길동")
    page.locator("#buyer_tel").fill("010-1234-5678")
    if page.locator("#buyer_postcode").count():
        page.locator("#buyer_postcode").fill("04524")
        page.locator("#buyer_addr").fill("서울특별시 중구 세종대로 110")
    for consent in page.locator(".consent input").all():
        consent.check()


@contextmanager
def painted(server: Server, order_id: int, state: str) -> Iterator[None]:
    """The order's rows as if it were in this state, for one picture; then as they were."""
    looks: dict[str, tuple[str, dict[str, Any]]] = {
        "held": ("pending", {"held_reason": "amount"}),
        "expired": ("expired", {"status": "ready"}),
        "cancelled": ("cancelled", {"status": "cancelled"}),
        "pending": ("pending", {"status": "ready"}),
        "failed": ("pending", {"status": "failed", "fail_reason": "요금 미납으로 결제 불가합니다."}),
    }
    status, facts = looks[state]
    with server.app.app_context():
        paid = db.session.query(Payment).filter_by(order_id=order_id, status="paid").one()
        before = {name: getattr(paid, name) for name in ("status", "held_reason", "fail_reason")}
        payment_id = paid.id
        db.session.rollback()
        _paint(order_id, status, payment_id, facts)
        yield
        _paint(order_id, "paid", payment_id, before)


def _paint(order_id: int, status: str, payment_id: int, facts: dict[str, Any]) -> None:
    with transaction():
        db.session.get_one(Order, order_id).status = status
        payment = db.session.get_one(Payment, payment_id)
        for name, value in facts.items():
            setattr(payment, name, value)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        desk_pictures(browser, server)
        purchase_picture(browser, server, playwright.devices["Galaxy S24"])
        if "--quick" not in sys.argv:
            SHEETS.mkdir(exist_ok=True)
            for language in ("ko-KR", "en-US"):
                for scheme in ("light", "dark"):
                    look_at_everything(browser, server, scheme, language)
        browser.close()


if __name__ == "__main__":
    main()
