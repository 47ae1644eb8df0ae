"""Orders: placing one from the cart, reserving its stock, and its changes of state.

Prices come from our tables, never from the browser. A guarded UPDATE reserves the stock when the order is placed. The
stock is released when the order is cancelled or expires, and stays reserved when it is paid.
"""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any, cast

from sqlalchemy import CursorResult, Select, select, update
from sqlalchemy.orm import joinedload

from payments import clock
from payments.database import db, for_update
from payments.models import move
from payments.portone.kg_text import KG_NAME_BYTES, fit_bytes

from . import cart, delivery, messages
from .cart import EmptyCart, NotOnSale, OutOfStock
from .delivery import Buyer
from .models import Order, OrderLine, Product
from .order_numbers import free_number

# KG's approval number is valid for three minutes; this leaves time for a few tries.
PENDING_FOR = timedelta(minutes=30)


# --- placing --------------------------------------------------------------------------------------------------------


def place(user_id: int, buyer: Buyer) -> Order:
    """Turn the goods in the cart into a pending order with its stock reserved. Raises OrderError.

    Products that were taken off sale stay in the cart, and the rest is ordered.
    Checking out again with the same goods returns the same order; with other goods the old order is cancelled.
    Call inside a transaction().
    """
    cart.lock_buyer(user_id)
    items = cart.cart_items(user_id, "once")
    goods = [(item.product, item.quantity) for item in items if item.product.on_sale]
    if not goods:
        raise NotOnSale(*(item.product for item in items)) if items else EmptyCart
    return open_order(user_id, "once", goods, buyer)


def open_order(user_id: int, kind: str, goods: Sequence[tuple[Product, int]], buyer: Buyer) -> Order:
    """Return the buyer's one pending order of this kind, for these goods. Call inside a transaction()."""
    delivery.require_address(goods, buyer)
    pending = select(Order).filter_by(user_id=user_id, kind=kind, status="pending")
    # Locked, since a notification may be paying it at the same time.
    order = db.session.scalar(for_update(pending))
    if order and not _same_goods(order, goods):
        _lock_goods({line.product_id for line in order.lines} | {product.id for product, _ in goods})
        cancel_pending(order)
        order = None
    if order is None:
        order = _new_order(user_id, kind, goods)
    order.buyer_name, order.buyer_tel, order.buyer_email = buyer.name, buyer.tel, buyer.email
    delivery.keep(order, buyer)
    order.expires_at = clock.now() + PENDING_FOR
    db.session.add(order)
    return order


def _new_order(user_id: int, kind: str, goods: Sequence[tuple[Product, int]]) -> Order:
    for product, _ in goods:
        if not product.on_sale or product.kind != kind:
            raise NotOnSale(product)
    reserve(goods)
    lines = [
        OrderLine(
            product_id=product.id,
            name_ko=product.name_ko,
            name_en=product.name_en,
            unit_price=product.price,
            quantity=quantity,
        )
        for product, quantity in goods
    ]
    return Order(
        number=free_number(_is_taken),
        user_id=user_id,
        kind=kind,
        lines=lines,
        amount=sum(product.price * quantity for product, quantity in goods),
        digital=all(product.digital for product, _ in goods),
    )


def _is_taken(number: str) -> bool:
    return db.session.scalar(select(Order.id).where(Order.number == number)) is not None


def _same_goods(order: Order, goods: Iterable[tuple[Product, int]]) -> bool:
    ordered = {(line.product_id, line.unit_price, line.quantity) for line in order.lines}
    return ordered == {(product.id, product.price, quantity) for product, quantity in goods}


def _lock_goods(product_ids: Iterable[int]) -> None:
    """Lock the product rows before releasing and reserving stock."""
    db.session.scalars(_locked_goods(product_ids)).all()


def _locked_goods(product_ids: Iterable[int]) -> Select[tuple[Product]]:
    """Select products, locked in id order (prevents deadlocks)."""
    return for_update(select(Product).where(Product.id.in_(product_ids)).order_by(Product.id))


# --- stock ----------------------------------------------------------------------------------------------------------


def reserve(goods: Iterable[tuple[Product, int]]) -> None:
    """Reserve the stock of all products; raises OutOfStock, and the caller's rollback then reserves none."""
    for product, quantity in sorted(goods, key=lambda line: line[0].id):  # always in id order (prevents deadlocks)
        if product.stock is None:
            continue
        taken = db.session.execute(
            update(Product)
            .where(Product.id == product.id, Product.stock >= quantity)
            .values(stock=Product.stock - quantity)
        )
        if cast("CursorResult[Any]", taken).rowcount != 1:
            raise OutOfStock(product)


def give_back(order: Order) -> None:
    """Release the stock that an order had reserved."""
    for line in sorted(order.lines, key=lambda line: line.product_id):
        db.session.execute(
            update(Product)
            .where(Product.id == line.product_id, Product.stock.is_not(None))
            .values(stock=Product.stock + line.quantity)
        )


