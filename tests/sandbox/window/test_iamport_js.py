"""IMP.request_pay in a real browser, on a shop's page of another origin: popup, phone, and what is refused."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright, Route, expect
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from tests.sandbox.conftest import ASKED, served
from tests.sandbox.driver import driven
from tests.sandbox.window.shop_page import (
    GIVEN_UP,
    Shop,
    approve,
    expect_heard,
    identify,
    open_popup,
    serving_shop,
    shop_app,
)

pytestmark = [pytest.mark.browser, pytest.mark.slow]  # the shop's journeys buy through the same window in make test

MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605"


@pytest.fixture
def shop(sandbox_app: Flask) -> Iterator[Shop]:
    with serving_shop(sandbox_app) as shop:
        yield shop


@pytest.fixture
def phone(browser: Browser, playwright: Playwright) -> Iterator[Page]:
    context = browser.new_context(**playwright.devices["Galaxy S24"], locale="ko-KR")
    yield context.new_page()
    context.close()


# --- PC: popup ---


def test_a_popup_pays_and_its_answer_comes_once_by_message(page: Page, shop: Shop) -> None:
    shop.visit(page)
    popup = open_popup(page)
    assert popup.evaluate("[innerWidth, innerHeight]") == [390, 613]
    identify(popup)
    with popup.expect_event("close"):
        approve(popup)
    payment = shop.payment()
    expect_heard(page, {"imp_uid": payment["imp_uid"], "merchant_uid": "order-1", "error_code": None})
    assert (payment["status"], payment["channel"]) == ("paid", "pc")
    assert len(page.context.pages) == 1


def test_the_older_shape_has_success_and_all_fields(page: Page, shop: Shop) -> None:
    shop.switch(callback_shape="legacy")
    shop.visit(page, custom_data={"cart": 42})
    popup = open_popup(page)
    identify(popup)
    approve(popup)
    expect_heard(page, {"success": True, "paid_amount": 9900, "status": "paid", "custom_data": {"cart": 42}})


def test_closing_the_popup_by_its_x_is_the_buyers_cancel(page: Page, shop: Shop) -> None:
    shop.visit(page)
    open_popup(page).close()
    expect_heard(page, GIVEN_UP)
    assert shop.payment()["status"] == "failed"


def test_the_cancel_button_closes_the_popup_and_is_the_buyers_cancel(page: Page, shop: Shop) -> None:
    shop.visit(page)
    popup = open_popup(page)
    with popup.expect_event("close"):
        popup.locator("#cancel").click()
    expect_heard(page, GIVEN_UP)


@pytest.mark.parametrize("way", ["button", "x"])
def test_a_decline_stays_until_it_was_read_and_is_no_cancel(way: str, page: Page, shop: Shop) -> None:
    shop.visit(page)
    popup = open_popup(page)
    identify(popup, "010-0000-0031")
    approve(popup)
    expect(popup.locator("#ending")).to_be_focused()
    expect(popup.locator("#ending")).to_contain_text("당월 한도 초과로 결제 불가합니다.")
    expect(page.locator("#heard")).to_be_empty()
    if way == "x":
        popup.close()
    else:
        popup.locator("#back").evaluate("button => setTimeout(() => button.click())")  # closes amid it
    expect_heard(page, {"error_code": "0031", "imp_uid": shop.payment()["imp_uid"]})


def test_closing_is_asked_again_when_the_line_is_cut(page: Page, shop: Shop) -> None:
    cuts: list[str] = []

    def cut_once(route: Route) -> None:
        if route.request.method == "POST" and not cuts:
            cuts.append(route.request.url)
            route.abort()
        else:
            route.continue_()

    shop.visit(page)
    page.route("**/close", cut_once)
    open_popup(page).close()
    expect_heard(page, GIVEN_UP)
    assert len(cuts) == 1


def test_a_lost_answer_closes_the_popup_and_calls_nobody(page: Page, shop: Shop) -> None:
    shop.visit(page)
    popup = open_popup(page)
    identify(popup, "010-0000-7001")
    with page.expect_response("**/close") as asked:
        approve(popup)
    assert asked.value.json()["lost"] is True
    page.evaluate("() => new Promise((done) => setTimeout(done))")  # after whatever the answer set off
    expect(page.locator("#heard")).to_be_empty()
    assert shop.payment()["status"] == "paid"


def test_a_forged_message_ends_nothing(page: Page, shop: Shop) -> None:
    shop.visit(page)
    popup = open_popup(page)
    window_id = urlsplit(popup.url).path.rsplit("/", 1)[1]
    page.evaluate(
        "id => new Promise((done) => { postMessage({iamport: id, result: {forged: 1}}, '*'); setTimeout(done); })",
        window_id,
    )
    popup.evaluate("() => opener.postMessage({iamport: 'another', result: {forged: 1}}, '*')")
    popup.locator("#cancel").click()
    expect_heard(page, GIVEN_UP)


def test_a_refusal_closes_the_popup_again(page: Page, shop: Shop) -> None:
    shop.visit(page, amount=100)
    with page.expect_popup() as opened:
        page.locator("#pay").click()
    expect_heard(page, {"error_code": "SANDBOX_MINIMUM", "imp_uid": None})
    assert opened.value.is_closed() or opened.value.wait_for_event("close")


def test_without_a_server_the_callback_hears_of_it(page: Page, shop: Shop) -> None:
    page.route("**/window", lambda route: route.abort())
    shop.visit(page)
    page.locator("#pay").click()
    expect_heard(page, {"error_code": "SANDBOX_NETWORK"})


@pytest.mark.parametrize(
    ("wrong", "code"),
    [({"amount": "9900"}, "SANDBOX_TYPE"), ({"merchant_uid": 7}, "SANDBOX_TYPE"), ({"init": False}, "SANDBOX_INIT")],
)
def test_wrong_types_and_a_missing_init_open_nothing(wrong: dict[str, Any], code: str, page: Page, shop: Shop) -> None:
    for shape, success in (("v1", None), ("legacy", False)):
        shop.switch(callback_shape=shape)
        shop.visit(page, **wrong)
        page.locator("#pay").click()
        expect_heard(page, {"error_code": code, "imp_uid": None, "success": success})
        assert len(page.context.pages) == 1


def test_a_second_init_is_warned_of_and_ignored(page: Page, shop: Shop) -> None:
    said: list[ConsoleMessage] = []
    page.on("console", lambda message: said.append(message))
    shop.visit(page)
    page.evaluate("() => { IMP.init('imp00000000'); IMP.init('imp99999999'); IMP.agency('imp99999999', 'T01'); }")
    assert ["must not run twice" in message.text for message in said] == [True, True]
    open_popup(page).close()
    expect_heard(page, GIVEN_UP)  # of the first code's shop


@pytest.mark.parametrize("loaded", ["1.2.0", "1.1.8", "esm", "as-module", "imported"])
def test_the_sdk_pays_from_every_address_and_as_a_module(loaded: str, page: Page, shop: Shop) -> None:
    shop.visit(page, loaded=loaded)
    popup = open_popup(page)
    identify(popup)
    approve(popup)
    expect_heard(page, {"imp_uid": shop.payment()["imp_uid"], "error_code": None})
    if loaded == "imported":
        assert page.evaluate("() => imported === IMP")


def test_the_script_loaded_twice_keeps_its_init(page: Page, shop: Shop) -> None:
    shop.visit(page, loaded="twice", init=False)
    open_popup(page).close()
    expect_heard(page, GIVEN_UP)


def test_the_functions_work_when_they_are_taken_out_of_imp(page: Page, shop: Shop) -> None:
    shop.visit(page, init=False)
    told = page.evaluate(
        "asked => new Promise((heard) => {"
        " const { agency, request_pay } = IMP; agency('imp00000000', 'T01'); request_pay(asked, heard); })",
        {"merchant_uid": "order-1", "amount": "9900"},
    )
    assert told["error_code"] == "SANDBOX_TYPE"  # not SANDBOX_INIT


@pytest.mark.parametrize(
    "call",
    [
        "IMP.certification({merchant_uid: 'order-1'}, heard)",
        "IMP.loadUI('paypal-spb', {merchant_uid: 'order-1'}, heard)",
        "IMP.updateLoadUIRequest('paypal-spb', {merchant_uid: 'order-1'}, heard)",
        "IMP.naver_zzim({merchant_uid: 'order-1'}, heard)",
        "IMP.communicate({merchant_uid: 'order-1', result: 'process'}, heard)",
    ],
)
def test_a_function_that_is_not_imitated_says_so_to_the_callback(call: str, page: Page, shop: Shop) -> None:
    shop.visit(page)
    told = page.evaluate(f"() => new Promise((heard) => {{ {call}; }})")
    name = call.partition("(")[0]
    assert (told["error_code"], told["merchant_uid"], told["imp_uid"]) == ("SANDBOX_NOT_IMITATED", "order-1", None)
    assert name in told["error_msg"]
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.evaluate(f"() => {name}()")
    page.evaluate(f"() => {name}('x', {{}})")
    assert [name in text for text in said] == [True, True]


def test_on_a_pc_without_a_callback_the_console_says_that_nobody_hears_of_the_result(page: Page, shop: Shop) -> None:
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    shop.visit(page, callback=False, m_redirect_url=shop.back)
    popup = open_popup(page)
    identify(popup)
    with popup.expect_event("close"):
        approve(popup)
    assert ["callback" in text and "m_redirect_url" in text for text in said] == [True]
    assert shop.payment()["status"] == "paid"


def test_mounted_below_a_path_the_sdk_finds_its_server(page: Page, sandbox_app: Flask) -> None:
    mount = Flask("a mount")
    mount.wsgi_app = DispatcherMiddleware(mount.wsgi_app, {"/sandbox": sandbox_app})  # type: ignore[method-assign]
    with served(mount) as url, served(shop_app(f"{url}/sandbox")) as shop_url:
        shop = Shop(shop_url, f"{url}/sandbox", driven(sandbox_app))
        shop.visit(page)
        popup = open_popup(page)
        identify(popup)
        approve(popup)
        expect_heard(page, {"error_code": None})


# --- PC: with the popup blocker on, as buyers have it ---


@pytest.fixture
def strict(playwright: Playwright, browser_type_launch_args: dict[str, Any]) -> Iterator[BrowserContext]:
    """Playwright switches popup blocking off; here it is on."""
    browser = playwright.chromium.launch(**browser_type_launch_args, ignore_default_args=["--disable-popup-blocking"])
    yield browser.new_context(locale="ko-KR")
    browser.close()


def test_a_click_opens_the_popup_though_the_blocker_is_on_and_the_server_is_slow(
    strict: BrowserContext, shop: Shop
) -> None:
    page = strict.new_page()
    strict.route("**/window", lambda route: (page.wait_for_timeout(200), route.continue_()))
    shop.visit(page)
    popup = open_popup(page)
    identify(popup)
    approve(popup)
    expect_heard(page, {"error_code": None})


def test_without_a_click_the_blocker_refuses_and_the_callback_hears_what_to_do(
    strict: BrowserContext, shop: Shop
) -> None:
    page = strict.new_page()
    shop.visit(page, unclicked=True)
    expect_heard(page, {"error_code": "SANDBOX_POPUP_BLOCKED", "imp_uid": None, "merchant_uid": "order-1"})
    assert "팝업을 허용" in page.locator("#heard").inner_text()
    assert len(strict.pages) == 1


# --- phone ---


def query_of(page: Page) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}


@pytest.mark.parametrize("number", ["010-1234-5678", "010-0000-0031"])
def test_on_a_phone_the_page_goes_there_and_comes_back(number: str, phone: Page, shop: Shop) -> None:
    shop.visit(phone, m_redirect_url=f"{shop.back}?mine=1")
    phone.locator("#pay").tap()
    identify(phone, number)
    approve(phone)
    if number.endswith("0031"):
        phone.locator("#back").tap()
    phone.wait_for_url(f"{shop.back}?mine=1&**")
    paid = {"imp_success": "true"}
    declined = {"imp_success": "false", "error_code": "0031", "error_msg": shop.payment()["fail_reason"]}
    ids = {"mine": "1", "imp_uid": shop.payment()["imp_uid"], "merchant_uid": "order-1"}
    assert query_of(phone) == ids | (declined if number.endswith("0031") else paid)
    assert shop.payment()["channel"] == "mobile"


def test_a_tablet_that_calls_itself_a_mac_is_a_phone(browser: Browser, shop: Shop) -> None:
    context = browser.new_context(user_agent=MAC)
    context.add_init_script("Object.defineProperty(navigator, 'maxTouchPoints', {value: 5})")
    page = context.new_page()
    shop.visit(page, m_redirect_url=shop.back)
    page.locator("#pay").click()
    page.wait_for_url("**/window/*?mode=page*")
    page.locator("#cancel").click()
    page.wait_for_url(f"{shop.back}?**")
    assert query_of(page)["error_code"] == "F400"
    context.close()


def test_a_mac_without_a_touch_screen_is_none(browser: Browser, shop: Shop) -> None:
    page = browser.new_page(user_agent=MAC)
    shop.visit(page)
    open_popup(page)
    page.close()


def test_without_an_address_to_return_to_it_is_paid_and_ends_there(phone: Page, shop: Shop) -> None:
    shop.visit(phone)
    phone.locator("#pay").tap()
    identify(phone)
    approve(phone)
    expect(phone.locator("#ending")).to_contain_text("m_redirect_url")
    assert shop.payment()["status"] == "paid"


@pytest.mark.parametrize("around", ["the shop", "another site"])
def test_on_a_phone_a_page_inside_a_frame_pays_and_comes_back_there(around: str, phone: Page, shop: Shop) -> None:
    told = {"params": ASKED | {"m_redirect_url": shop.back}, "init": True, "callback": True}
    outer = Flask("a page around")
    address = f"{shop.url}/cart/?{quote(json.dumps(told))}"
    frame_html = f'<!doctype html><title>around</title><iframe src="{address}"></iframe>'
    outer.add_url_rule("/", view_func=lambda: frame_html)
    outer_on_the_shop = f"{shop.url}/around"
    with served(outer) as elsewhere:
        if around == "the shop":
            phone.route(outer_on_the_shop, lambda route: route.fulfill(body=frame_html, content_type="text/html"))
        phone.goto(outer_on_the_shop if around == "the shop" else elsewhere)
        frame = phone.frames[1]
        frame.locator("#pay").tap()
        frame.wait_for_url("**/window/**")
        identify(frame)
        approve(frame)
        frame.wait_for_url(f"{shop.back}?**")
    assert shop.payment()["status"] == "paid"


@pytest.mark.parametrize("asked", [{"amount": 100}, {"amount": "9900"}, {"init": False}], ids=json.dumps)
def test_on_a_phone_a_refusal_goes_to_the_callback_or_without_one_to_the_address(
    asked: dict[str, Any], phone: Page, shop: Shop
) -> None:
    shop.visit(phone, m_redirect_url=shop.back, **asked)
    phone.locator("#pay").tap()
    expect_heard(phone, {"imp_uid": None})
    shop.visit(phone, m_redirect_url=shop.back, callback=False, **asked)
    phone.locator("#pay").tap()
    phone.wait_for_url(f"{shop.back}?**")
    query = query_of(phone)
    assert (query["imp_success"], query["merchant_uid"]) == ("false", "order-1")
    assert query["error_code"].startswith("SANDBOX_")
    assert "imp_uid" not in query
