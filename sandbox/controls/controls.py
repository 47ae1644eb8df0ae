"""JSON endpoints that PortOne does not have: payments without a browser, clock, faults, settings, webhook log."""

import json
import re
from datetime import datetime
from hmac import compare_digest
from typing import Any

from flask import Blueprint, Response, current_app, jsonify, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from ..ledger import cancels, clock, faults, fields, kg, options, outbox
from ..ledger.fields import BadField
from ..ledger.merchant import IMP_CODE
from ..ledger.refusals import ApiRefused
from ..webhooks.current import database, sender
from ..webhooks.due import travel
from ..window import windows

bp = Blueprint("controls", __name__, url_prefix="/controls")

Answer = Response | tuple[Response, int]

APPROVED_PHONE = "01000001234"
DECLINED_PHONE = "01000000031"
OUTCOMES = ("approve", "decline", "close")
LEFT_OPEN = "open"  # the window is opened and nobody types into it
JUMPED = "a jump: a shop that charges by the day was down meanwhile; /controls/clock/with-shop goes day by day"
OPEN_TO_ALL = ("controls.tell_clock", "controls.sign_in")  # the shop reads the clock; it reveals nothing
PAGES = ("controls.panel", "controls.attack_lab")
TOKEN_COOKIE = "controls_token"  # noqa: S105 - a name


@bp.errorhandler(BadField)
def bad_field(error: BadField) -> Answer:
    return jsonify(error="bad_field", field=error.field, message=str(error)), 400


@bp.before_request
def guard() -> AnyResponse | Answer | None:
    """Refuse cross-site requests, and requests without the token when one is set."""
    if request.method != "GET" and request.headers.get("Sec-Fetch-Site", "same-origin") == "cross-site":
        return jsonify(error="forbidden", message="not from another site"), 403
    given = request.headers.get("X-Controls-Token") or request.cookies.get(TOKEN_COOKIE) or ""
    if request.endpoint in OPEN_TO_ALL or is_allowed(given):
        return None
    if request.endpoint in PAGES:
        return redirect(url_for("controls.sign_in", lang=request.args.get("lang")))
    return jsonify(error="unauthorized", message="X-Controls-Token is missing or wrong"), 401


def is_allowed(token: str) -> bool:
    """Whether `token` may use the controls. Everybody may when no token is set."""
    wanted = current_app.extensions["sandbox"].controls_token
    return wanted is None or compare_digest(token.encode(), wanted.encode())


# --- the clock ---


@bp.get("/clock")
def tell_clock() -> Answer:
    """The business time in Seoul, and its offset to the machine's clock in seconds."""
    return jsonify(now=clock.local(database()).isoformat(), offset=clock.offset(database()))


@bp.post("/clock")
def move_clock() -> Answer:
    """Jump forward; schedules and webhooks that fall due on the way run at their own time, the shop does nothing."""
    body = _body({"to"})
    try:
        moment = datetime.fromisoformat(fields.text("to", body.get("to"), 60))
    except ValueError:
        raise BadField("to", "an ISO 8601 moment such as 2027-01-31T09:00:00+09:00") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=clock.SEOUL)
    try:
        travel(database(), sender(), moment)
    except (ValueError, OverflowError) as error:
        raise BadField("to", str(error)) from None
    return jsonify(now=clock.local(database()).isoformat(), offset=clock.offset(database()), note=JUMPED)


# --- payments ---


@bp.get("/payments")
def payments() -> Answer:
    """The latest hundred payments as V1 writes them, buyers masked; of one imp_uid, merchant_uid or customer_uid."""
    named = {name: request.args[name] for name in ("imp_uid", "merchant_uid", "customer_uid") if name in request.args}
    where = " AND ".join(f"{name} = ?" for name in named) or "1"
    sql = f"SELECT body, cancelled_at_kg FROM payments WHERE {where} ORDER BY id DESC LIMIT 100"  # noqa: S608
    rows = database().all(sql, *named.values())
    listed = [masked(json.loads(row["body"])) | {"cancelled_at_kg": row["cancelled_at_kg"]} for row in rows]
    return jsonify(payments=listed)


