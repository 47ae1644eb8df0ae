"""The states of a cart, an order and a subscription that no click leads to: rows written otherwise for one look."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from flask import abort
from playwright.sync_api import Page

from payments import clock
from payments.database import db, transaction
from payments.models import UNDONE_BY_CARRIER, UNDONE_ELSEWHERE, Cancellation, Payment
from payments.monthly.models import Subscription
from shop.orders.messages import Message
from shop.orders.models import Order, Product
from tests.servers import Server

Look = Callable[[str, Page], None]

UNPAID = "요금 미납으로 결제 불가합니다."
ORDERS: dict[str, tuple[str, dict[str, Any]]] = {  # how the order stands, and what its payment says
    "held": ("pending", {"held_reason": "amount"}),
    "expired": ("expired", {"status": "ready"}),
    "cancelled": ("cancelled", {"status": "cancelled"}),
    "given-back": ("pending", {"status": "cancelled", "cancel_reason": "[자동취소] 결제 금액이 주문 금액과 다름"}),
    "pending": ("pending", {"status": "ready"}),
    "failed": ("pending", {"status": "failed", "fail_reason": UNPAID}),
    "closed": ("expired", {"status": "failed", "fail_reason": "[결제포기] 사용자가 결제를 취소하셨습니다"}),
}

CANCELLED = {"status": "cancelled", "cancel_reason": "고객 변심"}


def cart_states(page: Page, server: Server, look: Look) -> None:
    """The cart with two things in it, with a parcel for somebody else, then after one and both were taken off sale."""
    look("cart", page)
    page.locator("#same-recipient").uncheck()
    page.locator("#delivery-note-choice").select_option("own")
    page.locator(".consent details > summary").first.click()
    look("cart-delivery", page)
    page.reload()
    with server.app.app_context():
        goods, plan = (
            db.session.query(Product.id).filter_by(slug=slug).scalar() for slug in ("moon-mug", "reading-pass")
        )
        db.session.rollback()
        with painted((Product, goods, {"on_sale": False})):
            page.reload()
            look("cart-off-sale", page)
        with painted((Product, goods, {"on_sale": False}), (Product, plan, {"on_sale": False})):
            page.reload()
            look("cart-nothing-on-sale", page)
    page.reload()


def order_states(page: Page, server: Server, look: Look) -> None:
    page.goto(f"{server.url}/orders")
    page.locator(".orders a:has(.state.paid)").first.click()  # the goods; a plan was paid before them
    page.wait_for_url("**/orders/*")
    order_id = int(page.url.rsplit("/", 1)[1])
    for name, (status, facts) in ORDERS.items():
        with server.app.app_context():
            payment_id = db.session.query(Payment.id).filter_by(purchase_id=str(order_id), status="paid").scalar()
            db.session.rollback()
            with painted((Order, order_id, {"status": status}), (Payment, payment_id, facts)):
                page.reload()
                look(f"order-{name}", page)
    undone_states(order_id, page, server, look)


def undone_states(order_id: int, page: Page, server: Server, look: Look) -> None:
    """The order whose payment somebody else cancelled: the carrier, or nobody knows who."""
    for answer in (UNDONE_BY_CARRIER, UNDONE_ELSEWHERE):
        with server.app.app_context():
            payment = db.session.query(Payment).filter_by(purchase_id=str(order_id), status="paid").one()
            facts = {"payment_id": payment.id, "imp_uid": payment.imp_uid, "amount": payment.amount}
            db.session.rollback()
            with transaction():
                row = Cancellation(**facts, status="done", reason="고객 변심", answer=answer, answered_at=clock.now())
                db.session.add(row)
            with painted((Order, order_id, {"status": "cancelled"}), (Payment, facts["payment_id"], CANCELLED)):
                page.reload()
                look(f"order-{answer}", page)
            with transaction():
                db.session.query(Cancellation).filter_by(imp_uid=facts["imp_uid"]).delete()


def after_paying(page: Page, server: Server, look: Look) -> None:
    """The content of a plan before and after its first use, a confirmation, and a cancellation request."""
    page.goto(f"{server.url}/subscriptions")
    page.locator(".plan .open a").click()
    look("content-first-use", page)
    page.locator(".use button").click()
    page.wait_for_selector(".content")
    look("content", page)
    page.goto(page.url.replace("/content", "/confirmation"))
    look("confirmation", page)
    order_id = int(page.url.rsplit("/", 2)[1])
    with server.app.app_context(), painted((Order, order_id, {"cancel_wanted_at": clock.now()})):
        page.goto(f"{server.url}/orders/{order_id}")
        look("order-cancel-wanted", page)
        page.goto(f"{server.url}/orders")
        look("orders-cancel-wanted", page)


def subscription_states(page: Page, server: Server, look: Look) -> None:
    page.goto(f"{server.url}/subscriptions")
    look("subscriptions", page)
    with server.app.app_context():
        subscription = db.session.query(Subscription).order_by(Subscription.id.desc()).first()
        assert subscription
        row, today = (Subscription, subscription.id), clock.today()
        declined = {
            "kind": "renewal",
            "purchase_id": str(subscription.id),
            "period": f"{today:%Y-%m}",
            "status": "failed",
        }
        declined |= {
            "kind": "renewal",
            "name": "월간 읽기 이용권",
            "amount": subscription.amount,
            "is_test_channel": True,
        }
        db.session.rollback()
        with painted((*row, {"next_charge_on": today + timedelta(days=2)})):
            page.reload()
            look("subscriptions-soon", page)
        with transaction():
            attempt = Payment(**declined, merchant_uid="walk-205412-1", fail_reason=UNPAID, failed_at=clock.now())
            db.session.add(attempt)
        with painted((*row, {"status": "past_due", "next_charge_on": today})):
            page.reload()
            page.locator(".tries > summary").click()
            look("subscriptions-past-due", page)
        with painted(
            (*row, {"status": "ended", "ended_at": clock.now(), "end_reason": "missed", "next_charge_on": None})
        ):
            page.reload()
            look("subscriptions-ended", page)


def office_states(page: Page, server: Server, look: Look) -> None:
    """What staff have to do about one payment: send it, pay it back by bank; and a difference of the reconciliation."""
    with server.app.app_context():
        order = db.session.query(Order).filter_by(status="paid", digital=False).order_by(Order.id.desc()).first()
        assert order
        payment_id, uid = db.session.query(Payment.id, Payment.merchant_uid).filter_by(merchant_uid=order.paid_by).one()
        row, order_id, today = (Payment, payment_id), order.id, clock.today()
        long_ago = clock.now() - timedelta(days=40)
        db.session.rollback()
        page.goto(f"{server.url}/admin/payments/{uid}")
        look("office-payment-to-send", page)
        sent = {"fulfilled_at": clock.now(), "carrier": "우체국택배", "tracking_number": "6012345678901"}
        with painted((Order, order_id, sent)):
            page.reload()
            look("office-payment-sent", page)
        with painted((*row, {"held_reason": "amount", "paid_at": long_ago, "created_at": long_ago})):
            page.reload()
            page.locator("details.act > summary").last.click()
            look("office-payment-bank-refund", page)
        with painted((*row, {"status": "ready", "paid_at": None})):
            page.goto(f"{server.url}/admin/reconcile?first={today}&last={today}")
            page.locator("details.act > summary").first.click()
            look("office-reconcile-found", page)
        page.goto(f"{server.url}/admin/payments?first={today}&last={today}")
        look("office-payments-today", page)


MESSAGES: dict[str, dict[str, Any]] = {  # what became of a message
    "sent": {"sent_at": clock.system_time(), "next_try_at": None},
    "put-off": {"tries": 2, "error": "SMTPServerDisconnected", "next_try_at": clock.system_time()},
    "refused": {"error": "smtp_550", "next_try_at": None},
    "shown": {"error": "no_mail_url", "next_try_at": None},
}


def message_states(page: Page, server: Server, look: Look) -> None:
    with server.app.app_context():
        newest = db.session.query(Message.id).order_by(Message.id.desc()).limit(1).scalar()
        db.session.rollback()
        for name, facts in MESSAGES.items():
            with painted((Message, newest, facts)):
                page.goto(f"{server.url}/admin/messages")
                page.locator("main details > summary").first.click()
                look(f"office-messages-{name}", page)


@contextmanager
def painted(*looks: tuple[type[Any], int, dict[str, Any]]) -> Iterator[None]:
    """Rows as if they stood otherwise, for one look; then as they were."""
    before = [(table, row_id, _paint(table, row_id, facts)) for table, row_id, facts in looks]
    yield
    for table, row_id, facts in before:
        _paint(table, row_id, facts)


def _paint(table: type[Any], row_id: int, facts: dict[str, Any]) -> dict[str, Any]:
    """Write `facts` into the row; answers what stood there."""
    with transaction():
        row = db.session.get_one(table, row_id)
        before = {name: getattr(row, name) for name in facts}
        for name, value in facts.items():
            setattr(row, name, value)
    return before


@contextmanager
def refusing(server: Server, code: int) -> Iterator[None]:
    """One page of the shop answers with this error for a while."""
    views = server.app.view_functions
    usual, views["legal.refund"] = views["legal.refund"], lambda: abort(code)
    yield
    views["legal.refund"] = usual
