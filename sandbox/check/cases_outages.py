"""Cases of outages: PortOne answers late, wrongly or not at all when the shop looks a payment up."""

from typing import Any

from . import jobs
from .play import Play
from .trouble import Unplayable

SLOW_SECONDS, SILENT_SECONDS = 2, 3


def portone_slow(play: Play) -> None:
    """Look-ups take two seconds."""
    _disturbed(play, "latency", value=SLOW_SECONDS)


def portone_silent(play: Play) -> None:
    """Look-ups get no answer."""
    _disturbed(play, "hang_after", value=SILENT_SECONDS)


def portone_down(play: Play) -> None:
    """Look-ups get 503 and a page of HTML, as from a proxy in front of PortOne."""
    _disturbed(play, "status", value=503, body="html")


def portone_busy(play: Play) -> None:
    """Look-ups get 429."""
    _disturbed(play, "status", value=429)


def portone_garbled(play: Play) -> None:
    """Look-ups get half of the JSON."""
    _disturbed(play, "broken_json")


def _disturbed(play: Play, fault: str, **more: Any) -> None:
    """Pay while look-ups of this payment fail; when they work again, the order must become paid."""
    purchase = play.order()
    with_webhook = bool(purchase.webhook_address())
    play.note = "window"
    imp_uid = play.open_window(purchase, webhook=with_webhook)
    play.note = "disturbed"
    paths = play.portone.look_ups(play.portone.payment(imp_uid))
    with play.portone.disturbed(paths, fault, **more) as has_struck:
        told = play.portone.end_window(imp_uid)
        play.tell(purchase, told)
        if with_webhook:
            play.portone.wait_for_webhooks(imp_uid)
        was_asked = has_struck()
        if fault != "latency" or not was_asked:
            play.must_not_be_paid(purchase, "paid_unseen")
        if not was_asked:
            raise Unplayable("not_disturbed")
    play.note = "works_again"
    if with_webhook:
        play.portone.send_again(imp_uid)
    else:
        play.tell(purchase, told)
    if not play.becomes_paid(purchase):
        jobs.sweep(play)
    play.must_be_paid(purchase, imp_uid, "lost_in_outage")
