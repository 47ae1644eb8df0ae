"""What does the buyer's browser see? The SDK's calls, and the payment window as a popup on PC, as a page on a phone."""

from typing import Any
from urllib.parse import urlencode, urlsplit

from flask import Blueprint, Response, abort, current_app, jsonify, render_template, request, url_for

from . import kg
from .outcomes import OUTCOMES
from .texts import TEXTS
from .windows import Windows, WindowView

bp = Blueprint("window", __name__)

POLICY = "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'"
SDK_SECONDS = 60


def windows() -> Windows:
    found: Windows = current_app.extensions["sandbox"].windows
    return found


@bp.get("/v1/iamport.js")
def sdk() -> Response:
    """The imitation of PortOne's SDK; it finds this server by its own address."""
    response = current_app.send_static_file("v1/iamport.js")
    response.cache_control.max_age = SDK_SECONDS
    response.headers["Access-Control-Allow-Origin"] = "*"
    return response


@bp.after_request
def open_to_other_origins(response: Response) -> Response:
    """The shop's page is usually of another origin than PortOne. No cookie is involved, so anybody may ask."""
    if request.endpoint in ("window.open_window", "window.close"):
        response.headers["Access-Control-Allow-Origin"] = "*"
        response.headers["Access-Control-Allow-Headers"] = "Content-Type"
    return response


@bp.route("/window", methods=["POST", "OPTIONS"])
def open_window() -> Response | tuple[Response, int]:
    """IMP.request_pay: open a window, or say why not."""
    if request.method == "OPTIONS":
        return Response(status=204)
    body = request.get_json(silent=True)
    params = body.get("params") if isinstance(body, dict) else None
    if not isinstance(body, dict) or not isinstance(params, dict):
        return jsonify(error="bad_request", message="params must be an object"), 400
    try:
        window_id = windows().open(
            str(body.get("user_code")),
            params,
            device="mobile" if body.get("device") == "mobile" else "pc",
            page_url=str(body.get("page_url") or ""),
            user_agent=request.user_agent.string,
            callback=bool(body.get("callback")),
        )
    except kg.Refused as refused:
        return jsonify(error_code=refused.error_code, error_msg=refused.error_msg)
    return jsonify(window_id=window_id, url=url_for("window.page", window_id=window_id, _external=True))


@bp.get("/window/opening")
def opening() -> Response:
    """What a popup shows while the SDK asks whether the window may open."""
    return _page("sandbox/opening.html", language=_language(None))


@bp.get("/window/<window_id>")
def page(window_id: str) -> Response:
    """The payment window."""
    view = _view(window_id)
    return _page(
        "sandbox/window.html",
        view=view,
        language=_language(view),
        carriers=kg.CARRIERS,
        outcomes=OUTCOMES,
        opener_origin=_origin(view.page_url),
        result=_ended(view) if view.state == "done" else None,
    )


@bp.post("/window/<window_id>/code")
def send_code(window_id: str) -> Response | tuple[Response, int]:
    """Step one: who pays. Answers the approval number, which the page shows as if a phone had received it."""
    told = _told("carrier", "phone", "birth", "gender")
    told["phone"] = "".join(filter(str.isdigit, told["phone"]))
    try:
        view = windows().send_code(window_id, **told)
    except kg.Declined as declined:
        return _declined(window_id, declined)
    return jsonify(code=view.code, seconds=kg.CODE_SECONDS)


@bp.post("/window/<window_id>/confirm")
def confirm(window_id: str) -> Response | tuple[Response, int]:
    """Step two: the approval number. KG approves or declines."""
    try:
        view = windows().confirm_code(window_id, _told("code")["code"].strip())
    except kg.Declined as declined:
        return _declined(window_id, declined)
    current_app.extensions["sandbox"].notifier.wake()
    return jsonify(_ended(view))


@bp.route("/window/<window_id>/close", methods=["POST", "OPTIONS"])
def close(window_id: str) -> Response | tuple[Response, int]:
    """The buyer gave up, in the window or by closing the popup. An ended window just tells how it ended."""
    if request.method == "OPTIONS":
        return Response(status=204)
    view = _view(window_id)
    if view.state == "open":
        view = windows().close(window_id)
    return jsonify(_ended(view))


def _ended(view: WindowView) -> dict[str, Any]:
    """How the window ended, for the page to carry on with."""
    lost = view.delivery == "lost"
    redirect = _redirect_url(view) if view.device == "mobile" and not lost else None
    return {"done": True, "lost": lost, "result": None if lost else _callback_object(view), "redirect": redirect}


def _callback_object(view: WindowView) -> dict[str, Any]:
    """What today's SDK hands to the callback: no `success`, and error fields only for a failure."""
    result = view.result or {}
    if result.get("success"):
        return {"imp_uid": view.imp_uid, "merchant_uid": view.merchant_uid}
    code = result.get("error_code") or "F400"  # a buyer's cancel has no PG code
    told = {"imp_uid": view.imp_uid, "merchant_uid": view.merchant_uid}
    return told | {"error_code": code, "error_msg": result.get("error_msg")}


def _redirect_url(view: WindowView) -> str | None:
    """m_redirect_url with the result joined on; the values are text, and `imp_success` is only a hint."""
    if not view.redirect_url:
        return None
    result = view.result or {}
    query = {"imp_uid": view.imp_uid, "merchant_uid": view.merchant_uid, "imp_success": "true"}
    if not result.get("success"):
        query |= {"imp_success": "false", "error_msg": result.get("error_msg") or ""}
        query |= {"error_code": result["error_code"]} if result.get("error_code") else {}
    return f"{view.redirect_url}{'&' if '?' in view.redirect_url else '?'}{urlencode(query)}"


def _declined(window_id: str, declined: kg.Declined) -> tuple[Response, int]:
    view = windows().view(window_id)
    ended = _ended(view) if declined.final and view and view.state == "done" else {"done": False}
    return jsonify(ended | {"pg_code": declined.pg_code, "message": declined.message}), 422


def _view(window_id: str) -> WindowView:
    return windows().view(window_id) or abort(404)


def _told(*fields: str) -> dict[str, str]:
    body = request.get_json(silent=True)
    given = body if isinstance(body, dict) else request.form
    return {field: str(given.get(field) or "")[:40] for field in fields}


def _language(view: WindowView | None) -> str:
    asked = request.args.get("lang") or (view.language if view else None)
    return asked if asked in TEXTS else request.accept_languages.best_match(list(TEXTS)) or "ko"


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""


def _page(template: str, language: str, **facts: Any) -> Response:
    response = Response(render_template(template, language=language, t=TEXTS[language], **facts))
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
