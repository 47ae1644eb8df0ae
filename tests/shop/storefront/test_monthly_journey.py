"""A subscription's life in a real Chromium: bought, charged for three months, declined, retried, ended."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, Page, Playwright, expect

from payments.database import db
from payments.models import Event, Payment
from payments.monthly.models import BillingKey, Subscription
from tests.servers import Server, serving
from tests.shop.storefront.test_journeys import (
    PC,
    expect_paid_order,
    fill_buyer,
    identify,
    pay_in_popup,
    put_in_cart,
    sign_in,
    type_code,
)

pytestmark = [pytest.mark.browser, pytest.mark.slow]

FIRST_TRY_DECLINED = "010-0000-6116"  # by the sandbox, in every month after the first


@pytest.fixture
def server(tmp_path: Path, seeded_database: Path) -> Iterator[Server]:
    shutil.copy(seeded_database, tmp_path / "shop.sqlite3")
    with serving(tmp_path) as server:  # in the middle of a month: there is a tomorrow in it
        yield server


@pytest.fixture
def buyer(browser: Browser, server: Server) -> Iterator[Page]:
    page = browser.new_page(**PC, locale="ko-KR")
    sign_in(page, server)
    yield page
    page.close()


@pytest.fixture
def admin(browser: Browser, server: Server) -> Iterator[Page]:
    page = browser.new_page(**PC, locale="ko-KR")
    sign_in(page, server, "admin@example.com")
    page.goto(f"{server.url}/admin/monthly")
    yield page
    page.close()


def run_now(admin: Page) -> None:
    admin.get_by_label("사유").fill("시험")
    admin.get_by_role("button", name="오늘 결제할 것 모두 결제").click()


def jump_to_the_next_charge_day(server: Server, admin: Page) -> None:
    with server.app.app_context():
        due = db.session.query(Subscription).one().next_charge_on
        db.session.rollback()
    moved = {"to": f"{due}T09:00:00+09:00"}
    requests.post(f"{server.url}/sandbox/controls/clock", json=moved, timeout=10).raise_for_status()
    server.app.extensions["sandbox_clock"]._asked_at = float("-inf")  # a second later
    admin.reload()


def paid_months(server: Server) -> list[str]:
    with server.app.app_context():
        paid = db.session.query(Payment).filter_by(status="paid").order_by(Payment.id)
        return [str(payment.billing_month) for payment in paid]


def test_three_months_with_a_decline_are_seen_on_both_pages_and_none_comes_after_the_end(
    buyer: Page, admin: Page, server: Server
) -> None:
    put_in_cart(buyer, server, "reading-pass")
    fill_buyer(buyer, FIRST_TRY_DECLINED)
    pay_in_popup(buyer, ".pay-monthly")
    expect_paid_order(buyer, server)

    jump_to_the_next_charge_day(server, admin)  # nobody bills on the way
    expect(admin.get_by_role("heading", name="지금 결제할 것 1건")).to_be_visible()
    buyer.goto(f"{server.url}/subscriptions")
    expect(buyer.get_by_text("곧 결제됩니다")).to_be_visible()

    run_now(admin)
    expect(admin.get_by_text("KG가 결제를 거절했습니다.")).to_be_visible()
    expect(admin.get_by_text("요금 미납으로 결제 불가합니다.").first).to_be_visible()
    buyer.reload()
    expect(buyer.get_by_text("결제 지연")).to_be_visible()
    expect(buyer.locator(".notice.error")).to_contain_text("휴대폰 요금이 밀려 있습니다.")
    expect(buyer.locator(".notice.error")).to_contain_text("이후에 다시 시도합니다.")

    admin.get_by_role("button", name="내일로", exact=True).click()
    expect(admin.get_by_text("로 옮겼습니다. 결제됨 1건")).to_be_visible()
    buyer.reload()
    expect(buyer.get_by_text("이용 중", exact=True)).to_be_visible()
    expect(buyer.locator(".notice.error")).to_have_count(0)

    for _month in range(2):  # the declines of these are tried again on the way
        admin.get_by_role("button", name="다음 달로", exact=True).click()
        expect(admin.get_by_text("시계를 20").first).to_be_visible()
    months = paid_months(server)
    assert len(months) == 4
    buyer.reload()
    expect(buyer.locator(".rows li").filter(has_text="결제 완료")).to_have_count(4)
    expect(buyer.locator(".rows > li").filter(has_text="요금 미납")).to_have_count(3)
    expect(admin.locator(".rows li").filter(has_text="결제 완료")).to_have_count(3)

    buyer.get_by_text("구독 해지").click()
    buyer.get_by_role("button", name="해지하기").click()
    expect(buyer.get_by_text("더 이상 청구되지 않습니다.").first).to_be_visible()
    admin.get_by_role("button", name="다음 달로", exact=True).click()
    expect(admin.get_by_role("heading", name="지금 결제할 것 0건")).to_be_visible()
    expect(admin.get_by_text("구독을 해지하셨습니다.")).to_be_visible()
    assert paid_months(server) == months


@pytest.fixture
def phone(playwright: Playwright) -> dict[str, Any]:
    return {**playwright.devices["Galaxy S24"], "locale": "ko-KR", "timezone_id": "Asia/Seoul"}


@pytest.fixture
def new_module(tmp_path: Path, seeded_database: Path) -> Iterator[Server]:
    shutil.copy(seeded_database, tmp_path / "shop.sqlite3")
    with serving(tmp_path, PORTONE_MODULE="mobilians_v2") as server:
        yield server


@pytest.mark.parametrize("device", ["pc", "mobile"])
def test_through_the_new_module_the_second_month_is_charged_on_its_day(
    device: str, browser: Browser, new_module: Server, phone: dict[str, Any]
) -> None:
    context = browser.new_context(**(phone if device == "mobile" else PC | {"locale": "ko-KR"}))
    buyer, admin = context.new_page(), browser.new_page(**PC, locale="ko-KR")
    sign_in(buyer, new_module)
    put_in_cart(buyer, new_module, "reading-pass")
    fill_buyer(buyer)
    if device == "pc":
        pay_in_popup(buyer, ".pay-monthly")
    else:
        pay_by_redirect(buyer, new_module)
    expect_paid_order(buyer, new_module)
    assert len(context.pages) == 1
    sign_in(admin, new_module, "admin@example.com")
    admin.goto(f"{new_module.url}/admin/monthly")
    admin.get_by_role("button", name="다음 결제일로", exact=True).click()
    expect(admin.get_by_text("로 옮겼습니다. 결제됨 1건")).to_be_visible()
    assert len(paid_months(new_module)) == 2
    with new_module.app.app_context():
        paid = db.session.query(Payment).filter_by(status="paid").order_by(Payment.id)
        assert [(payment.kind, payment.pg_provider) for payment in paid] == [
            ("first", "mobilians_v2"),
            ("renewal", "mobilians_v2"),
        ]
        assert [(key.status, key.is_test_channel) for key in db.session.query(BillingKey)] == [("active", True)]
    buyer.goto(f"{new_module.url}/subscriptions")
    expect(buyer.locator(".rows li").filter(has_text="결제 완료")).to_have_count(2)
    expect(buyer.get_by_text("이용 중", exact=True)).to_be_visible()
    context.close()
    admin.close()


def pay_by_redirect(page: Page, server: Server) -> None:
    """The page itself goes to the window, which says what is charged, and comes back by `m_redirect_url`."""
    page.locator(".pay-monthly").tap()
    page.wait_for_url("**/window/**")
    expect(page.get_by_role("heading", name="KG파이낸셜 휴대폰 결제")).to_be_visible()
    expect(page.get_by_text("매달 자동으로 결제됩니다")).to_be_visible()
    identify(page)
    type_code(page)
    expect(page).to_have_url(re.compile(f"{server.url}/orders/\\d+$"))
    with server.app.app_context():
        assert db.session.query(Event).filter_by(source="redirect").count() == 1
        assert db.session.query(Event).filter_by(source="callback").count() == 0
