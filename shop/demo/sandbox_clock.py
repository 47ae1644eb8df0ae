"""The sandbox's clock, which the shop follows, and the back office's buttons that move it forward.

`app.py` loads this file in sandbox mode only: with live settings no code path leads here.
"""

import threading
import time
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from itertools import islice

import requests
from flask import Blueprint, Flask, abort, current_app, flash, has_app_context, redirect, url_for
from flask_babel import gettext as _
from sqlalchemy import func, select
from werkzeug.wrappers import Response as AnyResponse

from payments import clock
from payments.database import db, end_reading, in_transaction
from payments.monthly import batch, charging, subscriptions
from payments.monthly.billing_month import Month, months_of
from payments.monthly.charge_days import charge_day
from payments.monthly.models import Subscription
from shop.backoffice import admin
from shop.operations import notify
from shop.web.common import provider, seoul, settings

from . import reset

bp = Blueprint("demo", __name__, url_prefix="/admin/clock")
bp.before_request(admin.only_staff)


@bp.before_request
def only_where_allowed() -> None:
    """Refuse to move everybody's clock unless DEMO_CLOCK allows it: the administrator's password is published."""
    if not settings().demo_clock:
        abort(403)


FRESH_FOR_SECONDS = 1.0
TIMEOUT_SECONDS = 3.0

NEAREST = 500  # subscriptions are looked at to find the next moment
MOST_RUNS = 60  # in one click
MOST_CHARGES = 300
RUN_WORKERS = 8
BETWEEN_RUNS = timedelta(hours=5)  # a declined month is tried again after four


class SandboxClock:
    """Business time: the machine's time plus the sandbox's offset, which is requested at most once a second.

    Inside a transaction the last known offset is used, because no network call is allowed there.
    """

    def __init__(self, session: requests.Session, api_url: str) -> None:
        self._session = session
        self._address = f"{api_url}/controls/clock"
        self._offset = timedelta()
        self._asked_at = float("-inf")
        self._asking = threading.Lock()

    def __call__(self) -> datetime:
        stale = time.monotonic() - self._asked_at > FRESH_FOR_SECONDS
        if stale and not (has_app_context() and in_transaction()) and self._asking.acquire(blocking=False):
            try:
                self._ask()
            finally:
                self._asking.release()
        return datetime.now(UTC) + self._offset

    def move_to(self, moment: datetime) -> None:
        """Move the sandbox's clock forward, and ours with it. Raises requests.RequestException."""
        answer = self._session.post(self._address, json={"to": moment.isoformat()}, timeout=TIMEOUT_SECONDS)
        answer.raise_for_status()
        self._ask()

    def _ask(self) -> None:
        self._asked_at = time.monotonic()
        try:
            answer = self._session.get(self._address, timeout=TIMEOUT_SECONDS).json()
            self._offset = timedelta(seconds=float(answer["offset"]))
        except (requests.RequestException, ValueError, KeyError, TypeError):
            return  # keep the offset: a sandbox that does not respond has not moved its clock


def install(app: Flask, session: requests.Session, api_url: str) -> None:
    """Make the shop use the sandbox's clock, and add its pages and the reset."""
    source = SandboxClock(session, api_url)
    app.extensions["sandbox_clock"] = source
    clock.use_source(app, source)

    @app.before_request
    def follow() -> None:
        source()  # refresh before the page opens a transaction

    app.register_blueprint(bp)
    reset.install(app, session, api_url)


@bp.post("/next-charge")
@admin.operators_only
def to_next_charge() -> AnyResponse:
    """Go to the next moment with something to charge: a due day's morning, or the end of the pause after a decline."""
    moment = _next_charge_at()
    if moment is None:
        flash(_("이용 중인 구독이 없습니다."), "error")
    elif moment <= clock.now():
        flash(_("지금 결제할 것이 있어 시계를 그대로 두었습니다. 먼저 결제해 주세요."), "info")
    else:
        return _go_to(moment)
    return redirect(url_for("admin.monthly"))


@bp.post("/tomorrow")
@admin.operators_only
def to_tomorrow() -> AnyResponse:
    """Go to tomorrow morning, when a declined month can be tried again."""
    return _go_to(_morning_of(clock.today() + timedelta(days=1)))


@bp.post("/next-month")
@admin.operators_only
def to_next_month() -> AnyResponse:
    """Go one month ahead, and run the monthly run whenever something is due on the way, as cron would."""
    today = clock.today()
    target = _morning_of(charge_day(today, today.day))
    for _step in range(MOST_RUNS):
        day = _next_charge_on()
        # What is still due after a run was declined or got no response: try again later, as cron would.
        moment = max(_morning_of(day), clock.now() + BETWEEN_RUNS) if day else target
        if moment >= target:
            break
        if not _moved_to(moment):
            return redirect(url_for("admin.monthly"))
        _run()
    answer = _go_to(target)
    _run()
    return answer


def _next_charge_on() -> date | None:
    day = db.session.scalar(
        select(func.min(Subscription.next_charge_on)).where(Subscription.status.in_(subscriptions.LIVE))
    )
    end_reading()  # the caller calls the sandbox, outside of a transaction
    return day


def _next_charge_at() -> datetime | None:
    """Return when the monthly run has something to do next; now or earlier if it has something to do already."""
    live = select(Subscription).where(Subscription.status.in_(subscriptions.LIVE))
    nearest = db.session.scalars(live.order_by(Subscription.next_charge_on).limit(NEAREST)).all()
    now, months = clock.now(), months_of(nearest).values()
    end_reading()
    return min(filter(None, (_chargeable_at(month, now) for month in months)), default=None)


def _chargeable_at(month: Month, now: datetime) -> datetime | None:
    """Return from when on the run can continue a month; None if only staff can."""
    standing = month.standing(now)
    if standing == "early":
        return _morning_of(month.due_on)
    if standing == "declined":
        return month.try_again_at or _morning_of(month.window.last + timedelta(days=1))
    if standing == "in_flight" and month.open:
        return month.open.claimed_until
    return None if standing == "held" else now


def _morning_of(day: date) -> datetime:
    return datetime.combine(day, time_of_day(9), clock.SEOUL)


def _run() -> None:
    """Run the monthly run, with at most MOST_CHARGES charges in one request."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    for _done in batch.charge_all(app, provider(), islice(batch.due_now(), MOST_CHARGES), RUN_WORKERS):
        pass
    charging.delete_ended_keys(provider())
    notify.run()


def _go_to(moment: datetime) -> AnyResponse:
    if _moved_to(moment):
        flash(_("시계를 %(time)s로 옮겼습니다.", time=seoul(clock.now())), "success")
    return redirect(url_for("admin.monthly"))


def _moved_to(moment: datetime) -> bool:
    try:
        current_app.extensions["sandbox_clock"].move_to(max(moment, clock.now()))
    except requests.RequestException:
        flash(_("샌드박스의 시계를 움직이지 못했습니다."), "error")
        return False
    return True
