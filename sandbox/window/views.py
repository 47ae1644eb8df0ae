"""Views of the payment window and the SDK's endpoints: a popup, a frame, or the whole page."""

import re
import time
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Response, abort, current_app, jsonify, request, url_for

from ..ledger import kg, modules
from ..ledger.options import options_of
from ..ledger.outcomes import OUTCOMES
from ..webhooks.current import database, sender
from . import pages, returns, windows
from .texts import FOR_THE_SCRIPT, OUTCOME_GROUPS, TEXTS
from .windows import WindowView

bp = Blueprint("window", __name__)

Answer = Response | tuple[Response, int]

SDK_SECONDS = 60  # browser cache of the SDK: long enough for a purchase, short for development
PREFLIGHT_SECONDS = 600
OLDER_SDK = re.compile(r"1\.[0-2]\.\d(-\d{8})?")  # 1.0.0 to 1.2.1, some with a date
MOST_PAGES_AROUND = 10
MODES = ("popup", "iframe", "page")
# Called by the SDK from the shop's page, usually cross-origin.
ASKED_BY_THE_SDK = ("window.sdk", "window.hints", "window.open_window", "window.close")
FIELD_OF = {"0011": "phone", "0012": "birth", "0023": "carrier", "0043": "code"}  # the form field to correct


# --- for the SDK ---


@bp.after_request
def open_to_other_origins(response: Response) -> Response:
    """Allow cross-origin calls of the SDK's endpoints; no cookies are involved."""
    if request.endpoint in ASKED_BY_THE_SDK:
        response.headers["Access-Control-Allow-Origin"] = "*"
        response.headers["Access-Control-Allow-Headers"] = "Content-Type"
        response.headers["Access-Control-Max-Age"] = str(PREFLIGHT_SECONDS)
        response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


@bp.get("/v1/iamport.js")
@bp.get("/v1/iamport.esm.js")
@bp.get("/js/iamport.payment-<version>.js")
def sdk(version: str = "") -> Response:
    """Serve the imitation of PortOne's SDK, which finds this server by its own URL: one script at every address."""
    if version and not OLDER_SDK.fullmatch(version):
        abort(404)
    response = current_app.send_static_file("v1/iamport.js" if version else request.path.removeprefix("/"))
    response.cache_control.max_age = SDK_SECONDS
    response.headers["Content-Type"] = "text/javascript; charset=utf-8"
    return response


@bp.get("/window/hints")
def hints() -> Response:
    """Settings that the SDK needs before a click: popup or frame, and the form of its own refusals."""
    options = options_of(database())
    response = jsonify(pc_window=options.pc_window, callback_shape=options.callback_shape)
    response.headers["Cache-Control"] = "no-store"
    return response


@bp.route("/window", methods=["POST", "OPTIONS"])
def open_window() -> Answer:
    """IMP.request_pay: open a window, or return the refusal for the callback or the redirect."""
    if request.method == "OPTIONS":
        return Response(status=204)
    body = request.get_json(silent=True)
    params = body.get("params") if isinstance(body, dict) else None
    if not isinstance(body, dict) or not isinstance(params, dict):
        return jsonify(error="bad_request", message="a JSON object is needed, with params that are one"), 400
    device = "mobile" if body.get("device") == "mobile" else "pc"
    callback = bool(body.get("callback"))
    try:
        window_id = _open(body, params, device, callback)
    except kg.Refused as refusal:
        return jsonify(_refused(params, refusal, redirects=device == "mobile" and not callback))
    mode = _mode(device, callback)
    language = body.get("language") if body.get("language") in pages.LANGUAGES else None
    around = _origins(body.get("pages_around"))
    url = url_for("window.page", window_id=window_id, mode=mode, lang=language, around=around)
    return jsonify(window_id=window_id, url=url, mode=mode)


def _open(body: dict[str, Any], params: dict[str, Any], device: str, callback: bool) -> str:
    if not body.get("user_code"):
        raise kg.Refused("SANDBOX_INIT", "IMP.init을 먼저 호출해 주세요.")  # UNVERIFIED code and text
    return windows.open_window(
        database(),
        str(body["user_code"]),
        params,
        device=device,
        page_url=str(body.get("page_url") or ""),
        user_agent=request.user_agent.string,
        callback=callback,
    )


def _mode(device: str, callback: bool) -> str:
    """UNVERIFIED: whether a phone's result comes to the callback or to m_redirect_url; sources disagree."""
    options = options_of(database())
    if device == "pc":
        return options.pc_window
    return "iframe" if callback and options.mobile_result == "callback" else "page"


def _refused(params: dict[str, Any], refusal: kg.Refused, *, redirects: bool) -> dict[str, Any]:
    """The refusal. On a phone without callback it goes to m_redirect_url (SDKs since 1.1.5)."""
    outcome, options = returns.refused(params, refusal), options_of(database())
    return {
        "error_code": refusal.error_code,
        "error_msg": refusal.error_msg,
        "result": returns.callback_object(outcome, options),
        "redirect": returns.redirect_url(params.get("m_redirect_url"), outcome, options) if redirects else None,
    }


# --- the window ---


@bp.get("/window/opening")
def opening() -> Response:
    """Show a placeholder in the popup until the window opens."""
    return _page("sandbox/opening.html", pages.language())


