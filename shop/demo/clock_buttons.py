"""The back office's buttons that move the clock, and the address by which the sandbox's panel does the same."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from hmac import compare_digest

import requests
from flask import Blueprint, Flask, Response, abort, flash, jsonify, redirect, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from payments import clock
from shop.backoffice import admin
from shop.web.common import refuse, seoul, settings

from . import journey

bp = Blueprint("demo", __name__, url_prefix="/admin/clock")
bp.before_request(admin.only_staff)
follow_bp = Blueprint("demo_follow", __name__, url_prefix="/demo")

TARGETS: dict[str, Callable[[], datetime]] = {"tomorrow": journey.tomorrow, "next_month": journey.in_a_month}


def install(app: Flask) -> None:
    app.register_blueprint(bp)
    app.register_blueprint(follow_bp)
    app.extensions["csrf"].exempt(follow_bp)  # the sandbox has no session here; its token guards, as for its controls


@bp.before_request
def only_where_allowed() -> None:
    """Refuse to move everybody's clock unless DEMO_CLOCK allows it: the administrator's password is published."""
    if not settings().demo_clock:
        abort(403)


@bp.post("/next-charge")
@admin.operators_only
def to_next_charge() -> AnyResponse:
    """Go to the next moment with something to charge, and charge it."""
    return _moved(journey.go_to_next_charge)


@bp.post("/tomorrow")
@admin.operators_only
def to_tomorrow() -> AnyResponse:
    """Go to tomorrow morning; what falls due until then is charged."""
    return _moved(lambda: journey.go_to(journey.tomorrow()))


@bp.post("/next-month")
@admin.operators_only
def to_next_month() -> AnyResponse:
    """Go one month ahead, from charge day to charge day."""
    return _moved(lambda: journey.go_to(journey.in_a_month()))


def _moved(move: Callable[[], Counter[str] | None]) -> AnyResponse:
    try:
        results = move()
    except requests.RequestException:
        flash(_("샌드박스의 시계를 움직이지 못했습니다."), "error")
    else:
        flash(told(results), "info" if results is None else "success")
    return redirect(url_for("admin.monthly"))


def told(results: Counter[str] | None) -> str:
    """Return what the journey came to, for the reader."""
    if results is None:
        return str(_("이용 중인 구독이 없어 시계를 그대로 두었습니다."))
    moved = _("시계를 %(time)s로 옮겼습니다.", time=seoul(clock.now()))
    charges = " · ".join(_count_of(result, count) for result, count in sorted(results.items()))
    return f"{moved} {charges or _('그동안 결제할 것은 없었습니다.')}"


def _count_of(result: str, count: int) -> str:
    """Return how many charges came out so, in a few words."""
    words = {
        "charged": _("결제됨 %(n)s건", n=count),
        "declined": _("거절 %(n)s건", n=count),
        "held": _("보류 %(n)s건", n=count),
        "ended": _("끝난 구독 %(n)s건", n=count),
        "unknown": _("응답 없음 %(n)s건", n=count),
        "key_gone": _("빌링키 없음 %(n)s건", n=count),
    }
    return str(words.get(result) or _("오류 %(n)s건", n=count))


# --- for the sandbox's panel ------------------------------------------------------------------------------------------


@follow_bp.post("/clock")
def follow() -> Response | tuple[Response, int]:
    """Move the clock from charge day to charge day: JSON `{"to": "next_charge" | "tomorrow" | "next_month"}`, or a
    moment such as 2027-01-31T09:00:00+09:00. Guarded like the sandbox's controls."""
    if request.headers.get("Sec-Fetch-Site", "same-origin") == "cross-site" or not _has_token():
        return refuse(403, "forbidden", _("이 화면을 볼 권한이 없습니다."))
    asked = request.get_json()
    to = asked.get("to") if isinstance(asked, dict) else None
    target = TARGETS[to]() if to in TARGETS else _moment(to)
    if target is None and to != "next_charge":
        return refuse(400, "to", f"next_charge, {', '.join(TARGETS)}, or a moment such as 2027-01-31T09:00:00+09:00")
    try:
        results = journey.go_to(target) if target else journey.go_to_next_charge()
    except requests.RequestException:
        return refuse(502, "sandbox", _("샌드박스의 시계를 움직이지 못했습니다."))
    return jsonify(now=clock.now().astimezone(clock.SEOUL).isoformat(), charges=results or {}, message=told(results))


def _has_token() -> bool:
    wanted = settings().controls_token
    return not wanted or compare_digest(request.headers.get("X-Controls-Token", "").encode(), wanted.encode())


def _moment(text: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return moment.replace(tzinfo=moment.tzinfo or clock.SEOUL) if moment else None
