"""The host of these tests: a small Flask app that sells coffee, as the page about copying has it.

Its tables have metadata of their own, so they are no tables of the app that these tests were copied into.
"""

from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta

from flask import Flask
from sqlalchemy import ForeignKey, MetaData, select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

import payments
from payments import Notification, Payment, PortOneSettings, Purchases, Standing, clock, locked, transaction
from payments.attempts import start_payment
from payments.cancellations import cancellation_of
from payments.database import Base, Moment, db, end_reading
from payments.models import Cancellation
from payments.portone.report import PaymentProvider
from payments.sync import sync_payment

from . import clocks

SETTINGS = PortOneSettings.from_environ(
    {
        "PUBLIC_URL": "http://host.example",
        "PORTONE_API_URL": "http://127.0.0.1:9",  # nobody answers there
        "PORTONE_IMP_CODE": "imp00000000",
        "PORTONE_API_KEY": "key",
        "PORTONE_API_SECRET": "secret",
        "PORTONE_TEST_CHANNEL": "true",
    }
)
ADMIN = Notification("admin", actor="admin@example.com")
COFFEE, TEA = 1, 2  # products
PENDING_FOR = timedelta(minutes=30)


# --- the app ----------------------------------------------------------------------------------------------------------


class HostBase(DeclarativeBase):
    metadata = MetaData()


class Product(HostBase):
    __tablename__ = "products"

    id: Mapped[int] = mapped_column(primary_key=True)
    price: Mapped[int]
    stock: Mapped[int]


class Order(HostBase):
    __tablename__ = "orders"

    id: Mapped[int] = mapped_column(primary_key=True)
    product_id: Mapped[int] = mapped_column(ForeignKey("products.id"))
    quantity: Mapped[int] = mapped_column(default=1)
    amount: Mapped[int]
    status: Mapped[str] = mapped_column(default="pending")
    created_at: Mapped[datetime] = mapped_column(Moment, default=clock.now)


class Orders(Purchases):
    """The orders of one product. `purchase_id` is the order's id."""

    def __init__(self, product_id: int) -> None:
        self.product_id = product_id

    def lock(self, payment: Payment) -> Standing:
        order = locked(Order, int(payment.purchase_id))
        product = locked(Product, order.product_id)
        if order.status == "pending":
            return Standing.open()
        if order.status == "expired" and product.stock >= order.quantity:
            return Standing.late()
        if order.status == "expired":
            return Standing.closed("out_of_stock", "재고가 없어 자동 취소")
        return Standing.closed("order_" + order.status, "이미 결제되었거나 취소된 주문이라 자동 취소")

    def paid(self, payment: Payment) -> None:
        order = db.session.get_one(Order, int(payment.purchase_id))
        if order.status == "expired":
            db.session.get_one(Product, order.product_id).stock -= order.quantity
        order.status = "paid"

    def cancelled(self, payment: Payment) -> None:
        close_order(int(payment.purchase_id), "cancelled")

    def page(self, payment: Payment) -> str:
        return f"/orders/{payment.purchase_id}"

    def expire(self, unanswered: AbstractSet[str]) -> int:
        pending = (Order.product_id == self.product_id) & (Order.status == "pending")
        ids = db.session.scalars(select(Order.id).where(pending, Order.created_at <= clock.now() - PENDING_FOR)).all()
        end_reading()
        return sum(_expire(order_id) for order_id in ids if str(order_id) not in unanswered)


def _expire(order_id: int) -> bool:
    with transaction():
        if locked(Order, order_id).status != "pending":  # it was paid meanwhile
            return False
        close_order(order_id, "expired")
        return True


def close_order(order_id: int, status: str) -> None:
    """The order is over, and its goods are on sale again. Call inside a transaction()."""
    order = locked(Order, order_id)
    order.status = status
    locked(Product, order.product_id).stock += order.quantity


def create_app(database_url: str, provider: PaymentProvider) -> Flask:
    app = Flask("host")
    app.testing = True
    app.config["SQLALCHEMY_DATABASE_URI"] = database_url
    db.init_app(app)
    payments.init_app(app, SETTINGS, {"once": Orders(COFFEE)}, provider=provider)
    clock.use_source(app, clocks.read)
    return app


def create_tables() -> None:
    """Make the tables of payments/ and of this host, and fill its shelf. Call in an app context."""
    tables = [one.local_table for one in Base.registry.mappers if one.class_.__module__.startswith("payments.")]
    Base.metadata.create_all(db.engine, tables=tables)
    HostBase.metadata.create_all(db.engine)
    db.session.add_all([Product(id=COFFEE, price=5000, stock=10), Product(id=TEA, price=4900, stock=1000)])
    db.session.commit()


# --- what happens in it -----------------------------------------------------------------------------------------------


def new_order(quantity: int = 1, product_id: int = COFFEE) -> Order:
    """An order with its goods reserved, without an attempt to pay it."""
    with transaction():
        product = locked(Product, product_id)
        product.stock -= quantity
        order = Order(product_id=product_id, quantity=quantity, amount=quantity * product.price)
        db.session.add(order)
    return order


def order_window(provider: PaymentProvider, order: Order | None = None) -> Payment:
    """An attempt to pay this order, or a new one."""
    order = order or new_order()
    return kept(start_payment(provider, "once", order.id, amount=order.amount, name="커피"))


def another_window(provider: PaymentProvider, payment: Payment) -> Payment:
    """A second attempt to pay the same order."""
    return order_window(provider, order_of(payment))


def kept(payment: Payment) -> Payment:
    """The same row in the session of the test, which sees how it changes; the transaction's own is closed."""
    found = db.session.get_one(Payment, payment.id)
    end_reading()
    return found


def paid(provider: PaymentProvider) -> Payment:
    """The payment of an order that the buyer has paid."""
    payment = order_window(provider)
    provider.hears_of(payment.merchant_uid, amount=payment.amount)
    sync_payment(provider, Notification("callback", merchant_uid=payment.merchant_uid))
    return payment


def cancel_order(payment: Payment) -> None:
    """The buyer gives up the order before it is paid."""
    with transaction():
        close_order(int(payment.purchase_id), "cancelled")


def set_stock(stock: int) -> None:
    with transaction():
        locked(Product, COFFEE).stock = stock


# --- what the tables say now ------------------------------------------------------------------------------------------


def stock() -> int:
    db.session.expire_all()
    return db.session.get_one(Product, COFFEE).stock


def order_of(payment: Payment) -> Order:
    db.session.expire_all()
    return db.session.get_one(Order, int(payment.purchase_id))


def states(payment: Payment) -> tuple[str, str]:
    """The states of a payment and of its order."""
    db.session.expire_all()
    return payment.status, order_of(payment).status


def row_of(payment: Payment) -> Cancellation:
    """The cancellation of the payment's own window."""
    db.session.expire_all()
    row = cancellation_of(payment)
    assert row
    return row
