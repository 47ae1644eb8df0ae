"""This shop's answer to payments: what becomes of an order whose money comes, comes late, or goes back."""

from datetime import timedelta

from flask.testing import FlaskClient

from payments import clock, sync
from payments.attempts import refusal_to_approve
from payments.cancel import cancel_payment
from payments.database import db, transaction
from payments.events import Notification
from payments.models import Payment, move
from payments.portone.report import OutcomeUnknown
from payments.sweep import sweep
from payments.sync import sync_payment
from shop.orders import cart, orders
from shop.orders.models import CartItem, Order, Product, User
from shop.orders.orders import PENDING_FOR
from tests import clocks
from tests.conftest import ADDRESSED_BUYER, BUYER, another_window, new_order, order_window, plan_window, product
from tests.payments.fakes import FakeProvider
from tests.shop.bought import ADMIN, paid, states

LATE = PENDING_FOR + timedelta(minutes=1)


def window(provider: FakeProvider, buyer: User, item: Product | None = None, quantity: int = 1) -> Payment:
    cart.put_in_cart(buyer.id, (item or product()).id, quantity)
    return order_window(provider, buyer.id, ADDRESSED_BUYER)


def comes(provider: FakeProvider, payment: Payment) -> str:
    """The money of this window comes in, and a webhook says so; the outcome."""
    provider.hears_of(payment.merchant_uid, amount=payment.amount)
    return sync_payment(provider, Notification("webhook", merchant_uid=payment.merchant_uid)).outcome


def stock_of(item: Product) -> int:
    db.session.expire_all()
    return db.session.get_one(Product, item.id).stock or 0


def test_a_paid_order_empties_the_cart(provider: FakeProvider, buyer: User) -> None:
    payment = window(provider, buyer)
    assert comes(provider, payment) == "paid"
    assert states(payment) == ("paid", "paid")
    assert db.session.query(CartItem).count() == 0


def test_the_same_cart_makes_several_attempts_to_pay_one_order(provider: FakeProvider, buyer: User) -> None:
    payments = [window(provider, buyer) for _ in range(3)]
    assert len({one.merchant_uid for one in payments}) == 3
    assert db.session.query(Order).count() == 1
    order = db.session.query(Order).one()
    assert set(provider.prepared.values()) == {order.amount}


def test_a_cancelled_payment_cancels_its_order_and_returns_the_stock(provider: FakeProvider, buyer: User) -> None:
    parcel = product(digital=False)
    before = parcel.stock
    payment = paid(provider, buyer, parcel)
    assert cancel_payment(provider, payment.id, "고객 변심", ADMIN).outcome == "cancelled"
    assert states(payment) == ("cancelled", "cancelled")
    assert stock_of(parcel) == before


def test_a_cancelled_duplicate_leaves_the_paid_order_alone(provider: FakeProvider, buyer: User) -> None:
    first, second = window(provider, buyer), window(provider, buyer)
    assert (comes(provider, first), comes(provider, second)) == ("paid", "held")
    assert (states(first), states(second)) == (("paid", "paid"), ("cancelled", "paid"))


def test_money_for_an_order_that_was_replaced_goes_back(provider: FakeProvider, buyer: User) -> None:
    old = window(provider, buyer)
    cart.put_in_cart(buyer.id, product().id, 1, add=True)
    new_order(buyer.id, BUYER)
    assert comes(provider, old) == "held"
    assert states(old) == ("cancelled", "cancelled")
    assert provider.cancels == [(old.imp_uid, old.amount)]
    assert old.cancel_reason == "취소된 주문에 결제되어 자동 취소"


def test_held_money_of_a_cancelled_order_cannot_be_kept(provider: FakeProvider, buyer: User) -> None:
    payment = window(provider, buyer)
    provider.cancel_answers = ["refused"]
    provider.hears_of(payment.merchant_uid, amount=301)
    sync_payment(provider, Notification("webhook", merchant_uid=payment.merchant_uid))
    with transaction():
        orders.cancel_pending(db.session.get_one(Order, int(payment.purchase_id)))
    assert sync.release(provider, payment.id, ADMIN, "확인함") == "order_cancelled"
    assert states(payment) == ("paid", "cancelled")


def test_a_window_may_not_go_on_for_an_order_that_is_over(provider: FakeProvider, buyer: User) -> None:
    payment = window(provider, buyer)
    again = another_window(provider, payment)
    comes(provider, payment)
    assert refusal_to_approve(again.merchant_uid, again.amount, Notification("confirm")) == "paid"
    old = window(provider, buyer)
    with transaction():
        orders.cancel_pending(db.session.get_one(Order, int(old.purchase_id)))
    assert refusal_to_approve(old.merchant_uid, old.amount, Notification("confirm")) == "order_gone"


