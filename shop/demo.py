"""How does a demo show a year in a minute? The sandbox's clock, which the shop follows, moved from the back office.

`app.py` loads this file in sandbox mode only: with live settings no code path leads here.
"""

import threading
import time
from datetime import UTC, datetime, timedelta
from datetime import time as time_of_day

import requests
from flask import Blueprint, Flask, current_app, flash, has_app_context, redirect, url_for
from flask_babel import gettext as _
from sqlalchemy import func, select
from werkzeug.wrappers import Response as AnyResponse

from . import admin, clock, reset, subscriptions
from .database import db, in_transaction
from .models import Subscription

bp = Blueprint("demo", __name__, url_prefix="/admin/clock")
bp.before_request(admin.only_staff)

FRESH_FOR_SECONDS = 1.0
TIMEOUT_SECONDS = 3.0


class SandboxClock:
    """Business time as the sandbox tells it: the machine's time plus an offset that is asked for once a second.

    Inside a transaction the last known offset is used: nothing may wait for the network there.
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
            return  # a sandbox that does not answer has not moved its clock either


def install(app: Flask, session: requests.Session, api_url: str) -> None:
    """Let the shop follow the sandbox's clock."""
    source = SandboxClock(session, api_url)
    app.extensions["sandbox_clock"] = source
    clock.use_source(source)
    app.register_blueprint(bp)
    reset.install(app, session, api_url)


@bp.post("/next-charge")
@admin.operators_only
def to_next_charge() -> AnyResponse:
    """Go to the morning of the next day on which a subscription is charged."""
    day = db.session.scalar(
        select(func.min(Subscription.next_charge_on)).where(Subscription.status.in_(subscriptions.LIVE))
    )
    if day is None:
        flash(_("이용 중인 구독이 없습니다."), "error")
        return redirect(url_for("admin.monthly"))
    return _go_to(datetime.combine(day, time_of_day(9), clock.SEOUL))


@bp.post("/tomorrow")
@admin.operators_only
def to_tomorrow() -> AnyResponse:
    """Go to tomorrow morning: a declined month is tried again on the next day."""
    return _go_to(datetime.combine(clock.today() + timedelta(days=1), time_of_day(9), clock.SEOUL))


def _go_to(moment: datetime) -> AnyResponse:
    db.session.commit()  # the reads above end here: the sandbox is asked outside of a transaction
    try:
        current_app.extensions["sandbox_clock"].move_to(max(moment, clock.now()))
    except requests.RequestException:
        flash(_("샌드박스의 시계를 움직이지 못했습니다."), "error")
    else:
        flash(_("시계를 %(day)s로 옮겼습니다.", day=clock.today().isoformat()), "success")
    return redirect(url_for("admin.monthly"))
