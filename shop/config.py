"""Typed and checked settings, with defaults for the sandbox.

Every setting is an environment variable (or a line of `.env`); alternatively NAME_FILE names a file with the value, as
for secrets of Docker and Kubernetes. Without any setting, the shop runs against the included sandbox. With PortOne's
three keys it is live. With only some of the settings that belong together, it refuses to start.
"""

import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from payments.settings import CONSOLE_DEFAULT, LIVE_API_URL, NEW_MODULE, OLD_MODULE, PortOneSettings

from . import mail_url
from .environment import (
    ConfigError,
    check_addresses,
    check_characters,
    check_companions,
    check_server,
    check_worlds,
    host_of,
    is_live,
    is_loopback,
    refuse,
    with_files,
)
from .kept_secrets import kept
from .mail_url import MailServer

LIVE_SDK_URL = "https://cdn.iamport.kr/v1/iamport.js"

# Published on purpose: on this machine the sandbox holds nothing real. Live settings never fall back to these, and a
# demo that others reach has keys of its own.
SANDBOX_IMP_CODE = "imp00000000"
SANDBOX_API_KEY = "imp_apikey"
SANDBOX_API_SECRET = "sandbox_secret"  # noqa: S105
# The sandbox's channels of KG's new module, one-time and recurring: only a channel key chooses that module.
SANDBOX_CHANNEL_KEYS = ("channel-key-sandbox-v2-phone", "channel-key-sandbox-v2-billing")

WEAK_SECRET_KEYS = {"dev", "secret", "changeme", "change-me", "secret_key", "your-secret-key"}
DATABASES = ("sqlite", "postgresql+psycopg")  # with an installed driver

LIMIT = re.compile(r"off|[1-9]\d* per ([1-9]\d* )?(second|minute|hour|day)s?", re.ASCII)
BROKER = re.compile(r"(rediss?|sentinel|amqps?)://")  # those for which requirements-scale.txt installs a client
SHORTEST_TOKEN = 16
FEWEST_CHARACTERS = 8  # different ones in a token
GUARDS = ("METRICS_TOKEN", "SANDBOX_CONTROLS_TOKEN", "SANDBOX_API_SECRET")


@dataclass(frozen=True)
class Settings(PortOneSettings):
    """All settings of the shop, checked."""

    live: bool
    secret_key: str
    database_url: str
    sdk_url: str
    broker_url: str  # for Celery; empty: no background workers, cron runs the commands
    instance_path: Path
    demo_reset: bool  # clears the demo every night, and pages say so; never with live settings
    trusted_proxies: int  # number of our own proxies in front; only their X-Forwarded-* values are trusted
    csp_window_hosts: tuple[str, ...]  # hosts that the live payment window may use besides the SDK's
    csp_enforce: bool  # the payment page's policy blocks instead of reporting
    ratelimit_storage_url: str  # storage of rate limits: memory:// for one process, redis://… for several
    sign_in_limit: str  # failures per visitor and account, such as "10 per 15 minutes"; "off": no limit
    sign_up_limit: str  # accounts per network address
    checkout_limit: str  # checkouts per buyer
    metrics_token: str  # required to read /metrics; empty: callers from this machine only
    log_format: str  # json or text
    controls_token: str  # protects the sandbox's controls on a public demo; empty: they are open
    mail_server: MailServer | None  # that buyers' messages are sent by; None: the back office shows them
    demo_clock: bool  # the demo's administrator, whose password is published, may move everybody's clock
    demo_worlds: int  # how many shops of visitors are open at once; 0: one shop for all
    world_key: str = ""  # names this shop, if it is one visitor's of many (world_settings.py)
    world_until: datetime | None = None  # when that shop ends

    @property
    def https(self) -> bool:
        return self.public_url.startswith("https://")

    @property
    def is_shared_demo(self) -> bool:
        """Whether strangers meet in this shop: anybody may sign in as its operator, whose password is published."""
        return not (self.live or self.world_key or is_loopback(host_of(self.public_url)))

    @property
    def limits(self) -> dict[str, str]:
        """The rate limits by the name of their setting."""
        return {
            "SIGN_IN_LIMIT": self.sign_in_limit,
            "SIGN_UP_LIMIT": self.sign_up_limit,
            "CHECKOUT_LIMIT": self.checkout_limit,
        }

    @property
    def billing_available(self) -> bool:
        """Whether monthly plans can be sold: KG requires a separate contract for recurring payments."""
        return bool(self.billing_channel_key or self.billing_pg) or not self.live

    def __repr__(self) -> str:
        return f"Settings(live={self.live}, public_url={self.public_url!r})"  # without the secrets


