"""Helpers of all pages: the reader's language, the provider, formats of money and time, error pages."""

import logging
import sqlite3
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import wraps
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

from flask import Flask, Response, current_app, g, has_request_context, jsonify, render_template, request
from flask.json.provider import DefaultJSONProvider
from flask_babel import get_locale
from flask_babel import gettext as _
from flask_login import AnonymousUserMixin, current_user
from flask_login import login_required as _login_required
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import DataError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnection
from werkzeug.exceptions import BadRequest, HTTPException, ServiceUnavailable
from werkzeug.routing import IntegerConverter

from payments.clock import SEOUL
from payments.database import db
from payments.extension import extension
from payments.portone.error_codes import advice_for
from payments.portone.report import PaymentProvider
from payments.privacy import LONGEST_TEXT, mask_phone, one_line
from shop.config import Settings
from shop.orders import cart
from shop.orders.models import Product

from . import guest_cart
from .buyer_words import payment_words
from .csrf import cause_of, explanation, page_above
from .delivery_notes import NOTES, delivery_note
from .labels import event_label, label
from .reasons import reason_label
from .refusals import refusal_of

log = logging.getLogger(__name__)

LANGUAGES = ("ko", "en")
NO_DATABASE = (OperationalError, InterfaceError, NoConnection)  # gone, frozen, locked for too long, or too busy
COME_BACK_SECONDS = 10
View = TypeVar("View", bound=Callable[..., Any])


def login_required(view: View) -> View:
    """Flask-Login's decorator with types."""
    return cast("View", _login_required(view))


def settings() -> Settings:
    return cast("Settings", current_app.extensions["settings"])


def provider() -> PaymentProvider:
    """Return the payment provider of this app: PortOne, or the sandbox that imitates it."""
    return extension().provider


def problem_page(title: str, message: str, merchant_uid: str | None) -> str:
    """Render the page of a payment that cannot be shown, for `payments.init_app`."""
    return render_template("results/problem.html", title=title, message=message, merchant_uid=merchant_uid)


def language() -> str:
    """Return the reader's language: the one chosen on the page, else the browser's, else Korean."""
    if not has_request_context():  # a command
        return "ko"
    chosen = request.cookies.get("language")
    if chosen in LANGUAGES:
        return chosen
    return request.accept_languages.best_match(LANGUAGES) or "ko"


def given_reason() -> str:
    """Return the form's reason in one line, phone numbers masked; empty if it has no printable text."""
    return one_line(request.form.get("reason", ""), LONGEST_TEXT)


def local_path(target: str | None, default: str) -> str:
    """Return `target` if it is a path of this shop, else `default` (prevents open redirects)."""
    if not target or not target.isprintable() or not target.startswith("/") or target.startswith(("//", "/\\")):
        return default
    parts = urlsplit(target)
    return default if parts.scheme or parts.netloc else target


def local_page(target: str | None, default: str) -> str:
    """Return `target` if it is a path of this shop, else `default`; of a path that takes only POST the page above it.

    Whoever has to log in before sending a form comes back by GET.
    """
    path = local_path(target, default)
    address = urlsplit(path).path
    rules = current_app.create_url_adapter(request)
    takes_post_only = rules and rules.test(address, "POST") and not rules.test(address, "GET")
    return page_above(address) if takes_post_only else path


def refuse(status: int, error: str, message: str, **more: Any) -> tuple[Response, int]:
    """Return a JSON error: `error` for programs, `message` for the reader."""
    return jsonify(error=error, message=message, **more), status


class RowId(IntegerConverter):
    """URL converter of `<int:…>`: what an INTEGER column can store. A larger number cannot be an id, so 404."""

    def __init__(self, url_map: Any, **options: Any) -> None:
        super().__init__(url_map, **{"max": 2**31 - 1, **options})


