"""What a buyer reads on the list of orders and on the page of one, after paying."""

from datetime import date, timedelta

import pytest
from flask.testing import FlaskClient

from payments import cancellations, clock
from payments.cancel import cancel_payment
from payments.cancellations import BankRefund, record_bank_refund
from payments.database import db, transaction
from payments.events import Notification
from payments.models import Event, Payment
from payments.sync import sync_payment
from shop.orders import cart
from shop.orders.models import Order, User
from tests import clocks
from tests.conftest import ADDRESSED_BUYER, csrf_of, order_of, order_window, product, sign_in
from tests.payments.fakes import FakeProvider
from tests.shop.bought import ADMIN, paid, started

ENGLISH = {"Accept-Language": "en"}


@pytest.fixture
def payment(client: FlaskClient, provider: FakeProvider, buyer: User) -> Payment:
    """Goods to ship that the signed-in buyer has paid on 15 November 2054 at noon."""
    sign_in(client)
    return paid(provider, buyer, product(digital=False))


def article(client: FlaskClient, payment: Payment, headers: dict[str, str] | None = None) -> str:
    """The order's page without the demo's panel."""
    page = client.get(f"/orders/{payment.purchase_id}", headers=headers).get_data(as_text=True)
    return page.split("<article", 1)[1].split("</article>", 1)[0]


def act(client: FlaskClient, payment: Payment, what: str, **fields: str) -> str:
    address = f"/orders/{payment.purchase_id}/{what}"
    return client.post(address, data=fields, headers=csrf_of(client), follow_redirects=True).get_data(as_text=True)


def in_list(client: FlaskClient) -> str:
    return client.get("/orders").get_data(as_text=True)


# --- the facts of a payment ---


def test_a_paid_order_has_the_facts_that_a_buyer_keeps_and_no_internal_number(
    client: FlaskClient, payment: Payment
) -> None:
    with transaction():
        db.session.get_one(Payment, payment.id).pg_tid = "1904260901100042001"
    page = article(client, payment)
    for fact in (
        "휴대폰 소액결제",
        "010-****-5678",
        "2054-11-15 12:00",
        "1904260901100042001",
        "2054년 12월 휴대폰 요금",
        "2054-11-30까지, 전액만",
        "1600-0523",
        "쇼핑 계속하기",
        f"/orders/{payment.purchase_id}/confirmation",
    ):
        assert fact in page
    assert payment.merchant_uid not in page


def test_after_the_month_the_facts_say_that_kg_cancels_no_more(client: FlaskClient, payment: Payment) -> None:
    clocks.later(timedelta(days=16))
    assert "취소 기한 지남(2054-11-30)" in article(client, payment)


def test_a_cancelled_order_has_the_time_of_its_cancel(
    client: FlaskClient, payment: Payment, provider: FakeProvider
) -> None:
    clocks.later(timedelta(hours=3))
    cancel_payment(provider, payment.id, "고객 변심", ADMIN)
    assert "2054-11-15 15:00 취소" in in_list(client)
    page = article(client, payment)
    assert "취소 시각" in page
    assert "2054-11-15 15:00" in page


def test_an_order_that_was_paid_back_by_bank_is_called_so_in_the_list_and_its_bill_is_named(
    client: FlaskClient, payment: Payment
) -> None:
    clocks.later(timedelta(days=20))
    refund = BankRefund(date(2054, 12, 3), "국민 123-456-7890")
    assert record_bank_refund(payment.id, refund, "고객 변심", ADMIN) is None
    listed = in_list(client).split('<ul class="orders">')[1].split("</ul>")[0]
    assert ("환불됨 (계좌)" in listed, "취소" in listed) == (True, False)
    page = article(client, payment)
    assert "계좌로 환불해 드렸습니다" in page
    assert "2054년 12월 휴대폰 요금" in page and "취소 시각" not in page
    confirmation = client.get(f"/orders/{payment.purchase_id}/confirmation").get_data(as_text=True)
    assert "계좌로 환불한 거래입니다." in confirmation and "취소된 거래" not in confirmation


