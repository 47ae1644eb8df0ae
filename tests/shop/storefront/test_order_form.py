"""Before paying, in a real Chromium: the bar with the price on a phone, the agreements, and where a parcel goes."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, Playwright, expect

from payments.database import db
from shop.orders.models import Order
from tests.servers import Server, serving
from tests.shop.storefront.test_journeys import PC, fill_buyer, payments, put_in_cart, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with serving(tmp_path) as server:
        yield server


@pytest.fixture
def page(browser: Browser, server: Server) -> Iterator[Page]:
    page = browser.new_page(**PC, locale="ko-KR")
    sign_in(page, server)
    yield page
    page.close()


def stands_at_the_foot(bar: Locator) -> bool:
    """Whether the whole bar is in sight, and its end is that of the screen."""
    script = "bar => { const { top, bottom } = bar.getBoundingClientRect(); return [top, bottom, innerHeight]; }"
    top, bottom, height = bar.evaluate(script)
    return bool(0 < top < bottom and abs(bottom - height) < 1)


def test_on_a_phone_price_and_button_stay_at_the_foot_of_product_and_cart_and_the_learn_panel_does_not(
    playwright: Playwright, browser: Browser, server: Server
) -> None:
    context = browser.new_context(**playwright.devices["Galaxy S24"], locale="ko-KR")
    page = context.new_page()
    sign_in(page, server)
    page.goto(f"{server.url}/products/moon-mug")
    bar = page.locator(".pay-bar")
    assert stands_at_the_foot(bar)
    page.locator("#more").click()
    expect(bar.locator("strong")).to_have_text("28,000원")
    bar.get_by_role("button", name="바로 구매").tap()
    expect(page).to_have_url(f"{server.url}/cart#buyer")
    expect(bar.locator("strong")).to_have_text("28,000원")
    assert stands_at_the_foot(bar)
    assert page.locator(".learn").evaluate("panel => getComputedStyle(panel).position") == "static"
    bar.get_by_role("button", name="결제하기").tap()
    expect(page.locator("#buyer_name")).to_be_focused()  # what is missing first
    fill_buyer(page)
    page.locator("#buyer_name").focus()
    expect(bar).to_be_visible()
    bar.get_by_role("button", name="결제하기").tap()
    page.wait_for_url("**/window/**")
    assert [payment.amount for payment in payments(server)] == [28000]
    page.go_back()
    page.locator("#pay-once").scroll_into_view_if_needed()
    expect(bar).to_be_hidden()  # the button itself is in sight
    context.close()


def test_what_is_missing_first_is_in_sight_and_what_was_typed_is_no_longer_called_missing(
    playwright: Playwright, browser: Browser, server: Server
) -> None:
    context = browser.new_context(**playwright.devices["Galaxy S24"], locale="ko-KR")
    page = context.new_page()
    sign_in(page, server)
    put_in_cart(page, server, "moon-mug")
    page.locator("#pay-once").scroll_into_view_if_needed()
    page.locator("#pay-once").tap()
    expect(page.locator("#buyer_name")).to_be_focused()
    expect(page.locator("#buyer_name")).to_be_in_viewport()
    page.locator("#buyer_name").fill("홍길동")
    expect(page.locator("#buyer_name-problem")).to_be_hidden()
    expect(page.locator("#buyer_name")).to_have_attribute("aria-invalid", "false")
    expect(page.locator("#buyer_tel-problem")).to_be_visible()
    fill_buyer(page)
    expect(page.locator("#checkout-status")).to_be_empty()
    context.close()


def test_one_tick_agrees_to_every_line_and_a_missing_line_has_the_focus_and_sends_nothing(
    page: Page, server: Server
) -> None:
    put_in_cart(page, server, "reading-pass")
    fill_buyer(page)
    everything = page.get_by_role("checkbox", name="전체 동의")
    lines = page.locator(".consent [data-line]")
    expect(lines).to_have_count(3)
    expect(everything).to_be_checked()
    everything.press("Space")
    assert [line.is_checked() for line in lines.all()] == [False, False, False]
    everything.press("Space")
    assert [line.is_checked() for line in lines.all()] == [True, True, True]
    lines.nth(2).press("Space")
    expect(everything).not_to_be_checked()
    page.locator(".pay-monthly").click()
    expect(lines.nth(2)).to_be_focused()
    expect(page.locator(".consent .problem")).to_have_text("동의하지 않은 필수 항목이 있습니다.")
    assert payments(server) == []
    page.keyboard.press("Space")
    expect(everything).to_be_checked()
    expect(page.locator(".consent .problem")).to_be_hidden()
    with page.expect_popup():
        page.locator(".pay-monthly").click()


def test_a_parcel_for_somebody_else_goes_there_with_the_note_that_was_chosen_or_written(
    page: Page, server: Server
) -> None:
    put_in_cart(page, server, "moon-mug")
    fill_buyer(page)
    expect(page.locator("#recipient")).to_be_hidden()
    page.get_by_label("주문자와 동일").uncheck()
    page.locator("#pay-once").click()
    expect(page.locator("#recipient")).to_be_focused()
    expect(page.locator("#recipient-problem")).to_have_text("입력해 주세요.")
    page.get_by_label("받는 분", exact=True).fill("김달곰")
    page.get_by_label("상세주소").fill("3층")
    page.get_by_label("배송 메모 (선택)").select_option("직접 입력")
    expect(page.locator("#delivery_note")).to_be_focused()
    page.keyboard.type("벨은 누르지 마세요")
    page.locator(".stepper button").last.click()  # loads the page anew; what was typed stays
    expect(page.locator(".stepper output")).to_have_text("2")
    expect(page.locator("#recipient")).to_have_value("김달곰")
    expect(page.locator("#delivery_note")).to_be_visible()
    for consent in page.locator(".consent input").all():
        consent.check()
    with page.expect_popup() as opened:
        page.locator("#pay-once").click()
    opened.value.close()
    with server.app.app_context():
        order = db.session.query(Order).one()
        kept = (order.recipient, order.buyer_addr_detail, order.delivery_note)
        assert kept == ("김달곰", "3층", "벨은 누르지 마세요")
    expect(page.locator("#pay-once")).to_be_enabled()
    page.get_by_label("배송 메모 (선택)").select_option("경비실에 맡겨 주세요.")
    expect(page.locator("#delivery_note")).to_be_hidden()
    with page.expect_response(re.compile("/checkout$")), page.expect_popup():
        page.locator("#pay-once").click()
    with server.app.app_context():
        newest = db.session.query(Order).order_by(Order.id.desc()).limit(1).one()
        assert newest.delivery_note == "경비실에 맡겨 주세요."


def test_on_a_phone_the_fields_of_the_buyer_stand_at_equal_distances(page: Page, server: Server) -> None:
    page.set_viewport_size({"width": 390, "height": 780})
    put_in_cart(page, server, "moon-mug")
    fields = [page.locator(f"#buyer_{name}") for name in ("name", "email", "tel")]
    tops = [field.evaluate("field => field.getBoundingClientRect().top") for field in fields]
    assert tops[1] - tops[0] == pytest.approx(tops[2] - tops[1], abs=1)
