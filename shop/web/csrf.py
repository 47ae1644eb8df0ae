"""Causes of refused CSRF tokens, explained to the sender, and the page that the form belongs to."""

from typing import Literal, get_args

from flask import current_app, request, session
from flask_babel import gettext as _
from flask_wtf.csrf import CSRFError

Cause = Literal["no_cookie", "no_token", "too_old", "other_session"]
CAUSES: tuple[Cause, ...] = get_args(Cause)

# The fixed texts of Flask-WTF, the only way to distinguish its causes; a test compares them.
NOTHING_IN_SESSION = "The CSRF session token is missing."
CAUSE_OF_TEXT: dict[str, Cause] = {
    "The CSRF token is missing.": "no_token",
    "The CSRF token has expired.": "too_old",
    "The CSRF token is invalid.": "other_session",
    "The CSRF tokens do not match.": "other_session",
}


def cause_of(error: CSRFError) -> Cause:
    """Return why the token was refused. Call before anything else writes into the session."""
    if error.description != NOTHING_IN_SESSION:
        return CAUSE_OF_TEXT.get(error.description, "other_session")
    if current_app.config["SESSION_COOKIE_NAME"] not in request.cookies:
        return "no_cookie"
    # Flask reads a cookie that is too old, or signed with an earlier SECRET_KEY, as an empty session.
    return "other_session" if session else "too_old"


def explanation(cause: Cause, public_url: str) -> str:
    """Return what happened, what to do, and that cart and orders are kept."""
    happened = {
        "no_cookie": _(
            "브라우저가 이 상점의 쿠키를 보내지 않았습니다. 쿠키를 허용하고 %(url)s 주소에서 다시 시도해 주세요.",
            url=public_url,
        ),
        "no_token": _("보내신 내용에 이 화면의 확인 값이 없습니다. 화면을 새로고침한 뒤 다시 시도해 주세요."),
        "too_old": _("화면이 열린 지 오래되어 확인이 필요합니다. 새로고침한 뒤 다시 시도해 주세요."),
        "other_session": _(
            "화면을 연 뒤 다른 탭이나 창에서 로그인하거나 로그아웃하신 것 같습니다. 새로고침한 뒤 다시 시도해 주세요."
        ),
    }
    kept = _("장바구니와 주문은 그대로입니다.")
    return f"{happened[cause]} {kept}"


def page_above(path: str) -> str:
    """Return the longest prefix of the path that has a page: `/orders/1` for `/orders/1/cancel`."""
    addresses = current_app.create_url_adapter(request)
    while path and addresses and not addresses.test(path, "GET"):
        path = path.rpartition("/")[0]
    return path or "/"
