"""The endpoint that moves the clock together with the shop, which then does its charge days on the way.

The shop knows its charge days, so it does the moving: its address is `clock_url`. `POST /controls/clock` jumps.
"""

import json
from typing import Any

import requests
from flask import current_app, jsonify, request

from ..ledger import fields
from ..ledger.fields import BadField
from ..window import pages
from .controls import Answer, bp

TIMEOUT_SECONDS = 300  # a month of a shop with many subscriptions
LONGEST = 60


@bp.post("/clock/with-shop")
def move_with_shop() -> Answer:
    """Let the shop move the clock: `{"to": "next_charge" | "tomorrow" | "next_month"}`, or a moment. Its answer."""
    body = request.get_json(silent=True)
    if not isinstance(body, dict):
        raise BadField("body", "a JSON object")
    fields.refuse_unknown(body, {"to"})
    to = fields.text("to", body.get("to"), LONGEST)
    sandbox = current_app.extensions["sandbox"]
    if sandbox.clock_url is None:
        return jsonify(error="no_shop", message="this sandbox knows no shop that moves its clock: clock_url"), 409
    headers = {"Accept-Language": pages.language(), "X-Controls-Token": sandbox.controls_token or ""}
    try:
        answer = sandbox.http.post(
            sandbox.clock_url, json={"to": to}, headers=headers, timeout=TIMEOUT_SECONDS, allow_redirects=False
        )
        told = answer.json()
    except (requests.RequestException, ValueError) as error:
        return jsonify(error="shop", message=f"{sandbox.clock_url}: {type(error).__name__}"), 502
    return _passed_on(told, answer.status_code)


def _passed_on(told: Any, status: int) -> Answer:
    if status == 400:
        raise BadField("to", str(told.get("message", "")) if isinstance(told, dict) else "")
    if status != 200 or not isinstance(told, dict):
        return jsonify(error="shop", message=f"{status} {json.dumps(told, ensure_ascii=False)[:LONGEST]}"), 502
    return jsonify(told)