class StrictJSON(DefaultJSONProvider):
    """JSON provider that rejects what cannot be encoded again: lone surrogates, too deep nesting."""

    ensure_ascii = False

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        """Parse JSON. Raises ValueError, which Flask turns into a 400, for what is not JSON or not accepted here."""
        try:
            value = super().loads(s, **kwargs)
            super().dumps(value).encode()
        except RecursionError:
            raise ValueError("nested too deeply") from None
        return value


def install(app: Flask) -> None:
    """Add template globals and error pages. Call before registering blueprints: their routes need `RowId`."""
    app.url_map.converters["int"] = RowId
    app.jinja_env.globals.update(won=won, local=local, mask_phone=mask_phone, label=label, payment_words=payment_words)
    app.jinja_env.globals.update(
        seoul=seoul, seoul_seconds=seoul_seconds, event_label=event_label, reason_label=reason_label
    )
    app.jinja_env.globals.update(advice_for=advice_for, refusal_of=refusal_of, way_back=way_back, cart_count=cart_count)
    app.jinja_env.globals.update(delivery_note=delivery_note, delivery_notes=NOTES)
    app.context_processor(_facts_of_every_page)
    app.register_error_handler(HTTPException, _error_page)
    app.register_error_handler(CSRFError, _csrf_error)
    for silent in NO_DATABASE:
        app.register_error_handler(silent, _unavailable)
    for no_value in (DataError, OverflowError):  # a NUL in a text (PostgreSQL), a number too large (both databases)
        app.register_error_handler(no_value, _unstorable)


def cart_count() -> int:
    """Return the number of items in the reader's cart, before the login too."""
    return cart.count_items(current_user.id) if current_user.is_authenticated else len(guest_cart.lines())


def won(amount: int) -> str:
    """Format an amount for the reader: 12,900원 or ₩12,900."""
    return str(_("%(amount)s원", amount=f"{amount:,}"))


def local(row: Any, name: str) -> str:
    """Return a row's text in the reader's language: `name_ko` or `name_en`."""
    return str(getattr(row, f"{name}_{get_locale()}"))


def off_sale(products: Iterable[Product]) -> str:
    """Return the message about products that were taken off sale."""
    return str(_("판매가 끝난 상품입니다: %(names)s", names=", ".join(local(product, "name") for product in products)))


def seoul(moment: datetime | None) -> str:
    """Format a moment in Seoul time, to the minute; empty for None."""
    return f"{moment.astimezone(SEOUL):%Y-%m-%d %H:%M}" if moment else ""


def seoul_seconds(moment: datetime) -> str:
    """Format a moment in Seoul time to the second, where the order of events matters."""
    return f"{moment.astimezone(SEOUL):%Y-%m-%d %H:%M:%S}"


def _facts_of_every_page() -> dict[str, Any]:
    ours = settings()
    return {
        "language": language(),
        "sandbox_mode": not ours.live,
        "sandbox_panel": ours.sdk_url.replace("/v1/iamport.js", "/controls/"),  # where browsers reach it
        "demo_reset": ours.demo_reset,
        "world": ours if ours.world_key else None,
    }


def _wants_json() -> bool:
    if request.path.rstrip("/") == "/payment/redirect":  # a buyer comes back there, in whatever form
        return False
    return request.is_json or request.path.startswith("/payment/") or request.path == "/checkout"


Handler = TypeVar("Handler", bound=Callable[..., Any])


def _or_unavailable(handler: Handler) -> Handler:
    """Let an error handler answer 503 if the database does not respond while its page is made."""

    @wraps(handler)
    def handle(error: Exception) -> Any:
        try:
            return handler(error)
        except NO_DATABASE as silent:
            return _unavailable(silent)

    return cast("Handler", handle)


