"""Sums are of the listed payments, cards hold what they name, days are one press away, searches find every name."""

from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from payments import clock
from payments.database import db, end_reading, transaction
from payments.events import Notification
from payments.models import Payment
from payments.sync import sync_payment
from shop.backoffice import figures, listing
from shop.backoffice.listing import PaymentFilter
from shop.backoffice.paging import Cursor
from shop.orders import cart
from shop.orders.models import User
from tests import clocks
from tests.conftest import BUYER, order_of, order_window, product
from tests.payments.fakes import FakeProvider
from tests.shop import bought
from tests.shop.backoffice.test_office import admin, held, opened, paid, text_of  # noqa: F401 - fixtures

CLOSED = "[결제포기] 사용자가 결제를 취소하셨습니다"


def read(client: FlaskClient, address: str) -> str:
    return text_of(client.get(address).get_data(as_text=True))


def add(status: str, number: int, **facts: Any) -> None:
    """Another attempt of a made-up order."""
    usual = {"name": "x", "amount": 1000, "is_test_channel": True, "purchase_id": f"9{number}", "kind": "first"}
    with transaction():
        db.session.add(Payment(**(usual | facts), merchant_uid=f"m-{status}-{number}", status=status))


# --- sums -------------------------------------------------------------------------------------------------------------


def test_without_days_the_list_is_of_all_time_and_has_no_sums(
    admin: FlaskClient,  # noqa: F811
    paid: Payment,  # noqa: F811
) -> None:
    clocks.later(timedelta(days=100))
    page = read(admin, "/admin/payments")
    assert paid.merchant_uid in page
    assert "합계는 기간을 고르면 보입니다." in page and "성공률" not in page


def test_sums_are_those_of_the_listed_days_and_state(admin: FlaskClient, paid: Payment) -> None:  # noqa: F811
    add("failed", 1)
    day = clock.today()
    page = read(admin, f"/admin/payments?first={day}&last={day}")
    assert f"결제 완료 {paid.amount:,}원 1건" in page and "결제 실패 1건" in page
    page = read(admin, f"/admin/payments?first={day}&last={day}&status=failed")
    sums = page.split("찾기 모두 지우기")[1].split("CSV")[0]
    assert "결제 실패 1건" in sums
    assert paid.merchant_uid not in page and "결제 완료" not in sums and "성공률" not in sums


def test_a_beginning_without_an_end_is_summed_up_to_today(admin: FlaskClient, paid: Payment) -> None:  # noqa: F811
    day = clock.today()
    clocks.later(timedelta(days=20))
    add("failed", 1)
    page = read(admin, f"/admin/payments?first={day}")
    assert f"{day} – {clock.today()}" in page
    assert f"결제 완료 {paid.amount:,}원 1건" in page and "결제 실패 1건" in page
    assert "합계는 31일까지만 냅니다." in read(admin, f"/admin/payments?first={day - timedelta(days=20)}")
    assert "합계는 기간을 고르면 보입니다." in read(admin, f"/admin/payments?last={day}")


def test_the_held_card_is_the_money_that_is_held_whenever_it_came(
    admin: FlaskClient,  # noqa: F811
    held: Payment,  # noqa: F811
) -> None:
    with transaction():
        row = db.session.get_one(Payment, held.id)
        row.reported_amount, row.held_reason = row.amount + 700, "amount"
    clocks.later(timedelta(days=100))
    page = read(admin, "/admin/")
    assert f"지금 보류된 돈 {held.amount + 700:,}원 1건" in page
    assert figures.held_now() == (1, held.amount + 700)


def test_money_refunded_by_bank_is_no_held_money(held: Payment) -> None:  # noqa: F811
    with transaction():
        db.session.get_one(Payment, held.id).held_reason = "refunded_by_bank"
    assert figures.held_now() == (0, 0)


def test_windows_that_the_buyer_closed_are_no_failures_of_the_success_rate(
    admin: FlaskClient,  # noqa: F811
    paid: Payment,  # noqa: F811
) -> None:
    add("failed", 1, fail_reason=CLOSED)
    add("failed", 2, fail_reason="결제 포기 [결제포기]사용자가  결제를 취소하셨습니다.")
    sums = figures.sums(clock.today(), clock.today())
    assert (sums.failed, sums.closed, sums.success_rate) == (2, 2, 1.0)
    add("failed", 3, fail_reason="요금 미납으로 결제 불가합니다.")
    assert figures.sums(clock.today(), clock.today()).success_rate == 0.5
    page = read(admin, "/admin/")
    assert "50.0%" in page and "성공률에서 구매자가 닫은 창 2건 제외" in page


def test_todays_failures_are_as_many_as_the_list_they_lead_to_and_the_reasons_below(
    admin: FlaskClient,  # noqa: F811
    paid: Payment,  # noqa: F811
) -> None:
    add("failed", 1, fail_reason=CLOSED)
    add("failed", 2, fail_reason="요금 미납으로 결제 불가합니다.")
    page = admin.get("/admin/").get_data(as_text=True)
    card = next(one for one in page.split("<li") if "오늘 실패한 결제" in one)
    listed = admin.get(card.split('href="', 1)[1].split('"', 1)[0].replace("&amp;", "&")).get_data(as_text=True)
    assert "<strong>2건</strong>" in card and "구매자가 닫은 창 1건 포함" in card
    reasons = figures.failure_reasons(clock.today(), clock.today())
    assert listed.count('data-name="merchant_uid"') == 2 == sum(number for _, number in reasons)
    assert "시도 3건, 실패 2건" in text_of(page)


