"""What PortOne has not: payments without a browser, the clock, a fresh start, the delivery log. For tests and demos."""

import json
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, current_app, jsonify, request

from . import kg
from .clock import SEOUL
from .windows import Windows

bp = Blueprint("controls", __name__, url_prefix="/controls")

Answer = Response | tuple[Response, int]

APPROVED_PHONE = "01000001234"
DECLINED_PHONE = "01000000031"


class BadField(Exception):
    """A field of the request is missing, unknown or of the wrong kind."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(problem)
        self.field = field


@bp.errorhandler(BadField)
def bad_field(error: BadField) -> Answer:
    return jsonify(error="bad_field", field=error.field, message=str(error)), 400


def sandbox() -> Any:
    return current_app.extensions["sandbox"]


@bp.get("/clock")
def clock() -> Answer:
    """What time it is, in Seoul, and how far ahead of the machine."""
    found = sandbox().clock
    return jsonify(now=found.local().isoformat(), offset=found.offset())


@bp.post("/clock")
def move_clock() -> Answer:
    """Move the clock forward."""
    target = _body().get("to")
    try:
        moment = datetime.fromisoformat(str(target))
    except ValueError:
        raise BadField("to", "an ISO 8601 moment such as 2027-01-31T09:00:00+09:00") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=SEOUL)
    try:
        sandbox().clock.move_to(moment)
    except (ValueError, OverflowError) as error:
        raise BadField("to", str(error)) from None
    return clock()


@bp.post("/reset")
def reset() -> Answer:
    """Forget every payment, key, window, delivery and setting."""
    sandbox().database.clear()
    return jsonify(reset=True)


@bp.get("/payments")
def payments() -> Answer:
    """The latest payments."""
    rows = sandbox().database.all("SELECT body FROM payments ORDER BY id DESC LIMIT 100")
    return jsonify(payments=[json.loads(row["body"]) for row in rows])


@bp.post("/payments")
def pay() -> Answer:
    """Go through a payment window without a browser: approve, decline or close it. Answers what the callback gets."""
    params = _body()
    outcome = params.pop("outcome", "approve")
    if outcome not in ("approve", "decline", "close"):
        raise BadField("outcome", "approve, decline or close")
    device = params.pop("device", "pc")
    windows: Windows = sandbox().windows
    try:
        window_id = windows.open(
            params.pop("user_code", "imp00000000"),
            params,
            device=device if device == "mobile" else "pc",
            page_url="",
            user_agent="sandbox controls",
            callback=True,
        )
    except kg.Refused as refused:
        merchant_uid = params.get("merchant_uid")
        return jsonify(
            success=False,
            imp_uid=None,
            merchant_uid=merchant_uid,
            error_code=refused.error_code,
            error_msg=refused.error_msg,
        )
    _go_through(windows, window_id, outcome)
    sandbox().notifier.wake()
    view = windows.view(window_id)
    return jsonify(view.result if view else None)


def _go_through(windows: Windows, window_id: str, outcome: str) -> None:
    if outcome == "close":
        windows.close(window_id)
        return
    phone = APPROVED_PHONE if outcome == "approve" else DECLINED_PHONE
    view = windows.send_code(window_id, carrier="SKT", phone=phone, birth="900101", gender="1")
    try:
        windows.confirm_code(window_id, view.code or "")
    except kg.Declined:
        return  # the result says so


@bp.get("/deliveries")
def deliveries() -> Answer:
    """The latest webhooks with their answers."""
    rows = sandbox().database.all("SELECT * FROM deliveries ORDER BY id DESC LIMIT 100")
    return jsonify(deliveries=[dict(row) | {"body": json.loads(row["body"])} for row in rows])


@bp.post("/deliveries/<int:delivery_id>/redeliver")
def redeliver(delivery_id: int) -> Answer:
    """Send a webhook once more, to where it went."""
    changed = (
        sandbox()
        .database.connection()
        .execute("UPDATE deliveries SET done = 0, due_at = 0, taken_until = 0 WHERE id = ?", (delivery_id,))
    )
    if changed.rowcount != 1:
        return jsonify(error="not_found", message=f"no delivery {delivery_id}"), 404
    sandbox().notifier.flush()
    row = sandbox().database.one("SELECT * FROM deliveries WHERE id = ?", delivery_id)
    return jsonify(dict(row) | {"body": json.loads(row["body"])})


def _body() -> dict[str, Any]:
    body = request.get_json(silent=True)
    if not isinstance(body, dict):
        raise BadField("body", "a JSON object")
    return body
