"""How does the V1 REST API answer? Every answer is `{code, message, response}`; only code 0 is a success.

A business refusal comes with HTTP 200 and another code, an unknown payment with 404, a missing token with 401.
"""

import secrets
import time
from typing import Any

from flask import Blueprint, Response, current_app, jsonify, request

from .ledger import ORDERS, STATUSES, Ledger
from .settings import API_KEY, API_SECRET, CHANNELS

bp = Blueprint("rest", __name__)

TOKEN_SECONDS = 1800
EXTENSION_SECONDS = 300  # for one that is asked for in its last minute
LAST_MINUTE = 60

NO_SUCH_PAYMENT = "존재하지 않는 결제정보입니다."

Answer = tuple[Response, int]


def ledger() -> Ledger:
    found: Ledger = current_app.extensions["sandbox"].ledger
    return found


def success(response: Any) -> Answer:
    return jsonify(code=0, message=None, response=response), 200


def refusal(message: str, code: int = 1, status: int = 200) -> Answer:
    return jsonify(code=code, message=message, response=None), status


def not_found(message: str = NO_SUCH_PAYMENT) -> Answer:
    return refusal(message, code=-1, status=404)


def told() -> dict[str, Any]:
    """The body, as JSON or form: V1 takes both everywhere."""
    body = request.get_json(silent=True)
    return body if isinstance(body, dict) else request.form.to_dict()


# --- tokens ---


@bp.post("/users/getToken")
def get_token() -> Answer:
    """Grant the key's one live token: the same until it expires, prolonged in its last minute."""
    body = told()
    key, secret = body.get("imp_key"), body.get("imp_secret")
    if not key or not secret:
        # UNVERIFIED: code -1
        return refusal("imp_key, imp_secret 파라메터가 누락되었습니다.", code=-1, status=400)
    if (key, secret) != (API_KEY, API_SECRET):
        return refusal("인증에 실패하였습니다. API키와 secret을 확인하세요.", code=-1, status=401)
    token, expired_at, now = _granted(str(key))
    return success({"access_token": token, "now": now, "expired_at": expired_at})


def _granted(key: str) -> tuple[str, int, int]:
    now = int(time.time())  # tokens live in real time, whatever the business clock says
    with ledger().database.writing() as books:
        row = books.execute("SELECT token, expired_at FROM tokens WHERE imp_key = ?", (key,)).fetchone()
        if row is None or row["expired_at"] <= now:
            token, expired_at = secrets.token_hex(20), now + TOKEN_SECONDS
        elif row["expired_at"] - now <= LAST_MINUTE:
            # UNVERIFIED: five minutes from the old end, not from now
            token, expired_at = row["token"], row["expired_at"] + EXTENSION_SECONDS
        else:
            return row["token"], row["expired_at"], now
        books.execute("INSERT OR REPLACE INTO tokens VALUES (?, ?, ?)", (key, token, expired_at))
    return token, expired_at, now


@bp.before_request
def require_token() -> Answer | None:
    """401 for anything but getToken without a live token: bare, as Bearer, or in the old header."""
    if request.endpoint == "rest.get_token":
        return None
    given = request.headers.get("Authorization") or request.headers.get("X-ImpTokenHeader") or ""
    token = given.removeprefix("Bearer ").strip()
    row = ledger().database.one("SELECT expired_at FROM tokens WHERE token = ?", token)
    if row is None or row["expired_at"] <= time.time():
        return refusal("Unauthorized", code=-1, status=401)
    return None


@bp.get("/users/pg")
def channels() -> Answer:
    """The contracts of this shop."""
    return success(
        [
            {
                "channel_key": channel_key,
                "channel_name": name,
                "pg_provider": provider,
                "pg_id": mid,
                "sandbox": True,
                "type": "test",
            }
            for channel_key, (provider, mid, name) in CHANNELS.items()
        ]
    )


# --- payments ---


@bp.get("/payments/<imp_uid>")
def payment(imp_uid: str) -> Answer:
    """One payment. Those of a test channel hide unless include_sandbox=true (since 2026-01-26)."""
    found = ledger().payment(imp_uid)
    visible = request.args.get("include_sandbox", "").lower() == "true"
    if found is None or (found["sandbox"] and not visible):
        return not_found()
    return success(found)


@bp.get("/payments/find/<merchant_uid>")
@bp.get("/payments/find/<merchant_uid>/<status>")
def find(merchant_uid: str, status: str = "") -> Answer:
    """The first payment of an order id, newest start first unless told otherwise."""
    found = _of_order(merchant_uid, status)
    return success(found[0]) if found else not_found()


@bp.get("/payments/findAll/<merchant_uid>")
@bp.get("/payments/findAll/<merchant_uid>/<status>")
def find_all(merchant_uid: str, status: str = "") -> Answer:
    """Every payment of an order id, in pages."""
    if status and status not in STATUSES:
        return refusal("지원되지 않는 상태값입니다.", code=-1, status=400)
    found = _of_order(merchant_uid, status)
    page, limit = max(1, request.args.get("page", 1, int)), min(1000, max(1, request.args.get("limit", 20, int)))
    shown = found[(page - 1) * limit : page * limit]
    if not shown:
        return not_found()
    more = len(found) > page * limit
    return success({"total": len(found), "previous": page - 1, "next": page + 1 if more else 0, "list": shown})


def _of_order(merchant_uid: str, status: str) -> list[dict[str, Any]]:
    sorting = request.args.get("sorting", "-started")
    return ledger().payments_of(merchant_uid, status, sorting if sorting in ORDERS else "-started")


# --- prepared amounts ---


@bp.route("/payments/prepare", methods=["POST", "PUT"])
def prepare() -> Answer:
    """Register (POST) or change (PUT) the amount that a later window must ask for."""
    body = told()
    merchant_uid, amount, currency = body.get("merchant_uid"), whole_number(body.get("amount")), body.get("currency")
    if not isinstance(merchant_uid, str) or not 0 < len(merchant_uid) <= 40 or amount is None or amount < 0:
        return refusal("merchant_uid, amount 파라메터를 확인하세요.", code=-1, status=400)  # UNVERIFIED text
    currency = str(currency) if currency else None
    if request.method == "PUT" and not ledger().prepare_anew(merchant_uid, amount, currency):
        return not_found("사전등록된 결제정보가 존재하지 않습니다.")
    if request.method == "POST" and not ledger().prepare(merchant_uid, amount, currency):
        return refusal("결제정보 사전등록에 실패하였습니다(이미 등록된 merchant_uid입니다).")
    return success({"merchant_uid": merchant_uid, "amount": amount, "currency": currency})


@bp.get("/payments/prepare/<merchant_uid>")
def prepared(merchant_uid: str) -> Answer:
    """What is registered for an order id."""
    found = ledger().prepared(merchant_uid)
    return success(found) if found else not_found("사전등록된 결제정보가 존재하지 않습니다.")


# --- billing keys ---


@bp.get("/subscribe/customers/<customer_uid>")
def billing_key(customer_uid: str) -> Answer:
    """One billing key. That there is none comes as HTTP 200 with code 1, as seen on the wire (the documents: 404)."""
    found = ledger().billing_key(customer_uid)
    if found is None:
        return refusal(f"요청하신 customer_uid({customer_uid})로 등록된 정보를 찾을 수 없습니다.")
    return success(found)


def whole_number(value: Any) -> int | None:
    """A whole number given as JSON or as form text; None for anything else."""
    if isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return int(number) if number.is_integer() and abs(number) < 10**12 else None
