"""Each act of the back office in a real Chromium: by mouse, and by the keyboard alone."""

import re
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from payments import clock
from payments.database import db, transaction
from payments.models import Payment
from shop.orders.models import Order
from tests.conftest import csrf_of, product, sign_in
from tests.servers import Server, serving
from tests.shop.storefront.test_journeys import PC
from tests.shop.storefront.test_journeys import sign_in as sign_in_by_form

pytestmark = [pytest.mark.browser, pytest.mark.slow]

Press = Callable[[Page, str], None]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with serving(tmp_path) as server:
        yield server


def bought(server: Server) -> str:
    """A buyer pays without a browser; the payment's merchant_uid."""
    client = server.app.test_client()
    sign_in(client)
    with server.app.app_context():
        product_id = product().id
    headers = csrf_of(client)
    client.post("/cart/items", data={"product_id": product_id, "quantity": 1}, headers=headers)
    buyer = {"kind": "once", "buyer_name": "홍길동", "buyer_tel": "01012345678", "buyer_email": "buyer@example.com"}
    opened = client.post("/checkout", json=buyer | {"agreed": True}, headers=headers).get_json()
    client.post("/sandbox/controls/payments", json=opened["request_pay"] | {"outcome": "approve"})
    client.post("/payment/complete", json={"merchant_uid": opened["merchant_uid"]})
    return str(opened["merchant_uid"])


def change(server: Server, merchant_uid: str, **values: object) -> None:
    """Have our books say something else of a payment; its order is unpaid again."""
    with server.app.app_context(), transaction():
        row = db.session.query(Payment).filter_by(merchant_uid=merchant_uid).one()
        for name, value in values.items():
            setattr(row, name, value)
        order = db.session.get_one(Order, int(row.purchase_id))
        order.status, order.paid_at, order.paid_by = "expired", None, None


def by_mouse(page: Page, name: str) -> None:
    page.locator("main").locator("button, summary, td a, .take a", has_text=re.compile(f"^\\s*{name}")).first.click()


def by_keyboard(page: Page, name: str) -> None:
    """Walk to what bears this name, as somebody without a mouse does, and press Enter."""
    page.evaluate("document.querySelector('main').focus()")
    for _ in range(150):
        page.keyboard.press("Tab")
        focused = page.evaluate("(document.activeElement.innerText || '').trim()")
        if focused.startswith(name):
            page.keyboard.press("Enter")
            return
    raise AssertionError(f"no way to {name} by the keyboard")


def give_reason(page: Page, press: Press, act: str, button: str, reason: str) -> None:
    press(page, act)
    page.keyboard.press("Tab")
    page.keyboard.type(reason)
    press(page, button)


@pytest.mark.parametrize("press", [by_mouse, by_keyboard])
def test_every_act_can_be_done_and_says_that_it_was(press: Press, browser: Browser, server: Server) -> None:
    first, second, third = bought(server), bought(server), bought(server)
    change(server, second, held_reason="channel")
    page = browser.new_page(**PC, locale="ko-KR")
    sign_in_by_form(page, server, "admin@example.com")

    page.goto(f"{server.url}/admin/payments?status=paid")
    press(page, first)
    expect(page.locator("h1")).to_contain_text(first)
    press(page, "포트원에서 다시 확인")
    expect(page.locator(".notice")).to_contain_text("변화 없음")
    give_reason(page, press, "결제 취소", amount_of(server, first), "요청")
    expect(page.locator(".notice.success")).to_contain_text("취소했습니다")
    expect(page.locator("h1 .state")).to_have_text("취소됨")

    page.goto(f"{server.url}/admin/payments/{second}")
    press(page, "보류 풀기")
    page.keyboard.press("Tab")
    page.keyboard.type("채널 확인")
    page.keyboard.press("Enter")
    expect(page.locator(".notice.success")).to_contain_text("보류를 풀었습니다")

    change(server, third, status="ready", paid_at=None, imp_uid=None)  # its webhooks have all come by now
    today = today_in_seoul(server)
    page.goto(f"{server.url}/admin/reconcile?first={today}&last={today}")
    expect(page.locator("main")).to_contain_text("다른 점 1개")
    give_reason(page, press, "다시 물어 고치기", "지금 고치기", "놓친 결제")
    expect(page.locator("main")).to_contain_text("두 장부가 같습니다")

    page.goto(f"{server.url}/admin/webhooks")
    press(page, "다시 확인")
    expect(page.locator(".notice")).to_contain_text("웹훅을 다시 확인했습니다")

    page.goto(f"{server.url}/admin/payments")
    with page.expect_download() as saved:
        press(page, "CSV")
    assert first in Path(saved.value.path()).read_text()
    expect(page.locator(".progress")).to_have_text("내려받았습니다 (3)")

    page.goto(f"{server.url}/admin/audit")
    for act in ("다시 묻기", "취소하기로 함", "보류를 풀기로 함", "대사 복구", "웹훅 다시 확인"):
        expect(page.locator("table")).to_contain_text(act)
    page.close()


def amount_of(server: Server, merchant_uid: str) -> str:
    with server.app.app_context():
        return f"{db.session.query(Payment).filter_by(merchant_uid=merchant_uid).one().amount:,}원"


def today_in_seoul(server: Server) -> date:
    with server.app.app_context():
        return clock.today()
