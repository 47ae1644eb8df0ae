"""Which settings exist, what the sandbox uses when none is given, and where a live value comes from?

Every setting is an environment variable (or a line of `.env`). With none, the shop runs against the sandbox
that ships with it. With PortOne's own three keys it is live, and refuses to start half-configured.
"""

import re
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

LIVE_API_URL = "https://api.iamport.kr"
LIVE_SDK_URL = "https://cdn.iamport.kr/v1/iamport.js"

# Published on purpose: these open the sandbox, which holds nothing real. Live settings never fall back to them.
SANDBOX_IMP_CODE = "imp00000000"
SANDBOX_API_KEY = "imp_apikey"
SANDBOX_API_SECRET = "sandbox_secret"  # noqa: S105

WEAK_SECRET_KEYS = {"dev", "secret", "changeme", "change-me", "secret_key", "your-secret-key"}
LIVE_KEYS = ("PORTONE_IMP_CODE", "PORTONE_API_KEY", "PORTONE_API_SECRET")


class ConfigError(Exception):
    """A setting is missing or contradicts another. The message names the setting and what to put there."""


@dataclass(frozen=True)
class Settings:
    """All settings, checked. URLs have no trailing slash."""

    live: bool
    secret_key: str
    database_url: str
    public_url: str  # where buyers' browsers and PortOne's webhooks reach us
    api_url: str
    sdk_url: str
    imp_code: str
    api_key: str
    api_secret: str
    is_test_channel: bool  # True: payments come from a test channel, and only those are accepted
    channel_key: str  # which contract takes one-time payments: this …
    pg: str  # … or this; both empty: the console's default PG
    billing_channel_key: str  # the same for billing keys
    billing_pg: str
    broker_url: str  # Celery's; empty: no background workers, the commands do everything
    instance_path: Path
    demo_reset: bool  # the demo is cleared every night, and says so; never with live settings

    @property
    def billing_available(self) -> bool:
        """Whether monthly plans can be sold: KG wants a contract of its own for recurring payments."""
        return bool(self.billing_channel_key or self.billing_pg) or not self.live

    def __repr__(self) -> str:
        return f"Settings(live={self.live}, public_url={self.public_url!r})"  # never the secrets


def load_settings(environ: Mapping[str, str], instance_path: Path) -> Settings:
    """Read the settings from `environ`. Raises ConfigError."""

    def value(name: str, default: str = "") -> str:
        return environ.get(name, "").strip() or default

    live = _is_live(environ)
    public_url = value("PUBLIC_URL", "" if live else f"http://127.0.0.1:{value('PORT', '5000')}").rstrip("/")
    api_url = value("PORTONE_API_URL", LIVE_API_URL if live else f"{public_url}/sandbox").rstrip("/")
    settings = Settings(
        live=live,
        secret_key=value("SECRET_KEY") or ("" if live else _generated_secret_key(instance_path)),
        database_url=_driver_named(value("DATABASE_URL", f"sqlite:///{instance_path / 'shop.sqlite3'}")),
        public_url=public_url,
        api_url=api_url,
        sdk_url=value("PORTONE_SDK_URL", LIVE_SDK_URL if live else f"{api_url}/v1/iamport.js"),
        imp_code=value("PORTONE_IMP_CODE", SANDBOX_IMP_CODE),
        api_key=value("PORTONE_API_KEY", SANDBOX_API_KEY),
        api_secret=value("PORTONE_API_SECRET", SANDBOX_API_SECRET),
        is_test_channel=_truth("PORTONE_TEST_CHANNEL", value("PORTONE_TEST_CHANNEL", "false" if live else "true")),
        channel_key=value("PORTONE_CHANNEL_KEY"),
        pg=value("PORTONE_PG"),
        billing_channel_key=value("PORTONE_BILLING_CHANNEL_KEY"),
        billing_pg=value("PORTONE_BILLING_PG"),
        broker_url=value("CELERY_BROKER_URL"),
        instance_path=instance_path,
        demo_reset=_truth("DEMO_RESET", value("DEMO_RESET", "false")),
    )
    _check_contracts(settings)
    if live:
        _check_live(settings, debug=value("FLASK_DEBUG", "0"))
    return settings


