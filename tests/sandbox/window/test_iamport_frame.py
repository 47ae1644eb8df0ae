"""IMP.request_pay with the window in a frame: on a PC or a phone, in a dialog that keeps the focus gives it back."""

from collections.abc import Iterator

import pytest
from flask import Flask
from playwright.sync_api import Browser, Frame, Page, Playwright, expect

from tests.sandbox.window.shop_page import GIVEN_UP, Shop, approve, expect_heard, identify, serving_shop

pytestmark = [pytest.mark.browser, pytest.mark.slow]  # the shop's journeys buy through the same window in make test


@pytest.fixture
def shop(sandbox_app: Flask) -> Iterator[Shop]:
    with serving_shop(sandbox_app) as shop:
        shop.switch(pc_window="iframe")
        yield shop


def open_frame(page: Page) -> Frame:
    page.locator("#pay").click()
    frame = page.locator("dialog iframe").element_handle().content_frame()
    assert frame
    expect(frame.locator("#send-code")).to_be_visible()
    expect(frame.locator("main[inert]")).to_have_count(0)  # its script listens from then on
    return frame


def test_a_frame_pays_inside_a_dialog_and_gives_the_focus_back(page: Page, shop: Shop) -> None:
    errors: list[str] = []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    shop.visit(page)
    frame = open_frame(page)
    dialog = page.get_by_role("dialog", name="휴대폰 결제")
    expect(dialog).to_be_visible()
    assert page.evaluate("document.activeElement.tagName") == "IFRAME"
    identify(frame)
    approve(frame)
    expect_heard(page, {"imp_uid": shop.payment()["imp_uid"], "error_code": None})
    expect(page.locator("dialog")).to_have_count(0)
    expect(page.locator("#pay")).to_be_focused()
    assert page.evaluate("document.documentElement.style.overflow") == ""
    assert (errors, len(page.context.pages)) == ([], 1)


def test_the_focus_never_leaves_the_dialog(page: Page, shop: Shop) -> None:
    shop.visit(page)
    open_frame(page)
    behind = []
    for _ in range(24):  # more than once around
        page.keyboard.press("Tab")
        behind.append(page.evaluate("document.activeElement.closest('a, #pay') !== null"))
    assert not any(behind)


@pytest.mark.parametrize("way", ["esc in the window", "esc on the dialog", "close button"])
def test_a_frame_can_be_left_in_three_ways_each_the_buyers_cancel(way: str, page: Page, shop: Shop) -> None:
    shop.visit(page)
    frame = open_frame(page)
    button = page.get_by_role("button", name="닫기")
    if way == "close button":
        button.click()
    else:
        (frame.locator("input[name=birth]") if way == "esc in the window" else button).focus()
        page.keyboard.press("Escape")
    expect_heard(page, GIVEN_UP)
    expect(page.locator("dialog")).to_have_count(0)
    expect(page.locator("#pay")).to_be_focused()


def test_a_lost_answer_in_a_frame_calls_nobody(page: Page, shop: Shop) -> None:
    shop.visit(page)
    frame = open_frame(page)
    identify(frame, "010-0000-7001")
    approve(frame)
    expect(frame.locator("#ending")).to_contain_text("유실 시험")
    frame.locator("#back").click()
    expect(page.locator("dialog")).to_have_count(0)
    expect(page.locator("#heard")).to_be_empty()


def test_when_the_hint_comes_too_late_the_popup_gives_way_to_the_frame(page: Page, shop: Shop) -> None:
    shop.switch(pc_window="popup")
    shop.visit(page)
    shop.switch(pc_window="iframe")
    with page.expect_popup() as opened:
        page.locator("#pay").click()
    expect(page.locator("dialog iframe")).to_be_visible()
    assert opened.value.is_closed() or opened.value.wait_for_event("close")


def test_switched_so_a_phones_result_comes_to_the_callback(
    browser: Browser, playwright: Playwright, shop: Shop
) -> None:
    context = browser.new_context(**playwright.devices["Galaxy S24"], locale="ko-KR")
    phone = context.new_page()
    shop.switch(mobile_result="callback")
    shop.visit(phone, m_redirect_url=shop.back)
    before = phone.url
    frame = open_frame(phone)
    identify(frame)
    approve(frame)
    expect_heard(phone, {"imp_uid": shop.payment()["imp_uid"], "error_code": None})
    assert phone.url == before
    context.close()
