"""Subscriptions of the host: its one plan is tea. The first month is an order; later months are charged."""

from datetime import datetime

from payments import Buyer, Notification, Payment, clock
from payments.database import db
from payments.monthly import start_first_month
from payments.monthly.models import Subscription
from payments.monthly.subscriptions import subscription_of
from payments.sync import sync_payment

from ..fakes import FakeProvider
from ..host import TEA, Order, kept, new_order

BUYER = Buyer("홍길동", "01012345678", "buyer@example.com")


def plan_order() -> Order:
    return new_order(product_id=TEA)


def plan_window(provider: FakeProvider, customer: int = 1, order: Order | None = None) -> Payment:
    """An attempt to pay a plan's first month, by this order or a new one."""
    order = order or plan_order()
    facts = {"customer_ref": customer, "plan_ref": TEA, "plan_name": "매달 차", "amount": order.amount}
    return kept(start_first_month(provider, order.id, name="매달 차", buyer=BUYER, **facts))


def pays(provider: FakeProvider, payment: Payment, paid_at: datetime | None = None) -> str:
    """The window is paid, and issues its key; the outcome of the look-up."""
    provider.issues_key(payment.customer_uid or "")
    facts = {"amount": payment.amount, "customer_uid": payment.customer_uid, "paid_at": paid_at or clock.now()}
    provider.hears_of(payment.merchant_uid, **facts)
    return sync_payment(provider, Notification("callback", merchant_uid=payment.merchant_uid)).outcome


def started(provider: FakeProvider, customer: int = 1, paid_at: datetime | None = None) -> Subscription:
    """A subscription as a paid first month leaves it."""
    payment = plan_window(provider, customer)
    assert pays(provider, payment, paid_at) == "paid"
    subscription = subscription_of(payment.purchase_id)
    assert subscription
    return db.session.get_one(Subscription, subscription.id)
