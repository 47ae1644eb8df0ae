"""Blueprint of the V1 REST API, and its access tokens: one live token per API key.

A business refusal is HTTP 200 with a non-zero code, an unknown payment 404, a missing token 401. The endpoints are in
`rest_payments.py`, `rest_subscribe.py` and `rest_schedules.py`.
"""

import secrets
import time

from flask import Blueprint, Response, current_app, request

from ..ledger.merchant import CHANNELS
from ..ledger.refusals import ApiRefused
from ..webhooks.current import database
from .envelope import body_params, refusal, success

bp = Blueprint("rest", __name__)

TOKEN_SECONDS = 1800
EXTENSION_SECONDS = 300  # when it is requested again in its last minute
LAST_MINUTE = 60


@bp.errorhandler(ApiRefused)
def refused(error: ApiRefused) -> Response:
    return refusal(error)


@bp.post("/users/getToken")
def get_token() -> Response:
    """Return the key's live token: the same one until it expires, extended in its last minute."""
    body = body_params()
    key, secret = body.get("imp_key"), body.get("imp_secret")
    if not key or not secret:
        raise ApiRefused("imp_key, imp_secret 파라메터가 누락되었습니다.", -1, 400)  # UNVERIFIED: code -1
    if (key, secret) != _api_keys():
        raise ApiRefused("인증에 실패하였습니다. API키와 secret을 확인하세요.", -1, 401)
    token, expired_at, now = _granted(str(key))
    return success({"access_token": token, "now": now, "expired_at": expired_at})


def _api_keys() -> tuple[str, str]:
    keys: tuple[str, str] = current_app.extensions["sandbox"].api_keys
    return keys


def _granted(key: str) -> tuple[str, int, int]:
    now = int(time.time())  # tokens use real time, not the business clock
    with database().writing() as connection:
        row = connection.execute("SELECT token, expired_at FROM tokens WHERE imp_key = ?", (key,)).fetchone()
        if row is None or row["expired_at"] <= now:
            token, expired_at = secrets.token_hex(20), now + TOKEN_SECONDS
        elif row["expired_at"] - now <= LAST_MINUTE:
            # UNVERIFIED: five minutes from the old expiry, not from now
            token, expired_at = row["token"], row["expired_at"] + EXTENSION_SECONDS
        else:
            return row["token"], row["expired_at"], now
        connection.execute("INSERT OR REPLACE INTO tokens VALUES (?, ?, ?)", (key, token, expired_at))
    return token, expired_at, now


@bp.before_request
def require_token() -> None:
    """Require a live token, except for getToken: bare, as Bearer, or in the header X-ImpTokenHeader of 2015."""
    if request.path.rstrip("/") == "/users/getToken":
        return
    given = request.headers.get("Authorization") or request.headers.get("X-ImpTokenHeader") or ""
    scheme, _, rest = given.partition(" ")
    token = rest.strip() if scheme.lower() == "bearer" else given
    row = database().one("SELECT expired_at FROM tokens WHERE token = ? AND imp_key = ?", token, _api_keys()[0])
    if row is None or row["expired_at"] <= time.time():
        raise ApiRefused("Unauthorized", -1, 401)


@bp.get("/users/pg")
def channels() -> Response:
    """List the merchant's channels."""
    return success(
        [
            {
                "channel_key": channel.key,
                "channel_name": channel.name,
                "pg_provider": channel.pg_provider,
                "pg_id": channel.pg_id,
                "sandbox": channel.is_test_channel,
                "type": "payment",  # UNVERIFIED value
            }
            for channel in CHANNELS
        ]
    )
