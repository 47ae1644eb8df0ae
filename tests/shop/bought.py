"""What tests of the shop begin with: goods that a buyer has paid for, and a subscription that runs."""

from payments import clock
from payments.cancellations import cancellation_of
from payments.database import db
from payments.events import Notification
from payments.models import Cancellation, Payment
from payments.monthly.models import Subscription
from payments.sync import sync_payment
from shop.orders import cart
from shop.orders.models import Product, User
from tests.conftest import ADDRESSED_BUYER, BUYER, order_of, order_window, plan_window, product
from tests.payments.fakes import FakeProvider

ADMIN = Notification("admin", actor="admin@example.com")


def paid(provider: FakeProvider, buyer: User, what: Product | None = None) -> Payment:
    """Goods that a buyer has paid for."""
    cart.put_in_cart(buyer.id, (what or product()).id, 1)
    payment = order_window(provider, buyer.id, ADDRESSED_BUYER)
    provider.hears_of(payment.merchant_uid, amount=payment.amount)
    sync_payment(provider, Notification("callback", merchant_uid=payment.merchant_uid))
    return payment


def row_of(payment: Payment) -> Cancellation:
    """The cancellation of the payment's own window, as the table says now."""
    db.session.expire_all()
    row = cancellation_of(payment)
    assert row
    return row


def states(payment: Payment) -> tuple[str, str]:
    db.session.expire_all()
    return payment.status, order_of(payment).status


def started(provider: FakeProvider, buyer: User) -> Subscription:
    """A subscription whose first month the buyer has paid now."""
    payment = plan_window(provider, buyer.id, product("monthly").id, BUYER)
    provider.issues_key(payment.customer_uid or "")
    facts = {"amount": payment.amount, "customer_uid": payment.customer_uid, "paid_at": clock.now()}
    provider.hears_of(payment.merchant_uid, **facts)
    assert sync_payment(provider, Notification("callback", merchant_uid=payment.merchant_uid)).outcome == "paid"
    return db.session.query(Subscription).order_by(Subscription.id.desc()).first()