@bp.get("/window/<window_id>")
def page(window_id: str) -> Answer:
    """Show the payment window."""
    view = windows.find(database(), window_id)
    if view is None:
        return _page("sandbox/gone.html", pages.language()), 404
    language, mode, opener = pages.language(view.language), _mode_of_page(view), _origin(view.page_url)
    return _page(
        "sandbox/window.html",
        language,
        framed_by=_framed_by(mode, opener),
        view=view,
        shop_name=_shop_name(view, language),
        mode=mode,
        opener_origin=opener,
        title=TEXTS[language][f"title_{view.contract.pg_provider}"],
        carriers=_carriers(view, language),
        fixes_number=modules.fixes_number(view.contract.pg_provider, view.params),
        groups=_groups(view),
        script_texts={key: TEXTS[language][key] for key in FOR_THE_SCRIPT},
        ended=_ended(view) if view.state == "done" else None,
        resumed=_sent(view) if view.state == "open" and view.sms_code else None,
    )


@bp.post("/window/<window_id>/code")
def send_code(window_id: str) -> Answer:
    """Step one: identity. Returns the approval number, which the page shows in place of a text message."""
    typed = _typed("carrier", "phone", "birth", "gender")
    typed["phone"] = "".join(filter(str.isdigit, typed["phone"]))
    try:
        view = windows.send_code(database(), window_id, **typed)
    except kg.Declined as declined:
        return _declined(window_id, declined)
    return jsonify(_sent(view))


@bp.post("/window/<window_id>/confirm")
def confirm(window_id: str) -> Answer:
    """Step two: the approval number. KG approves or declines."""
    try:
        view = windows.confirm_code(database(), sender(), window_id, _typed("code")["code"].strip())
    except kg.Declined as declined:
        return _declined(window_id, declined)
    return jsonify(_ended(view))


@bp.route("/window/<window_id>/close", methods=["POST", "OPTIONS"])
def close(window_id: str) -> Answer:
    """Close: the buyer cancelled, or closed the popup. A finished window returns its result."""
    if request.method == "OPTIONS":
        return Response(status=204)
    if windows.find(database(), window_id) is None:
        abort(404)
    return jsonify(_ended(windows.close(database(), window_id)))


def _sent(view: WindowView) -> dict[str, Any]:
    return {"code": view.sms_code, "seconds": max(0, view.sms_expires_at - int(time.time()))}


def _ended(view: WindowView) -> dict[str, Any]:
    """The result for the page's script. A lost result must not reach the shop's page."""
    ended: dict[str, Any] = {"done": True, "success": False, "lost": False, "result": None, "redirect": None}
    if view.delivery == "lost":
        return ended | {"success": True, "lost": True}
    outcome, options = returns.result_of(view), options_of(database())
    redirect = returns.redirect_url(view.redirect_url, outcome, options) if view.device == "mobile" else None
    result = returns.callback_object(outcome, options)
    return ended | {"success": outcome.success, "result": result, "redirect": redirect}


def _declined(window_id: str, declined: kg.Declined) -> Answer:
    view = windows.find(database(), window_id)
    ended = _ended(view) if declined.final and view and view.state == "done" else {"done": False}
    error = {"pg_code": declined.pg_code, "message": declined.message, "field": FIELD_OF.get(declined.pg_code)}
    return jsonify(ended | error), 422


def _typed(*fields: str) -> dict[str, str]:
    body = request.get_json(silent=True)
    given = body if isinstance(body, dict) else request.form
    return {field: str(given.get(field) or "")[:40] for field in fields}


# --- pages ---


def _shop_name(view: WindowView, language: str) -> str:
    """The merchant's name: the request's `company`, else the one configured for the sandbox."""
    names = current_app.extensions["sandbox"].shop_names or {}
    return view.shop_name or names.get(language) or TEXTS[language]["a_shop"]


def _carriers(view: WindowView, language: str) -> dict[str, str]:
    """The names of the carriers to choose from, by code: all, or the one that the shop fixes."""
    fixed = modules.carrier_of(view.contract.pg_provider, view.params)
    codes = [fixed] if fixed else list(kg.CARRIERS)
    return {code: TEXTS[language].get(f"carrier_{code}", kg.CARRIERS[code]) for code in codes}


def _groups(view: WindowView) -> dict[str, list[Any]]:
    """The table of phone numbers by stage; later months only for billing keys."""
    moments = [moment for moment in OUTCOME_GROUPS if moment != "renewal" or view.is_billing]
    return {moment: [outcome for outcome in OUTCOMES if outcome.when == moment] for moment in moments}


def _mode_of_page(view: WindowView) -> str:
    usual = "page" if view.device == "mobile" else "popup"
    asked = request.args.get("mode", usual)
    return asked if asked in MODES else usual


def _origin(url: str) -> str:
    """The origin of the shop's page; empty when it has none, such as a file."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    clean = parts.scheme in ("http", "https") and url.isascii() and not set(parts.netloc) & set(" ;,'\"*")
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}" if parts.netloc and clean else ""


def _framed_by(mode: str, opener: str) -> str:
    """The origins that may show the window in a frame: the shop's page, and the pages that stand around it."""
    if mode == "popup":
        return ""
    shop = [opener] if mode == "iframe" else []
    return " ".join(_origins([*shop, *request.args.getlist("around")]))


def _origins(urls: object) -> list[str]:
    texts = [url for url in urls if isinstance(url, str)] if isinstance(urls, list) else []
    return [origin for origin in map(_origin, texts[:MOST_PAGES_AROUND]) if origin]


def _page(template: str, language: str, framed_by: str = "", **facts: Any) -> Response:
    return pages.page(template, framed_by, language=language, t=TEXTS[language], **facts)
