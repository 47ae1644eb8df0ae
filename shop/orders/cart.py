"""The cart of a signed-in buyer, stored in the database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import CursorResult, and_, delete, func, select, update
from sqlalchemy.orm import contains_eager

from payments.database import db, for_update, transaction

from .buyer_input import InvalidText
from .models import CartItem, Order, OrderLine, Product, User

MOST_PER_LINE = 20


@dataclass(frozen=True)
class Limit:
    """At most `most` of a product may lie in a cart. `reason`: `stock`, `per_line`, or `plan` (one of each)."""

    product: Product
    most: int
    reason: str


class OrderError(Exception):
    """The cart cannot become an order.

    OrderError
    ├── EmptyCart        nothing to buy
    ├── OutOfStock       `product` has less stock than requested
    ├── InvalidBuyer     `fields`: field name → what is wrong with it
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
    def __init__(self, fields: Mapping[str, InvalidText]) -> None:
        super().__init__(", ".join(fields))
        self.fields = fields


def cart_items(user_id: int, kind: str) -> Sequence[CartItem]:
    """Return the items of one kind (`once` or `monthly`) in a buyer's cart with their products, oldest first."""
    items = select(CartItem).join(CartItem.product).options(contains_eager(CartItem.product))
    items = items.where(CartItem.user_id == user_id, Product.kind == kind).order_by(CartItem.id)
    return db.session.scalars(items).all()


def count_items(user_id: int) -> int:
    """Return the number of items in a buyer's cart."""
    return db.session.scalar(select(func.count(CartItem.id)).where(CartItem.user_id == user_id)) or 0


def off_sale(user_id: int, kind: str) -> list[Product]:
    """Return the products in a buyer's cart that were taken off sale; they are shown there and never ordered."""
    return [item.product for item in cart_items(user_id, kind) if not item.product.on_sale]


def put_in_cart(
    user_id: int, product_id: int, quantity: int, *, add: bool = False, at_least: bool = False
) -> Limit | None:
    """Set the quantity of a product in the cart; zero removes it. `add` raises it, `at_least` does not lower it.

    A quantity above the limit is lowered to it, and the limit returned. What is sold out stays in the cart as it was.
    Raises NotOnSale when the quantity of a product that is not on sale would rise; lowering it is always possible.
    """
    with transaction():
        lock_buyer(user_id)
        product, item = _product_and_item(user_id, product_id)
        held = item.quantity if item else 0
        wanted = held + quantity if add else max(held, quantity) if at_least else quantity
        if wanted > held and not (product and product.on_sale):
            raise NotOnSale(*([product] if product else []))
        limit = _limit(user_id, product) if product and wanted > 0 else None
        if limit and wanted > limit.most:
            wanted = limit.most or min(wanted, held)
        else:
            limit = None
        if wanted < 1 and item:
            db.session.delete(item)
        elif item:
            item.quantity = wanted
        elif wanted >= 1:
            db.session.add(CartItem(user_id=user_id, product_id=product_id, quantity=wanted))
    return limit


def _product_and_item(user_id: int, product_id: int) -> tuple[Product | None, CartItem | None]:
    """Return a product and the line of it in the buyer's cart, as far as there are any."""
    of_buyer = and_(CartItem.product_id == Product.id, CartItem.user_id == user_id)
    query = select(Product, CartItem).outerjoin(CartItem, of_buyer).where(Product.id == product_id)
    found = db.session.execute(query).first()
    return (found[0], found[1]) if found else (None, None)


def _limit(user_id: int, product: Product) -> Limit:
    if product.kind == "monthly":
        return Limit(product, 1, "plan")
    reserved = select(func.sum(OrderLine.quantity)).join(Order, Order.id == OrderLine.order_id)
    reserved = reserved.where(Order.user_id == user_id, Order.status == "pending", OrderLine.product_id == product.id)
    in_stock = MOST_PER_LINE if product.stock is None else product.stock + (db.session.scalar(reserved) or 0)
    return Limit(product, in_stock, "stock") if in_stock < MOST_PER_LINE else Limit(product, MOST_PER_LINE, "per_line")


def lock_buyer(user_id: int) -> None:
    """Lock a buyer and their pending orders, so that checkouts and cart changes of one buyer run one at a time.

    A payment of a pending order removes its products from the cart, so it must not overlap either. On SQLite the
    transaction itself is the lock.
    """
    if db.engine.dialect.name == "sqlite":
        return
    db.session.execute(for_update(select(User.id).where(User.id == user_id)))
    pending = select(Order.id).where(Order.user_id == user_id, Order.status == "pending")
    db.session.execute(for_update(pending.order_by(Order.id)))


# --- when an order is paid --------------------------------------------------------------------------------------------


def take_bought(order: Order) -> None:
    """Remove what was bought from the cart; what was added meanwhile stays."""
    for line in sorted(order.lines, key=lambda line: line.product_id):  # always in id order (prevents deadlocks)
        in_cart = (CartItem.user_id == order.user_id, CartItem.product_id == line.product_id)
        removed = db.session.execute(delete(CartItem).where(*in_cart, CartItem.quantity <= line.quantity))
        if cast("CursorResult[Any]", removed).rowcount == 0:  # more of it is in the cart, or nothing
            db.session.execute(update(CartItem).where(*in_cart).values(quantity=CartItem.quantity - line.quantity))
