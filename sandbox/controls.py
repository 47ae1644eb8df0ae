"""What has PortOne not? Payments without a browser, a clock to move, faults, switches, the log of webhooks."""

import json
import re
from datetime import datetime
from hmac import compare_digest
from typing import Any

from flask import Blueprint, Response, current_app, jsonify, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from . import cancels, fields, kg, options
from .clock import SEOUL
from .faults import LONGEST_PATH, matches
from .fields import BadField
from .ledger import Ledger
from .refusals import ApiRefused
from .settings import IMP_CODE
from .travel import travel

bp = Blueprint("controls", __name__, url_prefix="/controls")

Answer = Response | tuple[Response, int]

APPROVED_PHONE = "01000001234"
DECLINED_PHONE = "01000000031"
OUTCOMES = ("approve", "decline", "close")
OPEN_TO_ALL = ("controls.clock", "controls.sign_in")  # the shop asks the clock, and it tells nothing
FOR_PEOPLE = ("controls.panel", "controls.attack_lab")
TOKEN_COOKIE = "controls_token"  # noqa: S105 - a name


def ledger() -> Ledger:
    found: Ledger = current_app.extensions["sandbox"].ledger
    return found


@bp.errorhandler(BadField)
def bad_field(error: BadField) -> Answer:
    return jsonify(error="bad_field", field=error.field, message=str(error)), 400


@bp.before_request
def guard() -> AnyResponse | Answer | None:
    """No orders from another site's page, and with a token set, from nobody who does not know it."""
    if request.method != "GET" and request.headers.get("Sec-Fetch-Site", "same-origin") == "cross-site":
        return jsonify(error="forbidden", message="not from another site"), 403
    given = request.headers.get("X-Controls-Token") or request.cookies.get(TOKEN_COOKIE) or ""
    if request.endpoint in OPEN_TO_ALL or opens(given):
        return None
    if request.endpoint in FOR_PEOPLE:
        return redirect(url_for("controls.sign_in", lang=request.args.get("lang")))
    return jsonify(error="unauthorized", message="X-Controls-Token is missing or wrong"), 401


def opens(token: str) -> bool:
    """Whether these controls obey whoever brings `token`. All obey everybody where no token is set."""
    wanted = current_app.extensions["sandbox"].controls_token
    return wanted is None or compare_digest(token.encode(), wanted.encode())


# --- the clock ---


@bp.get("/clock")
def clock() -> Answer:
    """What time it is, in Seoul, and how many seconds ahead of the machine."""
    found = ledger().clock
    return jsonify(now=found.local().isoformat(), offset=found.offset())


@bp.post("/clock")
def move_clock() -> Answer:
    """Move the clock forward; schedules and webhooks that fall due on the way are run at their moment."""
    body = _body({"to"})
    try:
        moment = datetime.fromisoformat(fields.text("to", body.get("to"), 60))
    except ValueError:
        raise BadField("to", "an ISO 8601 moment such as 2027-01-31T09:00:00+09:00") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=SEOUL)
    try:
        travel(ledger(), moment)
    except (ValueError, OverflowError) as error:
        raise BadField("to", str(error)) from None
    return clock()


# --- payments ---


@bp.get("/payments")
def payments() -> Answer:
    """The latest hundred payments as V1 writes them, the buyers' data masked."""
    rows = ledger().database.all("SELECT body, cancelled_at_kg FROM payments ORDER BY id DESC LIMIT 100")
    listed = [masked(json.loads(row["body"])) | {"cancelled_at_kg": row["cancelled_at_kg"]} for row in rows]
    return jsonify(payments=listed)


@bp.post("/payments")
def pay() -> Answer:
    """Go through a payment window without a browser: approve, decline or close it. Answers what the callback gets."""
    params = _body()
    outcome = fields.one_of("outcome", params.pop("outcome", "approve"), OUTCOMES)
    device = fields.one_of("device", params.pop("device", "pc"), ("pc", "mobile"))
    user_code = fields.text("user_code", params.pop("user_code", IMP_CODE), 40)
    phone = params.pop("phone", None)
    if phone is not None and not fields.text("phone", phone, 20).replace("-", "").isdigit():
        raise BadField("phone", "the number that is typed into the window, digits")
    try:
        window_id = ledger().open_window(
            user_code, params, device=device, page_url="", user_agent="sandbox controls", callback=True
        )
    except kg.Refused as refused:
        told = {"success": False, "imp_uid": None, "merchant_uid": params.get("merchant_uid")}
        return jsonify(told | {"error_code": refused.error_code, "error_msg": refused.error_msg})
    _go_through(window_id, outcome, phone)
    view = ledger().get_window(window_id)
    return jsonify(view.result if view else None)


@bp.post("/payments/<imp_uid>/window")
def end_window(imp_uid: str) -> Answer:
    """Approve, decline or close the window that a buyer has left open. Answers what the callback would get."""
    outcome = fields.one_of("outcome", _body({"outcome"}).get("outcome"), OUTCOMES)
    view = ledger().windows.of_payment(imp_uid)
    if view is None or view.state != "open":
        return jsonify(error="not_found", message=f"no open window of {imp_uid}"), 404
    _go_through(view.id, outcome, None)
    view = ledger().get_window(view.id)
    return jsonify(view.result if view else None)


