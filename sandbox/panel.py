"""Where does a person play PortOne, KG and the weather? The panel: a page over the endpoints of `controls.py`."""

import json
from calendar import monthrange
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from flask import Response, current_app, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from . import controls, faults, kg, options, pages
from .clock import in_seoul
from .controls import TOKEN_COOKIE, bp, ledger
from .differences import UNVERIFIED
from .outcomes import OUTCOMES
from .panel_texts import TEXTS
from .texts import OUTCOME_GROUPS
from .texts import TEXTS as WINDOW_TEXTS

MOST_ROWS = 30
COOKIE_SECONDS = 30 * 24 * 3600


@bp.get("/")
def panel() -> Response:
    """The whole panel; its script sends what is pressed to the endpoints and fetches this page anew."""
    now = ledger().clock.local().replace(microsecond=0)
    return show(
        "sandbox/panel.html",
        now=now,
        tomorrow=now + timedelta(days=1),
        next_month=_next_month(now),
        next_schedule=_moment(ledger().schedules.next_at()),
        payments=_payments(),
        deliveries=[controls.delivery(row) for row in ledger().outbox.latest(MOST_ROWS)],
        rules=ledger().faults.rules(),
        kinds=faults.KINDS,
        bodies=faults.BODIES,
        declines=sorted(kg.TEXTS),
        paths=_paths(),
        settings=asdict(ledger().options()),
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
    """Ask for the token that guards these controls, and keep it in a cookie of this path."""
    if request.method == "GET":
        return show("sandbox/sign_in.html", wrong=False)
    token = request.form.get("token", "")
    if not controls.opens(token):
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
    """A page of the panel in the reader's language; `more` are texts of its own."""
    language = pages.language()
    texts = {**WINDOW_TEXTS[language], **TEXTS[language], **(more or {})}
    return pages.page(template, language=language, t=texts, **facts)


def _payments() -> list[dict[str, Any]]:
    """The latest ones, masked, with what may be done to each."""
    rows = ledger().database.all(
        "SELECT payments.body, payments.cancelled_at_kg, windows.state FROM payments"
        " LEFT JOIN windows ON windows.imp_uid = payments.imp_uid ORDER BY payments.id DESC LIMIT ?",
        MOST_ROWS,
    )
    return [
        controls.masked(json.loads(row["body"])) | {"undone": row["cancelled_at_kg"], "open": row["state"] == "open"}
        for row in rows
    ]


def _paths() -> list[str]:
    """The addresses at which a fault can strike, as its rule writes them."""
    rules = current_app.url_map.iter_rules()
    shown = {str(rule.rule).replace("<", "{").replace(">", "}") for rule in rules}
    return sorted(path for path in shown if path.startswith(("/payments", "/subscribe", "/users", "/window")))


def _next_month(now: datetime) -> datetime:
    """The same day and time a month later, the last day where there is no such day."""
    year, month = (now.year + 1, 1) if now.month == 12 else (now.year, now.month + 1)
    return now.replace(year=year, month=month, day=min(now.day, monthrange(year, month)[1]))


def _moment(seconds: float | None) -> str:
    """Unix seconds of the business clock as a reader's time in Seoul; empty for none."""
    return f"{in_seoul(seconds):%Y-%m-%d %H:%M:%S}" if seconds else ""
