"""A buyer's way through the shop in a real Chromium: PC and phone, once and monthly, and the ways it goes wrong."""

import re
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect

from payments.database import db
from payments.models import Payment
from payments.monthly.models import Subscription
from tests.clocks import NOON
from tests.servers import Server, serving

pytestmark = pytest.mark.browser

PC = {"viewport": {"width": 1280, "height": 800}}


@pytest.fixture
def server(tmp_path: Path, seeded_database: Path) -> Iterator[Server]:
    shutil.copy(seeded_database, tmp_path / "shop.sqlite3")
    with serving(tmp_path) as server:
        yield server


@pytest.fixture
def phone(playwright: Playwright) -> dict[str, Any]:
    return {**playwright.devices["Galaxy S24"], "locale": "ko-KR", "timezone_id": "Asia/Seoul"}


def sign_in(page: Page, server: Server, email: str = "buyer@example.com") -> None:
    page.goto(f"{server.url}/login")
    page.get_by_label("이메일").fill(email)
    page.get_by_label("비밀번호").fill("demo")
    page.get_by_role("button", name="로그인", exact=True).click()
    expect(page.get_by_role("button", name="로그아웃")).to_be_visible()


def put_in_cart(page: Page, server: Server, slug: str) -> None:
    page.goto(f"{server.url}/products/{slug}")
    page.get_by_role("button", name=re.compile("담기")).click()
    expect(page).to_have_url(f"{server.url}/cart")
    page.wait_for_load_state()  # until then the page's scripts may set its boxes anew


def fill_buyer(page: Page, tel: str = "010-1234-5678") -> None:
    page.get_by_label("이름").fill("홍길동")
    page.get_by_label("휴대폰 번호").fill(tel)
    if page.get_by_label("우편번호").count():
        page.get_by_label("우편번호").fill("04524")
        page.get_by_label("주소", exact=True).fill("서울특별시 중구 세종대로 110")
    for consent in page.locator(".consent input").all():
        consent.check()


def identify(window: Page) -> None:
    """Step one of the payment window; the number is the buyer's."""
    expect(window.locator("main[inert]")).to_have_count(0)  # its script listens from then on
    window.locator("label", has_text=re.compile("^KT$")).click()
    window.locator("input[name=birth]").fill("900101")
    window.locator("input[name=gender]").fill("1")
    window.locator("#agree-all").check()
    window.locator("#send-code").click()


def type_code(window: Page) -> None:
    """Step two: the approval number that the page shows as a text message."""
    code = window.locator("#sms-code-shown")
    expect(code).to_have_text(re.compile(r"\d{6}"))
    window.locator("input[name=code]").fill(code.inner_text())
    window.locator("#pay").click()


def pay_in_popup(page: Page, button: str) -> None:
    with page.expect_popup() as opened:
        page.locator(button).click()
    identify(opened.value)
    type_code(opened.value)


def expect_paid_order(page: Page, server: Server) -> None:
    expect(page).to_have_url(re.compile(f"{server.url}/orders/\\d+$"))
    expect(page.locator("#order-state")).to_have_text("결제가 완료되었습니다")


def payments(server: Server) -> list[Payment]:
    with server.app.app_context():
        return list(db.session.query(Payment).order_by(Payment.id))


def expect_in_admin(browser: Browser, server: Server, payment: Payment) -> None:
    """Both lists of the back office know the payment, and the key if there is one."""
    page = browser.new_page(locale="ko-KR")
    sign_in(page, server, "admin@example.com")
    page.goto(f"{server.url}/admin/payments?status=paid")
    row = page.get_by_role("row").filter(has_text=payment.merchant_uid)
    expect(row).to_contain_text("결제 완료")
    expect(row).to_contain_text("010-****-5678")
    expect(row).to_contain_text(payment.imp_uid or "")
    if payment.customer_uid:
        page.goto(f"{server.url}/admin/billing-keys")
        expect(page.get_by_role("row").filter(has_text=payment.customer_uid)).to_contain_text("사용 중")
    row_link = f"{server.url}/admin/payments/{payment.merchant_uid}"
    page.goto(row_link)
    expect(page.get_by_role("heading", name="포트원이 말한 것")).to_be_visible()
    page.close()


# --- the four journeys ---


