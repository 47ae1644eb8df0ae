"""axe finds nothing serious on the pages that a purchase goes through, light or dark."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from tests.servers import Server, serving
from tests.test_journeys import PC, fill_buyer, identify, pay_in_popup, put_in_cart, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.slow]  # every page at its leisure


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with serving(tmp_path) as server:
        yield server


def check(page: Page) -> None:
    found = Axe().run(page).response["violations"]
    serious = [
        f"{page.url} {violation['id']}: {node['target']} {node['failureSummary']}"
        for violation in found
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
    ]
    assert not serious, "\n".join(serious)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_of_a_purchase_shuts_anybody_out(scheme: str, browser: Browser, server: Server) -> None:
    page = browser.new_page(**PC, locale="ko-KR", color_scheme=scheme)
    page.context.add_cookies([{"name": "learn", "value": "open", "url": server.url}])
    for address in ("/", "/products/herb-kit", "/products/reading-pass", "/login", "/signup", "/terms", "/nowhere"):
        page.goto(server.url + address)
        check(page)
    sign_in(page, server)
    for address in ("/cart", "/orders", "/subscriptions"):
        page.goto(server.url + address)
        check(page)
    put_in_cart(page, server, "moon-mug")
    put_in_cart(page, server, "reading-pass")
    page.locator("#pay-once").click()  # shows the problems beside the fields
    check(page)
    fill_buyer(page)
    with page.expect_popup() as opened:
        page.locator("#pay-once").click()
    window = opened.value
    window.wait_for_url("**/window/*")
    check(window)
    identify(window)
    window.wait_for_selector("#approval:not([hidden])")
    check(window)
    window.locator("#approval .cancel").click()
    page.wait_for_selector("#checkout-status.bad")
    check(page)
    pay_in_popup(page, ".pay-monthly")
    page.wait_for_url("**/orders/*")
    for address in (page.url, f"{server.url}/orders", f"{server.url}/subscriptions"):
        page.goto(address)
        check(page)
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_of_the_back_office_shuts_anybody_out(scheme: str, browser: Browser, server: Server) -> None:
    page = browser.new_page(**PC, locale="ko-KR", color_scheme=scheme)
    sign_in(page, server, "admin@example.com")
    put_in_cart(page, server, "reading-pass")
    fill_buyer(page)
    pay_in_popup(page, ".pay-monthly")
    page.wait_for_url("**/orders/*")
    for address in ("/admin/", "/admin/payments", "/admin/billing-keys", "/admin/doctor"):
        page.goto(server.url + address)
        check(page)
        if page.locator("table a").count():
            page.locator("table a").first.click()
            check(page)
    page.close()


OFFICE = (
    "/admin/",
    "/admin/payments",
    "/admin/payments?q=nobody",
    "/admin/payments?first=2026-01-01&last=2026-12-31",
    "/admin/billing-keys",
    "/admin/subscriptions",
    "/admin/monthly",
    "/admin/webhooks",
    "/admin/reconcile",
    "/admin/reconcile?first=2026-11-25&last=2026-11-25",
    "/admin/audit",
)


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_of_a_full_back_office_shuts_anybody_out(
    scheme: str, browser: Browser, tmp_path: Path, past_database: Path
) -> None:
    shutil.copy(past_database, tmp_path / "shop.sqlite3")
    with serving(tmp_path) as server:
        page = browser.new_page(**PC, locale="ko-KR", color_scheme=scheme)
        sign_in(page, server, "admin@example.com")
        for address in OFFICE:
            page.goto(server.url + address)
            for more in page.locator("main details > summary").all()[:3]:
                more.click()
            check(page)
            if page.locator("td a").count():
                page.locator("td a").first.click()
                for more in page.locator("main details > summary").all():
                    more.click()
                check(page)
        page.close()
