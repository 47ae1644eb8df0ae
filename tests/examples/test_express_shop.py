"""The shop in Express: nothing of it is broken, and it stays as short as its page says."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Browser, expect

from tests.examples.shops import EXAMPLES, Shop, shop_running
from tests.sandbox.window.shop_page import approve, identify

FOLDER = EXAMPLES / "express-shop"
MOST_LINES = 150
NOT_DESCRIBED = {"duplicate-window", "negative-quantity"}  # one merchant_uid per order, and one piece


@pytest.fixture(scope="session")  # browser tests are sorted by their browser, away from the others
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A copy of the shop with exactly the packages of its lock file."""
    ignored = shutil.ignore_patterns("node_modules", "data.json*")
    folder = Path(shutil.copytree(FOLDER, tmp_path_factory.mktemp("express") / "shop", ignore=ignored))
    options = ["--ignore-scripts", "--no-audit", "--no-fund", "--silent", "--prefer-offline"]
    subprocess.run(["npm", "ci", *options], cwd=folder, check=True, timeout=300)
    with shop_running(folder, ["node", "app.js"]) as shop:
        yield shop


@pytest.mark.slow
@pytest.mark.timeout(600)  # it waits for answers that never come
def test_the_check_finds_nothing_broken_in_the_express_shop(shop: Shop) -> None:
    checked = shop.check()
    assert checked.those("broken") | checked.those("not played") == set(), checked.table
    assert checked.those("not described") == NOT_DESCRIBED
    assert checked.status == 0
    assert shop.keys_left() == set()  # or the months of the next check would charge them, too


@pytest.mark.slow
@pytest.mark.browser
def test_the_express_shops_page_sells_in_chromium(shop: Shop, browser: Browser) -> None:
    tab = browser.new_page(locale="ko-KR")
    tab.goto(shop.url)
    tab.locator("[name=buyer_name]").fill("홍길동")
    tab.locator("[name=buyer_tel]").fill("01012345678")
    with tab.expect_popup() as opened:
        tab.locator("button[value=ebook]").click()
    identify(opened.value)
    approve(opened.value)
    tab.wait_for_url("**/orders/*")
    expect(tab.locator("h1")).to_have_text("결제 완료")
    tab.close()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("path", "options", "status"),
    [
        ("/orders", {"data": "{", "headers": {"Content-Type": "application/json"}}, 400),
        ("/orders", {"json": {"product": "constructor", "buyer_name": "홍길동", "buyer_tel": "01012345678"}}, 400),
        ("/orders", {"json": ["ebook"]}, 400),
        ("/payment/webhook", {"json": {"merchant_uid": {"$ne": ""}, "status": "paid"}}, 200),
        ("/payment/webhook", {"data": {"merchant_uid": "nobodys", "status": "paid"}}, 200),
        ("/payment/webhook", {}, 200),
        ("/jobs", {"json": {"today": "2099-01-31"}}, 403),
        ("/jobs", {"json": {}, "headers": {"X-Job-Token": "another"}}, 403),
    ],
)
def test_bad_input_gets_a_short_answer_from_the_express_shop(
    shop: Shop, path: str, options: dict[str, object], status: int
) -> None:
    answer = requests.post(shop.url + path, timeout=20, **options)  # type: ignore[arg-type]
    assert answer.status_code == status
    assert len(answer.text) < 200
    assert "at " not in answer.text


def test_the_express_shop_has_no_more_lines_than_its_page_says() -> None:
    lines = {path.name: len(path.read_text().splitlines()) for path in FOLDER.rglob("*.js") if not_installed(path)}
    assert sum(lines.values()) <= MOST_LINES, lines
    for page in ("README.md", "README.en.md"):
        assert str(MOST_LINES) in (FOLDER / page).read_text()


def not_installed(path: Path) -> bool:
    return "node_modules" not in path.parts