@pytest.mark.parametrize(("slug", "button"), [("moon-mug", "#pay-once"), ("reading-pass", ".pay-monthly")])
def test_on_a_pc_the_popup_leads_to_a_paid_order(slug: str, button: str, browser: Browser, server: Server) -> None:
    page = browser.new_page(**PC, locale="ko-KR")
    sign_in(page, server)
    put_in_cart(page, server, slug)
    fill_buyer(page)
    if slug == "reading-pass":
        expect(page.get_by_text("첫 달 요금 4,900원이 지금 바로 결제됩니다.")).to_be_visible()
    pay_in_popup(page, button)
    expect_paid_order(page, server)
    [payment] = payments(server)
    assert (payment.status, payment.held_reason) == ("paid", None)
    expect_in_admin(browser, server, payment)


@pytest.mark.parametrize(("slug", "button"), [("moon-mug", "#pay-once"), ("reading-pass", ".pay-monthly")])
def test_on_a_phone_the_page_goes_to_the_window_and_comes_back_to_a_paid_order(
    slug: str, button: str, browser: Browser, server: Server, phone: dict[str, Any]
) -> None:
    context = browser.new_context(**phone)
    page = context.new_page()
    sign_in(page, server)
    put_in_cart(page, server, slug)
    fill_buyer(page)
    page.locator(button).tap()
    page.wait_for_url("**/window/**")
    identify(page)
    type_code(page)
    expect_paid_order(page, server)
    assert len(context.pages) == 1
    [payment] = payments(server)
    assert (payment.status, payment.held_reason) == ("paid", None)
    expect_in_admin(browser, server, payment)
    context.close()


@pytest.mark.slow
def test_a_visitor_chooses_two_things_signs_in_and_pays_for_both(browser: Browser, server: Server) -> None:
    page = browser.new_page(**PC, locale="ko-KR")
    for slug in ("bear-emoji", "moon-mug"):
        page.goto(f"{server.url}/products/{slug}")
        page.get_by_role("button", name=re.compile("담기")).click()
        expect(page).to_have_url(re.compile("/login"))
    expect(page.locator(".count")).to_have_text("2")
    page.get_by_label("이메일").fill("buyer＠example.com ")
    page.get_by_label("비밀번호").fill("demo")
    page.get_by_role("button", name="로그인", exact=True).click()
    expect(page).to_have_url(f"{server.url}/cart")
    expect(page.locator("ul.lines > li")).to_have_count(2)
    fill_buyer(page, "+82 10–1234–567")
    page.locator("#pay-once").click()
    expect(page.locator("#buyer_tel-problem")).to_have_text("숫자가 1개 모자랍니다. 010 뒤에 8자리를 적어 주세요.")
    page.get_by_label("휴대폰 번호").fill("\u202a+82 10–1234–5678\u202c")
    pay_in_popup(page, "#pay-once")
    expect_paid_order(page, server)
    [payment] = payments(server)
    assert payment.name.endswith(" 외 1건")
    page.close()


# --- what goes wrong ---


@pytest.fixture
def page_with_cart(browser: Browser, server: Server) -> Iterator[Page]:
    page = browser.new_page(**PC, locale="ko-KR")
    sign_in(page, server)
    put_in_cart(page, server, "bear-emoji")
    fill_buyer(page)
    yield page
    page.close()


def test_closing_the_window_sells_nothing_and_the_button_works_again(page_with_cart: Page, server: Server) -> None:
    page = page_with_cart
    with page.expect_popup() as opened:
        page.locator("#pay-once").click()
    opened.value.wait_for_url("**/window/**")
    expect(opened.value.locator("#send-code")).to_be_visible()
    opened.value.close()
    expect(page.locator("#checkout-status")).to_contain_text("결제하지 않고 결제창을 닫으셨습니다")
    pay_in_popup(page, "#pay-once")
    expect_paid_order(page, server)
    assert [payment.status for payment in payments(server)] == ["failed", "paid"]


def test_a_declined_payment_shows_kgs_reason_and_may_be_tried_again(page_with_cart: Page, server: Server) -> None:
    page = page_with_cart
    page.get_by_label("휴대폰 번호").fill("010-0000-0031")
    pay_in_popup_and_read(page)
    expect(page.locator("#checkout-status")).to_contain_text("당월 한도 초과로 결제 불가합니다.")
    page.get_by_label("휴대폰 번호").fill("010-1234-5678")
    pay_in_popup(page, "#pay-once")
    expect_paid_order(page, server)


