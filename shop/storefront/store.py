"""The product pages and the cart. `checkout.py` and `my_orders.py` add theirs to the same blueprint."""

from collections.abc import Set as AbstractSet
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import format_date
from flask_babel import gettext as _
from flask_login import current_user
from sqlalchemy import select
from werkzeug.wrappers import Response as AnyResponse

from payments import clock
from payments.database import db
from payments.monthly import charge_days, subscriptions
from shop.orders.buyer_input import with_hyphens
from shop.orders.cart import (
    NotOnSale,
    cart_items,
)
from shop.orders.models import CartItem, Order, Product
from shop.orders.order_payments import with_open_window
from shop.web import guest_cart, headers
from shop.web.common import login_required, settings
from shop.web.in_app import in_app_browser

from .cart_changes import put_in_cart

bp = Blueprint("store", __name__)

ADDRESS = ("addr", "postcode", "addr_detail", "recipient", "recipient_tel", "delivery_note")


@bp.get("/")
def index() -> str:
    """Show all products on sale."""
    on_sale = select(Product).filter_by(on_sale=True).order_by(Product.position)
    return render_template("store/index.html", products=db.session.scalars(on_sale).all())


@bp.get("/products/<slug>")
def product(slug: str) -> str:
    """Show one product."""
    found = db.session.scalar(select(Product).filter_by(slug=slug, on_sale=True)) or abort(404)
    return render_template("store/product.html", product=found, **_months_if_begun_today())


@bp.get("/cart")
@login_required
def cart() -> str:
    """Show the cart, with one pay button for the goods and one for each monthly plan."""
    goods, plans = (cart_items(current_user.id, kind) for kind in ("once", "monthly"))
    on_sale, plans_on_sale = ([item for item in items if item.product.on_sale] for items in (goods, plans))
    subscribed = subscriptions.plans_of(current_user.id) if plans else set()
    return render_template(
        "store/cart.html",
        goods=goods,
        plans=plans,
        goods_on_sale=on_sale,
        plans_on_sale=plans_on_sale,
        subscribed=subscribed,
        total=sum(item.product.price * item.quantity for item in on_sale),
        needs_address=any(not item.product.digital for item in on_sale),
        buyer=_last_buyer(),
        has_digital=any(item.product.digital for item in on_sale),
        payable=_payable(on_sale, plans_on_sale, subscribed),
        **_months_if_begun_today(),
        billing_available=settings().billing_available,
        watched=[url_for("store.order_state", order_id=each) for each in with_open_window(current_user.id)],
        in_app=in_app_browser(request.user_agent.string),
        sdk_url=headers.let_the_sdk_in(settings()),
    )


@bp.post("/cart/items")
def add_item() -> AnyResponse:
    """Put a product into the cart, for a visitor after signing in. 바로 구매 (`then=pay`) goes on to the order's form.

    It sees to it that as many lie in the cart as were chosen: pressed twice, it buys no more.
    """
    product_id, quantity = _whole_number("product_id"), _whole_number("quantity", default=1)
    if quantity == 0:
        abort(400)
    buys_now = request.form.get("then") == "pay"
    page = url_for("store.cart", _anchor="buyer" if buys_now else None)
    after_login = _("로그인하면 바로 결제할 수 있습니다.") if buys_now else _("로그인하면 장바구니에 담깁니다.")
    if not current_user.is_authenticated:
        if guest_cart.add(product_id, quantity, at_least=buys_now):
            flash(after_login, "info")
        else:
            flash(_("로그인하기 전에는 %(count)s가지까지 담을 수 있습니다.", count=guest_cart.MOST_PRODUCTS), "error")
        return redirect(url_for("account.login", next=page))
    if not _put_in_cart(product_id, quantity, add=not buys_now, at_least=buys_now):
        return redirect(url_for("store.cart"))  # to its beginning, where the page says what could not be done
    if not buys_now:
        flash(_("장바구니에 담았습니다."), "success")
    return redirect(page)


@bp.post("/cart/items/<int:product_id>")
@login_required
def change_item(product_id: int) -> AnyResponse:
    """Change a quantity in the cart; zero removes the product."""
    _put_in_cart(product_id, _whole_number("quantity"))
    return redirect(url_for("store.cart"))


def _last_buyer() -> dict[str, str]:
    """Return the buyer's data of the latest order and the address of the latest parcel, to fill in the form."""
    newest = select(Order).filter_by(user_id=current_user.id).order_by(Order.id.desc()).limit(1)
    latest = db.session.scalar(newest)
    if latest is None:
        return {"name": "", "tel": "", "email": current_user.email} | dict.fromkeys(ADDRESS, "")
    about = {"name": latest.buyer_name, "tel": with_hyphens(latest.buyer_tel), "email": latest.buyer_email}
    # An order of digital goods has no address.
    parcel = latest if latest.buyer_addr else db.session.scalar(newest.where(Order.buyer_addr.is_not(None)))
    return about | (_where(parcel) if parcel else dict.fromkeys(ADDRESS, ""))


def _where(parcel: Order) -> dict[str, str]:
    """Return where an order's goods go; a recipient only if it is not the buyer."""
    is_own = parcel.recipient in (None, parcel.buyer_name) and not parcel.recipient_tel
    return {
        "addr": parcel.buyer_addr or "",
        "postcode": parcel.buyer_postcode or "",
        "addr_detail": parcel.buyer_addr_detail or "",
        "recipient": "" if is_own else parcel.recipient or "",
        "recipient_tel": with_hyphens(parcel.recipient_tel or ""),
        "delivery_note": parcel.delivery_note or "",
    }


def _payable(goods: list[CartItem], plans: list[CartItem], subscribed: AbstractSet[str]) -> list[dict[str, Any]]:
    """Return the pay buttons of the cart by their ids, each with its amount."""
    total = sum(item.product.price * item.quantity for item in goods)
    free = [item for item in plans if settings().billing_available and str(item.product_id) not in subscribed]
    buttons = [{"button": f"pay-plan-{item.product_id}", "amount": item.product.price} for item in free]
    return [{"button": "pay-once", "amount": total}, *buttons] if goods else buttons


def _months_if_begun_today() -> dict[str, Any]:
    """Return on which day a plan that begins today is charged, and when next."""
    today = clock.today()
    return {"charge_day": today.day, "next_charge": format_date(charge_days.charge_day(today, today.day), "long")}


def _put_in_cart(product_id: int, quantity: int, *, add: bool = False, at_least: bool = False) -> bool:
    """Change the cart. False: not as requested, and the next page says why. 404: no such product."""
    try:
        return put_in_cart(current_user.id, product_id, quantity, add=add, at_least=at_least)
    except NotOnSale:
        abort(404)


def _whole_number(field: str, default: int | None = None) -> int:
    """Return a form field as a whole number that the database can store; 400 otherwise."""
    text = request.form.get(field, "")
    if not text and default is not None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        abort(400)
    return int(text)
