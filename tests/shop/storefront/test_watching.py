"""Pages that ask how an open payment stands, in a real Chromium: they go on by themselves, and then stop asking."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from shop.orders.orders import PENDING_FOR
from tests.servers import Server, serving
from tests.shop.storefront.test_journeys import (
    PC,
    expect_paid_order,
    fill_buyer,
    identify,
    put_in_cart,
    sign_in,
    type_code,
)

pytestmark = [pytest.mark.browser, pytest.mark.slow]

MINUTES_OF_AN_ORDER = int(PENDING_FOR.total_seconds()) // 60
WITHIN_MS = 20_000  # a page asks every three seconds; generous for a busy machine


@pytest.fixture
def server(tmp_path: Path, seeded_database: Path) -> Iterator[Server]:
    shutil.copy(seeded_database, tmp_path / "shop.sqlite3")
    with serving(tmp_path) as server:
        yield server


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(**PC, locale="ko-KR")
    yield context
    context.close()


@pytest.fixture
def cart(context: BrowserContext, server: Server) -> Page:
    """A filled cart of the signed-in buyer."""
    page = context.new_page()
    sign_in(page, server)
    put_in_cart(page, server, "bear-emoji")
    fill_buyer(page)
    return page


def window_of(cart: Page) -> Page:
    """The payment window that the cart opens."""
    with cart.expect_popup() as opened:
        cart.locator("#pay-once").click()
    identify(opened.value)
    return opened.value


def asked(page: Page) -> list[str]:
    """The requests for the state of an order that this page sends from now on."""
    found: list[str] = []
    page.on("request", lambda request: found.append(request.url) if request.url.endswith("/state") else None)
    return found


def test_a_cart_whose_window_died_after_paying_goes_on_to_the_order_by_itself(cart: Page, server: Server) -> None:
    cart.get_by_label("휴대폰 번호").fill("010-0000-7001")  # only the webhook tells
    type_code(window_of(cart))
    expect(cart.locator("#order-state")).to_have_text("결제가 완료되었습니다", timeout=WITHIN_MS)
    expect_paid_order(cart, server)


def test_a_pending_order_opened_from_the_list_goes_on_by_itself_when_it_is_paid(
    cart: Page, context: BrowserContext, server: Server
) -> None:
    window = window_of(cart)
    page = context.new_page()
    page.goto(f"{server.url}/orders")
    page.locator(".orders a").click()
    expect(page.locator("#order-state")).to_have_text("결제를 기다리고 있습니다")
    again = context.new_page()  # a cart that was opened while the window was open
    again.goto(f"{server.url}/cart")
    type_code(window)
    for each in (page, again):
        expect(each.locator("#order-state")).to_have_text("결제가 완료되었습니다", timeout=WITHIN_MS)


def test_an_order_whose_window_was_blocked_says_that_nothing_was_paid_and_offers_to_pay_again(
    context: BrowserContext, cart: Page, server: Server
) -> None:
    cart.evaluate("window.open = () => null")
    cart.locator("#pay-once").click()
    expect(cart.locator("#checkout-status")).to_contain_text("팝업")
    page = context.new_page()
    page.goto(f"{server.url}/orders")
    page.locator(".orders a").click()
    again = page.get_by_role("link", name="장바구니에서 다시 결제")
    expect(again).to_have_class("button quiet")
    page.get_by_role("button", name="결제 결과 확인").click()
    expect(page.locator("#ask-status")).to_contain_text("아직 결제된 내역이 없습니다.")
    expect(again).to_have_class("button")
    again.click()
    expect(page).to_have_url(f"{server.url}/cart")


def test_a_page_asks_only_while_a_payment_is_open_and_no_longer_than_its_order_lives(
    context: BrowserContext, server: Server, cart: Page
) -> None:
    page = context.new_page()
    page.clock.install()
    questions = asked(page)
    page.goto(f"{server.url}/cart")
    let_pass(page, 10)
    assert questions == []  # no window is open
    window_of(cart)
    page.goto(f"{server.url}/orders")
    page.locator(".orders a").click()
    expect(page).to_have_url(re.compile("/orders/\\d+$"))
    let_pass(page, 1)
    assert questions
    let_pass(page, MINUTES_OF_AN_ORDER)
    questions.clear()
    let_pass(page, 10)
    assert questions == []


def let_pass(page: Page, minutes: int) -> None:
    """Minutes pass for this page, in steps within which its questions are answered."""
    for _ in range(minutes):
        page.clock.run_for(60_000)
        page.wait_for_load_state("networkidle")