def _is_live(environ: Mapping[str, str]) -> bool:
    given = [name for name in LIVE_KEYS if environ.get(name, "").strip()]
    if given and len(given) < len(LIVE_KEYS):
        missing = ", ".join(name for name in LIVE_KEYS if name not in given)
        raise ConfigError(f"{given[0]} is set but {missing} is not: give all three for live PortOne, or none")
    api_host = urlsplit(environ.get("PORTONE_API_URL", "").strip()).hostname
    if not given and api_host == urlsplit(LIVE_API_URL).hostname:
        raise ConfigError(f"PORTONE_API_URL is PortOne's own: set {', '.join(LIVE_KEYS)} too")
    return bool(given)


def _check_contracts(settings: Settings) -> None:
    if settings.channel_key and settings.pg:
        raise ConfigError("PORTONE_CHANNEL_KEY and PORTONE_PG are both set: keep one (today's SDK: the key)")
    if settings.billing_channel_key and settings.billing_pg:
        raise ConfigError("PORTONE_BILLING_CHANNEL_KEY and PORTONE_BILLING_PG are both set: keep one")
    if settings.pg and not re.fullmatch(r"mobilians(\.\w+)?", settings.pg):
        raise ConfigError("PORTONE_PG must be empty, 'mobilians' or 'mobilians.<MID>'")
    if settings.billing_pg and not re.fullmatch(r"mobilians\.\w+", settings.billing_pg):
        raise ConfigError("PORTONE_BILLING_PG must be 'mobilians.<MID>': a billing key needs the MID under contract")


def _check_live(settings: Settings, *, debug: str) -> None:
    if not settings.secret_key:
        raise ConfigError("SECRET_KEY is missing: put a long random value there")
    if len(settings.secret_key) < 16 or settings.secret_key.lower() in WEAK_SECRET_KEYS:
        raise ConfigError("SECRET_KEY is too easy to guess: put at least 16 random characters there")
    if not settings.public_url:
        raise ConfigError("PUBLIC_URL is missing: PortOne's redirect and webhook need the shop's public address")
    if not settings.public_url.startswith("https://") and not settings.is_test_channel:
        raise ConfigError("PUBLIC_URL must begin with https:// when real money moves")
    if not settings.api_url.startswith("https://"):
        raise ConfigError("PORTONE_API_URL must begin with https://: the API secret travels there")
    if settings.api_secret == SANDBOX_API_SECRET or settings.api_key == SANDBOX_API_KEY:
        raise ConfigError("PORTONE_API_KEY or PORTONE_API_SECRET is the sandbox's: take yours from PortOne's console")
    if settings.demo_reset:
        raise ConfigError("DEMO_RESET is on: it clears the whole shop every night, so never with live settings")
    if _truth("FLASK_DEBUG", debug):
        raise ConfigError("FLASK_DEBUG is on: the debugger must never run with live settings")


def _truth(name: str, value: str) -> bool:
    if value.lower() in ("1", "true", "yes", "on"):
        return True
    if value.lower() in ("0", "false", "no", "off"):
        return False
    raise ConfigError(f"{name} must be true or false, not {value!r}")


def _driver_named(url: str) -> str:
    """Name the installed driver: SQLAlchemy 2.0 takes a bare `postgresql://` for another one."""
    return re.sub(r"^postgres(ql)?://", "postgresql+psycopg://", url)


def _generated_secret_key(instance_path: Path) -> str:
    """The sandbox's own signing key: made once, kept in `instance/`, never in the repository."""
    path = instance_path / "secret_key"
    instance_path.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        draft = instance_path / f"secret_key.{secrets.token_hex(4)}"
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_hex(32))
        with suppress(FileExistsError):
            path.hardlink_to(draft)  # whole or not at all, even if several processes start at once
        draft.unlink()
    return path.read_text()
