"""Stories of the demo, played by one press: a purchase goes wrong in the sandbox, and the shop puts it right.

Each is played over HTTP by a buyer of its own, with the shop's own addresses and the sandbox's controls, and leads to
the page where the result is seen.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import requests
from flask import Blueprint, Flask, abort, current_app, flash, redirect, session, url_for
from flask_babel import LazyString
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user, login_user
from sqlalchemy import or_, select
from werkzeug.wrappers import Response as AnyResponse

from payments.database import db, end_reading
from payments.models import Payment
from payments.monthly.models import Subscription
from shop.orders.models import Product, User
from shop.storefront import account, cart_changes, rate_limits
from shop.web import guest_cart
from shop.web.common import settings

from . import journey
from .visitor import Stopped, Visitor

bp = Blueprint("demo_stories", __name__, url_prefix="/demo/stories")

WINDOW_GONE, ALL_LOST, LIMIT_FROM_SECOND_MONTH = "01000007001", "01000007003", "01000006031"
USUAL_PHONE = "01000001234"


@dataclass(frozen=True)
class Story:
    """`play` returns the `merchant_uid` of the payment that it is about; `look_at`: what to look at on its page."""

    play: Callable[[Visitor], str]
    title: LazyString
    about: LazyString
    look_at: LazyString
    page: str  # an endpoint
    moves_clock: bool = False


def window_gone(visitor: Visitor) -> str:
    """Pay in a window that vanishes before the page hears of it; only the webhook arrives."""
    visitor.put_in_cart(_product("once"))
    asked = visitor.check_out("once", WINDOW_GONE)
    visitor.wait_for_webhook(visitor.pay(asked, WINDOW_GONE))
    return str(asked["merchant_uid"])


def second_month_declined(visitor: Visitor) -> str:
    """Subscribe, then go to the next charge day, when the phone is over its limit."""
    asked = visitor.check_out("monthly", LIMIT_FROM_SECOND_MONTH, product_id=_product("monthly"))
    visitor.come_back(visitor.pay(asked, LIMIT_FROM_SECOND_MONTH), asked)
    subscription = db.session.scalar(select(Subscription).filter_by(customer_uid=asked["customer_uid"]))
    due = subscription.next_charge_on if subscription else None
    end_reading()
    if subscription is None or due is None:
        raise Stopped("the subscription has not begun")
    journey.go_to(journey.morning_of(due))
    later = select(Payment.merchant_uid).filter_by(purchase_id=str(subscription.id), period=f"{due:%Y-%m}")
    declined = db.session.scalar(later.where(Payment.status == "failed"))
    end_reading()
    if declined is None:
        raise Stopped("the second month was not declined")
    return declined


def paid_twice(visitor: Visitor) -> str:
    """Press the button in two tabs and pay in both windows; the first one's answer is lost."""
    visitor.put_in_cart(_product("once"))
    first, second = (visitor.check_out("once", USUAL_PHONE) for _tab in range(2))
    lost = visitor.pay(first, ALL_LOST)
    visitor.come_back(visitor.pay(second, USUAL_PHONE), second)
    visitor.come_back(lost, first)
    return str(first["merchant_uid"])


STORIES = {
    "window-gone": Story(
        window_gone,
        _l("창이 사라진 결제"),
        _l("승인된 뒤 결제창이 사라져, 브라우저는 결과를 받지 못합니다."),
        _l("결제창은 사라졌지만, 웹훅을 받은 상점이 조회해 결제를 마쳤습니다. 콜백 없이 웹훅만 온 것을 보세요."),
        "store.order",
    ),
    "second-month-declined": Story(
        second_month_declined,
        _l("한도 초과된 둘째 달"),
        _l("구독한 뒤 시계가 다음 결제일로 가고, 그달의 결제가 한도 초과로 거절됩니다."),
        _l("둘째 달 결제가 한도 초과로 거절되어 결제 지연이 되었습니다. 거절된 이유와 다시 시도하는 때를 보세요."),
        "account.subscriptions",
        moves_clock=True,
    ),
    "paid-twice": Story(
        paid_twice,
        _l("두 번 누른 결제"),
        _l("두 탭에서 결제 단추를 누르고 두 창에서 모두 결제합니다."),
        _l("한 주문이 두 번 결제되어, 나중에 알려진 결제는 저절로 취소되었습니다. 아래 결제 시도 두 건을 보세요."),
        "store.order",
    ),
}


def install(app: Flask, http: requests.Session) -> None:
    """Add the stories' address, and what the bar above every page shows."""
    app.extensions["story_http"] = http
    app.extensions["stories_one_at_a_time"] = threading.Lock()
    app.register_blueprint(bp)
    app.jinja_env.globals["demo_stories"] = offered


def offered() -> dict[str, Story]:
    """Return the stories that visitors of this demo may play."""
    return {name: story for name, story in STORIES.items() if settings().demo_clock or not story.moves_clock}


@bp.post("/<story>")
def play(story: str) -> AnyResponse:
    """Play a story, and show where it led to: to staff in the back office, to anybody else as its buyer."""
    found = offered().get(story) or abort(404)
    rate_limits.check_sign_up()  # it opens an account
    end_reading()
    visitor = Visitor(current_app.extensions["story_http"], settings())
    try:
        with current_app.extensions["stories_one_at_a_time"]:
            account.create_user(visitor.email, visitor.password)
            visitor.sign_in()
            merchant_uid = found.play(visitor)
    except (Stopped, requests.RequestException) as error:
        flash(_("사례를 끝까지 진행하지 못했습니다: %(why)s", why=str(error)), "error")
        return redirect(url_for("store.index"))
    finally:
        visitor.close()
    return _shown(found, merchant_uid, visitor.email)


def _shown(story: Story, merchant_uid: str, email: str) -> AnyResponse:
    if current_user.is_authenticated and current_user.is_staff:
        flash(str(story.look_at), "info")
        return redirect(url_for("admin.payment", merchant_uid=merchant_uid))
    payment = db.session.scalars(select(Payment).filter_by(merchant_uid=merchant_uid)).one()
    place: dict[str, Any] = {"order_id": int(payment.purchase_id)} if story.page == "store.order" else {}
    _sign_in(email)
    flash(str(story.look_at), "info")
    flash(_("이 사례의 구매자 %(email)s로 로그인했습니다.", email=email), "info")
    page = url_for(story.page, **place)
    response = redirect(page)
    # What happened is seen there, and on that page only.
    response.set_cookie("learn", "open", path=page, secure=settings().https, samesite="Lax")
    return response


def _sign_in(email: str) -> None:
    """Let this browser be the story's buyer; what the visitor had chosen stays in the cart."""
    user = db.session.scalars(select(User).filter_by(email=email)).one()
    chosen = guest_cart.lines()
    session.clear()
    login_user(user)
    cart_changes.merge(user.id, chosen)


def _product(kind: str) -> int:
    """Return the first digital product of this kind that can be bought."""
    on_sale = select(Product.id).filter_by(kind=kind, digital=True, on_sale=True).order_by(Product.position)
    product_id = db.session.scalar(on_sale.where(or_(Product.stock.is_(None), Product.stock > 0)).limit(1))
    end_reading()
    if product_id is None:
        raise Stopped("no digital product is on sale")
    return product_id
