"""The product pages and the cart. `checkout.py` and `my_orders.py` add theirs to the same blueprint."""

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_login import current_user
from sqlalchemy import select
from werkzeug.wrappers import Response as AnyResponse

from payments import clock
from payments.database import db
from payments.monthly import subscriptions
from shop.orders.cart import (
    NotOnSale,
    cart_items,
)
from shop.orders.models import Order, Product
from shop.orders.order_payments import with_open_window
from shop.web import guest_cart, headers
from shop.web.common import login_required, settings
from shop.web.in_app import in_app_browser

from .cart_changes import put_in_cart

bp = Blueprint("store", __name__)


@bp.get("/")
def index() -> str:
    """Show all products on sale."""
    on_sale = select(Product).filter_by(on_sale=True).order_by(Product.position)
    return render_template("store/index.html", products=db.session.scalars(on_sale).all())


@bp.get("/products/<slug>")
def product(slug: str) -> str:
    """Show one product."""
    found = db.session.scalar(select(Product).filter_by(slug=slug, on_sale=True)) or abort(404)
    return render_template("store/product.html", product=found)


@bp.get("/cart")
@login_required
def cart() -> str:
    """Show the cart, with one pay button for the goods and one for each monthly plan."""
    goods, plans = (cart_items(current_user.id, kind) for kind in ("once", "monthly"))
    on_sale = [item for item in goods if item.product.on_sale]
    return render_template(
        "store/cart.html",
        goods=goods,
        plans=plans,
        goods_on_sale=on_sale,
        plans_on_sale=[item for item in plans if item.product.on_sale],
        subscribed=subscriptions.plans_of(current_user.id) if plans else (),
        total=sum(item.product.price * item.quantity for item in on_sale),
        needs_address=any(not item.product.digital for item in on_sale),
        buyer=_last_buyer(),
        withdrawal_limited=any(item.product.digital for item in on_sale),
        charge_day=clock.today().day,  # if the first month is paid today
        billing_available=settings().billing_available,
        watched=[url_for("store.order_state", order_id=each) for each in with_open_window(current_user.id)],
        in_app=in_app_browser(request.user_agent.string),
        sdk_url=headers.let_the_sdk_in(settings()),
    )


@bp.post("/cart/items")
def add_item() -> AnyResponse:
    """Put a product into the cart; for a visitor, after signing in."""
    product_id, quantity = _whole_number("product_id"), _whole_number("quantity", default=1)
    if quantity == 0:
        abort(400)
    if not current_user.is_authenticated:
        if guest_cart.add(product_id, quantity):
            flash(_("로그인하면 장바구니에 담깁니다."), "info")
        else:
            flash(_("로그인하기 전에는 %(count)s가지까지 담을 수 있습니다.", count=guest_cart.MOST_PRODUCTS), "error")
        return redirect(url_for("account.login", next=url_for("store.cart")))
    if _put_in_cart(product_id, quantity, add=True):
        flash(_("장바구니에 담았습니다."), "success")
    return redirect(url_for("store.cart"))


@bp.post("/cart/items/<int:product_id>")
@login_required
def change_item(product_id: int) -> AnyResponse:
    """Change a quantity in the cart; zero removes the product."""
    _put_in_cart(product_id, _whole_number("quantity"))
    return redirect(url_for("store.cart"))


def _last_buyer() -> dict[str, str]:
    """Return the buyer's data of the latest order, to fill in the form."""
    latest = db.session.scalar(select(Order).filter_by(user_id=current_user.id).order_by(Order.id.desc()).limit(1))
    if latest is None:
        return {"name": "", "tel": "", "email": current_user.email, "addr": "", "postcode": ""}
    return {
        "name": latest.buyer_name,
        "tel": latest.buyer_tel,
        "email": latest.buyer_email,
        "addr": latest.buyer_addr or "",
        "postcode": latest.buyer_postcode or "",
    }


def _put_in_cart(product_id: int, quantity: int, *, add: bool = False) -> bool:
    """Change the cart. False: not as requested, and the next page says why. 404: no such product."""
    try:
        return put_in_cart(current_user.id, product_id, quantity, add=add)
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
