"""Pages of the shop: products, cart, checkout and orders."""

from typing import Any

from flask import Blueprint, Response, abort, flash, jsonify, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_login import current_user
from sqlalchemy import select
from werkzeug.wrappers import Response as AnyResponse

from payments import cancellations, clock
from payments.attempts import AlreadyPaid, EarlierUnknown, PurchaseClosed, look_up_earlier_attempts
from payments.cancel import cancel_payment
from payments.database import db, find_locked, for_update, locked, transaction
from payments.decision import refusal_to_cancel
from payments.events import Notification, log_event
from payments.models import Payment
from payments.monthly import AlreadySubscribed, subscriptions
from payments.portone.report import ProviderError
from payments.portone.request_pay import request_pay
from shop.orders import order_payments, orders, plans
from shop.orders.cart import (
    CartChanged,
    EmptyCart,
    InvalidBuyer,
    NotOnSale,
    OrderError,
    OutOfStock,
    cart_items,
)
from shop.orders.cart import off_sale as off_sale_in_cart
from shop.orders.models import Order, Product
from shop.orders.orders import Buyer
from shop.web import guest_cart, headers
from shop.web.common import given_reason, local, login_required, off_sale, provider, refuse, settings
from shop.web.labels import field_label, label

from . import rate_limits
from .cart_changes import put_in_cart

bp = Blueprint("store", __name__)

LONGEST_REASON = 100


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
        sdk_url=headers.let_the_sdk_in(settings()),
    )


@bp.post("/cart/items")
def add_item() -> AnyResponse:
    """Put a product into the cart; for a visitor, after signing in."""
    product_id, quantity = _whole_number("product_id"), _whole_number("quantity", default=1)
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


@bp.post("/checkout")
def checkout() -> Response | tuple[Response, int]:
    """Create order and payment at our prices and return the arguments of `IMP.request_pay`."""
    if not current_user.is_authenticated:
        return refuse(401, "login_required", _("로그인이 필요합니다."))
    rate_limits.check_checkout(current_user.get_id())
    asked = request.get_json()
    if not isinstance(asked, dict) or asked.get("kind") not in ("once", "monthly"):
        return refuse(400, "kind", _("무엇을 결제하시는지 알 수 없습니다."))
    if asked["kind"] == "monthly" and not settings().billing_available:
        return refuse(409, "billing_unavailable", _("정기결제 계약이 설정되지 않아 구독을 시작할 수 없습니다."))
    consent = {"consent": "given"} if asked.get("consent") is True else {}
    try:
        buyer = _checked_buyer(asked)
        earlier = order_payments.recent_orders(current_user.id, asked["kind"])
        look_up_earlier_attempts(provider(), order_payments.PAYMENT_KINDS[asked["kind"]], earlier)
        order = _place_order(asked, buyer)
        payment = order_payments.start(provider(), order, buyer, consent)
    except (OrderError, AlreadySubscribed) as error:
        return _refused_order(error)
    except PurchaseClosed:  # a notification paid it, or the sweep let it expire, in this moment
        return refuse(409, "order_closed", _("그사이 주문이 끝났습니다. 주문 내역을 확인해 주세요."))
    except AlreadyPaid as found:
        page = url_for("store.order", order_id=int(found.payment.purchase_id))
        message = _("방금 결제된 것을 찾았습니다. 다시 결제하지 않으셔도 됩니다.")
        return refuse(409, "already_paid", message, redirect=page)
    except EarlierUnknown:
        message = _("앞서 여신 결제의 결과를 확인하지 못해 결제창을 열지 않았습니다. 잠시 후 다시 눌러 주세요.")
        return refuse(503, "earlier_unknown", message)
    except ProviderError:
        return refuse(503, "provider", _("결제사와 연결되지 않아 결제창을 열지 않았습니다. 잠시 후 다시 눌러 주세요."))
    return jsonify(
        merchant_uid=payment.merchant_uid,
        imp_code=settings().imp_code,
        request_pay=request_pay(settings(), payment, buyer, digital=order.digital),
    )


def _checked_buyer(asked: dict[str, Any]) -> Buyer:
    """Return the buyer's data from the request. Raises InvalidBuyer."""
    fields = ("buyer_name", "buyer_tel", "buyer_email", "buyer_addr", "buyer_postcode")
    return Buyer.checked(*(str(asked.get(field) or "") for field in fields))


def _place_order(asked: dict[str, Any], buyer: Buyer) -> Order:
    """Place the order and commit it. Raises OrderError, AlreadySubscribed.

    `total_seen`, which our page sends, is the total that the buyer agreed to (won). It is compared and never charged:
    if another tab has changed the cart meanwhile, nothing is ordered.
    """
    user_id = current_user.id  # read before: inside, the session's own row of the user would need a second connection
    with transaction():
        if asked["kind"] == "once":
            order = orders.place(user_id, buyer)
        else:
            plan_id = asked.get("product_id")
            order = plans.place(user_id, plan_id if isinstance(plan_id, int) else 0, buyer)
        if asked.get("total_seen", order.amount) != order.amount:
            raise CartChanged(order.kind)
        return order


