"""The cart of a signed-in buyer, stored in the database."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ScalarSelect, and_, bindparam, delete, func, select, update
from sqlalchemy.orm import contains_eager

from payments.database import db, transaction
from payments.models import table_of

from .models import CartItem, Order, OrderLine, Product, User

MOST_PER_LINE = 20


class OrderError(Exception):
    """The cart cannot become an order.

    OrderError
    ├── EmptyCart        nothing to buy
    ├── OutOfStock       `product` has less stock than requested
    ├── InvalidBuyer     `fields`: field name → what is wrong with it (a message key)
    ├── NotOnSale        `products` were taken off sale; if empty, there is no such product, or not of this kind
    └── CartChanged      the total differs from the one that the buyer agreed to; `kind` is the order's kind
    """


class EmptyCart(OrderError):
    pass


class NotOnSale(OrderError):
    def __init__(self, *products: Product) -> None:
        super().__init__(", ".join(product.slug for product in products))
        self.products = products


class CartChanged(OrderError):
    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


class OutOfStock(OrderError):
    def __init__(self, product: Product) -> None:
        super().__init__(product.slug)
        self.product = product


class InvalidBuyer(OrderError):
    def __init__(self, fields: dict[str, str]) -> None:
        super().__init__(", ".join(fields))
        self.fields = fields


# Queries of every purchase, built once when this file is imported.
CART = (
    select(CartItem)
    .join(CartItem.product)
    .options(contains_eager(CartItem.product))
    .where(CartItem.user_id == bindparam("user_id"), Product.kind == bindparam("kind"))
    .order_by(CartItem.id)
)
PRODUCT_AND_LINE = (
    select(Product, CartItem)
    .outerjoin(CartItem, and_(CartItem.product_id == Product.id, CartItem.user_id == bindparam("user_id")))
    .where(Product.id == bindparam("product_id"))
)
LOCKED_BUYER = select(User.id).where(User.id == bindparam("user_id")).with_for_update()
LOCKED_ORDERS = (
    select(Order.id)
    .where(Order.user_id == bindparam("user_id"), Order.status == "pending")
    .order_by(Order.id)
    .with_for_update()
)


def cart_items(user_id: int, kind: str) -> Sequence[CartItem]:
    """Return the items of one kind (`once` or `monthly`) in a buyer's cart with their products, oldest first."""
    return db.session.scalars(CART, {"user_id": user_id, "kind": kind}).all()


def off_sale(user_id: int, kind: str) -> list[Product]:
    """Return the products in a buyer's cart that were taken off sale; they are shown there and never ordered."""
    return [item.product for item in cart_items(user_id, kind) if not item.product.on_sale]


def lines_in_cart_of(user_id: Any) -> ScalarSelect[int]:
    """Return a subquery that counts the items in a buyer's cart."""
    lines = table_of(CartItem).c
    return select(func.count(lines.id)).where(lines.user_id == user_id).scalar_subquery()


def put_in_cart(user_id: int, product_id: int, quantity: int, *, add: bool = False) -> None:
    """Set (or with `add`, raise) the quantity of a product in the cart; zero removes it.

    Raises NotOnSale when the quantity of a product that is not on sale would rise; lowering it is always possible.
    """
    with transaction():
        lock_buyer(user_id)
        found = db.session.execute(PRODUCT_AND_LINE, {"user_id": user_id, "product_id": product_id}).first()
        product, item = found or (None, None)
        held = item.quantity if item else 0
        wanted = held + quantity if add else quantity
        wanted = min(wanted, 1 if product and product.kind == "monthly" else MOST_PER_LINE)
        if wanted > held and not (product and product.on_sale):
            raise NotOnSale(*([product] if product else []))
        if wanted < 1 and item:
            db.session.delete(item)
        elif item:
            item.quantity = wanted
        elif wanted >= 1:
            db.session.add(CartItem(user_id=user_id, product_id=product_id, quantity=wanted))


def lock_buyer(user_id: int) -> None:
    """Lock a buyer and their pending orders, so that checkouts and cart changes of one buyer run one at a time.

    A payment of a pending order removes its products from the cart, so it must not overlap either. (With SQLite the
    write lock is enough.)
    """
    for question in (LOCKED_BUYER, LOCKED_ORDERS):
        db.session.execute(question, {"user_id": user_id})


# --- when an order is paid --------------------------------------------------------------------------------------------

_cart, _lines = table_of(CartItem), table_of(OrderLine)
_BOUGHT = (
    select(_lines.c.quantity)
    .where(_lines.c.order_id == bindparam("order"), _lines.c.product_id == _cart.c.product_id)
    .scalar_subquery()
)
TAKE_ALL = delete(_cart).where(_cart.c.user_id == bindparam("buyer"), _cart.c.quantity <= _BOUGHT)
TAKE_SOME = (
    update(_cart)
    .where(_cart.c.user_id == bindparam("buyer"), _cart.c.quantity > _BOUGHT)
    .values(quantity=_cart.c.quantity - _BOUGHT)
)


def take_bought(order: Order) -> None:
    """Remove what was bought from the cart; what was added meanwhile stays."""
    for statement in (TAKE_ALL, TAKE_SOME):
        db.session.execute(statement, {"order": order.id, "buyer": order.user_id})
