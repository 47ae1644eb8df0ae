"""Checks of the services that the settings name: the database, PortOne, our own webhook, Redis."""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import requests
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from payments.database import db, end_reading
from payments.monthly.models import BillingKey
from payments.portone.client import PortOne
from payments.portone.report import Channel, ProviderError, Refused, Unauthorized
from payments.settings import NEW_MODULE, OLD_MODULE
from shop.backoffice.admin import DOCTORS_MERCHANT_UID
from shop.config import Settings
from shop.mail_url import MailServer
from shop.operations.mail import connection
from shop.orders.models import User
from shop.world_settings import HEADER

from .settings_checks import Finding, is_public

TIMEOUT_SECONDS = 5.0
MOST_SKEW_SECONDS = 30
DEMO_EMAILS = ("buyer@example.com", "admin@example.com")
KG_MODULES = (OLD_MODULE, NEW_MODULE)
MODES: Mapping[bool, str] = {True: "test", False: "live"}


def of_database(settings: Settings, migrations: str) -> Iterator[Finding]:
    """Check database, migrations and accounts; `migrations` is the code's migrations folder. Needs an app context."""
    try:
        with db.engine.connect() as connection:
            has = MigrationContext.configure(connection).get_current_revision()
        needs = ScriptDirectory(migrations).get_current_head()
        if has != needs:
            yield Finding("migrations_behind", "DATABASE_URL", {"has": has or "-", "needs": needs})
            return
        yield from _accounts(settings)
        yield from _billing_keys(settings)
    except SQLAlchemyError as error:
        db.session.rollback()
        yield Finding("database_silent", "DATABASE_URL", {"message": type(error).__name__})


def _accounts(settings: Settings) -> Iterator[Finding]:
    demo = db.session.scalars(select(User.email).where(User.email.in_(DEMO_EMAILS))).all()
    operators = db.session.scalar(select(func.count()).where(User.role == "operator"))
    end_reading()
    if settings.live:
        for email in demo:
            yield Finding("demo_accounts", "DATABASE_URL", {"email": email})
    if not operators:
        yield Finding("no_operator", "DATABASE_URL")


def _billing_keys(settings: Settings) -> Iterator[Finding]:
    """Compare what PortOne said of the keys in use with the kind of channel that the shop accepts."""
    others = select(func.count()).where(
        BillingKey.status == "active", BillingKey.is_test_channel == (not settings.is_test_channel)
    )
    count = db.session.scalar(others)
    end_reading()
    if count:
        wanted = settings.is_test_channel
        facts = {"count": count, "is": MODES[not wanted], "wanted": MODES[wanted]}
        yield Finding("key_channel", "PORTONE_TEST_CHANNEL", facts)


def of_portone(settings: Settings, portone: PortOne) -> Iterator[Finding]:
    """Check credentials, clock difference, and that the contracts in the settings exist and are of the right kind."""
    try:
        channels = portone.channels()
    except Unauthorized as error:
        refused = ("credentials_refused", "PORTONE_API_KEY")
        if not settings.live:
            refused = ("sandbox_keys_differ", "SANDBOX_API_SECRET")
        yield Finding(*refused, {"message": error.message})
        return
    except Refused as error:
        yield Finding("credentials_refused", "PORTONE_API_SECRET", {"message": error.message})
        return
    except ProviderError as error:
        yield Finding("portone_silent", "PORTONE_API_URL", {"message": error})
        return
    if abs(portone.clock_ahead) > MOST_SKEW_SECONDS:
        yield Finding("clock_skew", "NTP", {"seconds": round(abs(portone.clock_ahead))})
    yield from of_channels(settings, channels)


def of_channels(settings: Settings, channels: list[Channel]) -> Iterator[Finding]:
    once, monthly = _named(settings, channels, billing=False), _named(settings, channels, billing=True)
    for (setting, name, channel), billing in ((once, False), (monthly, True)):
        if name:
            yield from _contract(settings, setting, name, channel, billing=billing)
    if not once[1] and len(channels) > 1 and settings.live:
        yield Finding("channel_unnamed", "PORTONE_CHANNEL_KEY", {"count": len(channels)})
    if not once[1] and not any(channel.pg_provider in KG_MODULES for channel in channels):
        yield Finding("channel_unknown", "PORTONE_CHANNEL_KEY", {"name": settings.module})
    if settings.live and monthly[2] and once[2] and _share_a_mid(once[2], monthly[2]):
        new = NEW_MODULE in (once[2].pg_provider, monthly[2].pg_provider)
        yield Finding("billing_same_new" if new else "billing_same", monthly[0], {"name": monthly[2].pg_id})