def pay_in_popup_and_read(page: Page) -> None:
    """A refusal stays in the window until the buyer has read it."""
    with page.expect_popup() as opened:
        page.locator("#pay-once").click()
    identify(opened.value)
    type_code(opened.value)
    expect(opened.value.locator("#ending")).to_contain_text("당월 한도 초과")
    # The window closes itself under the click, which a click of the driver's own may take for a failure.
    opened.value.locator("#back").evaluate("button => setTimeout(() => button.click())")


def test_two_quick_clicks_start_one_payment(page_with_cart: Page, server: Server) -> None:
    page = page_with_cart
    with page.expect_popup() as opened:
        page.locator("#pay-once").evaluate("button => { button.click(); button.click(); }")
    expect(page.locator("#pay-once")).to_be_disabled()
    identify(opened.value)
    type_code(opened.value)
    expect_paid_order(page, server)
    assert len(payments(server)) == 1
    assert len(page.context.pages) == 1


@pytest.mark.slow
def test_when_the_answer_is_lost_the_webhook_alone_pays_the_order(page_with_cart: Page, server: Server) -> None:
    page = page_with_cart
    page.get_by_label("휴대폰 번호").fill("010-0000-7001")
    pay_in_popup(page, "#pay-once")
    page.wait_for_function("() => true")
    [payment] = payments(server)
    page.goto(f"{server.url}/orders/{payment.purchase_id}")
    for _ in range(50):
        if page.locator("[data-order-status=paid]").count():
            break
        page.wait_for_timeout(100)
        page.reload()
    expect(page.locator("#order-state")).to_have_text("결제가 완료되었습니다")


@pytest.mark.slow
def test_a_price_changed_in_the_browser_opens_no_window(page_with_cart: Page, server: Server) -> None:
    page = page_with_cart
    page.evaluate(
        "() => { const ask = IMP.request_pay;"
        " IMP.request_pay = (wanted, tell) => ask.call(IMP, {...wanted, amount: 301}, tell); }"
    )
    page.locator("#pay-once").click()
    expect(page.locator("#checkout-status")).to_contain_text("사전등록된 금액과 결제 금액이 다릅니다.")
    assert [payment.status for payment in payments(server)] == ["ready"]


@pytest.mark.slow
def test_a_cart_that_another_tab_changed_is_shown_anew_before_anything_is_paid(
    browser: Browser, server: Server
) -> None:
    context = browser.new_context(**PC, locale="ko-KR")
    page, other = context.new_page(), context.new_page()
    sign_in(page, server)
    put_in_cart(page, server, "bear-emoji")
    fill_buyer(page)
    put_in_cart(other, server, "bear-emoji")
    page.locator("#pay-once").click()
    expect(page.locator("#checkout-status")).to_contain_text("장바구니가 바뀌어")
    assert payments(server) == []
    page.get_by_role("link", name="장바구니 다시 보기").click()
    expect(page.get_by_label("휴대폰 번호")).to_have_value("010-1234-5678")
    expect(page.locator("#pay-once")).to_have_text(other.locator("#pay-once").inner_text())
    page.locator("#consent-once").check()
    pay_in_popup(page, "#pay-once")
    expect_paid_order(page, server)
    context.close()


def test_a_blocked_sdk_is_said_in_plain_words(browser: Browser, server: Server) -> None:
    page = browser.new_page(**PC, locale="ko-KR")
    page.route("**/iamport.js", lambda route: route.abort())
    sign_in(page, server)
    put_in_cart(page, server, "bear-emoji")
    fill_buyer(page)
    expect(page.locator("#checkout-status")).to_contain_text("결제 모듈을 불러오지 못했습니다.")
    page.locator("#pay-once").click()
    expect(page.locator("#pay-once")).to_be_enabled()
    assert payments(server) == []


