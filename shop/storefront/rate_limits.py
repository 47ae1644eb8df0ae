"""Rate limits of sign-in, sign-up and checkout.

An attempt to sign in is counted before its password is checked, and taken back if the password is right. So failures
alone count, for each pair of a visitor's network address and the account that was tried. So nobody
can lock an owner out by failing in their name: the owner's address is another pair, and a browser that has signed in to
the account before (it holds a signed cookie) has a count of its own. When an account is attacked from many addresses,
the limit gets lower for browsers that never signed in to it, but the account is never locked.
"""

import hashlib
import logging
import secrets
import sys
import threading
import time
from collections.abc import Callable
from ipaddress import ip_address, ip_network
from typing import TypeVar, cast

from flask import Flask, current_app, request
from itsdangerous import BadSignature, URLSafeSerializer
from limits import RateLimitItem, parse
from limits.errors import ConfigurationError
from limits.storage import MemoryStorage, Storage, storage_from_string
from werkzeug.exceptions import TooManyRequests
from werkzeug.wrappers import Response

from shop.config import Settings
from shop.environment import ConfigError
from shop.web.common import settings

T = TypeVar("T")
log = logging.getLogger(__name__)

COOKIE_SECONDS = 365 * 24 * 3600
CROWD = 10  # after so many times the limit on one account, each unknown browser gets a third of the limit
SPRAY = 20  # after so many times the limit from one address, on any accounts, its unknown browsers are refused
REDIS_SECONDS = 1
WITHOUT_REDIS_SECONDS = 30


class Counts:
    """Counts of attempts, in Redis or in this process; in this process while Redis does not respond.

    A count is forgotten when its window ends, which begins with its first attempt.
    """

    def __init__(self, url: str) -> None:
        self._own = MemoryStorage()
        self._own_lock = threading.Lock()  # its own locks do not cover the beginning of a window
        self._own_until = 0.0
        self._shared: Storage | None = None
        if not url.startswith("memory"):
            self._shared = _redis_storage(url)

    def add(self, amount: int, window: RateLimitItem, *key: str) -> int:
        """Add to a count and return it, in one operation, so that of many attempts at once each has its number."""
        return self._ask(lambda storage: storage.incr(window.key_for(*key), window.get_expiry(), amount))

    def seconds_left(self, window: RateLimitItem, *key: str) -> int:
        """Return how long the window still lasts."""
        return max(1, round(self._ask(lambda storage: storage.get_expiry(window.key_for(*key))) - time.time()))

    def _ask(self, question: Callable[[Storage], T]) -> T:
        if self._shared and time.monotonic() >= self._own_until:
            try:
                return question(self._shared)
            except self._shared.base_exceptions as error:
                self._own_until = time.monotonic() + WITHOUT_REDIS_SECONDS
                log.warning("RATELIMIT_STORAGE_URL does not answer, this process counts alone: %s", error)
        with self._own_lock:
            return question(self._own)


def _redis_storage(url: str) -> Storage:
    try:
        return storage_from_string(url, socket_connect_timeout=REDIS_SECONDS, socket_timeout=REDIS_SECONDS)  # type: ignore[return-value]
    except ConfigurationError as error:
        raise ConfigError("RATELIMIT_STORAGE_URL needs requirements-scale.txt to be installed") from error
    except ValueError as error:
        raise ConfigError(f"RATELIMIT_STORAGE_URL is not an address: {error}") from error


def install(app: Flask, settings: Settings) -> None:
    """Open the storage of the counts. Raises ConfigError."""
    app.extensions["counts"] = Counts(settings.ratelimit_storage_url)


# --- signing in -------------------------------------------------------------------------------------------------------


def check_sign_in(email: str) -> None:
    """Count an attempt to sign in, before its password is checked: attempts at the same moment count each other.

    Raise TooManyRequests if this visitor failed too often on this account; that attempt is not counted.
    """
    if settings().sign_in_limit == "off":
        return
    window = parse(settings().sign_in_limit)
    counts = {key: _counts().add(1, window, *key) for key in _sign_in_keys(email)}
    is_crowded = any(key[0] == "account" and count > window.amount * CROWD for key, count in counts.items())
    most = {
        "browser": window.amount,
        "address": window.amount * SPRAY,
        "account": sys.maxsize,  # never closed
        "pair": max(1, window.amount // 3) if is_crowded else window.amount,
    }
    for key, count in counts.items():
        if count > most[key[0]]:
            take_back_sign_in(email)
            raise TooManyRequests(retry_after=_counts().seconds_left(window, *key))


def take_back_sign_in(email: str) -> None:
    """Take back what `check_sign_in` counted: the password was right."""
    if settings().sign_in_limit != "off":
        for key in _sign_in_keys(email):
            _counts().add(-1, parse(settings().sign_in_limit), *key)


def _sign_in_keys(email: str) -> list[tuple[str, ...]]:
    """Return what an attempt counts for."""
    browser = _known_browser(email)
    if browser:
        return [("browser", browser)]
    account = _digest(email)
    return [("address", _address()), ("account", account), ("pair", _address(), account)]


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


# --- signing up and checking out --------------------------------------------------------------------------------------


def check_sign_up() -> None:
    """Count a sign-up. Raise TooManyRequests if there were too many from this network address."""
    _count(settings().sign_up_limit, "sign-up", _address())


def check_checkout(buyer: str) -> None:
    """Count a checkout, because each one calls PortOne. Raise TooManyRequests if the buyer reached the limit."""
    _count(settings().checkout_limit, "checkout", buyer)


# --- helpers ----------------------------------------------------------------------------------------------------------


def _count(limit: str, *key: str) -> None:
    if limit != "off":
        window = parse(limit)
        if _counts().add(1, window, *key) > window.amount:
            raise TooManyRequests(retry_after=_counts().seconds_left(window, *key))


def _counts() -> Counts:
    return cast("Counts", current_app.extensions["counts"])


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
