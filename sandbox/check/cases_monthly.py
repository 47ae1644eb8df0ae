"""Cases of billing keys: the first month, later months, and the months that go wrong."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from . import jobs
from .buyers import Purchase
from .play import PHONES, Play
from .trouble import Broken, Unplayable

NOON = 12  # the hour of charge days
LOOK_AGAIN = timedelta(minutes=20)  # a shop may wait ten minutes before it asks again
NEXT_RUN = timedelta(hours=1)
REFUSALS = (500, 401, 429)


@dataclass(frozen=True)
class Subscribed:
    """A billing key whose first month is paid."""

    purchase: Purchase
    customer_uid: str
    paid_at: datetime

    @property
    def second(self) -> datetime:
        """Noon of the second month's charge day: this day, or the month's last."""
        following = (self.paid_at.replace(day=1) + timedelta(days=32)).date()
        year, month = following.year, following.month
        day = min(self.paid_at.day, monthrange(year, month)[1])
        return datetime(year, month, day, NOON, tzinfo=self.paid_at.tzinfo)


def first_month(play: Play) -> None:
    """Issue a key, which charges the first month; the monthly run comes right after."""
    key = _subscribe(play)
    _run(play, play.portone.now() + timedelta(minutes=1))
    _must_be_charged_once(play, key, key.paid_at)


def second_month(play: Play) -> None:
    """Go to the second month's charge day."""
    key = _subscribe(play)
    _run(play, key.second)
    _must_be_charged_once(play, key, key.second)


def month_run_twice(play: Play) -> None:
    """On the charge day the monthly run comes twice."""
    key = _subscribe(play)
    _run(play, key.second)
    _run(play, key.second + NEXT_RUN)
    _must_be_charged_once(play, key, key.second)


def month_answer_lost(play: Play) -> None:
    """The second month is charged and its answer lost; the webhook arrives, and the run comes again."""
    key = _subscribe(play, "later_lost")
    _run(play, key.second)
    _run(play, key.second + LOOK_AGAIN)
    _must_be_charged_once(play, key, key.second)


def month_look_up_refused(play: Play) -> None:
    """The second month's answer and webhook are lost, and the look-up is then refused, which is not absence."""
    key = _subscribe(play, "later_all_lost")
    _run(play, key.second)
    attempts = _attempts(play, key, key.second)
    if not attempts:
        raise Broken("not_charged", period=f"{key.second:%Y-%m}")
    paths = [*play.portone.look_ups(attempts[0]), f"/subscribe/customers/{key.customer_uid}*"]
    moment = key.second
    for status in REFUSALS:
        play.note = "refused"
        moment += LOOK_AGAIN
        with play.portone.disturbed(paths, "status", value=status):
            _run(play, moment)
        attempts = _attempts(play, key, key.second)
        if len(attempts) > 1:
            raise Broken("charged_again", period=f"{key.second:%Y-%m}", times=len(attempts))
    _run(play, moment + LOOK_AGAIN)
    _must_be_charged_once(play, key, key.second)


def month_declined(play: Play) -> None:
    """KG declines the second month; V1 answers that with code 0."""
    sign = play.needs(play.shop.charged, "[charged]")
    key = _subscribe(play, "later_declined")
    _run(play, key.second)
    if not _attempts(play, key, key.second):
        raise Broken("not_charged", period=f"{key.second:%Y-%m}")
    play.note = "look"
    if play.shows(sign, key.purchase, _times(key.second)):
        raise Broken("charged_for_nothing", period=f"{key.second:%Y-%m}")


def _subscribe(play: Play, later: str = "approved") -> Subscribed:
    """A new buyer subscribes with a number of PHONES. One buyer has one subscription, so nobody else uses this one."""
    play.needs(play.shop.subscribe, "[[subscribe]]")
    play.needs(play.shop.monthly, "[monthly]")
    buyer = play.buyer(keep=False)
    play.note = "subscribe"
    purchase = buyer.subscribe()
    customer_uid = str(purchase.request_pay.get("customer_uid") or "")
    if not customer_uid:
        raise Unplayable("no_request_pay", step="subscribe", name="customer_uid")
    play.note = "pay"
    imp_uid = play.open_window(purchase, webhook=bool(purchase.webhook_address()))
    told = play.portone.end_window(imp_uid, phone=PHONES[later])
    if not told.get("success"):
        raise Unplayable("window_refused", merchant_uid=purchase.merchant_uid, why=told.get("error_msg"))
    play.keys.append(customer_uid)
    play.note = "callback"
    play.tell(purchase, told)
    if purchase.webhook_address():
        play.portone.wait_for_webhooks(imp_uid)
    now = play.portone.now()
    return Subscribed(
        purchase, customer_uid, datetime.fromtimestamp(play.portone.payment(imp_uid)["paid_at"], now.tzinfo)
    )


def _run(play: Play, moment: datetime) -> None:
    job = play.needs(play.shop.monthly, "[monthly]")
    jobs.run(play, job, "monthly", moment)


def _attempts(play: Play, key: Subscribed, moment: datetime) -> list[dict[str, Any]]:
    """What was asked of KG for this key in the month of this moment, the latest first."""
    found = play.portone.payments_of_key(key.customer_uid)
    begun = [(datetime.fromtimestamp(one["started_at"], moment.tzinfo), one) for one in found]
    return [one for at, one in begun if (at.year, at.month) == (moment.year, moment.month)]


def _must_be_charged_once(play: Play, key: Subscribed, moment: datetime) -> None:
    """Raises Broken unless KG was asked once in this month and paid, and the shop knows."""
    play.note = "look"
    attempts, period = _attempts(play, key, moment), f"{moment:%Y-%m}"
    play.record(f"PortOne  {key.customer_uid} {period}", ", ".join(one["status"] for one in attempts) or "–")
    if len(attempts) > 1:
        raise Broken("charged_again", period=period, times=len(attempts))
    if not attempts or attempts[0]["status"] != "paid":
        raise Broken("not_charged", period=period)
    if play.shop.charged and not play.becomes_charged(key.purchase, _times(moment)):
        raise Broken("charge_unknown", period=period)


def _times(moment: datetime) -> dict[str, str]:
    return {"period": f"{moment:%Y-%m}", "date": f"{moment:%Y-%m-%d}", "now": moment.isoformat(timespec="seconds")}
