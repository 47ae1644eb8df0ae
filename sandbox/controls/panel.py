"""The control panel: a page for people over the endpoints of `controls.py`."""

import json
from calendar import monthrange
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from flask import Response, current_app, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from ..ledger import clock, faults, kg, options, outbox, schedules
from ..ledger.clock import in_seoul
from ..ledger.outcomes import OUTCOMES
from ..webhooks.current import database
from ..window import pages
from ..window.texts import OUTCOME_GROUPS
from ..window.texts import TEXTS as WINDOW_TEXTS
from . import controls
from .controls import TOKEN_COOKIE, bp
from .differences import UNVERIFIED
from .setting_texts import SETTING_TEXTS
from .texts import TEXTS

MOST_ROWS = 30
COOKIE_SECONDS = 30 * 24 * 3600


@bp.get("/")
def panel() -> Response:
    """Show the panel. Its script calls the JSON endpoints and then reloads parts of this page."""
    now = clock.local(database()).replace(microsecond=0)
    return show(
        "sandbox/panel.html",
        now=now,
        tomorrow=now + timedelta(days=1),
        next_month=_next_month(now),
        moves_with_shop=current_app.extensions["sandbox"].clock_url is not None,
        next_schedule=_moment(schedules.next_at(database())),
        payments=_payments(),
        deliveries=[controls.delivery(row) for row in outbox.latest(database(), MOST_ROWS)],
        rules=faults.rules(database()),
        kinds=faults.KINDS,
        bodies=faults.BODIES,
        declines=sorted(kg.TEXTS),
        paths=_paths(),
        settings=asdict(options.options_of(database())),
        shop_origin=current_app.extensions["sandbox"].shop_origin or "https://shop.example",
        choices=options.CHOICES,
        switches=options.SWITCHES,
        unverified_switches={thing.switch for thing in UNVERIFIED},
        unverified=UNVERIFIED,
        groups={moment: [o for o in OUTCOMES if o.when == moment] for moment in OUTCOME_GROUPS},
        moment=_moment,
        pretty=lambda thing: json.dumps(thing, ensure_ascii=False, indent=1),
    )


@bp.route("/sign-in", methods=["GET", "POST"])
def sign_in() -> AnyResponse:
    """Ask for the token of the controls and store it in a cookie."""
    if request.method == "GET":
        return show("sandbox/sign_in.html", wrong=False)
    token = request.form.get("token", "")
    if not controls.is_allowed(token):
        wrong = show("sandbox/sign_in.html", wrong=True)
        wrong.status_code = 401
        return wrong
    answer = redirect(url_for("controls.panel", lang=request.args.get("lang")), 303)
    path = url_for("controls.panel").rstrip("/")
    answer.set_cookie(
        TOKEN_COOKIE, token, COOKIE_SECONDS, path=path, secure=request.is_secure, httponly=True, samesite="Strict"
    )
    return answer


def show(template: str, more: Mapping[str, str] | None = None, **facts: Any) -> Response:
    """Render a page of the panel in the visitor's language; `more` adds texts."""
    language = pages.language()
    texts = {**WINDOW_TEXTS[language], **TEXTS[language], **SETTING_TEXTS[language], **(more or {})}
    shop = current_app.extensions["sandbox"].shop_origin
    return pages.page(template, language=language, t=texts, shop=shop, **facts)


def _payments() -> list[dict[str, Any]]:
    """The latest payments, masked, with their possible actions."""
    rows = database().all(
        "SELECT payments.body, payments.cancelled_at_kg, windows.state FROM payments"
        " LEFT JOIN windows ON windows.imp_uid = payments.imp_uid ORDER BY payments.id DESC LIMIT ?",
        MOST_ROWS,
    )
    return [
        controls.masked(json.loads(row["body"])) | {"undone": row["cancelled_at_kg"], "open": row["state"] == "open"}
        for row in rows
    ]


def _paths() -> list[str]:
    """Paths for fault rules, as patterns."""
    rules = current_app.url_map.iter_rules()
    shown = {str(rule.rule).replace("<", "{").replace(">", "}") for rule in rules}
    return sorted(path for path in shown if path.startswith(("/payments", "/subscribe", "/users", "/window")))


def _next_month(now: datetime) -> datetime:
    """The same day and time one month later, or that month's last day."""
    year, month = (now.year + 1, 1) if now.month == 12 else (now.year, now.month + 1)
    return now.replace(year=year, month=month, day=min(now.day, monthrange(year, month)[1]))


def _moment(seconds: float | None) -> str:
    """Unix seconds as date and time in Seoul; empty for None."""
    return f"{in_seoul(seconds):%Y-%m-%d %H:%M:%S}" if seconds else ""