def _share_a_mid(once: Channel, monthly: Channel) -> bool:
    """Whether two contracts have one MID. KG's test MID serves one-time and recurring payments alike."""
    return once.pg_id == monthly.pg_id and not (once.is_test_channel and monthly.is_test_channel)


def _named(settings: Settings, channels: list[Channel], *, billing: bool) -> tuple[str, str, Channel | None]:
    """Return the setting that names a contract, its value, and the contract if the account has it."""
    kind = "PORTONE_BILLING" if billing else "PORTONE"
    key, pg = settings.contract(billing=billing)
    if key:
        return f"{kind}_CHANNEL_KEY", key, next((one for one in channels if one.key == key), None)
    provider, _, mid = pg.partition(".")
    fitting = [one for one in channels if one.pg_provider == provider and mid in ("", one.pg_id)]
    in_mode = [one for one in fitting if one.is_test_channel == settings.is_test_channel]
    return f"{kind}_PG", pg, next(iter(in_mode + fitting), None)


def _contract(
    settings: Settings, setting: str, name: str, channel: Channel | None, *, billing: bool
) -> Iterator[Finding]:
    if channel is None:
        yield Finding("channel_unknown", setting, {"name": name})
        return
    if channel.pg_provider not in KG_MODULES:
        yield Finding("channel_kind", setting, {"pg": channel.pg_provider})
        return
    wanted = settings.module_of(billing=billing)
    if channel.pg_provider != wanted:
        module_setting = "PORTONE_BILLING_MODULE" if billing else "PORTONE_MODULE"
        facts = {"pg": channel.pg_provider, "wanted": wanted, "module_setting": module_setting}
        yield Finding("channel_module", setting, facts)
    if channel.is_test_channel != settings.is_test_channel:
        facts = {"is": MODES[channel.is_test_channel], "wanted": MODES[settings.is_test_channel]}
        yield Finding("channel_mode", setting, facts)


def of_webhook(settings: Settings, session: requests.Session) -> Iterator[Finding]:
    """Call our own webhook from outside with an unknown id; the expected response is 200 with `not_found`."""
    url = f"{settings.public_url}/payment/webhook"
    body = {"imp_uid": "imp_doctor", "merchant_uid": DOCTORS_MERCHANT_UID, "status": "paid"}
    headers = {HEADER: settings.world_key} if settings.world_key else {}  # one address for many shops
    try:
        answer = session.post(url, json=body, headers=headers, timeout=TIMEOUT_SECONDS, allow_redirects=False)
    except requests.RequestException as error:
        local = not settings.live and not is_public(settings)
        code = "webhook_local" if local else "webhook_silent"
        yield Finding(code, "PUBLIC_URL", {"url": url, "message": type(error).__name__})
        return
    target = urlsplit(answer.headers.get("Location", ""))
    if answer.is_redirect and target.netloc not in ("", urlsplit(url).netloc):
        facts = {"url": settings.public_url, "target": f"{target.scheme}://{target.netloc}"}
        yield Finding("public_url_moved", "PUBLIC_URL", facts)
        return
    if answer.status_code != 200 or _outcome(answer) != "not_found":
        yield Finding("webhook_wrong", "PUBLIC_URL", {"url": url, "message": f"HTTP {answer.status_code}"})


def _outcome(answer: requests.Response) -> Any:
    try:
        body = answer.json()
    except ValueError:
        return None
    return body.get("outcome") if isinstance(body, dict) else None


def of_mail(server: MailServer, our_host: str) -> Iterator[Finding]:
    """Check that the mail server takes our connection and login; no mail is sent."""
    try:
        with connection(server, our_host):
            return
    except OSError as error:
        yield Finding("mail_silent", "MAIL_URL", {"host": server.host, "message": type(error).__name__})


def redis_named(settings: Settings) -> dict[str, str]:
    """Return the settings that name a Redis, with its URL."""
    urls = {
        "RATELIMIT_STORAGE_URL": settings.ratelimit_storage_url,
        "CELERY_BROKER_URL": settings.broker_url,
    }
    return {setting: url for setting, url in urls.items() if url.startswith(("redis://", "rediss://"))}


def of_redis(named: Mapping[str, str]) -> Iterator[Finding]:
    """Check that each named Redis responds."""
    for setting, url in named.items():
        try:
            from redis import Redis, RedisError
        except ImportError:
            yield Finding("redis_silent", setting, {"message": "requirements-scale.txt is not installed"})
            continue
        try:
            with Redis.from_url(url, socket_connect_timeout=2, socket_timeout=2) as redis:
                redis.ping()
        except RedisError as error:
            yield Finding("redis_silent", setting, {"message": type(error).__name__})