def _unavailable(error: Exception) -> Any:
    """Respond with 503 because the database does not respond, without asking it for the user, the cart or anything."""
    if getattr(getattr(error, "orig", None), "sqlite_errorcode", None) == sqlite3.SQLITE_ERROR:
        raise error  # a fault of our own SQL, which SQLite's driver puts into the same class
    log.error("%s %s: the database does not respond: %s", request.method, request.path, getattr(error, "orig", error))
    g._login_user = AnonymousUserMixin()  # where Flask-Login keeps it; its own ways there load the user
    return _error_page(ServiceUnavailable(retry_after=COME_BACK_SECONDS))


@_or_unavailable
def _error_page(error: HTTPException) -> Any:
    titles = {
        400: (_("잘못된 요청입니다"), _("보내신 내용을 이해하지 못했습니다. 이전 화면에서 다시 시도해 주세요.")),
        403: (_("볼 수 없는 화면입니다"), _("이 화면을 볼 권한이 없습니다.")),
        404: (_("찾을 수 없습니다"), _("주소가 바뀌었거나 없는 화면입니다.")),
        405: (_("허용되지 않는 요청입니다"), _("화면의 단추를 눌러 다시 시도해 주세요.")),
        413: (_("너무 큰 요청입니다"), _("보내신 내용이 너무 큽니다.")),
        415: (_("읽을 수 없는 형식입니다"), _("이 주소는 다른 형식(Content-Type)의 내용을 받습니다.")),
        429: (_("잠시 후 다시 시도해 주세요"), _too_often(error)),
        503: (_("지금은 이용할 수 없습니다"), _("잠시 후 다시 열어 주세요. 결제하셨다면 결과는 주문 내역에 남습니다.")),
    }
    code = error.code or 500
    if code == 500:
        db.session.rollback()  # PostgreSQL refuses queries in a failed transaction, and the page counts the cart
    title, message = titles.get(code, (_("문제가 생겼습니다"), _("잠시 후 다시 시도해 주세요.")))
    advice = {name: value for name, value in error.get_headers() if name in ("Allow", "Retry-After")}
    if _wants_json():
        return *refuse(code, error.name.lower().replace(" ", "_"), message), advice
    return render_template("error.html", code=code, title=title, message=message), code, advice


def way_back() -> str | None:
    """Return the page of ours whose form was sent here; None for a GET and for other sites."""
    try:
        sender = urlsplit(request.referrer or "")
    except ValueError:  # no browser sends such an address
        return None
    hosts = (request.host, urlsplit(settings().public_url.lower()).netloc)  # a proxy may have rewritten request.host
    here = request.method != "GET" and sender.netloc in hosts
    return local_page(f"{sender.path}?{sender.query}".rstrip("?"), "/") if here else None


def _too_often(error: HTTPException) -> str:
    seconds = getattr(error, "retry_after", None)
    if not isinstance(seconds, int):
        return str(_("짧은 시간에 너무 많이 시도했습니다."))
    if seconds <= 60:
        return str(_("짧은 시간에 너무 많이 시도했습니다. %(count)s초 뒤에 다시 시도해 주세요.", count=seconds))
    minutes = -(-seconds // 60)
    return str(_("짧은 시간에 너무 많이 시도했습니다. %(count)s분 뒤에 다시 시도해 주세요.", count=minutes))


@_or_unavailable
def _unstorable(_error: Exception) -> Any:
    """Respond with 400 to a value that no column can store."""
    db.session.rollback()  # as for a 500, above
    return _error_page(BadRequest())


@_or_unavailable
def _csrf_error(error: CSRFError) -> Any:
    cause = cause_of(error)
    log.warning("%s %s refused: %s (%s)", request.method, request.path, error.description, cause)
    title, message = _("다시 시도해 주세요"), explanation(cause, settings().public_url)
    if not _wants_json():
        return render_template("error.html", code=400, title=title, message=message, page=page_above(request.path)), 400
    if not current_user.is_authenticated:  # signed out meanwhile in another tab
        return refuse(401, "login_required", _("로그인이 필요합니다."), reason=cause)
    return refuse(400, "csrf", message, reason=cause)
