"""The tables of the shop: users, products, carts and orders. Those of payments stand in `payments/models.py`."""

from datetime import datetime
from typing import ClassVar

from flask_login import UserMixin
from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column, relationship, validates

from payments.clock import now
from payments.database import Base
from payments.models import States, one_of, partial_index, partial_unique_index

from .descriptions import ONCE_FOR_GOOD
from .order_numbers import new_number


class User(UserMixin, Base):  # type: ignore[misc]  # Flask-Login has no types
    """Somebody who can sign in; `current_user` on pages."""

    __tablename__ = "users"
    ROLES: ClassVar = ("buyer", "viewer", "operator")

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(String(254), unique=True)  # lower case
    password_hash: Mapped[str] = mapped_column(String(256))
    role: Mapped[str] = mapped_column(String(16), default="buyer")
    created_at: Mapped[datetime] = mapped_column(default=now)

    __table_args__ = (one_of("role", ROLES),)

    @property
    def is_staff(self) -> bool:
        """Whether this user may open the back office (viewers read, operators act)."""
        return self.role != "buyer"


class Product(Base):
    """Something sold: `once`, or `monthly` as a plan. Price in won, VAT included."""

    __tablename__ = "products"

    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(String(64), unique=True)
    kind: Mapped[str] = mapped_column(String(8))
    position: Mapped[int] = mapped_column(default=0)
    name_ko: Mapped[str] = mapped_column(String(64))
    name_en: Mapped[str] = mapped_column(String(64))
    summary_ko: Mapped[str] = mapped_column(String(200))
    summary_en: Mapped[str] = mapped_column(String(200))
    description_ko: Mapped[str | None] = mapped_column(String(1000))  # several lines
    description_en: Mapped[str | None] = mapped_column(String(1000))
    spec_ko: Mapped[str | None] = mapped_column(String(200))  # what is in it: size, material, format
    spec_en: Mapped[str | None] = mapped_column(String(200))
    period_ko: Mapped[str | None] = mapped_column(String(100))  # how long it may be used; None for what is shipped
    period_en: Mapped[str | None] = mapped_column(String(100))
    price: Mapped[int]
    digital: Mapped[bool]  # False: it is shipped, so an address is asked for
    stock: Mapped[int | None]  # None: cannot run out
    picture: Mapped[str] = mapped_column(String(64))  # file name below static/art/
    on_sale: Mapped[bool] = mapped_column(default=True)

    __table_args__ = (
        one_of("kind", ("once", "monthly")),
        CheckConstraint("stock IS NULL OR stock >= 0", name="stock_not_negative"),
        CheckConstraint("price > 0", name="price_positive"),
    )

    @property
    def once_for_good(self) -> bool:
        """Whether nobody needs it twice, so that no quantity is asked for."""
        return self.slug in ONCE_FOR_GOOD


class CartItem(Base):
    __tablename__ = "cart_items"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    product_id: Mapped[int] = mapped_column(ForeignKey("products.id"))
    quantity: Mapped[int]
    product: Mapped[Product] = relationship()

    __table_args__ = (
        UniqueConstraint("user_id", "product_id"),
        CheckConstraint("quantity > 0", name="quantity_positive"),
    )


class Order(Base):
    """What a customer asked to buy: the goods of a cart, or one monthly plan."""

    __tablename__ = "orders"
    STATES: ClassVar[States] = {
        "pending": ("paid", "expired", "cancelled"),
        "expired": ("paid",),  # money that came late, if the goods can be reserved again
        "paid": ("cancelled",),
        "cancelled": (),
    }

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(String(16), index=True, unique=True, default=new_number)  # what people read
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    kind: Mapped[str] = mapped_column(String(8))
    status: Mapped[str] = mapped_column(String(16), default="pending")
    amount: Mapped[int]  # won
    digital: Mapped[bool]  # False if any line is physical
    buyer_name: Mapped[str] = mapped_column(String(40))
    buyer_tel: Mapped[str] = mapped_column(String(16))
    buyer_email: Mapped[str] = mapped_column(String(254))
    tel_tail: Mapped[str | None] = mapped_column(String(4), index=True)  # last digits of `buyer_tel`, to search by
    buyer_addr: Mapped[str | None] = mapped_column(String(200))
    buyer_postcode: Mapped[str | None] = mapped_column(String(8))
    buyer_addr_detail: Mapped[str | None] = mapped_column(String(100))
    recipient: Mapped[str | None] = mapped_column(String(40))
    recipient_tel: Mapped[str | None] = mapped_column(String(16))  # None: the buyer's
    delivery_note: Mapped[str | None] = mapped_column(String(100))
    language: Mapped[str | None] = mapped_column(String(2))  # the buyer's: at the checkout, or chosen since
    created_at: Mapped[datetime] = mapped_column(default=now)
    expires_at: Mapped[datetime]
    paid_at: Mapped[datetime | None]
    paid_by: Mapped[str | None] = mapped_column(String(40))  # merchant_uid of the payment that paid it
    cancelled_at: Mapped[datetime | None]
    content_opened_at: Mapped[datetime | None]  # the buyer opened its digital content first: no withdrawal after that
    fulfilled_at: Mapped[datetime | None]  # used (digital) or sent: from then on a cancel needs a person
    carrier: Mapped[str | None] = mapped_column(String(40))  # of a parcel that was sent
    tracking_number: Mapped[str | None] = mapped_column(String(40))
    cancel_wanted_at: Mapped[datetime | None]  # the buyer asked for the money back, and a person has to see to it
    cancel_wanted_reason: Mapped[str | None] = mapped_column(String(200))
    cancel_declined_at: Mapped[datetime | None]  # staff declined the buyer's latest request
    cancel_declined_reason: Mapped[str | None] = mapped_column(String(300))
    user: Mapped[User] = relationship()
    lines: Mapped[list["OrderLine"]] = relationship(order_by="OrderLine.id", cascade="all, delete-orphan")

    __table_args__ = (
        one_of("kind", ("once", "monthly")),
        one_of("status", STATES),
        CheckConstraint("amount > 0", name="amount_positive"),
        # Checking out again reuses the pending order instead of reserving the goods twice.
        partial_unique_index("one_pending_order", "user_id", "kind", condition="status = 'pending'"),
        partial_index("orders_cancel_wanted", "paid_by", condition="status = 'paid' AND cancel_wanted_at IS NOT NULL"),
        Index("orders_by_email", func.lower(buyer_email)),
        Index("orders_by_name", "buyer_name", postgresql_ops={"buyer_name": "varchar_pattern_ops"}),
        partial_index(
            "orders_to_send", "digital", "paid_at", "id", condition="status = 'paid' AND fulfilled_at IS NULL"
        ),
    )

    @validates("buyer_tel")
    def _keep_tail(self, _name: str, tel: str) -> str:
        self.tel_tail = tel[-4:]
        return tel


class OrderLine(Base):
    """One product of an order, with the name and price that it had then."""

    __tablename__ = "order_lines"

    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"), index=True)
    product_id: Mapped[int] = mapped_column(ForeignKey("products.id"))
    name_ko: Mapped[str] = mapped_column(String(64))
    name_en: Mapped[str] = mapped_column(String(64))
    unit_price: Mapped[int]
    quantity: Mapped[int]
    product: Mapped[Product] = relationship()
