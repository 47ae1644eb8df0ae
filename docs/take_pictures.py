"""`make screenshots` buys in a real browser and keeps the README's pictures, in docs/pictures/."""

import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from docs.contact_sheets import strip  # noqa: E402
from tests.servers import Server, serving  # noqa: E402
from tests.shop.storefront.test_journeys import fill_buyer, identify, pay_in_popup, put_in_cart, sign_in, type_code  # noqa: E402

PICTURES = ROOT / "docs" / "pictures"
KOREAN = {"locale": "ko-KR", "timezone_id": "Asia/Seoul"}


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
    context = browser.new_context(**phone | size | KOREAN, reduced_motion="reduce")
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


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        desk_pictures(browser, server)
        purchase_picture(browser, server, playwright.devices["Galaxy S24"])
        browser.close()


if __name__ == "__main__":
    main()
