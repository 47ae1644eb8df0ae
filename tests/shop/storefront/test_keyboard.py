"""Buying and cancelling without a mouse, and among what browsers do: refused popups, noise, lost cookies."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Playwright, expect

from tests.servers import Server, serving
from tests.shop.storefront.test_journeys import (
    PC,
    expect_paid_order,
    fill_buyer,
    identify,
    pay_in_popup,
    payments,
    put_in_cart,
    sign_in,
    type_code,
)

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with serving(tmp_path) as server:
        yield server


@pytest.fixture
def page(browser: Browser, server: Server) -> Iterator[Page]:
    page = browser.new_page(**PC, locale="ko-KR")
    page.goto(server.url)
    yield page
    page.close()


def tab_to(page: Page, selector: str, key: str = "Tab") -> None:
    """Press Tab until the element has the focus, as somebody without a mouse does."""
    for _ in range(80):
        page.keyboard.press(key)
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"{selector} cannot be reached by {key}")


def type_in(page: Page, selector: str, text: str) -> None:
    tab_to(page, selector)
    page.keyboard.type(text)


def sign_in_by_keys(page: Page) -> None:
    tab_to(page, "a[href^='/login']")
    page.keyboard.press("Enter")
    page.wait_for_url("**/login*")
    type_in(page, "#email", "buyer@example.com")
    type_in(page, "#password", "demo")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="로그아웃")).to_be_visible()


def put_in_cart_by_keys(page: Page, slug: str) -> None:
    tab_to(page, f"a[href$='/{slug}']")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/products/{slug}")
    tab_to(page, ".buy button")
    page.keyboard.press("Enter")
    page.wait_for_url("**/cart")


def pay_by_keys(window: Page) -> None:
    """The whole payment window: carrier by arrow keys, then every field and box in their order."""
    # A new window is empty at first and counts as loaded: only the form says that no navigation is left.
    expect(window.locator("#send-code")).to_be_attached()
    window.wait_for_load_state()
    tab_to(window, "input[name=carrier]")
    window.keyboard.press("ArrowRight")
    type_in(window, "input[name=birth]", "900101")
    type_in(window, "input[name=gender]", "1")
    tab_to(window, "#agree-all")
    window.keyboard.press("Space")
    tab_to(window, "#send-code")
    window.keyboard.press("Enter")
    code = window.locator("#sms-code-shown")
    expect(code).to_have_text(re.compile(r"\d{6}"))
    expect(window.locator("input[name=code]")).to_be_focused()
    window.keyboard.type(code.inner_text())
    window.keyboard.press("Enter")


def test_a_purchase_and_its_cancel_need_no_mouse(page: Page, server: Server) -> None:
    sign_in_by_keys(page)
    put_in_cart_by_keys(page, "bear-emoji")
    type_in(page, "#buyer_name", "홍길동")
    type_in(page, "#buyer_tel", "010-1234-5678")
    tab_to(page, "#consent-once")
    page.keyboard.press("Space")
    tab_to(page, "#pay-once")
    with page.expect_popup() as opened:
        page.keyboard.press("Enter")
    pay_by_keys(opened.value)
    expect_paid_order(page, server)

    tab_to(page, "details.cancel > summary")
    page.keyboard.press("Enter")
    type_in(page, "input[name=reason]", "잘못 샀습니다")
    tab_to(page, "details.cancel button")
    page.keyboard.press("Enter")
    expect(page.locator("#order-state")).to_have_text("취소된 주문입니다")
    assert [payment.status for payment in payments(server)] == ["cancelled"]


def test_without_consent_nothing_is_sent_and_the_box_has_the_focus(page: Page, server: Server) -> None:
    sign_in(page, server)
    put_in_cart(page, server, "bear-emoji")
    page.locator("#buyer_name").fill("홍길동")
    page.locator("#buyer_tel").fill("010-1234-5678")
    page.locator("#pay-once").click()
    expect(page.locator("#consent-once")).to_be_focused()
    expect(page.locator("#checkout-status")).to_have_text("동의하셔야 결제할 수 있습니다.")
    assert payments(server) == []


def test_when_the_window_closes_the_focus_is_on_the_button_again_and_the_state_is_said(
    page: Page, server: Server
) -> None:
    sign_in(page, server)
    put_in_cart(page, server, "bear-emoji")
    fill_buyer(page)
    page.locator("#pay-once").focus()
    with page.expect_popup() as opened:
        page.keyboard.press("Enter")
    expect(page.locator("#checkout-status")).to_have_text("결제창에서 결제를 마쳐 주세요.")
    expect(opened.value.locator("#send-code")).to_be_visible()
    opened.value.close()
    expect(page.locator("#pay-once")).to_be_focused()
    status = page.locator("#checkout-status")
    expect(status).to_contain_text("결제창을 닫으셨습니다")
    assert status.get_attribute("aria-live") == "polite"


def test_enter_in_a_field_of_the_cart_pays_when_there_is_one_thing_to_pay(page: Page, server: Server) -> None:
    sign_in(page, server)
    put_in_cart(page, server, "bear-emoji")
    fill_buyer(page)
    page.locator("#buyer_tel").focus()
    with page.expect_popup() as opened:
        page.keyboard.press("Enter")
    identify(opened.value)
    type_code(opened.value)
    expect_paid_order(page, server)


def test_enter_in_a_field_of_the_cart_leads_to_the_buttons_when_there_are_several_things_to_pay(
    page: Page, server: Server
) -> None:
    sign_in(page, server)
    put_in_cart(page, server, "bear-emoji")
    put_in_cart(page, server, "reading-pass")
    fill_buyer(page)
    page.locator("#buyer_name").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#pay-once")).to_be_focused()
    expect(page.locator("#checkout-status")).to_have_text("결제할 것을 골라 결제 버튼을 눌러 주세요.")
    assert payments(server) == []


def test_the_learn_panel_opens_by_keyboard_and_each_page_leaves_it_as_it_was_left_there(
    page: Page, server: Server
) -> None:
    sign_in(page, server)
    put_in_cart(page, server, "bear-emoji")
    expect(page.locator("#learn-request")).to_be_hidden()
    page.locator("#learn > summary").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#learn-request")).to_be_visible()
    # The browser reports the opened panel a moment after it shows it.
    page.wait_for_function("document.cookie.includes('learn=open')")
    page.goto(f"{server.url}/subscriptions")
    expect(page.locator("#learn-note")).to_be_hidden()
    page.goto(f"{server.url}/cart")
    expect(page.locator("#learn-request")).to_be_visible()
    fill_buyer(page)
    with page.expect_popup():
        page.locator("#pay-once").click()
    expect(page.locator("#learn-request")).to_contain_text(payments(server)[0].merchant_uid)
    expect(page.locator("#learn-request")).to_contain_text("010-****-5678")


NOISE = """
window.setInterval(() => { throw new Error("an extension fails") }, 20);
window.addEventListener("click", () => { throw new Error("an extension fails at clicks") }, true);
window.onerror = null; Array.prototype.shiny = () => 1; window.$ = null;
Object.defineProperty(window, "ethereum", { get() { throw new Error("an extension guards this") } });
"""


def test_noise_from_extensions_stops_no_purchase(browser: Browser, server: Server) -> None:
    page = browser.new_page(**PC, locale="ko-KR")
    page.add_init_script(NOISE)
    sign_in(page, server)
    put_in_cart(page, server, "bear-emoji")
    fill_buyer(page)
    pay_in_popup(page, "#pay-once")
    expect_paid_order(page, server)
    page.close()


def test_a_refused_popup_is_said_in_plain_words_and_the_button_works_again(browser: Browser, server: Server) -> None:
    page = browser.new_page(**PC, locale="en-US")
    page.add_init_script("window.openAsBefore = window.open; window.open = () => null")
    page.goto(f"{server.url}/login")
    page.locator(".guests button").first.click()
    page.goto(f"{server.url}/products/bear-emoji")
    page.locator(".buy button").click()
    page.locator("#buyer_name").fill("홍길동")
    page.locator("#buyer_tel").fill("010-1234-5678")
    page.locator("#consent-once").check()
    page.locator("#pay-once").click()
    expect(page.locator("#checkout-status")).to_contain_text("Allow pop-ups for this site")
    page.evaluate("() => { window.open = window.openAsBefore }")
    pay_in_popup(page, "#pay-once")
    expect(page).to_have_url(re.compile(r"/orders/\d+$"))
    assert [payment.status for payment in payments(server)] == ["ready", "paid"]
    page.close()


def test_who_comes_back_from_a_phones_window_without_cookies_signs_in_and_sees_the_paid_order(
    playwright: Playwright, browser: Browser, server: Server
) -> None:
    phone: dict[str, Any] = {**playwright.devices["Galaxy S24"], "locale": "ko-KR"}
    context = browser.new_context(**phone)
    page = context.new_page()
    sign_in(page, server)
    put_in_cart(page, server, "bear-emoji")
    fill_buyer(page)
    page.locator("#pay-once").tap()
    page.wait_for_url("**/sandbox/window/**")
    identify(page)
    context.clear_cookies()
    type_code(page)
    page.wait_for_url("**/login*")
    assert payments(server)[0].status == "paid"
    page.get_by_label("이메일").fill("buyer@example.com")
    page.get_by_label("비밀번호").fill("demo")
    page.get_by_role("button", name="로그인", exact=True).click()
    expect_paid_order(page, server)
    context.close()


PAGES = ("/", "/products/herb-kit", "/products/reading-pass", "/login", "/signup", "/terms", "/cart", "/subscriptions")


def test_at_twice_the_size_nothing_is_cut_off(browser: Browser, server: Server) -> None:
    page = browser.new_page(viewport={"width": 640, "height": 400}, device_scale_factor=2, locale="ko-KR")
    sign_in(page, server)
    put_in_cart(page, server, "reading-pass")
    for address in PAGES:
        page.goto(server.url + address)
        assert page.evaluate("document.documentElement.scrollWidth") <= 641, address
    page.close()


def test_who_asks_for_less_motion_gets_none(browser: Browser, server: Server) -> None:
    page = browser.new_page(**PC, locale="ko-KR", reduced_motion="reduce")
    for address in ("/", "/products/herb-kit"):
        page.goto(server.url + address)
        moving = page.evaluate(
            """() => [...document.querySelectorAll("*")].filter((one) => {
              const style = getComputedStyle(one);
              return style.animationName !== "none" || parseFloat(style.transitionDuration) > 0;
            }).length"""
        )
        assert moving == 0, address
        assert page.evaluate("getComputedStyle(document.documentElement).scrollBehavior") == "auto"
    page.close()


def test_nothing_on_a_page_moves_after_it_was_drawn(browser: Browser, server: Server) -> None:
    page = browser.new_page(**PC, locale="ko-KR")
    page.add_init_script(
        "window.shifted = 0; new PerformanceObserver((list) => { for (const entry of list.getEntries())"
        " if (!entry.hadRecentInput) window.shifted += entry.value })"
        ".observe({ type: 'layout-shift', buffered: true })"
    )
    sign_in(page, server)
    put_in_cart(page, server, "moon-mug")
    for address in PAGES:
        page.goto(server.url + address)
        page.wait_for_load_state("networkidle")
        assert page.evaluate("window.shifted") < 0.02, address
    page.close()