def test_an_order_whose_money_is_held_is_not_called_unpaid_in_the_list(
    client: FlaskClient, provider: FakeProvider, buyer: User
) -> None:
    sign_in(client)
    held(provider, buyer)
    listed = in_list(client).split('<ul class="orders">')[1].split("</ul>")[0]
    assert ("결제 확인 중" in listed, "결제 대기" in listed, "확인 필요" in listed) == (True, False, False)


def test_the_order_of_a_plan_leads_to_its_subscription(
    client: FlaskClient, provider: FakeProvider, buyer: User
) -> None:
    sign_in(client)
    subscription = started(provider, buyer)
    assert "내 구독 보기" in client.get(f"/orders/{subscription.purchase_id}").get_data(as_text=True)


def test_who_asks_for_last_months_money_reads_that_the_seller_asks_for_the_account(
    client: FlaskClient, payment: Payment
) -> None:
    clocks.later(timedelta(days=20))
    asks = "받으실 계좌는 판매자가 주문자 연락처로 여쭙니다."
    assert asks in article(client, payment)
    act(client, payment, "cancel", reason="늦게 알았어요")
    assert asks in article(client, payment)


def test_the_payment_facts_name_no_phone_number_since_another_one_may_have_paid(
    client: FlaskClient, payment: Payment
) -> None:
    facts = article(client, payment).split('id="payment-facts"', 1)[1].split("</section>", 1)[0]
    assert "휴대폰 소액결제" in facts and "010-" not in facts


def test_a_parcel_is_being_prepared_until_it_is_sent_and_then_has_its_carrier_and_number(
    client: FlaskClient, payment: Payment
) -> None:
    assert "상품 준비 중" in in_list(client) and "상품 준비 중" in article(client, payment)
    with transaction():
        order = db.session.get_one(Order, int(payment.purchase_id))
        order.fulfilled_at, order.carrier, order.tracking_number = clock.now(), "한진택배", "1234-5678"
    for page in (in_list(client), article(client, payment)):
        assert "상품 준비 중" not in page
        for shown in ("발송됨", "한진택배", "1234-5678"):
            assert shown in page


def test_a_used_ebook_says_that_the_seller_decides_about_its_cancel(
    client: FlaskClient, provider: FakeProvider, buyer: User
) -> None:
    sign_in(client)
    payment = paid(provider, buyer)
    limit = "이용을 시작하셔서 판매자가 확인한 뒤 취소합니다."
    assert limit not in article(client, payment)
    act(client, payment, "use")
    assert limit in article(client, payment)


# --- what is for staff ---


def test_what_staff_wrote_about_a_cancel_of_held_money_is_not_shown_to_the_buyer(
    client: FlaskClient, provider: FakeProvider, buyer: User
) -> None:
    sign_in(client)
    payment = held(provider, buyer)
    cancel_payment(provider, payment.id, "의심스러운 손님, 돌려주고 주시할 것", ADMIN)
    page = article(client, payment)
    assert "결제를 되돌려드렸습니다" in page
    assert "의심스러운" not in page


def test_of_held_money_the_buyer_reads_what_happens_with_it(
    client: FlaskClient, provider: FakeProvider, buyer: User
) -> None:
    sign_in(client)
    payment = held(provider, buyer)
    page = article(client, payment)
    assert "다시 결제하지 마세요" in page
    assert "2054-11-30까지 취소되면 휴대폰 요금에 청구되지 않고" in page
    assert "채널" not in page
    clocks.later(timedelta(days=20))
    assert "계좌로 돌려드립니다" in article(client, payment)


def test_after_the_month_the_buyer_does_not_read_what_the_seller_has_to_do(
    client: FlaskClient, payment: Payment
) -> None:
    clocks.later(timedelta(days=20))
    page = article(client, payment)
    assert "돌려드려야 합니다" not in page
    assert "지난달 결제는 판매자가 확인한 뒤 계좌로 돌려드리니" in page


