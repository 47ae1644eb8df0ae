"""axe finds nothing serious on any page in any state, light or dark: the sandbox's window and panel included."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from tests.servers import Server, serving
from tests.shop.storefront.test_journeys import PC, sign_in
from tests.walk import walk

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
        if violation["impact"] in ("serious", "critical") or violation["id"] == "landmark-unique"
        for node in violation["nodes"]
    ]
    assert not serious, "\n".join(serious)


@pytest.mark.parametrize(("scheme", "locale"), [("light", "ko-KR"), ("dark", "en-US")])
def test_no_page_in_any_state_shuts_anybody_out(scheme: str, locale: str, browser: Browser, server: Server) -> None:
    looked_at = []

    def look(name: str, page: Page) -> None:
        looked_at.append(name)
        check(page)

    walk(browser, server, look, color_scheme=scheme, locale=locale, timezone_id="Asia/Seoul", bypass_csp=True, **PC)
    assert len(looked_at) > 60


OFFICE = (
    "/admin/",
    "/admin/payments",
    "/admin/payments?q=nobody",
    "/admin/to-send",
    "/admin/daily",
    "/admin/payments?first=2054-01-01&last=2054-12-31",
    "/admin/billing-keys",
    "/admin/subscriptions",
    "/admin/monthly",
    "/admin/webhooks",
    "/admin/reconcile",
    "/admin/reconcile?first=2054-11-15&last=2054-11-15",
    "/admin/messages",
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