@bp.post("/payments")
def pay() -> Answer:
    """Complete a payment window without a browser: approve, decline or close. Returns the callback's object.

    With `open` the window stays open, for `end_window`, and the answer has its ids.
    """
    params = _body()
    outcome = fields.one_of("outcome", params.pop("outcome", "approve"), (*OUTCOMES, LEFT_OPEN))
    device = fields.one_of("device", params.pop("device", "pc"), ("pc", "mobile"))
    user_code = fields.text("user_code", params.pop("user_code", IMP_CODE), 40)
    phone = None if isinstance(params.get("phone"), dict) else _typed_phone(params)  # an object is V1's `phone`
    try:
        window_id = windows.open_window(
            database(),
            user_code,
            params,
            device=device,
            page_url="",
            user_agent="sandbox controls",
            callback=True,
        )
    except kg.Refused as refused:
        result = {"success": False, "imp_uid": None, "merchant_uid": params.get("merchant_uid")}
        return jsonify(result | {"error_code": refused.error_code, "error_msg": refused.error_msg})
    if outcome != LEFT_OPEN:
        _complete_window(window_id, outcome, phone)
    view = windows.find(database(), window_id)
    if view and view.state == LEFT_OPEN:
        return jsonify(imp_uid=view.imp_uid, merchant_uid=view.merchant_uid, status="ready")
    return jsonify(view.result if view else None)


@bp.post("/payments/<imp_uid>/window")
def end_window(imp_uid: str) -> Answer:
    """Approve, decline or close an open window. Returns the callback's object."""
    body = _body({"outcome", "phone"})
    outcome, phone = fields.one_of("outcome", body.get("outcome"), OUTCOMES), _typed_phone(body)
    view = windows.of_payment(database(), imp_uid)
    if view is None or view.state != "open":
        return jsonify(error="not_found", message=f"no open window of {imp_uid}"), 404
    _complete_window(view.id, outcome, phone)
    view = windows.find(database(), view.id)
    return jsonify(view.result if view else None)


def _typed_phone(body: dict[str, Any]) -> str | None:
    """Take out the number that the buyer types into the window; it decides about later months too."""
    given = body.pop("phone", None)
    phone = None if given is None else fields.text("phone", given, 20)
    if phone is not None and not phone.replace("-", "").isdigit():
        raise BadField("phone", "the number that is typed into the window, digits")
    return phone


def _complete_window(window_id: str, outcome: str, phone: str | None) -> None:
    """Complete the window as a buyer would; `phone` defaults to a number with the wanted outcome."""
    usual = DECLINED_PHONE if outcome == "decline" else APPROVED_PHONE
    phone = (phone or usual).replace("-", "")
    if outcome == "close":
        windows.close(database(), window_id)
        return
    try:
        view = windows.send_code(database(), window_id, carrier="SKT", phone=phone, birth="900101", gender="1")
        windows.confirm_code(database(), sender(), window_id, view.sms_code or "")
    except kg.Declined as declined:
        if not declined.final:  # there is no buyer to try again
            windows.close(database(), window_id)


@bp.post("/payments/<imp_uid>/cancel")
def cancel(imp_uid: str) -> Answer:
    """Cancel as PortOne's console does, with a webhook, and the `reason` that a person typed there or its own."""
    body = _body({"reason"}) if request.is_json else {}
    reason = fields.text("reason", body.get("reason") or cancels.REASON_BY_CONSOLE, 100)
    try:
        cancelled = cancels.cancel(database(), imp_uid=imp_uid, merchant_uid=None, reason=reason, webhook=True)
    except ApiRefused as refused:
        return jsonify(error="refused", message=refused.message), 409
    sender().announce(cancelled.waiting)
    return jsonify(masked(cancelled.payment))


