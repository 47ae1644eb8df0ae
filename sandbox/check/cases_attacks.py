"""Cases of attackers: what a browser, a stranger or a forged message may say without being believed."""

import secrets
from collections.abc import Mapping
from typing import Any

from .buyers import LYING, Buyer, Purchase
from .cases_buyers import at_once
from .patterns import Answer, json_of
from .play import UNASKED, Play
from .portone import channel_of_other_kind
from .shopfile import Step
from .trouble import Broken, NotDescribed, Unplayable
from .visitor import has

SMALLEST = 301  # won; KG's minimum
MANY = 8  # webhooks at once
REFUSALS = ("status", "nothing_found", "no_request_pay", "redirect_outside", "redirect_endless")  # of an order


def changed_price(play: Play) -> None:
    """Change the amount in the parameters of the window, pay that and claim the order."""
    purchase = play.order()
    play.note = "open_cheap"
    cheap = SMALLEST if purchase.amount > SMALLEST else purchase.amount + 100
    imp_uid, _ = play.portone.open_window(play.window(purchase) | {"amount": cheap, **UNASKED})
    if imp_uid:  # the shop has not registered the amount beforehand
        told = play.portone.end_window(imp_uid)
        play.note = "claim"
        play.tell(purchase, told)
    play.must_not_be_paid(purchase, "paid_too_little")


def price_in_the_order(play: Play) -> None:
    """Send a price of 301 won with the order."""
    step = _step_with(play, "price")
    honest = play.order()
    play.note = "send_price"
    purchase = _order_with(honest.buyer, {step.where: {step.price: SMALLEST}})
    if purchase and purchase.amount < honest.amount:
        raise Broken("price_believed", amount=purchase.amount, price=honest.amount)


def negative_quantity(play: Play) -> None:
    """Order a quantity of -3."""
    step = _step_with(play, "quantity")
    honest = play.order()
    buyer = play.buyer()
    play.note = "minus"
    purchase = _order_with(buyer, {step.where: {step.quantity: "-3" if step.form is not None else -3}})
    if purchase and purchase.amount < honest.amount:
        raise Broken("quantity_believed", amount=purchase.amount, price=honest.amount)


def _step_with(play: Play, name: str) -> Step:
    """The step of the order that has such a field. Raises NotDescribed."""
    for step in play.shop.order:
        if getattr(step, name):
            return step
    raise NotDescribed(f"[[order]] {name}")


def _order_with(buyer: Buyer, changes: Mapping[str, Mapping[str, Any]]) -> Purchase | None:
    """Order with fields that an attacker sets; None when the shop refuses it, or offers no payment after it."""
    try:
        return buyer.order(changes)
    except Unplayable as refused:
        if refused.key in REFUSALS:
            return None
        raise


def replayed_payment(play: Play) -> None:
    """Present the imp_uid of a paid order for another one of the same price."""
    paid = play.order()
    told = play.pay(paid)
    play.note = "callback"
    play.tell(paid, told)
    play.must_be_paid(paid, told["imp_uid"])
    other = play.order(play.buyer())
    play.note = "claim_other"
    _claim(play, other, told["imp_uid"])
    play.must_not_be_paid(other, "paid_by_others")


def strangers_payment(play: Play) -> None:
    """Present the imp_uid of a payment of the same amount that belongs to no order of the shop."""
    purchase = play.order()
    play.note = "strangers_window"
    theirs = {"merchant_uid": f"check-{secrets.token_hex(8)}", **UNASKED}
    told = play.portone.end_window(play.open_window(purchase, theirs))
    play.note = "claim"
    _claim(play, purchase, told["imp_uid"])
    play.must_not_be_paid(purchase, "paid_by_others")


def failed_payment(play: Play) -> None:
    """Report success for a payment that KG declined."""
    purchase = play.order()
    told = play.pay(purchase, "declined")
    play.note = "claim_success"
    lying = {**LYING, "paid_amount": purchase.amount}
    play.tell(purchase, {**told, "success": True, "error_code": "", "error_msg": ""}, lying)
    play.must_not_be_paid(purchase)


def forged_webhook(play: Play) -> None:
    """Post a webhook that says paid while the window is open and unpaid."""
    purchase = play.order()
    play.webhook_address(purchase)
    told = _unpaid_window(play, purchase)
    play.note = "forge_webhook"
    purchase.webhook(play.anybody(), told, "paid")
    play.must_not_be_paid(purchase)


def forged_redirect(play: Play) -> None:
    """Open the way back with imp_success=true for an unpaid payment."""
    purchase = play.order()
    play.needs(play.shop.redirect or purchase.request_pay.get("m_redirect_url"), "[redirect]")
    told = _unpaid_window(play, purchase)
    play.note = "forge_redirect"
    purchase.redirect(told, success=True)
    play.must_not_be_paid(purchase)


def _unpaid_window(play: Play, purchase: Purchase) -> dict[str, Any]:
    play.note = "window"
    return {"imp_uid": play.open_window(purchase), "merchant_uid": purchase.merchant_uid}


def _claim(play: Play, purchase: Purchase, imp_uid: str) -> Answer:
    told = {"imp_uid": imp_uid, "merchant_uid": purchase.merchant_uid, "success": True}
    return play.tell(purchase, told)


def other_channel(play: Play) -> None:
    """Pay the right amount through a channel of the other kind: test where the shop sells live, and the reverse."""
    purchase = play.order()
    play.note = "window"
    own = play.portone.payment(play.open_window(purchase))
    play.note = "other_channel"
    changes = {"channelKey": channel_of_other_kind(own), "pg": None, "pay_method": "phone", **UNASKED}
    changes["digital"] = purchase.request_pay.get("digital", True)
    told = play.portone.end_window(play.open_window(purchase, changes))
    play.note = "claim"
    play.tell(purchase, told)
    play.must_not_be_paid(purchase, "paid_by_other_channel")


def strangers_order(play: Play) -> None:
    """Open a buyer's order as another buyer, and without signing in."""
    play.needs(play.shop.login, "[[login]]")
    if play.shop.paid.public:
        raise NotDescribed("[paid] public = false")
    purchase = play.order()
    other = play.buyer()
    play.note = "look"
    own = purchase.buyer.visitor.send(play.shop.paid.step, purchase.values)
    for note, visitor in (("peek", other.visitor), ("peek_nobody", play.anybody())):
        play.note = note
        asked = visitor.send(play.shop.paid.step, purchase.values)
        # Not the page: a refusal, or another address, such as that for signing in.
        if asked.status < 400 and asked.url == own.url:
            raise Broken("seen_by_strangers")


def duplicate_webhooks(play: Play) -> None:
    """Send many webhooks of one real payment at once."""
    purchase = play.order()
    play.webhook_address(purchase)
    told = play.pay(purchase)
    play.note = "many"
    answers = at_once([lambda: purchase.webhook(play.anybody(), told, "paid")] * MANY)
    once = play.shop.webhook.once
    if once and sum(has(json_of(answer.text), once) for answer in answers) > 1:
        raise Broken("honoured_twice")
    play.must_be_paid(purchase, told["imp_uid"])