def test_missing_fields_are_named_and_focused_before_anything_is_sent(page_with_cart: Page, server: Server) -> None:
    page = page_with_cart
    page.get_by_label("이름").fill("")
    page.locator("#pay-once").click()
    expect(page.locator("#buyer_name-problem")).to_have_text("입력해 주세요.")
    expect(page.get_by_label("이름")).to_be_focused()
    page.get_by_label("이름").fill("홍길동")
    page.get_by_label("휴대폰 번호").fill("02-123-4567")
    page.locator("#pay-once").click()
    expect(page.locator("#buyer_tel-problem")).to_contain_text("02 번호는 휴대폰이 아닙니다.")
    assert payments(server) == []


# --- with the popup blocker on, as real buyers have it ---


@pytest.fixture
def strict_page(playwright: Playwright, browser_type_launch_args: dict[str, Any], server: Server) -> Iterator[Page]:
    """Playwright switches popup blocking off; here it is on."""
    browser = playwright.chromium.launch(**browser_type_launch_args, ignore_default_args=["--disable-popup-blocking"])
    context: BrowserContext = browser.new_context(**PC, locale="ko-KR")
    page = context.new_page()
    sign_in(page, server)
    put_in_cart(page, server, "bear-emoji")
    fill_buyer(page)
    yield page
    browser.close()


def test_the_blocker_is_really_on(strict_page: Page, server: Server) -> None:
    script = "<title>?</title><script>document.title = String(window.open('about:blank'))</script>"
    strict_page.route("**/unclicked", lambda route: route.fulfill(body=script, content_type="text/html"))
    strict_page.goto(f"{server.url}/unclicked")
    expect(strict_page).to_have_title("null")


def test_with_the_popup_blocker_on_the_window_opens(strict_page: Page, server: Server) -> None:
    pay_in_popup(strict_page, "#pay-once")
    expect_paid_order(strict_page, server)


@pytest.mark.slow
def test_when_the_server_was_slow_a_second_click_opens_the_window(strict_page: Page, server: Server) -> None:
    page = strict_page

    def slowly(route: Any) -> None:
        page.wait_for_timeout(6000)
        route.continue_()

    page.route("**/checkout", slowly)
    page.locator("#pay-once").click()
    page.wait_for_timeout(8000)  # looking at the page earlier would count as a click: Playwright evaluates as a user
    expect(page.locator("#open-window")).to_be_visible()
    expect(page.locator("#open-window")).to_be_focused()
    pay_in_popup(page, "#open-window")
    expect_paid_order(page, server)


@pytest.mark.slow
def test_a_started_subscription_is_shown_with_its_next_day(browser: Browser, server: Server) -> None:
    page = browser.new_page(**PC, locale="ko-KR")
    sign_in(page, server)
    put_in_cart(page, server, "studio-pass")
    fill_buyer(page)
    pay_in_popup(page, ".pay-monthly")
    expect_paid_order(page, server)
    with server.app.app_context():
        subscription = db.session.query(Subscription).one()
        assert subscription.next_charge_on
        day = subscription.next_charge_on.isoformat()
    page.goto(f"{server.url}/subscriptions")
    expect(page.get_by_text(day)).to_be_visible()
    expect(page.get_by_text("이용 중", exact=True)).to_be_visible()
    page.close()


@pytest.mark.slow
def test_back_shows_the_cart_as_it_is_now(browser: Browser, server: Server) -> None:
    page = browser.new_page(**PC, locale="ko-KR")
    sign_in(page, server)
    page.goto(f"{server.url}/cart")
    expect(page.locator("#buyer")).to_have_count(0)
    put_in_cart(page, server, "bear-emoji")
    page.go_back()
    page.go_back()
    expect(page).to_have_url(f"{server.url}/cart")
    expect(page.locator("#buyer")).to_be_visible()
    # What a browser does that keeps whole pages, which the one of the tests is told not to.
    fill_buyer(page)
    page.evaluate("document.title = 'as it was left'")
    page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
    expect(page).not_to_have_title("as it was left")
    expect(page.get_by_label("이름")).to_have_value("홍길동")
    page.close()


# --- through KG's new module ---


@pytest.fixture
def new_module(tmp_path: Path, seeded_database: Path) -> Iterator[Server]:
    shutil.copy(seeded_database, tmp_path / "shop.sqlite3")
    with serving(tmp_path, PORTONE_MODULE="mobilians_v2", PORTONE_FIX_NUMBER="true") as server:
        yield server


