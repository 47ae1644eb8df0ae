"""Cases of honest buyers: every way in which a shop hears of a payment, and what buyers do besides."""

import threading
from collections.abc import Callable
from typing import Any

from . import jobs
from .buyers import Purchase
from .play import PHONES, UNASKED, Play
from .trouble import Broken, Ended, NotDescribed

TIMES_EACH = 2  # that each way is used, all at once


def paid_by_callback(play: Play) -> None:
    """Pay; only the page's callback arrives."""
    play.needs(play.shop.callback, "[callback]")
    purchase = play.order()
    told = play.pay(purchase)
    play.note = "callback"
    purchase.callback(told)
    play.must_be_paid(purchase, told["imp_uid"])


def paid_by_redirect(play: Play) -> None:
    """Pay on a phone; only the way back arrives."""
    purchase = play.order()
    told = play.pay(purchase)
    play.note = "redirect"
    if purchase.redirect(told) is None:
        raise NotDescribed("[redirect]")
    play.must_be_paid(purchase, told["imp_uid"])


def paid_by_webhook(play: Play) -> None:
    """Pay; the window is gone before the page hears of it, and PortOne's webhook arrives."""
    purchase = play.order()
    told = play.pay(purchase, "window_gone", webhook=True)
    play.note = "webhook"
    play.portone.wait_for_webhooks(told["imp_uid"])
    play.must_be_paid(purchase, told["imp_uid"])


def all_at_once(play: Play) -> None:
    """Pay; callback, way back and webhook arrive at the same moment, each twice."""
    purchase = play.order()
    told = play.pay(purchase)
    play.note = "all_at_once"
    ways: list[Callable[[], Any]] = [lambda: purchase.callback(told), lambda: purchase.redirect(told)]
    if purchase.webhook_address():
        ways.append(lambda: purchase.webhook(play.anybody(), told, "paid"))
    at_once(ways * TIMES_EACH)
    play.must_be_paid(purchase, told["imp_uid"])


def at_once(calls: list[Callable[[], Any]]) -> list[Any]:
    """Do all of it at the same moment; the results. Raises what one of them raised."""
    results: list[Any] = [None] * len(calls)
    raised: list[Ended] = []

    def do(number: int) -> None:
        try:
            results[number] = calls[number]()
        except Ended as error:
            raised.append(error)

    threads = [threading.Thread(target=do, args=(number,)) for number in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if raised:
        raise raised[0]
    return results


def declined(play: Play) -> None:
    """KG declines; the page tells the shop so."""
    purchase = play.order()
    told = play.pay(purchase, "declined")
    play.note = "tell_failure"
    play.tell(purchase, told)
    play.must_not_be_paid(purchase)


def closed(play: Play) -> None:
    """Close the window; the page tells the shop so."""
    purchase = play.order()
    play.note = "close"
    told = play.portone.end_window(play.open_window(purchase), "close")
    play.note = "tell_failure"
    play.tell(purchase, told)
    play.must_not_be_paid(purchase)


def all_lost(play: Play) -> None:
    """Pay; callback, way back and webhook are all lost, and the sweep runs later."""
    play.needs(play.shop.sweep, "[sweep]")
    purchase = play.order()
    told = play.pay(purchase, "all_lost", webhook=bool(purchase.webhook_address()))
    jobs.sweep(play)
    play.must_be_paid(purchase, told["imp_uid"], "not_found_by_sweep")


def duplicate_window(play: Play) -> None:
    """Press "pay" twice for one order and pay in both windows."""
    play.needs(play.shop.again, "[[again]]")
    first = play.order()
    play.note = "again"
    second = first.buyer.again(first)
    if second.merchant_uid == first.merchant_uid:
        raise NotDescribed("[[again]]")
    play.note = "both_windows"
    windows = [(purchase, play.open_window(purchase, UNASKED)) for purchase in (first, second)]
    for purchase, imp_uid in windows:
        told = play.portone.end_window(imp_uid)
        play.tell(purchase, told)
    play.must_be_paid(first)
    paid = [imp_uid for _, imp_uid in windows if play.portone.payment(imp_uid)["status"] == "paid"]
    if len(paid) == len(windows) and jobs.sweep(play):
        paid = [imp_uid for _, imp_uid in windows if play.portone.payment(imp_uid)["status"] == "paid"]
        play.must_be_paid(first)
    if not paid:
        raise Broken("given_back", imp_uid=windows[0][1])
    play.remark = "second_given_back" if len(paid) == 1 else "second_kept"


def late_failure(play: Play) -> None:
    """Pay in one window; another window of the same order then fails, and the shop hears of that last."""
    purchase = play.order()
    play.note = "both_windows"
    paid, failing = play.open_window(purchase), play.open_window(purchase)
    told = play.portone.end_window(paid)
    play.note = "callback"
    play.tell(purchase, told)
    play.must_be_paid(purchase, paid)
    play.note = "late_failure"
    _tell_everywhere(play, purchase, play.portone.end_window(failing, phone=PHONES["declined"]), "failed")
    play.must_be_paid(purchase, paid, "no_longer_paid")


def _tell_everywhere(play: Play, purchase: Purchase, told: dict[str, Any], status: str) -> None:
    purchase.callback(told)
    purchase.redirect(told)
    if purchase.webhook_address():
        purchase.webhook(play.anybody(), told, status)


def cancelled_in_console(play: Play) -> None:
    """Pay; the merchant cancels in PortOne's console, which sends a webhook."""
    purchase = play.order()
    told = play.pay(purchase, webhook=True)
    play.note = "callback"
    play.portone.wait_for_webhooks(told["imp_uid"])
    play.tell(purchase, told)
    play.must_be_paid(purchase, told["imp_uid"])
    play.note = "console"
    play.portone.cancel(told["imp_uid"])
    play.portone.wait_for_webhooks(told["imp_uid"], "cancelled")
    play.must_stop_being_paid(purchase)