def test_todays_cards_and_the_months_are_not_the_same_four(admin: FlaskClient, paid: Payment) -> None:  # noqa: F811
    page = admin.get("/admin/").get_data(as_text=True)
    cards = [section.split("</ul>")[0] for section in page.split('<ul class="figures">')[1:]]
    names = [[one.split("</span>")[0] for one in card.split("<span>")[1:]] for card in cards]
    assert len(names) == 2
    assert not set(names[0]) & set(names[1])


# --- one press --------------------------------------------------------------------------------------------------------


def test_today_yesterday_and_this_month_are_one_press_away_and_keep_the_filter(
    admin: FlaskClient,  # noqa: F811
) -> None:
    page = admin.get("/admin/payments?status=paid&first=2054-11-01&last=2054-11-15").get_data(as_text=True)
    for name, days in (
        ("오늘", "&amp;first=2054-11-15&amp;last=2054-11-15"),
        ("어제", "&amp;first=2054-11-14&amp;last=2054-11-14"),
        ("이번 달", "&amp;first=2054-11-01&amp;last=2054-11-15"),
        ("전체 기간", ""),
    ):
        current = ' aria-current="true"' if name == "이번 달" else ""
        assert f'<a href="/admin/payments?status=paid{days}"{current}>{name}</a>' in page, name


def test_the_list_shows_why_money_is_held_and_why_a_payment_failed(
    admin: FlaskClient,  # noqa: F811
    held: Payment,  # noqa: F811
) -> None:
    add("failed", 1, fail_reason="요금 미납으로 결제 불가합니다.")
    page = read(admin, "/admin/payments")
    assert "요금 미납으로 결제 불가합니다." in page
    assert "다른 종류의 채널(테스트/실서비스)로 결제됨" in page
    assert order_of(held).number in page


# --- searches ---------------------------------------------------------------------------------------------------------


def found(q: str) -> set[str]:
    return {row.merchant_uid for row in listing.payments(PaymentFilter(q=q), Cursor()).rows}


SPELLINGS = (
    *("01012345678", "010-1234-5678", "010 1234 5678", "+82 10-1234-5678", "(010)1234.5678"),
    "０１０１２３４５６７８",
)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_whole_phone_number_is_found_in_any_spelling(
    spelling: str,
    provider: FakeProvider,
    buyer: User,
) -> None:
    goods, plan = bought.paid(provider, buyer), bought.started(provider, buyer)
    first_month = db.session.query(Payment).filter_by(customer_uid=plan.customer_uid).one()
    assert found(spelling) == {goods.merchant_uid, first_month.merchant_uid}
    assert found("010-9999-5678") == set()


def test_a_buyer_is_found_by_name_with_goods_and_with_every_month_of_a_plan(
    provider: FakeProvider, buyer: User
) -> None:
    goods, plan = bought.paid(provider, buyer), bought.started(provider, buyer)
    first_month = db.session.query(Payment).filter_by(customer_uid=plan.customer_uid).one()
    month = {"kind": "renewal", "purchase_id": str(plan.id), "customer_uid": plan.customer_uid, "period": "2054-12"}
    add("paid", 7, **month)
    assert found(BUYER.name) == found(f" {BUYER.name} ") == {goods.merchant_uid, first_month.merchant_uid, "m-paid-7"}
    assert found("김아무개") == set()


def test_a_payment_is_found_by_its_transaction_number(paid: Payment) -> None:  # noqa: F811
    with transaction():
        db.session.get_one(Payment, paid.id).pg_tid = "1904260901100042001"
    assert found("1904260901100042001") == {paid.merchant_uid}
    assert found("1904260901100042002") == set()


# --- the day ----------------------------------------------------------------------------------------------------------


def test_the_daily_sheet_holds_what_came_in_what_went_back_and_what_is_to_be_sent(
    admin: FlaskClient,  # noqa: F811
    provider: FakeProvider,
    buyer: User,
) -> None:
    parcel = bought.paid(provider, buyer, product(digital=False))
    day = clock.today()
    cart.put_in_cart(buyer.id, product().id, 1)
    other = order_window(provider, buyer.id, BUYER)
    clocks.later(timedelta(days=1))
    report = provider.hears_of(other.merchant_uid, amount=other.amount, paid_at=clock.now())
    sync_payment(provider, Notification("callback", report.imp_uid, other.merchant_uid))
    first = read(admin, f"/admin/daily?day={day}")
    assert f"들어온 돈 {parcel.amount:,}원 1건" in first
    assert order_of(parcel).number in first and order_of(other).number not in first
    second = read(admin, "/admin/daily")
    assert f"들어온 돈 {other.amount:,}원 1건" in second and str(clock.today()) in second
    assert order_of(parcel).number in second.split("발송 대기", 2)[-1]
    clocks.later(timedelta(hours=1))
    amount = other.amount
    end_reading()
    provider.cancel(report.imp_uid, amount, "요청")
    sync_payment(provider, Notification("webhook", report.imp_uid, other.merchant_uid))
    assert f"돌려준 돈 {amount:,}원 1건" in read(admin, f"/admin/daily?day={clock.today()}")


def test_a_day_that_is_none_is_a_400_that_says_why(admin: FlaskClient) -> None:  # noqa: F811
    answer = admin.get("/admin/daily?day=soon")
    assert (answer.status_code, "처럼 적어 주세요." in answer.get_data(as_text=True)) == (400, True)