@pytest.mark.slow
@pytest.mark.parametrize("device", ["pc", "mobile"])
def test_through_the_new_module_the_order_is_paid_with_the_number_that_the_shop_fixes(
    device: str, browser: Browser, new_module: Server, phone: dict[str, Any]
) -> None:
    context = browser.new_context(**(phone if device == "mobile" else PC | {"locale": "ko-KR"}))
    page = context.new_page()
    sign_in(page, new_module)
    put_in_cart(page, new_module, "bear-emoji")
    fill_buyer(page)
    if device == "pc":
        with page.expect_popup() as opened:
            page.locator("#pay-once").click()
        window = opened.value
    else:
        page.locator("#pay-once").tap()
        page.wait_for_url("**/window/**")
        window = page
    expect(window.get_by_role("heading", name="KG파이낸셜 휴대폰 결제")).to_be_visible()
    expect(window.locator("#phone")).not_to_be_editable()
    identify(window)
    type_code(window)
    expect_paid_order(page, new_module)
    [payment] = payments(new_module)
    assert (payment.status, payment.held_reason, payment.pg_provider) == ("paid", None, "mobilians_v2")
    expect_in_admin(browser, new_module, payment)
    context.close()


@pytest.mark.slow
def test_a_plan_through_a_service_id_that_may_not_issue_keys_is_given_back_and_the_page_says_why(
    browser: Browser, tmp_path: Path, seeded_database: Path
) -> None:
    shutil.copy(seeded_database, tmp_path / "shop.sqlite3")
    no_issuing = {"PORTONE_BILLING_CHANNEL_KEY": "channel-key-sandbox-v2-no-issuing"}
    with serving(tmp_path, PORTONE_MODULE="mobilians_v2", **no_issuing) as server:
        page = browser.new_page(**PC, locale="ko-KR")
        sign_in(page, server)
        put_in_cart(page, server, "reading-pass")
        fill_buyer(page)
        pay_in_popup(page, ".pay-monthly")
        expect(page).to_have_url(re.compile(f"{server.url}/orders/\\d+$"))
        for _ in range(50):  # it is held first, with the same reason, and cancelled at once behind the page
            if page.locator("[data-payment-status=cancelled]").count():
                break
            page.wait_for_timeout(100)
            page.reload()
        expect(page.locator("#order-state")).to_have_text("결제를 되돌려드렸습니다")
        expect(page.locator("p.reason")).to_have_text("자동결제가 등록되지 않아 자동 취소")
        expect(page.get_by_text("구독은 시작되지 않았고, 다음 달에도 청구되지 않습니다.")).to_be_visible()
        [payment] = payments(server)
        assert (payment.status, payment.pg_provider) == ("cancelled", "mobilians_v2")
        page.close()


@pytest.mark.slow
def test_what_the_carrier_undoes_is_shown_as_such_to_buyer_and_staff(browser: Browser, new_module: Server) -> None:
    page = browser.new_page(**PC, locale="ko-KR")
    sign_in(page, new_module)
    put_in_cart(page, new_module, "bear-emoji")
    fill_buyer(page, "010-0000-7006")
    pay_in_popup(page, "#pay-once")
    expect_paid_order(page, new_module)
    moment = (NOON + timedelta(days=20)).isoformat()  # another month: no merchant can cancel then
    moved = page.request.post(f"{new_module.url}/sandbox/controls/clock", data={"to": moment})
    assert moved.ok
    page.reload()
    expect(page.locator("#order-state")).to_have_text("취소된 주문입니다")
    expect(page.get_by_text("판매자가 취소한 것이 아닙니다.")).to_be_visible()
    page.close()
    [payment] = payments(new_module)
    staff = browser.new_page(**PC, locale="ko-KR")
    sign_in(staff, new_module, "admin@example.com")
    staff.goto(f"{new_module.url}/admin/payments/{payment.merchant_uid}")
    expect(staff.get_by_text("통신사나 KG가 되돌린 결제입니다.")).to_be_visible()
    expect(staff.get_by_role("region", name="돌려주는 돈")).to_contain_text("통신사가 되돌림")
    expect(staff.get_by_text("KG 휴대폰(신모듈)")).to_be_visible()
    staff.close()