def held(provider: FakeProvider, buyer: User) -> Payment:
    """Money that came through another channel: a person has to see to it."""
    cart.put_in_cart(buyer.id, product().id, 1)
    payment = order_window(provider, buyer.id, ADDRESSED_BUYER)
    provider.hears_of(payment.merchant_uid, amount=payment.amount, is_test_channel=False)
    sync_payment(provider, Notification("webhook", merchant_uid=payment.merchant_uid))
    return payment


# --- refusals ---

LIMIT = "당월 한도 초과로 결제 불가합니다."


def refused(provider: FakeProvider, buyer: User, reason: str) -> Payment:
    cart.put_in_cart(buyer.id, product().id, 1)
    payment = order_window(provider, buyer.id, ADDRESSED_BUYER)
    provider.hears_of(payment.merchant_uid, "failed", payment.amount, fail_reason=reason)
    sync_payment(provider, Notification("callback", merchant_uid=payment.merchant_uid))
    return payment


@pytest.mark.parametrize(
    ("headers", "meaning"),
    [({}, "이번 달 소액결제 한도를 다 썼습니다."), (ENGLISH, "This month&#39;s limit is used up.")],
)
def test_a_refusal_begins_with_our_meaning_in_the_readers_language_and_ends_with_kgs_words(
    headers: dict[str, str], meaning: str, client: FlaskClient, provider: FakeProvider, buyer: User
) -> None:
    sign_in(client)
    head = article(client, refused(provider, buyer, LIMIT), headers=headers).split("</header>", 1)[0]
    assert (head.count(meaning), head.count(LIMIT)) == (1, 1)
    assert head.index(meaning) < head.index(LIMIT)


def test_a_refusal_that_nobody_knows_has_a_headline_in_english_too(
    client: FlaskClient, provider: FakeProvider, buyer: User
) -> None:
    sign_in(client)
    page = article(client, refused(provider, buyer, "알 수 없는 말"), headers=ENGLISH)
    assert page.index("did not accept the payment") < page.index("알 수 없는 말")


# --- the cancellation request ---


def test_a_cancellation_request_is_seen_in_the_list_and_on_the_order_and_can_be_withdrawn(
    client: FlaskClient, payment: Payment
) -> None:
    act(client, payment, "cancel", reason="마음이 바뀜")
    for page in (in_list(client), article(client, payment)):
        assert "취소 신청 중" in page
    assert "취소 신청을 철회했습니다." in act(client, payment, "withdraw-cancel")
    for page in (in_list(client), article(client, payment)):
        assert "취소 신청 중" not in page
    assert order_of(payment).cancel_wanted_at is None
    told = db.session.query(Event).filter_by(source="buyer", outcome="withdrawn").one()
    assert (told.payment_id, told.actor) == (payment.id, "buyer@example.com")


def test_a_request_that_staff_have_decided_cannot_be_withdrawn(client: FlaskClient, payment: Payment) -> None:
    act(client, payment, "cancel", reason="마음이 바뀜")
    with transaction():
        row = db.session.get_one(Payment, payment.id)
        cancellations.request(row, row.imp_uid or "", row.amount, "고객 변심")
    assert "withdraw-cancel" not in article(client, payment)
    assert "이미 판매자가 처리해" in act(client, payment, "withdraw-cancel")
    assert db.session.get_one(Order, int(payment.purchase_id)).cancel_wanted_at


def test_nobody_withdraws_somebody_elses_request(client: FlaskClient, payment: Payment, other_buyer: User) -> None:
    act(client, payment, "cancel", reason="마음이 바뀜")
    sign_in(client, other_buyer.email)
    answer = client.post(f"/orders/{payment.purchase_id}/withdraw-cancel", headers=csrf_of(client))
    assert answer.status_code == 404
    assert order_of(payment).cancel_wanted_at
