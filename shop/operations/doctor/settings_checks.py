"""Checks that the settings are complete, consistent and safe, without any network call."""

import difflib
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from payments.settings import LIVE_API_URL, NEW_MODULE
from shop.config import LIVE_SDK_URL, SANDBOX_API_KEY, WEAK_SECRET_KEYS, Settings
from shop.environment import SETTINGS, ConfigError, host_of, is_private

from . import connection_advice, settings_advice
from .settings_advice import Level

ADVICE = settings_advice.ADVICE | connection_advice.ADVICE

OURS = re.compile(r"(PORTONE|SANDBOX|DEMO|PUBLIC|SECRET|DATABASE|RATELIMIT|CSP|METRICS|TRUSTED|IMP|MAIL)_[A-Z_]+")


@dataclass(frozen=True)
class Finding:
    """Something to fix: the code of its advice, the setting, and the facts for the text."""

    code: str
    setting: str
    facts: Mapping[str, object] = field(default_factory=dict)

    @property
    def level(self) -> Level:
        return ADVICE[self.code].level

    def text(self, language: str) -> tuple[str, str]:
        """Return what is wrong and how to fix it; in English for `en`, else in Korean."""
        words = ADVICE[self.code]
        what, mend = (words.en, words.en_mend) if language == "en" else (words.ko, words.ko_mend)
        facts = {"setting": self.setting, **self.facts}
        return what.format_map(facts), mend.format_map(facts)


def of_error(error: ConfigError) -> Iterator[Finding]:
    """Turn the errors of a refused start into findings."""
    for one in (error, *error.others):
        ko, en = settings_advice.BELONGS.get(one.setting, ("위에 적힌 값", "what is written above"))
        yield Finding("config", one.setting, {"message": one, "belongs_ko": ko, "belongs_en": en})


def of_names(environ: Mapping[str, str]) -> Iterator[Finding]:
    """Find settings that have no effect because their name is misspelt."""
    known = {*SETTINGS, *(f"{name}_FILE" for name in SETTINGS)}
    for name in sorted(environ):
        if OURS.fullmatch(name) and name not in known:
            guess = difflib.get_close_matches(name, known, n=1)
            if guess:
                yield Finding("unknown_setting", name, {"guess": guess[0]})


def of_settings(settings: Settings, environ: Mapping[str, str]) -> Iterator[Finding]:
    yield from _address(settings)
    yield from _secrets(settings)
    if settings.live:
        yield from _live(settings)
    else:
        yield from _demo(settings, environ)
    yield from _limits(settings, environ)
    yield from _new_module(settings)


def _new_module(settings: Settings) -> Iterator[Finding]:
    """Say which rules of KG's new module are unverified, of the contracts that are for it."""
    once = settings.module_of(billing=False) == NEW_MODULE
    billing = settings.module_of(billing=True) == NEW_MODULE and settings.billing_available
    if once and billing:
        yield Finding("module_unverified", "PORTONE_MODULE")
    elif once:
        yield Finding("module_unverified_once", "PORTONE_MODULE")
    elif billing:
        yield Finding("module_unverified_billing", "PORTONE_BILLING_MODULE")


def is_public(settings: Settings) -> bool:
    """Whether the shop is meant to be reached from outside of this machine and its network."""
    return not is_private(host_of(settings.public_url))


def _address(settings: Settings) -> Iterator[Finding]:
    if settings.live and not is_public(settings):
        yield Finding("public_url_private", "PUBLIC_URL", {"host": host_of(settings.public_url)})
    if is_public(settings) and not settings.https:
        yield Finding("public_url_http", "PUBLIC_URL")
    if is_public(settings) and settings.https and not settings.trusted_proxies:
        yield Finding("proxies_unknown", "TRUSTED_PROXIES")
    if is_public(settings) and not settings.metrics_token:
        yield Finding("metrics_no_token", "METRICS_TOKEN")


def _secrets(settings: Settings) -> Iterator[Finding]:
    weak = len(settings.secret_key) < 16 or settings.secret_key.lower() in WEAK_SECRET_KEYS
    if is_public(settings) and weak:
        yield Finding("secret_key_weak", "SECRET_KEY")
    for name, value in (("PORTONE_API_SECRET", settings.api_secret), ("METRICS_TOKEN", settings.metrics_token)):
        if value == settings.secret_key:
            yield Finding("secret_reused", "SECRET_KEY", {"other": name})