def _go_through(window_id: str, outcome: str, phone: str | None) -> None:
    """What a buyer would do, with the number that leads there unless another one is given."""
    usual = DECLINED_PHONE if outcome == "decline" else APPROVED_PHONE
    phone = (phone or usual).replace("-", "")
    if outcome == "close":
        ledger().close_window(window_id)
        return
    try:
        view = ledger().send_code(window_id, carrier="SKT", phone=phone, birth="900101", gender="1")
        ledger().confirm_code(window_id, view.sms_code or "")
    except kg.Declined as declined:
        if not declined.final:  # nobody is there to try again
            ledger().close_window(window_id)


@bp.post("/payments/<imp_uid>/cancel")
def cancel(imp_uid: str) -> Answer:
    """Cancel as PortOne's console does: with its reason, and with a webhook."""
    try:
        cancelled = cancels.cancel(
            ledger(), imp_uid=imp_uid, merchant_uid=None, reason=cancels.REASON_BY_CONSOLE, webhook=True
        )
    except ApiRefused as refused:
        return jsonify(error="refused", message=refused.message), 409
    return jsonify(masked(cancelled))


@bp.post("/payments/<imp_uid>/undo-at-kg")
def undo_at_kg(imp_uid: str) -> Answer:
    """KG takes the payment back by itself, as it does with test payments; PortOne goes on saying `paid`."""
    if not ledger().undo_at_kg(imp_uid):
        return jsonify(error="not_found", message=f"no paid payment {imp_uid}"), 404
    return jsonify(done=True)


def masked(payment: dict[str, Any]) -> dict[str, Any]:
    """The payment without what belongs to a buyer: a public demo shows its panel to everybody."""
    tel = payment["buyer_tel"] or ""
    hidden = {field: "***" for field in ("buyer_name", "buyer_email", "buyer_addr") if payment[field]}
    return payment | hidden | {"buyer_tel": f"{tel[:3]}-****-{tel[-4:]}" if len(tel) > 7 else tel}


# --- webhooks ---


@bp.get("/deliveries")
def deliveries() -> Answer:
    """The latest hundred webhooks with their answers."""
    return jsonify(deliveries=[delivery(row) for row in ledger().outbox.latest()])


@bp.post("/deliveries/<int(max=9223372036854775807):delivery_id>/redeliver")
def redeliver(delivery_id: int) -> Answer:
    """Send a webhook once more, to where it went."""
    if ledger().outbox.find(delivery_id) is None:
        return jsonify(error="not_found", message=f"no delivery {delivery_id}"), 404
    ledger().postman.deliver(delivery_id)
    return jsonify(delivery(ledger().outbox.find(delivery_id)))


def delivery(row: Any) -> dict[str, Any]:
    """A webhook as the log shows it."""
    told = {key: row[key] for key in row.keys() if key not in ("held", "taken_until")}  # noqa: SIM118 - a sqlite3.Row
    state = "waiting" if row["due_at"] is not None else "sent" if row["attempts"] else "kept back"
    return told | {"body": json.loads(row["body"]), "state": state}


# --- faults and switches ---


@bp.get("/faults")
def faults() -> Answer:
    """The rules that are in force."""
    return jsonify(faults=[vars(rule) for rule in ledger().faults.rules()])


@bp.post("/faults")
def add_fault() -> Answer:
    """Let something go wrong: where, what, how often, with which chance."""
    body = _body()
    path = fields.text("path", body.get("path"), LONGEST_PATH)  # its length first: it becomes a pattern
    if not _is_an_address(path):
        raise BadField("path", "no address of this sandbox; * stands for anything, {name} for one segment")
    return jsonify(vars(ledger().faults.add(body))), 201


def _is_an_address(pattern: str) -> bool:
    """Whether a rule's path can mean anything here."""
    example = re.sub(r"\*|\{\w+\}", "x", pattern)
    if current_app.url_map.bind("").allowed_methods(example):
        return True
    rules = [re.sub(r"<[^>]+>", "x", rule.rule) for rule in current_app.url_map.iter_rules()]
    return any(matches(pattern, rule) for rule in rules)


@bp.delete("/faults")
def clear_faults() -> Answer:
    return jsonify(cleared=ledger().faults.clear())


@bp.get("/settings")
def settings() -> Answer:
    """The switches as they stand."""
    return jsonify(vars(ledger().options()))


@bp.post("/settings")
def change_settings() -> Answer:
    """Throw some of the switches."""
    return jsonify(vars(options.change(ledger().database, _body())))


@bp.post("/reset")
def reset() -> Answer:
    """Forget every payment, key, window, webhook, fault and setting, and the clock's offset. Tokens stay."""
    ledger().database.clear()
    return jsonify(reset=True)


def _body(known: set[str] | None = None) -> dict[str, Any]:
    body = request.get_json(silent=True)
    if not isinstance(body, dict):
        raise BadField("body", "a JSON object")
    if known is not None:
        fields.refuse_unknown(body, known)
    return body