def load_settings(environ: Mapping[str, str], instance_path: Path) -> Settings:
    """Read the settings from `environ`. Raises ConfigError."""
    environ = with_files(environ)

    def value(name: str, default: str = "") -> str:
        return environ.get(name, "").strip() or default

    live = is_live(environ)
    public_url = value("PUBLIC_URL", "" if live else f"http://127.0.0.1:{value('PORT', '5000')}").rstrip("/")
    api_url = value("PORTONE_API_URL", LIVE_API_URL if live else f"{public_url}/sandbox").rstrip("/")
    api_key, api_secret = _api_keys(value, live, instance_path, public_url)
    settings = Settings(
        live=live,
        secret_key=value("SECRET_KEY") or ("" if live else kept(instance_path / "secret_key", secrets.token_hex(32))),
        database_url=_driver_named(value("DATABASE_URL", f"sqlite:///{instance_path / 'shop.sqlite3'}")),
        public_url=public_url,
        api_url=api_url,
        sdk_url=value("PORTONE_SDK_URL", LIVE_SDK_URL if live else f"{api_url}/v1/iamport.js"),
        imp_code=value("PORTONE_IMP_CODE", SANDBOX_IMP_CODE),
        api_key=api_key,
        api_secret=api_secret,
        is_test_channel=_truth("PORTONE_TEST_CHANNEL", value("PORTONE_TEST_CHANNEL", "false" if live else "true")),
        broker_url=value("CELERY_BROKER_URL"),
        instance_path=instance_path,
        **_contracts(value, live),
        **_operations(value, live, public_url),
    )
    problems = [*check_characters(environ), *check_server(environ), *check_addresses(environ)]
    problems += [*check_companions(environ), *check_worlds(environ)]
    problems += [*_check_contracts(settings), *_check_operations(settings)]
    problems += _check_tokens({name: value(name) for name in GUARDS})
    if live:
        problems += _check_live(settings, debug=value("FLASK_DEBUG", "0"))
    refuse(problems)
    return settings


def _api_keys(value: Callable[..., str], live: bool, instance_path: Path, public_url: str) -> tuple[str, str]:
    """Return key and secret of PortOne's REST API, or of the sandbox's: then as the sandbox itself finds them."""
    if live:
        return value("PORTONE_API_KEY"), value("PORTONE_API_SECRET")
    if value("SANDBOX_API_KEY") or value("SANDBOX_API_SECRET"):
        return value("SANDBOX_API_KEY"), value("SANDBOX_API_SECRET")
    if is_loopback(host_of(public_url)):
        return SANDBOX_API_KEY, SANDBOX_API_SECRET
    drawn = f"{secrets.token_hex(8)}\n{secrets.token_hex(32)}\n"
    key, secret = kept(instance_path / "sandbox_keys", drawn).split()
    return key, secret


def _contracts(value: Callable[..., str], live: bool) -> dict[str, Any]:
    """Read the settings that choose the contracts, and what the payment window is told for them."""
    module = value("PORTONE_MODULE", OLD_MODULE)
    billing_module = value("PORTONE_BILLING_MODULE", module)
    pg, billing_pg = value("PORTONE_PG"), value("PORTONE_BILLING_PG")
    once = SANDBOX_CHANNEL_KEYS[0] if module == NEW_MODULE and not (live or pg) else ""
    monthly = SANDBOX_CHANNEL_KEYS[1] if billing_module == NEW_MODULE and not (live or billing_pg) else ""
    return {
        "channel_key": value("PORTONE_CHANNEL_KEY", once),
        "pg": pg,
        "billing_channel_key": value("PORTONE_BILLING_CHANNEL_KEY", monthly),
        "billing_pg": billing_pg,
        "module": module,
        "billing_module": billing_module,
        "fixes_number": _truth("PORTONE_FIX_NUMBER", value("PORTONE_FIX_NUMBER", "false")),
        "app_scheme": value("PORTONE_APP_SCHEME"),
    }