# --- changes of an order's state; call inside the payment's transaction -----------------------------------------------


def lock_goods_in_stock(order: Order) -> bool:
    """Lock the goods of an expired order; return whether its stock can be reserved again."""
    wanted = {line.product_id: line.quantity for line in order.lines}
    goods = db.session.scalars(_locked_goods(wanted)).all()
    return all(product.stock is None or product.stock >= wanted[product.id] for product in goods)


def pay(order: Order, merchant_uid: str) -> None:
    """Mark the order as paid by the payment `merchant_uid`; an expired one reserves its stock again.

    `lock_goods_in_stock` has made sure that there is enough.
    """
    if order.status == "expired":
        reserve([(line.product, line.quantity) for line in order.lines])
    if not move(Order, order.id, "paid", paid_at=clock.now(), paid_by=merchant_uid):
        raise RuntimeError(f"order {order.id} changed although it was locked")
    cart.take_bought(order)


def cancel_pending(order: Order) -> None:
    """Cancel a pending order and release its stock: the buyer changed the cart, or cancelled the order."""
    if order.status == "pending" and move(Order, order.id, "cancelled", cancelled_at=clock.now()):
        give_back(order)


def cancel_paid(order: Order, merchant_uid: str) -> bool:
    """Cancel the order that the cancelled payment `merchant_uid` had paid, and release its stock.

    False: that payment had not paid the order (a duplicate payment), so nothing happens.
    """
    if order.paid_by != merchant_uid or not move(Order, order.id, "cancelled", cancelled_at=clock.now()):
        return False
    give_back(order)
    return True


def expire(order: Order) -> bool:
    """Expire an order that was not paid in time, and release its stock. False: it is not pending, or not yet due."""
    return order.expires_at <= clock.now() and expire_unpaid(order)


def expire_unpaid(order: Order) -> bool:
    """Expire a pending order before its time: the buyer closed its payment window. False: it is not pending."""
    if order.status != "pending" or not move(Order, order.id, "expired"):
        return False
    give_back(order)
    return True


def fulfil(order: Order) -> bool:
    """Mark the order as used or shipped; from now on staff decide about a cancel. False: not paid, or marked before."""
    if order.status != "paid" or order.fulfilled_at:
        return False
    order.fulfilled_at = clock.now()
    return True


def open_content(order: Order) -> None:
    """Record that the buyer opens the digital content of a paid order; where nothing is shipped, that is its use."""
    order.content_opened_at = order.content_opened_at or clock.now()
    if order.digital:
        fulfil(order)


def request_cancel(order: Order, reason: str) -> bool:
    """Record the buyer's cancellation request for staff. False: the order is not paid, or has a request already."""
    if order.status != "paid" or order.cancel_wanted_at:
        return False
    order.cancel_wanted_at, order.cancel_wanted_reason = clock.now(), reason
    return True


def decline_cancel_request(order: Order, reason: str) -> bool:
    """Decline the buyer's cancellation request, so that the goods may be used again. False: there was none.

    The buyer is told, and reads `reason`.
    """
    if order.status != "paid" or order.cancel_wanted_at is None:
        return False
    order.cancel_wanted_at, order.cancel_wanted_reason = None, None
    order.cancel_declined_at, order.cancel_declined_reason = clock.now(), reason
    messages.cancel_declined(order)
    return True


def withdraw_cancel_request(order: Order) -> bool:
    """Take the buyer's cancellation request back, so that the goods may be used again. False: there was none."""
    if order.status != "paid" or order.cancel_wanted_at is None:
        return False
    order.cancel_wanted_at, order.cancel_wanted_reason = None, None
    return True


def begin_cancel_at_once(order: Order, reason: str) -> bool:
    """Mark the order of unused goods for a cancel, so that they cannot be used any more. False: staff have to decide.

    Call inside a transaction(), with the order locked.
    """
    if not may_cancel_at_once(order):
        return False
    order.cancel_wanted_at, order.cancel_wanted_reason = order.cancel_wanted_at or clock.now(), reason
    return True


def may_cancel_at_once(order: Order) -> bool:
    """Whether the buyer may cancel without asking staff: digital goods that were not used yet (청약철회)."""
    return order.status == "paid" and order.digital and order.fulfilled_at is None


# --- names ----------------------------------------------------------------------------------------------------------


def title(order: Order) -> str:
    """Return the order's name on the phone bill and in the payment window: `첫 상품 외 2건`, within KG's 30 bytes."""
    others = len(order.lines) - 1
    ending = f" 외 {others}건" if others else ""
    return fit_bytes(order.lines[0].name_ko, KG_NAME_BYTES - len(ending.encode("cp949"))) + ending


# --- queries --------------------------------------------------------------------------------------------------------


def orders_of(user_id: int) -> Sequence[Order]:
    """Return a buyer's latest hundred orders, newest first."""
    query = select(Order).where(Order.user_id == user_id).options(joinedload(Order.lines))
    return db.session.scalars(query.order_by(Order.id.desc()).limit(100)).unique().all()
