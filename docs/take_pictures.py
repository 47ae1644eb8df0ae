"""`make screenshots`: buys in a real browser against a fresh shop and keeps the README's pictures."""

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.servers import Server, serving  # noqa: E402
from tests.test_journeys import fill_buyer, identify, pay_in_popup, put_in_cart, sign_in  # noqa: E402

PICTURES = ROOT / "docs" / "pictures"


def take(page: Page, name: str) -> None:
    page.screenshot(path=str(PICTURES / f"{name}.png"))


def buyers_way(page: Page, server: Server) -> None:
    page.goto(server.url)
    take(page, "shop")
    sign_in(page, server)
    for slug in ("moon-mug", "bear-emoji", "reading-pass"):
        put_in_cart(page, server, slug)
    page.goto(f"{server.url}/cart")
    fill_buyer(page)
    take(page, "cart")
    with page.expect_popup() as opened:
        page.locator(".pay-monthly").click()
    window = opened.value
    window.wait_for_url("**/window/*")
    window.set_viewport_size({"width": 390, "height": 720})
    window.locator("input[name=birth]").fill("900101")
    window.locator("input[name=gender]").fill("1")
    take(window, "window")
    window.close()
    pay_in_popup(page, ".pay-monthly")
    page.wait_for_url("**/orders/*")
    page.goto(f"{server.url}/cart")
    fill_buyer(page, tel="010-0000-0031")
    with page.expect_popup() as opened:
        page.locator("#pay-once").click()
    identify(opened.value)
    opened.value.locator("#approval .cancel").click()
    fill_buyer(page)
    pay_in_popup(page, "#pay-once")
    page.wait_for_url("**/orders/*")
    take(page, "paid")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        size = {"width": 1200, "height": 760}
        page = browser.new_page(viewport=size, locale="ko-KR", timezone_id="Asia/Seoul")  # type: ignore[arg-type]
        buyers_way(page, server)
        admin = browser.new_page(viewport=size, locale="ko-KR", timezone_id="Asia/Seoul")  # type: ignore[arg-type]
        sign_in(admin, server, "admin@example.com")
        admin.goto(f"{server.url}/admin/payments")
        take(admin, "admin")
        browser.close()


if __name__ == "__main__":
    main()