def _operations(value: Callable[..., str], live: bool, public_url: str) -> dict[str, Any]:
    """Read the settings of operation: proxies, policies, limits, logs."""
    worlds = _number("DEMO_WORLDS", value("DEMO_WORLDS", "0"))
    own_clock = worlds or is_loopback(host_of(public_url))  # nobody else's
    return {
        "trusted_proxies": _number("TRUSTED_PROXIES", value("TRUSTED_PROXIES", "0")),
        "csp_window_hosts": tuple(value("CSP_WINDOW_HOSTS").replace(",", " ").split()),
        "csp_enforce": _truth("CSP_ENFORCE", value("CSP_ENFORCE", "false" if live else "true")),
        "ratelimit_storage_url": value("RATELIMIT_STORAGE_URL", "memory://"),
        "sign_in_limit": value("SIGN_IN_LIMIT", "10 per 15 minutes"),
        "sign_up_limit": value("SIGN_UP_LIMIT", "30 per hour"),
        "checkout_limit": value("CHECKOUT_LIMIT", "30 per minute"),
        "metrics_token": value("METRICS_TOKEN"),
        "log_format": value("LOG_FORMAT", "json" if live else "text"),
        "controls_token": value("SANDBOX_CONTROLS_TOKEN"),
        "demo_worlds": worlds,
        "demo_clock": _truth("DEMO_CLOCK", value("DEMO_CLOCK", "true" if own_clock else "false")),
        "demo_reset": _truth("DEMO_RESET", value("DEMO_RESET", "false")),
        "mail_server": _mail_server(value("MAIL_URL")),
    }


def _check_contracts(settings: Settings) -> Iterator[ConfigError]:
    if wrong := settings.contradiction():
        yield ConfigError(wrong)
    if settings.channel_key and settings.pg:
        yield ConfigError("PORTONE_CHANNEL_KEY and PORTONE_PG are both set: keep one (today's SDK: the key)")
    if settings.billing_channel_key and settings.billing_pg:
        yield ConfigError("PORTONE_BILLING_CHANNEL_KEY and PORTONE_BILLING_PG are both set: keep one")
    # What names the new module has the right form here: `contradiction` says that a channel key chooses it.
    if settings.pg not in ("", CONSOLE_DEFAULT) and not re.fullmatch(r"mobilians(_v2)?(\.\w+)?", settings.pg):
        yield ConfigError("PORTONE_PG must be 'mobilians', 'mobilians.<MID>' or 'default'")
    if settings.billing_pg and not re.fullmatch(r"mobilians\.\w+|mobilians_v2(\.\w+)?", settings.billing_pg):
        yield ConfigError("PORTONE_BILLING_PG must be 'mobilians.<MID>': a billing key needs the MID under contract")


def _check_live(settings: Settings, *, debug: str) -> Iterator[ConfigError]:
    if not settings.secret_key:
        yield ConfigError("SECRET_KEY is missing: put a long random value there")
    elif len(settings.secret_key) < 16 or settings.secret_key.lower() in WEAK_SECRET_KEYS:
        yield ConfigError("SECRET_KEY is too easy to guess: put at least 16 random characters there")
    if not settings.public_url:
        yield ConfigError("PUBLIC_URL is missing: PortOne's redirect and webhook need the shop's public address")
    elif not settings.https and not settings.is_test_channel:
        yield ConfigError("PUBLIC_URL must begin with https:// when real money moves")
    if not settings.api_url.startswith("https://"):
        yield ConfigError("PORTONE_API_URL must begin with https://: the API secret travels there")
    if settings.api_secret == SANDBOX_API_SECRET or settings.api_key == SANDBOX_API_KEY:
        yield ConfigError("PORTONE_API_KEY or PORTONE_API_SECRET is the sandbox's: take yours from PortOne's console")
    if settings.demo_reset:
        yield ConfigError("DEMO_RESET is on: it clears the whole shop every night, so never with live settings")
    if _truth("FLASK_DEBUG", debug):
        yield ConfigError("FLASK_DEBUG is on: the debugger must never run with live settings")