@bp.post("/payments/<imp_uid>/undo-at-kg")
def undo_at_kg(imp_uid: str) -> Answer:
    """Cancel at KG only, as KG does with test payments; PortOne still reports `paid`."""
    if not cancels.undo_at_kg(database(), imp_uid):
        return jsonify(error="not_found", message=f"no paid payment {imp_uid}"), 404
    return jsonify(done=True)


def masked(payment: dict[str, Any]) -> dict[str, Any]:
    """The payment with buyer data masked: the panel of a demo is public."""
    tel = payment["buyer_tel"] or ""
    hidden = {field: "***" for field in ("buyer_name", "buyer_email", "buyer_addr") if payment[field]}
    return payment | hidden | {"buyer_tel": f"{tel[:3]}-****-{tel[-4:]}" if len(tel) > 7 else tel}


# --- webhooks ---


@bp.get("/deliveries")
def deliveries() -> Answer:
    """The latest hundred webhooks with their answers; of one imp_uid."""
    return jsonify(deliveries=[delivery(row) for row in outbox.latest(database(), imp_uid=request.args.get("imp_uid"))])


@bp.post("/deliveries/<int(max=9223372036854775807):delivery_id>/redeliver")
def redeliver(delivery_id: int) -> Answer:
    """Send a webhook again to the same address."""
    if outbox.find(database(), delivery_id) is None:
        return jsonify(error="not_found", message=f"no delivery {delivery_id}"), 404
    sender().deliver(delivery_id)
    return jsonify(delivery(outbox.find(database(), delivery_id)))


def delivery(row: Any) -> dict[str, Any]:
    """A webhook as the log shows it."""
    shown = {key: row[key] for key in row.keys() if key not in ("held", "taken_until")}  # noqa: SIM118 - a sqlite3.Row
    state = "waiting" if row["due_at"] is not None else "sent" if row["attempts"] else "kept back"
    return shown | {"body": json.loads(row["body"]), "state": state}


# --- faults and settings ---


@bp.get("/faults")
def list_faults() -> Answer:
    """List the active fault rules."""
    return jsonify(faults=[vars(rule) for rule in faults.rules(database())])


@bp.post("/faults")
def add_fault() -> Answer:
    """Add a fault rule: path, kind, count, probability."""
    body = _body()
    path = fields.text("path", body.get("path"), faults.LONGEST_PATH)  # its length first: it becomes a pattern
    if not _matches_a_path(path):
        raise BadField("path", "no path of this sandbox; * stands for anything, {name} for one segment")
    return jsonify(vars(faults.add(database(), body))), 201


def _matches_a_path(pattern: str) -> bool:
    """Whether the pattern matches at least one path of the sandbox."""
    example = re.sub(r"\*|\{\w+\}", "x", pattern)
    if current_app.url_map.bind("").allowed_methods(example):
        return True
    rules = [re.sub(r"<[^>]+>", "x", rule.rule) for rule in current_app.url_map.iter_rules()]
    return any(faults.matches(pattern, rule) for rule in rules)


@bp.delete("/faults")
@bp.delete("/faults/<int(max=9223372036854775807):fault_id>")
def clear_faults(fault_id: int | None = None) -> Answer:
    """Clear one rule, or all."""
    return jsonify(cleared=faults.clear(database(), fault_id))


@bp.get("/settings")
def settings() -> Answer:
    """The current settings."""
    return jsonify(vars(options.options_of(database())))


@bp.post("/settings")
def change_settings() -> Answer:
    """Change some settings."""
    return jsonify(vars(options.change(database(), _body())))


@bp.post("/reset")
def reset() -> Answer:
    """Delete payments, keys, windows, webhooks, faults, settings and the clock's offset. Tokens stay."""
    database().clear()
    return jsonify(reset=True)


def _body(known: set[str] | None = None) -> dict[str, Any]:
    body = request.get_json(silent=True)
    if not isinstance(body, dict):
        raise BadField("body", "a JSON object")
    if known is not None:
        fields.refuse_unknown(body, known)
    return body