def _live(settings: Settings) -> Iterator[Finding]:
    api, sdk = urlsplit(settings.api_url), urlsplit(settings.sdk_url)
    if not re.fullmatch(r"imp\d{8}", settings.imp_code):
        yield Finding("imp_code_shape", "PORTONE_IMP_CODE")
    if api.hostname != urlsplit(LIVE_API_URL).hostname:
        yield Finding("api_url_foreign", "PORTONE_API_URL", {"host": api.netloc})
    if sdk.hostname != urlsplit(LIVE_SDK_URL).hostname or sdk.scheme != "https":
        yield Finding("sdk_url_foreign", "PORTONE_SDK_URL", {"host": f"{sdk.scheme}://{sdk.netloc}"})
    keys = {"PORTONE_CHANNEL_KEY": settings.channel_key, "PORTONE_BILLING_CHANNEL_KEY": settings.billing_channel_key}
    named = ", ".join(name for name, key in keys.items() if key)
    if named and "iamport.payment-" in sdk.path:
        yield Finding("sdk_old", "PORTONE_SDK_URL", {"file": Path(sdk.path).name, "keys": named})
    if settings.is_test_channel:
        yield Finding("test_channel", "PORTONE_TEST_CHANNEL")
    if not settings.billing_available:
        yield Finding("billing_missing", "PORTONE_BILLING_CHANNEL_KEY")
    if not settings.csp_enforce:
        yield Finding("csp_reports", "CSP_ENFORCE")


def _demo(settings: Settings, environ: Mapping[str, str]) -> Iterator[Finding]:
    if not is_public(settings):
        return
    if environ.get("FLASK_DEBUG", "0").lower() not in ("", "0", "false", "no", "off"):
        yield Finding("debug_public", "FLASK_DEBUG")
    if not settings.controls_token and not settings.demo_worlds:
        yield Finding("controls_open", "SANDBOX_CONTROLS_TOKEN")


def mail_notes(settings: Settings) -> Iterator[str]:
    """Say whether messages to buyers are mailed; Korean, then English."""
    if settings.mail_server is None:
        yield "구매자 알림은 메일로 나가지 않고 관리 화면의 알림에만 보입니다. 보내려면 MAIL_URL을 넣으세요."
        yield "Messages to buyers are not mailed, only shown in the back office. To mail them, set MAIL_URL."
        return
    host = settings.mail_server.host
    yield f"구매자 알림은 {host} 서버로 나갑니다. flask notify가 몇 분마다 실행되는지 확인하세요."
    yield f"Messages to buyers are mailed by {host}. See that flask notify runs every few minutes."


def notes(settings: Settings, environ: Mapping[str, str]) -> Iterator[str]:
    """Say where another program finds the REST keys of a demo that has keys of its own; Korean, then English."""
    if settings.live or settings.demo_worlds or settings.api_key == SANDBOX_API_KEY:
        return
    kept = "SANDBOX_API_KEY, SANDBOX_API_SECRET"
    if not environ.get("SANDBOX_API_KEY"):
        kept = str(settings.instance_path / "sandbox_keys")
    yield f"이 체험 상점의 샌드박스에는 공개된 API 키가 통하지 않습니다. 이 상점만의 키와 비밀 값: {kept}"
    yield f"The sandbox of this demo does not accept the published API keys. Its own key and secret: {kept}"


def _limits(settings: Settings, environ: Mapping[str, str]) -> Iterator[Finding]:
    for name, limit in settings.limits.items():
        if limit == "off" and is_public(settings):
            yield Finding("brakes_off", name)
    folder = environ.get("PROMETHEUS_MULTIPROC_DIR", "")
    if folder and not os.access(folder, os.W_OK):
        yield Finding("metrics_folder", "PROMETHEUS_MULTIPROC_DIR")
    counts = [environ.get(name, "") for name in ("WEB_WORKERS", "WEB_CONCURRENCY")]
    processes = max([int(count) for count in counts if count.isdigit()], default=1)
    if processes > 1 and settings.ratelimit_storage_url.startswith("memory"):
        yield Finding("limits_apart", "RATELIMIT_STORAGE_URL", {"processes": processes})
    if processes > 1 and not folder:
        yield Finding("metrics_apart", "PROMETHEUS_MULTIPROC_DIR", {"processes": processes})
