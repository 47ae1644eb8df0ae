"""A shop for each visitor through real servers: gunicorn, `make run`, a crowd of clients, and two browsers."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from flask import Flask
from playwright.sync_api import Browser, Page, expect

from bench import worlds as load_test
from bench.soak import wait_for
from deploy.services import free_port
from shop.world_settings import HEADER
from tests.servers import Server
from tests.shop.storefront.test_journeys import expect_paid_order, fill_buyer, pay_in_popup, put_in_cart, sign_in
from tests.test_app import GUNICORN, started
from tests.test_server import STOP_SECONDS, gunicorn

ROOT = Path(__file__).parents[1]
PAGE = {"Accept": "text/html"}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with gunicorn(tmp_path_factory.mktemp("worlds"), DEMO_WORLDS="3") as (url, _):
        yield url


def test_gunicorn_serves_a_shop_for_each_visitor_and_stops(tmp_path: Path) -> None:
    with gunicorn(tmp_path, DEMO_WORLDS="2") as (url, server):
        assert requests.get(f"{url}/healthz", timeout=30).json() == {"status": "alive"}
        with requests.Session() as visitor:
            assert visitor.get(url, headers=PAGE, timeout=60).status_code == 200
            key = visitor.cookies["world"]
        answer = requests.get(f"{url}/sandbox/controls/clock", headers={HEADER: key}, timeout=30)
        assert answer.status_code == 200
        server.send_signal(signal.SIGTERM)
        assert server.wait(timeout=STOP_SECONDS) == 0
    assert key not in (tmp_path / "log").read_text()
    [world] = [path for path in (tmp_path / "worlds").iterdir() if path.name != "template"]
    assert (world / "shop.sqlite3").exists()


def test_make_run_serves_a_shop_for_each_visitor_too(tmp_path: Path) -> None:
    port = free_port()
    environ = os.environ | {"PORT": str(port), "INSTANCE_PATH": str(tmp_path), "DEMO_WORLDS": "2"}
    server = subprocess.Popen([sys.executable, "app.py"], cwd=ROOT, env=environ, stderr=subprocess.DEVNULL)
    try:
        url = f"http://127.0.0.1:{port}"
        wait_for(f"{url}/healthz")
        assert HEADER in requests.get(url, headers=PAGE, timeout=60).text
    finally:
        server.terminate()
        server.wait(timeout=10)


@pytest.mark.parametrize(
    ("command", "status", "change"),
    [
        ([GUNICORN], 4, {"DATABASE_URL": "postgresql://shop@db/shop"}),
        ([sys.executable, "app.py"], 1, {"WEB_WORKERS": "2"}),
        ([GUNICORN, "app:create_app()"], 4, {}),
        ([sys.executable, "-m", "flask", "bill"], 1, {}),
    ],
)
def test_what_cannot_be_served_for_each_visitor_is_one_line(
    command: list[object], status: int, change: dict[str, str], tmp_path: Path
) -> None:
    run = started(command, tmp_path, DEMO_WORLDS="2", **change)
    assert run.returncode == status
    [line] = [line for line in run.stderr.splitlines() if not line.startswith("[")]  # gunicorn's own lines
    assert line.startswith(next(iter(change), "DEMO_WORLDS"))


def test_a_crowd_that_buys_breaks_travels_and_attacks_leaves_no_row_in_another_world(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """More browsers than open worlds, so that some are closed and opened again meanwhile."""
    status = load_test.crowd(6, seconds=5, pause=0.1, most=5)
    told = capsys.readouterr().out
    assert status == 0, told
    assert "rows of another world: 0" in told


@pytest.mark.browser
def test_two_browsers_see_two_shops_and_each_pays_in_its_own(browser: Browser, served: str) -> None:
    shop = Server(served, Flask("served by another process"))
    first, second = (browser.new_context(locale=locale).new_page() for locale in ("ko-KR", "en-US"))
    sign_in(first, shop)
    put_in_cart(first, shop, "bear-emoji")
    fill_buyer(first)
    pay_in_popup(first, "#pay-once")
    expect_paid_order(first, shop)
    second.goto(f"{served}/orders/1")
    expect(second).to_have_url(re.compile("/login"))  # nobody is signed in there
    second.goto(f"{served}/sandbox/controls/")
    expect(second.locator("#payments")).not_to_contain_text("imp_")
    second.goto(f"{served}/")
    before = key_on(second)
    assert before != key_on(first)
    second.locator(".world > summary").click()
    second.get_by_text("Start anew", exact=True).click()
    second.get_by_role("button", name="Delete it and start anew").click()
    expect(second.locator(".world > summary")).to_contain_text("Your own shop")
    assert key_on(second) not in (before, key_on(first))
    first.reload()
    expect_paid_order(first, shop)


def key_on(page: Page) -> str:
    [key] = set(re.findall(rf"{HEADER}: (dw_[\w.-]+)", page.content()))
    return str(key)
