"""Rate limits of sign-in and checkout.

Sign-in counts failures only, for each pair of a visitor's network address and the account that was tried. So nobody
can lock an owner out by failing in their name: the owner's address is another pair, and a browser that has signed in to
the account before (it holds a signed cookie) has a count of its own. When an account is attacked from many addresses,
the limit gets lower for browsers that never signed in to it, but the account is never locked.
"""

import hashlib
import logging
import secrets
import time
from collections.abc import Callable
from ipaddress import ip_address, ip_network
from typing import TypeVar, cast

from flask import current_app, request
from itsdangerous import BadSignature, URLSafeSerializer
from limits import parse
from limits.errors import ConfigurationError
from limits.storage import MemoryStorage, storage_from_string
from limits.strategies import MovingWindowRateLimiter
from werkzeug.exceptions import TooManyRequests
from werkzeug.wrappers import Response

from shop.environment import ConfigError
from shop.web.common import settings

T = TypeVar("T")
log = logging.getLogger(__name__)

COOKIE_SECONDS = 365 * 24 * 3600
CROWD = 10  # after so many times the limit on one account, each unknown browser gets a third of the limit
SPRAY = 20  # after so many times the limit from one address, on any accounts, its unknown browsers are refused
WITHOUT_REDIS_SECONDS = 30


class Counts:
    """Hits in moving windows, counted in this process or in Redis; in this process while Redis does not respond."""

    def __init__(self, url: str) -> None:
        quick = {} if url.startswith("memory") else {"socket_connect_timeout": 1, "socket_timeout": 1}
        try:
            storage = storage_from_string(url, **quick)
        except ConfigurationError as error:
            raise ConfigError("RATELIMIT_STORAGE_URL needs requirements-scale.txt to be installed") from error
        self._shared = MovingWindowRateLimiter(storage)
        self._own = MovingWindowRateLimiter(MemoryStorage())
        self._errors = storage.base_exceptions
        self._own_until = 0.0

    def hit(self, limit: str, *key: str) -> None:
        self._ask(lambda counter: counter.hit(parse(limit), *key))

    def seconds_to_wait(self, limit: str, *key: str) -> int:
        """Return how long the limit still refuses; 0 while it is not reached."""
        stats = self._ask(lambda counter: counter.get_window_stats(parse(limit), *key))
        return 0 if stats.remaining else max(1, round(stats.reset_time - time.time()))

    def _ask(self, question: Callable[[MovingWindowRateLimiter], T]) -> T:
        if time.monotonic() >= self._own_until:
            try:
                return question(self._shared)
            except self._errors as error:
                self._own_until = time.monotonic() + WITHOUT_REDIS_SECONDS
                log.warning("RATELIMIT_STORAGE_URL does not answer, this process counts alone: %s", error)
        return question(self._own)


# --- signing in -------------------------------------------------------------------------------------------------------


def check_sign_in(email: str) -> None:
    """Raise TooManyRequests if this visitor failed too often on this account. Call before checking the password."""
    limit = settings().sign_in_limit
    if limit == "off":
        return
    browser = _known_browser(email)
    if browser:
        _refuse_until(_counts().seconds_to_wait(limit, "browser", browser))
        return
    _refuse_until(_counts().seconds_to_wait(_scaled(limit, SPRAY), "address", _address()))
    crowded = _counts().seconds_to_wait(_scaled(limit, CROWD), "account", _digest(email))
    _refuse_until(_counts().seconds_to_wait(_scaled(limit, 1 / 3) if crowded else limit, *_pair(email)))


def note_failed_sign_in(email: str) -> None:
    """Count a failed sign-in."""
    limit = settings().sign_in_limit
    if limit == "off":
        return
    browser = _known_browser(email)
    if browser:
        _counts().hit(limit, "browser", browser)
        return
    _counts().hit(_scaled(limit, SPRAY), "address", _address())
    _counts().hit(_scaled(limit, CROWD), "account", _digest(email))
    _counts().hit(_scaled(limit, 1 / 3), *_pair(email))
    _counts().hit(limit, *_pair(email))


def remember_browser(response: Response, email: str) -> None:
    """Set the cookie of a browser that has signed in, so that failures of other browsers do not count against it."""
    known = str(_signer().dumps([_digest(email), secrets.token_hex(8)]))
    secure = settings().https
    response.set_cookie(_cookie_name(), known, max_age=COOKIE_SECONDS, secure=secure, httponly=True, samesite="Lax")


def _known_browser(email: str) -> str | None:
    """Return this browser's id if it has signed in to this account before."""
    try:
        account, browser = _signer().loads(request.cookies.get(_cookie_name(), ""))
    except (BadSignature, ValueError, TypeError):
        return None
    return str(browser) if account == _digest(email) else None


# --- checking out -----------------------------------------------------------------------------------------------------


def check_checkout(buyer: str) -> None:
    """Count a checkout, because each one calls PortOne. Raise TooManyRequests if the buyer reached the limit."""
    limit = settings().checkout_limit
    if limit == "off":
        return
    _refuse_until(_counts().seconds_to_wait(limit, "checkout", buyer))
    _counts().hit(limit, "checkout", buyer)


# --- helpers ----------------------------------------------------------------------------------------------------------


def _refuse_until(seconds: int) -> None:
    if seconds:
        raise TooManyRequests(retry_after=seconds)


def _counts() -> Counts:
    kept = current_app.extensions.get("counts")
    if kept is None:
        kept = current_app.extensions.setdefault("counts", Counts(settings().ratelimit_storage_url))
    return cast("Counts", kept)


def _scaled(limit: str, factor: float) -> str:
    amount, _, window = limit.partition(" ")
    return f"{max(1, int(int(amount) * factor))} {window}"


def _pair(email: str) -> tuple[str, str, str]:
    return "pair", _address(), _digest(email)


def _address() -> str:
    """Return the visitor's network address; for IPv6 its /64 network, which one household shares."""
    try:
        address = ip_address(request.remote_addr or "")
    except ValueError:
        return "unknown"
    return str(ip_network(f"{address}/64", strict=False)) if address.version == 6 else str(address)


def _digest(email: str) -> str:
    return hashlib.sha256(email.strip().lower().encode()).hexdigest()[:24]


def _signer() -> URLSafeSerializer:
    return URLSafeSerializer(settings().secret_key, salt="known browser")


def _cookie_name() -> str:
    return "__Host-known" if settings().https else "known"
