"""Moves the clock forward together with the shop: from charge day to charge day, with a round of sync and bill at each.

It also stops on the days on which buyers are told of a coming charge.

`POST /controls/clock` of the sandbox is a jump: after it the shop is like one that was down meanwhile.
"""

from collections import Counter
from datetime import date, datetime, timedelta
from datetime import time as time_of_day

from flask import current_app
from sqlalchemy import func, select

from payments import clock
from payments.database import db, end_reading
from payments.monthly import subscriptions
from payments.monthly.billing_month import Month, months_of
from payments.monthly.charge_days import charge_day
from payments.monthly.models import Subscription
from shop.orders.messages import NOTICE

from . import rounds

NEAREST = 500  # subscriptions are looked at to find the next stop
MOST_STOPS = 100  # on one journey: each morning of a month, and the tries after declines
AFTER_NO_RESULT = timedelta(hours=5)  # a declined month is tried again after four


def go_to(target: datetime) -> Counter[str]:
    """Go to `target`, stopping wherever there is something to charge or to announce; return how the charges came out.

    Raises requests.RequestException if the sandbox does not move its clock; the stops before that are done.
    """
    with rounds.one_at_a_time():
        return rounds.run() + _by_stops_to(target)


def go_to_next_charge() -> Counter[str] | None:
    """Do what is due now, then go to the next moment with something to charge. None: nothing will be.

    Raises requests.RequestException.
    """
    with rounds.one_at_a_time():
        results = rounds.run()
        moment = next_charge()
        return None if moment is None else results + _by_stops_to(moment)


def next_charge() -> datetime | None:
    """Return when the monthly run has something to do next: a charge day's morning, or the end of a decline's pause.

    What is due but came to no result is tried again some hours later, as cron would. None: no subscription is running.
    """
    live = select(Subscription).where(Subscription.status.in_(subscriptions.LIVE))
    nearest = db.session.scalars(live.order_by(Subscription.next_charge_on).limit(NEAREST)).all()
    now, months = clock.now(), months_of(nearest).values()
    end_reading()  # the caller calls the sandbox, outside of a transaction
    moments = [moment for month in months if (moment := _chargeable_at(month, now))]
    return max(min(moments), now + AFTER_NO_RESULT if min(moments) <= now else now) if moments else None


def next_notice() -> datetime | None:
    """Return the next morning on which a coming charge is announced to its buyer; None: no plan is running.

    The round of today has announced all charges of the next days.
    """
    later = (Subscription.status == "active", Subscription.next_charge_on > clock.today() + NOTICE)
    day = db.session.scalar(select(func.min(Subscription.next_charge_on)).where(*later))
    end_reading()
    return morning_of(day - NOTICE) if day else None


def tomorrow() -> datetime:
    return morning_of(clock.today() + timedelta(days=1))


def in_a_month() -> datetime:
    """Return the morning of this day in the next month, or of that month's last day."""
    today = clock.today()
    return morning_of(charge_day(today, today.day))


def _by_stops_to(target: datetime) -> Counter[str]:
    results: Counter[str] = Counter()
    for _stop in range(MOST_STOPS):
        moment = min(filter(None, (next_charge(), next_notice())), default=target)
        if moment >= target:
            break
        results += _stop_at(moment)
    return results + _stop_at(target)


def _stop_at(moment: datetime) -> Counter[str]:
    current_app.extensions["sandbox_clock"].move_to(max(moment, clock.now()))
    return rounds.run()


def _chargeable_at(month: Month, now: datetime) -> datetime | None:
    """Return from when on the run can continue a month; None if only staff can."""
    standing = month.standing(now)
    if standing == "early":
        return morning_of(month.due_on)
    if standing == "declined":
        return month.try_again_at or morning_of(month.window.last + timedelta(days=1))
    if standing == "in_flight" and month.open:
        return month.open.claimed_until
    return None if standing == "held" else now


def morning_of(day: date) -> datetime:
    return datetime.combine(day, time_of_day(9), clock.SEOUL)