def _refused_order(error: OrderError | AlreadySubscribed) -> tuple[Response, int]:
    """Explain in the reader's language why the order cannot be placed."""
    match error:
        case InvalidBuyer():
            fields = {name: field_label(wrong) for name, wrong in error.fields.items()}
            return refuse(400, "invalid", _("입력하신 내용을 확인해 주세요."), fields=fields)
        case EmptyCart():
            return refuse(409, "empty_cart", _("장바구니가 비어 있습니다."))
        case OutOfStock():
            return refuse(409, "out_of_stock", _("재고가 부족합니다: %(name)s", name=local(error.product, "name")))
        case AlreadySubscribed():
            return refuse(409, "already_subscribed", _("이미 이용 중인 구독입니다."))
        case CartChanged():
            changed = _("그사이 장바구니가 바뀌어 결제창을 열지 않았습니다. 바뀐 금액을 확인하고 다시 눌러 주세요.")
            gone = off_sale_in_cart(current_user.id, error.kind)
            return refuse(409, "cart_changed", f"{changed} {off_sale(gone)}" if gone else changed)
        case NotOnSale() if error.products:
            return refuse(409, "not_on_sale", off_sale(error.products))
        case _:
            return refuse(409, "not_on_sale", _("판매하지 않는 상품입니다."))


@bp.get("/orders")
@login_required
def my_orders() -> str:
    """Show the buyer's orders."""
    return render_template("store/orders.html", orders=orders.orders_of(current_user.id))


@bp.get("/orders/<int:order_id>")
@login_required
def order(order_id: int) -> str:
    """Show an order and its payments, to its owner only."""
    found = _own_order(order_id, current_user.id)
    attempts = order_payments.payments_of(found)
    payment = _payment_that_matters(found)
    return render_template(
        "store/order.html",
        order=found,
        payments=attempts,
        payment=payment,
        subscription=subscriptions.subscription_of(found),
        why_not_cancel=refusal_to_cancel(payment, clock.now()) if payment else "not_paid",
        at_once=orders.may_cancel_at_once(found),
        cancel_requested=cancellations.is_requested(payment) if payment else False,
    )


@bp.post("/orders/<int:order_id>/cancel")
@login_required
def cancel_order(order_id: int) -> AnyResponse:
    """Cancel unused digital goods at once; for anything else, file a cancellation request for staff to decide."""
    user_id = current_user.id
    found = _own_order(order_id, user_id)
    reason = given_reason()[:LONGEST_REASON]
    payment = _payment_that_matters(found)
    refusal = refusal_to_cancel(payment, clock.now()) if payment else "not_paid"
    if found.status != "paid" or payment is None or refusal in ("not_paid", "already"):
        flash(label("cancel", refusal or "not_paid"), "error")
    elif not reason:
        flash(_("취소하시는 이유를 적어 주세요."), "error")
    elif refusal is None and _begin_cancel_at_once(order_id, user_id, reason):
        notification = Notification(
            "buyer", merchant_uid=payment.merchant_uid, actor=current_user.email, address=request.remote_addr
        )
        result = cancel_payment(provider(), payment.id, reason, notification)
        flash(label("cancel", result.reason), "success" if result.outcome == "cancelled" else "error")
    else:
        _ask_a_person(order_id, payment.id, reason)
    return redirect(url_for("store.order", order_id=order_id))


@bp.post("/orders/<int:order_id>/use")
@login_required
def use_order(order_id: int) -> AnyResponse:
    """Mark digital goods as used; from then on staff decide about a cancel, which the page says beforehand."""
    user_id = current_user.id
    with transaction():
        found = _own_order(order_id, user_id, lock=True)
        payers = select(Payment).filter_by(merchant_uid=found.paid_by)
        payer = db.session.scalar(for_update(payers))
        going_back = payer is None or cancellations.is_requested(payer) or payer.held_reason or found.cancel_wanted_at
        if going_back or found.kind != "once" or not found.digital or not orders.fulfil(found):
            abort(409)
    flash(_("이용을 시작했습니다. 즐겁게 쓰세요."), "success")
    return redirect(url_for("store.order", order_id=order_id))


def _begin_cancel_at_once(order_id: int, user_id: int, reason: str) -> bool:
    with transaction():  # the lock orders this against a concurrent `use_order`
        return orders.begin_cancel_at_once(_own_order(order_id, user_id, lock=True), reason)


def _own_order(order_id: int, user_id: int, *, lock: bool = False) -> Order:
    """Return the buyer's own order; 404 for a missing one and for somebody else's."""
    found = find_locked(Order, order_id) if lock else db.session.get(Order, order_id)
    if found is None or found.user_id != user_id:
        abort(404)
    return found


def _ask_a_person(order_id: int, payment_id: int, reason: str) -> None:
    notification = Notification("buyer", actor=current_user.email, address=request.remote_addr)
    with transaction():
        if orders.want_cancel(locked(Order, order_id), reason):
            log_event(notification, "wanted", reason, db.session.get_one(Payment, payment_id))
    flash(_("취소를 신청했습니다. 판매자가 확인한 뒤 알려 드립니다."), "success")


def _payment_that_matters(order: Order) -> Payment | None:
    """Return the attempt that paid the order, else one for which money came in, else the newest.

    A duplicate payment that was cancelled automatically must not hide the one that paid.
    """
    attempts = order_payments.payments_of(order)
    payer = [payment for payment in attempts if payment.merchant_uid == order.paid_by]
    with_money = [payment for payment in attempts if payment.status in ("paid", "cancelled") or payment.held_reason]
    return next(iter([*payer, *with_money, *attempts]), None)


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