def _check_operations(settings: Settings) -> Iterator[ConfigError]:
    if not _has_driver(settings.database_url):
        yield ConfigError("DATABASE_URL must begin with postgresql:// or sqlite:///")
    whole = re.fullmatch(r"https?://[^/?#@\s]*[^/?#@\s:]", settings.public_url) and host_of(settings.public_url)
    if settings.public_url and not whole:
        yield ConfigError("PUBLIC_URL must be scheme and host alone, such as https://shop.example, without a path")
    for host in settings.csp_window_hosts:
        if not re.fullmatch(r"(https://)?(\*\.)?[a-z0-9.-]+(:\d+)?", host, re.IGNORECASE):
            yield ConfigError(f"CSP_WINDOW_HOSTS must be host names with spaces between them, not {host!r}")
    for name, limit in settings.limits.items():
        if not LIMIT.fullmatch(limit):
            yield ConfigError(f"{name} must be such as '10 per 15 minutes', or 'off'")
    if not re.match(r"(memory|rediss?)://", settings.ratelimit_storage_url):
        yield ConfigError("RATELIMIT_STORAGE_URL must begin with memory://, redis:// or rediss://")
    if settings.demo_worlds and settings.demo_reset:
        yield ConfigError("DEMO_RESET must be false with DEMO_WORLDS: each world ends by itself")
    if settings.demo_worlds and not settings.ratelimit_storage_url.startswith("memory:"):
        yield ConfigError("RATELIMIT_STORAGE_URL must be memory:// with DEMO_WORLDS: no world counts for another")
    if settings.broker_url and not BROKER.match(settings.broker_url):
        yield ConfigError("CELERY_BROKER_URL must begin with redis://, rediss://, sentinel://, amqp:// or amqps://")
    if settings.log_format not in ("json", "text"):
        yield ConfigError("LOG_FORMAT must be json or text")


def _check_tokens(values: Mapping[str, str]) -> Iterator[ConfigError]:
    for name, token in values.items():
        if token and (len(token) < SHORTEST_TOKEN or len(set(token)) < FEWEST_CHARACTERS):
            yield ConfigError(f"{name} is too easy to guess: put at least {SHORTEST_TOKEN} random characters there")


def _number(name: str, value: str) -> int:
    if value.isascii() and value.isdigit() and len(value) <= 2:
        return int(value)
    raise ConfigError(f"{name} must be a whole number from 0 to 99, not {value!r}")


def _truth(name: str, value: str) -> bool:
    if value.lower() in ("1", "true", "yes", "on"):
        return True
    if value.lower() in ("0", "false", "no", "off"):
        return False
    raise ConfigError(f"{name} must be true or false, not {value!r}")


def _mail_server(url: str) -> MailServer | None:
    try:
        return mail_url.parse(url) if url else None
    except ValueError:  # whose text may hold the password
        raise ConfigError(
            "MAIL_URL must be smtp://user:password@host:port or smtps://…, with signs of the password as %40 for @"
            " and so on, and ?from=shop@example.com if the user is no e-mail address"
        ) from None


def _driver_named(url: str) -> str:
    """Add the installed driver to the URL: SQLAlchemy 2.0 uses another one for a bare `postgresql://`."""
    return re.sub(r"^postgres(ql)?://", "postgresql+psycopg://", url)


def _has_driver(url: str) -> bool:
    try:
        return make_url(url).drivername in DATABASES
    except (ArgumentError, ValueError):  # ValueError: the port is not a number
        return False
