"""The checkout: place the order, open an attempt to pay it, return the parameters of `IMP.request_pay`."""

from dataclasses import replace
from typing import Any

from flask import Response, jsonify, request, url_for
from flask_babel import gettext as _
from flask_login import current_user

from payments.attempts import AlreadyPaid, EarlierUnknown, PurchaseClosed, look_up_earlier_attempts
from payments.database import transaction
from payments.monthly import AlreadySubscribed
from payments.portone.report import ProviderError
from payments.portone.request_pay import request_pay
from shop.orders import order_payments, orders, plans
from shop.orders.cart import CartChanged, EmptyCart, InvalidBuyer, NotOnSale, OrderError, OutOfStock
from shop.orders.cart import off_sale as off_sale_in_cart
from shop.orders.delivery import CHECKS as DELIVERY_FIELDS
from shop.orders.delivery import Buyer
from shop.orders.models import Order
from shop.web.common import language, local, off_sale, provider, refuse, settings
from shop.web.in_app import takes_confirm_url
from shop.web.labels import field_label

from . import rate_limits
from .store import bp


@bp.post("/checkout")
def checkout() -> Response | tuple[Response, int]:
    """Create order and payment at our prices and return the arguments of `IMP.request_pay`."""
    if not current_user.is_authenticated:
        return refuse(401, "login_required", _("로그인이 필요합니다."))
    user_id = current_user.id
    rate_limits.check_checkout(str(user_id))
    asked = request.get_json()
    if not isinstance(asked, dict) or asked.get("kind") not in ("once", "monthly"):
        return refuse(400, "kind", _("무엇을 결제하시는지 알 수 없습니다."))
    if asked["kind"] == "monthly" and not settings().billing_available:
        return refuse(409, "billing_unavailable", _("지금은 구독을 시작할 수 없습니다. 상점에 문의해 주세요."))
    consent = {"consent": "given"} if asked.get("consent") is True else {}
    try:
        buyer = _checked_buyer(asked)
        earlier = order_payments.orders_with_ready_attempt(user_id, asked["kind"])
        look_up_earlier_attempts(provider(), order_payments.PAYMENT_KINDS[asked["kind"]], earlier)
        order = _place_order(user_id, asked, buyer)
        payment = order_payments.start(provider(), order, buyer, consent)
    except (OrderError, AlreadySubscribed) as error:
        return _paid_meanwhile(error, asked["kind"]) or _refused_order(error, has_seen_total="total_seen" in asked)
    except PurchaseClosed:  # a notification paid it, or the sweep let it expire, in this moment
        return refuse(409, "order_closed", _("그사이 주문이 끝났습니다. 주문 내역을 확인해 주세요."))
    except AlreadyPaid as found:
        return _already_paid(int(found.payment.purchase_id))
    except EarlierUnknown:
        message = _("앞서 여신 결제의 결과를 확인하지 못해 결제창을 열지 않았습니다. 잠시 후 다시 눌러 주세요.")
        return refuse(503, "earlier_unknown", message)
    except ProviderError:
        return refuse(503, "provider", _("결제사와 연결되지 않아 결제창을 열지 않았습니다. 잠시 후 다시 눌러 주세요."))
    if order.digital:  # the page's one form also holds the address of the goods in the cart
        buyer = replace(buyer, addr=None, postcode=None)
    arguments = request_pay(settings(), payment, buyer, digital=order.digital)
    if not takes_confirm_url(request.user_agent.string):
        del arguments["confirm_url"]
    return jsonify(
        merchant_uid=payment.merchant_uid,
        imp_code=settings().imp_code,
        request_pay=arguments,
        state_url=url_for("store.order_state", order_id=order.id),
    )


def _checked_buyer(asked: dict[str, Any]) -> Buyer:
    """Return the buyer's data from the request. Raises InvalidBuyer."""
    fields = ("buyer_name", "buyer_tel", "buyer_email", "buyer_addr", "buyer_postcode")
    delivery = {field: str(asked.get(field) or "") for field in DELIVERY_FIELDS}
    return Buyer.checked(*(str(asked.get(field) or "") for field in fields), **delivery)


def _place_order(user_id: int, asked: dict[str, Any], buyer: Buyer) -> Order:
    """Place the order and commit it. Raises OrderError, AlreadySubscribed.

    `total_seen`, which our page sends, is the total that the buyer agreed to (won). It is compared and never charged:
    if another tab has changed the cart meanwhile, nothing is ordered.
    """
    with transaction():
        if asked["kind"] == "once":
            order = orders.place(user_id, buyer)
        else:
            plan_id = asked.get("product_id")
            order = plans.place(user_id, plan_id if isinstance(plan_id, int) else 0, buyer)
        order.language = language()
        if asked.get("total_seen", order.amount) != order.amount:
            raise CartChanged(order.kind)
        return order


def _already_paid(order_id: int) -> tuple[Response, int]:
    message = _("방금 결제된 것을 찾았습니다. 다시 결제하지 않으셔도 됩니다.")
    return refuse(409, "already_paid", message, redirect=url_for("store.order", order_id=order_id))


def _paid_meanwhile(error: OrderError | AlreadySubscribed, kind: str) -> tuple[Response, int] | None:
    """Return the refusal that leads to the order, if what this page still shows was paid a moment ago."""
    order = (
        order_payments.just_paid(current_user.id, kind) if isinstance(error, EmptyCart | AlreadySubscribed) else None
    )
    return _already_paid(order.id) if order else None


def _refused_order(error: OrderError | AlreadySubscribed, *, has_seen_total: bool) -> tuple[Response, int]:
    """Explain in the reader's language why the order cannot be placed."""
    if isinstance(error, EmptyCart) and has_seen_total:  # the page shows a full cart
        error = CartChanged("once")
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
