"""The payment window as a buyer uses it: by keyboard, with slips of the finger, in both languages, in the dark."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from flask import Flask
from playwright.sync_api import Browser, Page, Route, expect

from sandbox import Sandbox
from tests.sandbox.conftest import open_window, served
from tests.sandbox.window.shop_page import approve, identify

pytestmark = [pytest.mark.browser, pytest.mark.slow]  # the shop's journeys buy through the same window in make test

POPUP = {"width": 390, "height": 613}
PHONE = {"width": 360, "height": 780}

Address = Callable[..., str]


@pytest.fixture
def address(sandbox_app: Flask, sandbox: Sandbox) -> Iterator[Address]:
    """The address of a new window."""
    with served(sandbox_app) as url:

        def new(device: str = "mobile", lang: str = "ko", **asked: Any) -> str:
            return f"{url}/window/{open_window(sandbox, device, **asked)}?lang={lang}"

        yield new


@pytest.fixture
def window(page: Page, address: Address) -> Page:
    page.set_viewport_size(POPUP)  # type: ignore[arg-type]
    page.goto(address())
    return page


def test_everything_can_be_done_by_keyboard_alone(window: Page) -> None:
    keys = window.keyboard
    window.locator("input[name=carrier]").first.focus()
    keys.press("ArrowRight")
    expect(window.locator("input[value=KTF]")).to_be_checked()
    for typed in ("", "900101", "1"):  # the number stands there already
        keys.press("Tab")
        keys.type(typed)
    keys.press("Tab")
    keys.press("Space")
    for box in ("terms", "privacy"):
        expect(window.locator(f"input[name={box}]")).to_be_checked()
    keys.press("Enter")
    expect(window.locator("input[name=code]")).to_be_focused()
    keys.type(window.locator("#sms-code-shown").inner_text())
    keys.press("Enter")
    expect(window.locator("#ending")).to_be_focused()
    expect(window.get_by_role("heading", name="결제되었습니다")).to_be_visible()


def test_slips_are_told_beside_their_fields_and_the_first_is_focused(window: Page) -> None:
    window.locator("input[name=phone]").fill("02-123-4567")
    window.locator("input[name=birth]").fill("9001")
    window.locator("#send-code").click()
    phone = window.locator("input[name=phone]")
    expect(phone).to_be_focused()
    expect(phone).to_have_accessible_description("휴대폰 번호를 확인해 주세요.")
    expect(window.locator("input[name=birth]")).to_have_accessible_description("생년월일 여섯 자리를 입력해 주세요.")
    expect(window.locator("input[name=terms]")).to_have_accessible_description("필수 약관에 모두 동의해 주세요.")
    assert window.locator("[aria-invalid=true]").count() == 5
    identify(window)
    expect(window.locator("#approval")).to_be_visible()
    window.locator("#pay").click()
    expect(window.locator("input[name=code]")).to_have_accessible_description("승인번호 여섯 자리를 입력해 주세요.")


def test_nothing_in_the_form_can_be_pressed_before_the_script_listens(page: Page, address: Address) -> None:
    held: list[Route] = []
    page.route("**/window.js", lambda route: held.append(route))
    page.goto(address(), wait_until="commit")
    every = page.locator("#agree-all")
    expect(every).to_be_visible()
    box = every.bounding_box()
    assert box and held
    page.mouse.click(box["x"] + 5, box["y"] + 5)
    expect(every).not_to_be_checked()
    held[0].continue_()
    identify(page)  # presses the same box again
    expect(page.locator("#approval")).to_be_visible()


def test_consenting_to_all_and_to_each_agree(window: Page) -> None:
    every = window.locator("#agree-all")
    every.check()
    window.locator("input[name=terms]").uncheck()
    expect(every).not_to_be_checked()
    window.locator("input[name=terms]").check()
    expect(every).to_be_checked()


@pytest.mark.parametrize(
    ("ending", "field", "said"),
    [
        ("0011", "phone", "해당하는 휴대폰번호가 없습니다."),
        ("0012", "birth", "가입자 주민번호 앞 7 자리가 정확하지 않습니다."),
        ("0023", "carrier", "통신사 정보가 일치하지 않습니다."),
    ],
)
def test_kgs_refusal_is_an_alert_and_leads_to_its_field(ending: str, field: str, said: str, window: Page) -> None:
    identify(window, f"010-0000-{ending}")
    expect(window.get_by_role("alert")).to_contain_text(said)
    expect(window.locator(f"input[name={field}]").first).to_be_focused()
    identify(window)
    expect(window.locator("#approval")).to_be_visible()
    expect(window.locator("#problem")).to_be_empty()


def test_a_wrong_code_may_be_typed_again(window: Page) -> None:
    identify(window)
    code = window.locator("#sms-code-shown")
    expect(code).not_to_be_empty()
    window.locator("input[name=code]").fill("000000" if code.inner_text() != "000000" else "111111")
    window.locator("#pay").click()
    expect(window.get_by_role("alert")).to_contain_text("승인번호 또는 승인 내역이 일치하지 않습니다.")
    expect(window.locator("input[name=code]")).to_be_focused()
    window.locator("#fill-code").click()
    expect(window.locator("#pay")).to_be_focused()
    window.locator("#pay").click()
    expect(window.get_by_role("heading", name="결제되었습니다")).to_be_visible()


def test_three_minutes_run_down_are_announced_and_can_be_had_again(page: Page, address: Address) -> None:
    page.clock.install()
    page.goto(address())
    identify(page)
    left, heard = page.locator("#left"), page.locator("#announcement")
    expect(left).to_be_visible()
    page.clock.run_for(61_000)
    expect(left).to_have_text(re.compile(r"1:5\d"))  # real time runs on beside
    page.clock.run_for(59_000)
    expect(heard).to_have_text("남은 시간 60초")
    page.clock.run_for(60_000)
    expect(left).to_have_text("0:00")
    expect(page.get_by_role("alert")).to_have_text("유효시간이 지났습니다. 승인번호를 다시 받아 주세요.")
    page.locator("#resend").click()
    expect(left).to_have_text(re.compile(r"3:00|2:5\d"))
    expect(page.locator("#problem")).to_be_empty()


def test_a_code_that_expires_at_once_says_so(window: Page) -> None:
    identify(window, "010-0000-0143")
    expect(window.locator("#left")).to_have_text("0:00")
    expect(window.get_by_role("alert")).to_contain_text("유효시간이 지났습니다")
    approve(window)
    expect(window.get_by_role("alert")).to_contain_text("승인번호 유효시간이 경과되었습니다.")


def test_a_reload_or_another_language_keeps_the_code(window: Page) -> None:
    identify(window)
    shown = window.locator("#sms-code-shown")
    expect(shown).not_to_be_empty()
    code = shown.inner_text()
    window.get_by_role("link", name="English").click()
    expect(window.locator("#approval")).to_be_visible()
    expect(window.locator("#sms-code-shown")).to_have_text(code)
    expect(window.get_by_role("button", name="Pay 9,900 won")).to_be_visible()
    window.locator("#change").click()
    expect(window.locator("input[name=phone]")).to_be_focused()


def test_a_number_of_the_table_fills_itself_in(window: Page) -> None:
    window.get_by_text("시험용 번호").click()
    window.get_by_role("button", name="010-0000-0016").click()
    expect(window.locator("input[name=phone]")).to_have_value("010-0000-0016")
    expect(window.locator("input[name=phone]")).to_be_focused()
    expect(window.get_by_role("button", name="010-0000-0016")).to_be_hidden()


def test_when_the_line_is_cut_after_paying_pressing_again_tells_how_it_ended(window: Page, sandbox: Sandbox) -> None:
    identify(window)
    expect(window.locator("#approval")).to_be_visible()
    sandbox.ledger.faults.add({"path": "/window/*/confirm", "fault": "drop_after", "count": 1})
    approve(window)
    expect(window.get_by_role("alert")).to_contain_text("연결이 끊겼습니다.")
    window.locator("#pay").click()
    expect(window.get_by_role("heading", name="결제되었습니다")).to_be_visible()


@pytest.mark.parametrize(("size", "fits"), [(POPUP, True), (PHONE, True), ({"width": 320, "height": 568}, False)])
def test_it_fits_without_scrolling_sideways_nor_in_its_usual_sizes_downwards(
    size: Any, fits: bool, page: Page, address: Address
) -> None:
    page.set_viewport_size(size)
    for lang in ("ko", "en"):
        page.goto(address(lang=lang))
        wide, high = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.scrollHeight]")
        assert wide <= size["width"]
        assert not fits or high <= size["height"]
        expect(page.locator("#send-code")).to_be_in_viewport(ratio=1)


@pytest.mark.parametrize(("scheme", "lang"), [("light", "en"), ("dark", "ko")])
def test_it_shuts_nobody_out(scheme: Any, lang: str, browser: Browser, address: Address) -> None:
    page = browser.new_page(color_scheme=scheme, viewport=PHONE)  # type: ignore[arg-type]
    page.goto(address(lang=lang, customer_uid="key-1"))
    check(page)
    page.locator("#numbers summary").click()
    check(page)
    page.locator("#numbers summary").click()
    page.locator("#send-code").click()
    check(page)
    identify(page, "010-0000-0031")
    expect(page.locator("#approval")).to_be_visible()
    check(page)
    approve(page)
    expect(page.locator("#ending")).to_be_visible()
    check(page)
    page.close()


def check(page: Page) -> None:
    found = Axe().run(page).response["violations"]
    assert not [f"{one['id']}: {node['target']}" for one in found for node in one["nodes"]], page.url
