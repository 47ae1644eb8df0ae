"""Changes of the cart, explained to the buyer on the next page."""

from flask import flash
from flask_babel import gettext as _

from shop.orders import cart
from shop.orders.cart import Limit, NotOnSale
from shop.web.common import local, off_sale


def put_in_cart(user_id: int, product_id: int, quantity: int, *, add: bool = False, at_least: bool = False) -> bool:
    """Change the cart. False: not as requested, and the next page says why. Raises NotOnSale for an unknown product."""
    try:
        limit = cart.put_in_cart(user_id, product_id, quantity, add=add, at_least=at_least)
    except NotOnSale as error:
        if not error.products:
            raise
        flash(off_sale(error.products), "error")
        return False
    if limit:
        flash(_explained(limit), "error")
    return limit is None


def merge(user_id: int, lines: dict[int, int]) -> None:
    """Add what a visitor had chosen before signing in to what is in the cart already."""
    for product_id, quantity in lines.items():
        try:
            put_in_cart(user_id, product_id, quantity, add=True)
        except NotOnSale:
            flash(_("판매하지 않는 상품입니다."), "error")


def _explained(limit: Limit) -> str:
    name, count = local(limit.product, "name"), limit.most
    if limit.reason == "plan":
        return str(_("구독은 하나만 담을 수 있습니다: %(name)s", name=name))
    if limit.reason == "per_line":
        return str(_("한 번에 최대 %(count)s개까지 담을 수 있습니다: %(name)s", count=count, name=name))
    if not count:
        return str(_("품절되어 더 담을 수 없습니다: %(name)s", name=name))
    return str(_("남은 수량이 %(count)s개라 그만큼만 담았습니다: %(name)s", count=count, name=name))