def test_late_money_is_honoured_while_the_goods_last_and_goes_back_when_they_are_gone(
    provider: FakeProvider, buyer: User
) -> None:
    parcel = product(digital=False)
    for left, outcome in ((3, "paid"), (0, "held")):
        payment = window(provider, buyer, parcel)
        with transaction():
            order = db.session.get_one(Order, int(payment.purchase_id))
            move(Order, order.id, "expired")
            orders.give_back(order)
            db.session.flush()
            db.session.get_one(Product, parcel.id, populate_existing=True).stock = left
        assert comes(provider, payment) == outcome
    db.session.expire_all()
    assert (payment.status, payment.cancel_reason) == ("cancelled", "재고가 없어 자동 취소")


# --- orders that are not paid in time ---


def test_an_abandoned_order_expires_and_its_stock_returns(provider: FakeProvider, buyer: User) -> None:
    parcel = product(digital=False)
    payment = window(provider, buyer, parcel, 2)
    reserved = stock_of(parcel)
    provider.hears_of(payment.merchant_uid, "ready", payment.amount)
    clocks.later(LATE)
    assert sweep(provider) == {"unchanged": 1, "expired": 1}
    assert states(payment) == ("ready", "expired")
    assert stock_of(parcel) == reserved + 2


def test_while_portone_does_not_answer_no_order_expires(provider: FakeProvider, buyer: User) -> None:
    payment = window(provider, buyer)
    clocks.later(LATE)
    provider.trouble = OutcomeUnknown("no answer")
    assert sweep(provider) == {"unknown": 1}
    assert states(payment) == ("ready", "pending")


def test_an_order_that_was_paid_meanwhile_does_not_expire(provider: FakeProvider, buyer: User) -> None:
    payment = window(provider, buyer)
    provider.hears_of(payment.merchant_uid, amount=payment.amount)
    clocks.later(LATE)
    assert sweep(provider) + sweep(provider) == {"paid": 1}
    assert states(payment) == ("paid", "paid")
    assert db.session.query(Order).filter(Order.expires_at <= clock.now(), Order.status == "expired").count() == 0


# --- the buyer closes the window ---

CLOSED = "[결제포기] 사용자가 결제를 취소하셨습니다"


def is_closed(provider: FakeProvider, payment: Payment, reason: str = CLOSED) -> str:
    """The window of this attempt ends unpaid, and its callback says so; the outcome."""
    provider.hears_of(payment.merchant_uid, "failed", payment.amount, fail_reason=reason)
    return sync_payment(provider, Notification("callback", merchant_uid=payment.merchant_uid)).outcome


def test_a_window_that_the_buyer_closed_expires_the_order_and_returns_its_stock(
    provider: FakeProvider, buyer: User
) -> None:
    parcel = product(digital=False)
    payment = window(provider, buyer, parcel, 2)
    reserved = stock_of(parcel)
    assert is_closed(provider, payment) == "failed"
    assert states(payment) == ("failed", "expired")
    assert stock_of(parcel) == reserved + 2
    assert db.session.query(CartItem).count() == 1  # the cart is as it was


def test_a_closed_window_leaves_the_order_pending_while_another_attempt_is_open(
    provider: FakeProvider, buyer: User
) -> None:
    first = window(provider, buyer)
    second = another_window(provider, first)
    is_closed(provider, first)
    assert states(first) == ("failed", "pending")
    is_closed(provider, second)
    assert states(second) == ("failed", "expired")


def test_a_declined_payment_leaves_the_order_pending(provider: FakeProvider, buyer: User) -> None:
    payment = window(provider, buyer)
    is_closed(provider, payment, "당월 한도 초과로 결제 불가합니다.")
    assert states(payment) == ("failed", "pending")


def test_a_closed_window_of_a_plan_expires_its_order_too(provider: FakeProvider, buyer: User) -> None:
    payment = plan_window(provider, buyer.id, product("monthly").id, BUYER)
    is_closed(provider, payment)
    assert states(payment) == ("failed", "expired")
    again = plan_window(provider, buyer.id, product("monthly").id, BUYER)
    assert again.purchase_id != payment.purchase_id


# --- pages ---


def test_the_redirect_works_without_a_session_and_the_order_page_then_asks_for_login(
    client: FlaskClient, provider: FakeProvider, buyer: User
) -> None:
    payment = window(provider, buyer)
    report = provider.hears_of(payment.merchant_uid, amount=payment.amount)
    told = {"imp_uid": report.imp_uid, "merchant_uid": payment.merchant_uid, "imp_success": "true"}
    answer = client.get("/payment/redirect", query_string=told)
    assert (answer.status_code, answer.location) == (303, f"/orders/{payment.purchase_id}")
    assert client.get(answer.location).location.startswith("/login")


def test_a_payment_of_a_replaced_order_is_found_though_nobody_looked_for_days(
    provider: FakeProvider, buyer: User
) -> None:
    payment = window(provider, buyer)
    window(provider, buyer, product(digital=False))  # which replaces the order
    assert states(payment) == ("ready", "cancelled")
    provider.hears_of(payment.merchant_uid, amount=payment.amount)
    clocks.later(timedelta(days=9))
    assert sweep(provider)["held"] == 1
    assert states(payment) == ("cancelled", "cancelled")
