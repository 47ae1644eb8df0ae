"""Settings: nothing given means the sandbox; live means whole or not at all."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox import create_sandbox
from sandbox.ledger.merchant import CHANNELS, channel_of
from shop import server
from shop.config import ConfigError, load_settings
from shop.mail_url import MailServer

ROOT = Path(__file__).parents[2]

LIVE = {
    "PORTONE_IMP_CODE": "imp12345678",
    "PORTONE_API_KEY": "1234567890123456",
    "PORTONE_API_SECRET": "a-real-looking-secret",
    "SECRET_KEY": "0f7c1d2e3a4b5c6d7e8f",
    "PUBLIC_URL": "https://shop.example",
    "PORTONE_PG": "mobilians",
}
LIVE_KEYS = ("PORTONE_IMP_CODE", "PORTONE_API_KEY", "PORTONE_API_SECRET")
TOKEN = {"SANDBOX_CONTROLS_TOKEN": "9a8b7c6d5e4f3a2b1c0d"}


def refusal(environ: dict[str, str], folder: Path) -> ConfigError:
    """What the shop says when it does not start with these settings."""
    with pytest.raises(ConfigError) as caught:
        load_settings(environ, folder)
    return caught.value


def test_with_no_settings_the_sandbox_is_used_and_everything_has_a_value(tmp_path: Path) -> None:
    settings = load_settings({}, tmp_path)
    assert not settings.live
    assert settings.public_url == "http://127.0.0.1:5000"
    assert settings.api_url == "http://127.0.0.1:5000/sandbox"
    assert settings.sdk_url == "http://127.0.0.1:5000/sandbox/v1/iamport.js"
    assert settings.is_test_channel
    assert settings.billing_available


def test_the_port_moves_the_public_address(tmp_path: Path) -> None:
    assert load_settings({"PORT": "8123"}, tmp_path).api_url == "http://127.0.0.1:8123/sandbox"


def test_the_generated_secret_key_stays_the_same_and_is_readable_by_nobody_else(tmp_path: Path) -> None:
    first = load_settings({}, tmp_path).secret_key
    assert len(first) >= 32
    assert load_settings({}, tmp_path).secret_key == first
    assert (tmp_path / "secret_key").stat().st_mode & 0o077 == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["secret_key"]


def test_live_settings_lead_to_portone_and_nowhere_near_the_sandbox(tmp_path: Path) -> None:
    settings = load_settings(LIVE, tmp_path)
    assert settings.live
    assert settings.api_url == "https://api.iamport.kr"
    assert settings.sdk_url == "https://cdn.iamport.kr/v1/iamport.js"
    assert not settings.is_test_channel
    assert not settings.billing_available


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"PORTONE_API_SECRET": ""}, "PORTONE_API_SECRET"),
        ({"PORTONE_API_KEY": ""}, "PORTONE_API_KEY"),
        ({"PORTONE_IMP_CODE": ""}, "PORTONE_IMP_CODE"),
        ({"SECRET_KEY": ""}, "SECRET_KEY"),
        ({"SECRET_KEY": "changeme"}, "SECRET_KEY"),
        ({"SECRET_KEY": "short"}, "SECRET_KEY"),
        ({"PUBLIC_URL": ""}, "PUBLIC_URL"),
        ({"PUBLIC_URL": "http://shop.example"}, "PUBLIC_URL"),
        ({"PORTONE_API_URL": "http://api.iamport.kr"}, "PORTONE_API_URL"),
        ({"PORTONE_API_SECRET": "sandbox_secret"}, "PORTONE_API_SECRET"),
        ({"FLASK_DEBUG": "1"}, "FLASK_DEBUG"),
        ({"PORTONE_TEST_CHANNEL": "maybe"}, "PORTONE_TEST_CHANNEL"),
        ({"TRUSTED_PROXIES": "all"}, "TRUSTED_PROXIES"),
        ({"CSP_WINDOW_HOSTS": "'unsafe-inline'"}, "CSP_WINDOW_HOSTS"),
        ({"CSP_WINDOW_HOSTS": "https://a.example; script-src *"}, "CSP_WINDOW_HOSTS"),
        ({"CSP_ENFORCE": "perhaps"}, "CSP_ENFORCE"),
        ({"RATELIMIT_STORAGE_URL": "localhost:6379"}, "RATELIMIT_STORAGE_URL"),
        ({"SIGN_IN_LIMIT": "ten"}, "SIGN_IN_LIMIT"),
        ({"SIGN_UP_LIMIT": "many"}, "SIGN_UP_LIMIT"),
        ({"CHECKOUT_LIMIT": "0"}, "CHECKOUT_LIMIT"),
        ({"CHECKOUT_LIMIT": "0 per minute"}, "CHECKOUT_LIMIT"),
        ({"SIGN_IN_LIMIT": "10 per 0 minutes"}, "SIGN_IN_LIMIT"),
        ({"SIGN_IN_LIMIT": "٣ per minute"}, "SIGN_IN_LIMIT"),
        ({"PORT": "abc"}, "PORT"),
        ({"PORT": "-1"}, "PORT"),
        ({"PORT": "65536"}, "PORT"),
        ({"METRICS_TOKEN": "short"}, "METRICS_TOKEN"),
        ({"LOG_FORMAT": "xml"}, "LOG_FORMAT"),
        ({"MAIL_URL": "mail.example"}, "MAIL_URL"),
        ({"PORTONE_PG": "danal"}, "PORTONE_PG"),
        ({"PORTONE_BILLING_PG": "mobilians"}, "PORTONE_BILLING_PG"),
        ({"PORTONE_PG": "mobilians", "PORTONE_CHANNEL_KEY": "channel-key-1"}, "PORTONE_CHANNEL_KEY"),
        ({"PORTONE_PG": "default", "PORTONE_CHANNEL_KEY": "channel-key-1"}, "PORTONE_CHANNEL_KEY"),
        ({"PORTONE_BILLING_PG": "default"}, "PORTONE_BILLING_PG"),
        ({"PUBLIC_URL": "https://[shop.example"}, "PUBLIC_URL"),
        ({"PORTONE_BILLING_PG": "mobilians.1", "PORTONE_BILLING_CHANNEL_KEY": "k"}, "PORTONE_BILLING_CHANNEL_KEY"),
    ],
)
def test_half_configured_live_settings_are_refused_by_name(change: dict[str, str], named: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=named):
        load_settings(LIVE | change, tmp_path)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PUBLIC_URL", "http://shop:abc"),
        ("PUBLIC_URL", "http://shop:0"),
        ("PUBLIC_URL", "http://shop:99999"),
        ("PUBLIC_URL", "http://shop:"),
        ("PUBLIC_URL", "http://[::1]:99999"),
        ("PORTONE_API_URL", "http://127.0.0.1:abc"),
        ("PORTONE_SDK_URL", "http://127.0.0.1:70000/v1/iamport.js"),
        ("PORT", "abc"),
        ("PORT", "-1"),
        ("WEB_WORKERS", "abc"),
        ("WEB_WORKERS", "0"),
        ("WEB_WORKERS", "-1"),
        ("WEB_WORKERS", "1.5"),
        ("WEB_WORKERS", "٣"),
        ("WEB_THREADS", "abc"),
        ("WEB_THREADS", "0"),
        ("WEB_THREADS", "-1"),
        ("WEB_THREADS", "99999"),
        ("RATELIMIT_STORAGE_URL", "memcached://127.0.0.1"),
        ("RATELIMIT_STORAGE_URL", "redis://127.0.0.1:abc/1"),
        ("CELERY_BROKER_URL", "127.0.0.1:6379"),
        ("CELERY_BROKER_URL", "foo://127.0.0.1"),
        ("CELERY_BROKER_URL", "redis://127.0.0.1:0/0"),
        ("CELERY_BROKER_URL", "sentinel://a:26379;sentinel://b:abc"),
        ("LOG_FORMAT", "loud"),
        ("DATABASE_URL", "mysql://shop@db/shop"),
    ],
)
def test_a_value_with_which_nothing_can_work_is_refused_by_its_setting_in_a_demo_too(
    name: str, value: str, tmp_path: Path
) -> None:
    error = refusal({name: value}, tmp_path)
    assert error.setting == name
    assert "\n" not in str(error)


@pytest.mark.parametrize(
    "environ",
    [
        {"PUBLIC_URL": "http://shop:8080"},
        {"PUBLIC_URL": "http://[::1]:8080"},
        {"WEB_WORKERS": "", "WEB_THREADS": " 64 ", "PORT": " "},
        {"RATELIMIT_STORAGE_URL": "redis://:a-password@127.0.0.1:6379/1"},
        {"RATELIMIT_STORAGE_URL": "redis://"},
        {"CELERY_BROKER_URL": "sentinel://a:26379;sentinel://b:26379"},
        {"CELERY_BROKER_URL": "amqp://shop:a-password@broker//"},
    ],
)
def test_values_that_can_work_are_not_refused(environ: dict[str, str], tmp_path: Path) -> None:
    assert not load_settings(environ, tmp_path).live


def test_portones_address_without_keys_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="PORTONE_API_KEY"):
        load_settings({"PORTONE_API_URL": "https://api.iamport.kr"}, tmp_path)


@pytest.mark.parametrize("url", ["https://shop.example", "https://shop.example:8443", "https://93.184.216.34"])
def test_a_public_https_address_without_portones_keys_is_refused_unless_a_token_guards_the_demo(
    url: str, tmp_path: Path
) -> None:
    error = refusal({"PUBLIC_URL": url}, tmp_path)
    assert error.setting == "PUBLIC_URL"
    for name in (*LIVE_KEYS, "SANDBOX_CONTROLS_TOKEN"):
        assert name in str(error)
    assert not load_settings({"PUBLIC_URL": url} | TOKEN, tmp_path).live


@pytest.mark.parametrize("url", ["https://localhost:5000", "https://192.168.0.10", "https://shop", "http://127.0.0.1"])
def test_an_address_that_only_this_network_reaches_needs_no_token(url: str, tmp_path: Path) -> None:
    assert not load_settings({"PUBLIC_URL": url}, tmp_path).live


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORTONE_CHANNEL_KEY", "channel-key-1"),
        ("PORTONE_PG", "mobilians"),
        ("PORTONE_PG", "default"),
        ("PORTONE_BILLING_CHANNEL_KEY", "channel-key-2"),
        ("PORTONE_BILLING_PG", "mobilians.170622040674"),
    ],
)
def test_a_contract_without_portones_keys_is_refused_by_name_also_in_a_guarded_demo(
    name: str, value: str, tmp_path: Path
) -> None:
    for demo in ({}, TOKEN | {"PUBLIC_URL": "https://shop.example"}):
        error = refusal(demo | {name: value}, tmp_path)
        assert error.setting == name
        assert all(key in str(error) for key in LIVE_KEYS)


def test_several_contracts_without_keys_are_all_named_in_the_one_line(tmp_path: Path) -> None:
    contracts = {"PORTONE_CHANNEL_KEY": "channel-key-1", "PORTONE_BILLING_CHANNEL_KEY": "channel-key-2"}
    error = refusal(contracts, tmp_path)
    assert error.setting == "PORTONE_CHANNEL_KEY"
    assert "PORTONE_BILLING_CHANNEL_KEY" in str(error)
    assert "\n" not in str(error)


@pytest.mark.parametrize("given", [LIVE_KEYS[:1], LIVE_KEYS[1:2], LIVE_KEYS[2:], LIVE_KEYS[:2], LIVE_KEYS[1:]])
def test_one_or_two_of_portones_keys_are_refused_and_given_and_missing_ones_are_named(
    given: tuple[str, ...], tmp_path: Path
) -> None:
    error = refusal(TOKEN | {name: LIVE[name] for name in given}, tmp_path)
    assert error.setting == given[0]
    assert all(name in str(error) for name in LIVE_KEYS)
    assert "a-real-looking-secret" not in str(error)


def test_a_live_shop_that_names_no_contract_is_refused(tmp_path: Path) -> None:
    for more in ({}, {"PORTONE_BILLING_CHANNEL_KEY": "channel-key-2"}):
        error = refusal(LIVE | {"PORTONE_PG": ""} | more, tmp_path)
        assert error.setting == "PORTONE_CHANNEL_KEY"
        assert "PORTONE_PG=default" in str(error)


def test_a_live_shop_may_say_that_the_consoles_default_pg_takes_its_payments(tmp_path: Path) -> None:
    settings = load_settings(LIVE | {"PORTONE_PG": "default"}, tmp_path)
    assert settings.contract(billing=False) == ("", "")


@pytest.mark.parametrize(
    "url",
    ["mysql://root:hunter2@db/shop", "postgresql+psycopg2://db/shop", "oracle://db", "shop.sqlite3", "postgres//db",
     "postgresql://shop:hunter2@db:port/shop"],
)  # fmt: skip
def test_a_database_that_no_installed_driver_knows_is_refused_without_its_password(url: str, tmp_path: Path) -> None:
    error = refusal({"DATABASE_URL": url}, tmp_path)
    assert error.setting == "DATABASE_URL"
    assert "hunter2" not in str(error)


@pytest.mark.parametrize("copied", ['"{}"', "'{}'", "“{}”", "{}\u200b", "\ufeff{}", "{} x", "x\t{}", "x\xa0{}"])
@pytest.mark.parametrize(
    "name",
    [*LIVE_KEYS, "PORTONE_CHANNEL_KEY", "PORTONE_PG", "PORTONE_BILLING_CHANNEL_KEY", "PORTONE_BILLING_PG", "SECRET_KEY",
     "METRICS_TOKEN", "SANDBOX_CONTROLS_TOKEN", "SANDBOX_API_KEY", "SANDBOX_API_SECRET", "PUBLIC_URL",
     "PORTONE_API_URL", "PORTONE_SDK_URL"],
)  # fmt: skip
def test_a_quotation_mark_or_blank_in_an_id_key_or_secret_is_refused_by_name_and_never_printed(
    name: str, copied: str, tmp_path: Path
) -> None:
    value = LIVE.get(name, "0123456789abcdef0123")
    error = refusal(LIVE | {name: copied.format(value)}, tmp_path)
    assert name in {one.setting for one in (error, *error.others)}
    assert not [one for one in (error, *error.others) if value in str(one) and name not in ("PUBLIC_URL", "PORTONE_PG")]


PUBLIC_DEMO = TOKEN | {"PUBLIC_URL": "https://demo.example"}


def test_a_demo_elsewhere_has_rest_keys_of_its_own_which_stay(tmp_path: Path) -> None:
    first, again = load_settings(PUBLIC_DEMO, tmp_path), load_settings(PUBLIC_DEMO, tmp_path)
    other = load_settings(PUBLIC_DEMO, tmp_path / "other")
    assert first.api_key not in ("imp_apikey", other.api_key)
    assert first.api_secret not in ("sandbox_secret", other.api_secret)
    assert (again.api_key, again.api_secret) == (first.api_key, first.api_secret)
    assert first.api_secret not in repr(first)


@pytest.mark.parametrize("url", ["", "http://127.0.0.1:5000", "http://localhost:5000", "http://[::1]:5000"])
def test_on_this_machine_the_published_keys_are_used(url: str, tmp_path: Path) -> None:
    settings = load_settings({"PUBLIC_URL": url}, tmp_path)
    assert (settings.api_key, settings.api_secret) == ("imp_apikey", "sandbox_secret")
    assert not (tmp_path / "sandbox_keys").exists()


@pytest.mark.parametrize("sandbox_first", [True, False])
def test_shop_and_sandbox_of_one_deployment_find_the_same_keys(sandbox_first: bool, tmp_path: Path) -> None:
    def of_sandbox() -> tuple[str, str]:
        app = create_sandbox(tmp_path / "sandbox.sqlite3", shop_origin=PUBLIC_DEMO["PUBLIC_URL"], start_worker=False)
        keys: tuple[str, str] = app.extensions["sandbox"].api_keys
        return keys

    early = of_sandbox() if sandbox_first else None
    settings = load_settings(PUBLIC_DEMO, tmp_path)
    assert (settings.api_key, settings.api_secret) == (early or of_sandbox())


def test_the_sandboxs_keys_may_be_settings(tmp_path: Path) -> None:
    given = {"SANDBOX_API_KEY": "0123456789abcdef", "SANDBOX_API_SECRET": "a-secret-of-this-deployment"}
    for environ in (PUBLIC_DEMO | given, given):
        settings = load_settings(environ, tmp_path)
        assert (settings.api_key, settings.api_secret) == tuple(given.values())
    assert load_settings(LIVE | given, tmp_path).api_key == LIVE["PORTONE_API_KEY"]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"SANDBOX_API_KEY": "0123456789abcdef"}, "SANDBOX_API_SECRET"),
        ({"SANDBOX_API_SECRET": "a-secret-of-this-deployment"}, "SANDBOX_API_KEY"),
        ({"SANDBOX_API_KEY": "k", "SANDBOX_API_SECRET": "short"}, "SANDBOX_API_SECRET"),
        ({"SANDBOX_API_KEY": "imp_apikey", "SANDBOX_API_SECRET": "sandbox_secret"}, "SANDBOX_API_SECRET"),
        ({"SANDBOX_CONTROLS_TOKEN": "short"}, "SANDBOX_CONTROLS_TOKEN"),
        ({"SANDBOX_CONTROLS_TOKEN": "a" * 20}, "SANDBOX_CONTROLS_TOKEN"),
        ({"SANDBOX_CONTROLS_TOKEN": "changemechangeme"}, "SANDBOX_CONTROLS_TOKEN"),
        ({"DEMO_CLOCK": "perhaps"}, "DEMO_CLOCK"),
    ],
)
def test_weak_or_half_given_secrets_of_a_demo_are_refused_by_name(
    change: dict[str, str], named: str, tmp_path: Path
) -> None:
    error = refusal(PUBLIC_DEMO | change, tmp_path)
    assert named in {one.setting for one in (error, *error.others)}


def test_the_administrator_of_a_demo_elsewhere_moves_no_clock_unless_allowed(tmp_path: Path) -> None:
    assert load_settings({}, tmp_path).demo_clock
    assert not load_settings(PUBLIC_DEMO, tmp_path).demo_clock
    assert load_settings(PUBLIC_DEMO | {"DEMO_CLOCK": "true"}, tmp_path).demo_clock
    assert not load_settings({"DEMO_CLOCK": "false"}, tmp_path).demo_clock


def test_blanks_around_a_value_are_not_part_of_it(tmp_path: Path) -> None:
    assert load_settings(LIVE | {"PORTONE_API_SECRET": " a-real-looking-secret\n"}, tmp_path).api_secret == (
        "a-real-looking-secret"
    )


def test_a_real_account_with_a_test_channel_may_be_tried_on_localhost(tmp_path: Path) -> None:
    trial = LIVE | {"PORTONE_TEST_CHANNEL": "true", "PUBLIC_URL": "http://127.0.0.1:5000"}
    assert load_settings(trial, tmp_path).is_test_channel


def test_a_billing_contract_makes_plans_available(tmp_path: Path) -> None:
    assert load_settings(LIVE | {"PORTONE_BILLING_PG": "mobilians.170622040674"}, tmp_path).billing_available
    assert load_settings(LIVE | {"PORTONE_BILLING_CHANNEL_KEY": "channel-key-1"}, tmp_path).billing_available


def test_settings_never_print_their_secrets(tmp_path: Path) -> None:
    assert "a-real-looking-secret" not in repr(load_settings(LIVE, tmp_path))


def test_a_bare_postgresql_address_names_the_installed_driver(tmp_path: Path) -> None:
    for given in ("postgres://db/shop", "postgresql://db/shop"):
        assert load_settings({"DATABASE_URL": given}, tmp_path).database_url == "postgresql+psycopg://db/shop"


def test_a_secret_may_stand_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("a-secret-from-a-file\n")
    environ = {name: value for name, value in LIVE.items() if name != "PORTONE_API_SECRET"}
    settings = load_settings(environ | {"PORTONE_API_SECRET_FILE": str(tmp_path / "secret")}, tmp_path)
    assert settings.live
    assert settings.api_secret == "a-secret-from-a-file"


def test_a_secret_file_that_is_missing_or_one_too_many_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="SECRET_KEY_FILE cannot be read"):
        load_settings({"SECRET_KEY_FILE": str(tmp_path / "nowhere")}, tmp_path)
    (tmp_path / "key").write_text("0f7c1d2e3a4b5c6d7e8f")
    with pytest.raises(ConfigError, match="SECRET_KEY and SECRET_KEY_FILE are both set"):
        load_settings({"SECRET_KEY": "x", "SECRET_KEY_FILE": str(tmp_path / "key")}, tmp_path)


def test_the_sandbox_logs_for_people_and_the_live_shop_for_machines(tmp_path: Path) -> None:
    assert load_settings({}, tmp_path).log_format == "text"
    assert load_settings(LIVE, tmp_path).log_format == "json"


def test_a_secret_file_is_utf_8_whatever_the_systems_encoding_is(tmp_path: Path) -> None:
    (tmp_path / "with-mark").write_bytes(b"\xef\xbb\xbf0f7c1d2e3a4b5c6d7e8f\r\n")
    assert load_settings({"SECRET_KEY_FILE": str(tmp_path / "with-mark")}, tmp_path).secret_key == LIVE["SECRET_KEY"]
    (tmp_path / "korean").write_text("우리집비밀열쇠우리집비밀열쇠우리", encoding="utf-8")
    asked = "import pathlib, os; from shop.config import load_settings; load_settings(os.environ, pathlib.Path('.'))"
    environ = os.environ | {"SECRET_KEY_FILE": str(tmp_path / "korean"), "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"}
    command = [sys.executable, "-X", "utf8=0", "-c", asked]
    run = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


def test_a_secret_file_in_another_encoding_is_refused_by_name(tmp_path: Path) -> None:
    for encoding in ("cp949", "utf-16"):
        (tmp_path / "key").write_text("비밀 열쇠", encoding=encoding)
        assert refusal({"SECRET_KEY_FILE": str(tmp_path / "key")}, tmp_path).setting == "SECRET_KEY_FILE"


# --- KG's new module ---

NEW_MODULE = {"PORTONE_MODULE": "mobilians_v2"}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (NEW_MODULE, "PORTONE_PG"),
        (NEW_MODULE | {"PORTONE_PG": "default"}, "PORTONE_PG"),
        (
            NEW_MODULE | {"PORTONE_PG": "", "PORTONE_CHANNEL_KEY": "ck", "PORTONE_BILLING_PG": "mobilians.1"},
            "PORTONE_BILLING_PG",
        ),
        ({"PORTONE_MODULE": "mobilians_v3"}, "PORTONE_MODULE"),
        ({"PORTONE_BILLING_MODULE": "new"}, "PORTONE_BILLING_MODULE"),
        ({"PORTONE_BILLING_MODULE": '"mobilians_v2"'}, "PORTONE_BILLING_MODULE"),
        ({"PORTONE_BILLING_MODULE": "mobilians_v2", "PORTONE_BILLING_PG": "mobilians.1"}, "PORTONE_BILLING_PG"),
        ({"PORTONE_FIX_NUMBER": "true"}, "PORTONE_FIX_NUMBER"),
        ({"PORTONE_FIX_NUMBER": "Y"}, "PORTONE_FIX_NUMBER"),
        ({"PORTONE_APP_SCHEME": "dal gom"}, "PORTONE_APP_SCHEME"),
    ],
)
def test_what_contradicts_the_module_is_refused_at_the_start(
    change: dict[str, str], named: str, tmp_path: Path
) -> None:
    assert refusal(LIVE | change, tmp_path).setting == named


def test_without_keys_the_new_module_is_the_sandboxes(tmp_path: Path) -> None:
    settings = load_settings(NEW_MODULE, tmp_path)
    channels = {channel.key: channel for channel in CHANNELS}
    for key in (settings.channel_key, settings.billing_channel_key):
        assert channels[key].pg_provider == "mobilians_v2"
        assert channels[key].may_issue
    named = load_settings(NEW_MODULE | {"PORTONE_BILLING_CHANNEL_KEY": "channel-key-sandbox-v2-no-issuing"}, tmp_path)
    assert not channels[named.billing_channel_key].may_issue


@pytest.mark.parametrize("environ", [{"PORTONE_PG": "mobilians_v2"}, NEW_MODULE | {"PORTONE_PG": "mobilians_v2.1"}])
def test_who_names_the_new_module_as_pg_is_told_once_that_a_channel_key_chooses_it(
    environ: dict[str, str], tmp_path: Path
) -> None:
    error = refusal(LIVE | environ, tmp_path)
    assert "channel key" in str(error)
    assert error.others == ()


def test_a_pg_beside_the_sandboxes_own_channel_is_not_said_to_be_set_together_with_a_key(tmp_path: Path) -> None:
    error = refusal(NEW_MODULE | {"PORTONE_PG": "mobilians"}, tmp_path)
    assert {one.setting for one in (error, *error.others)} == {"PORTONE_PG"}


@pytest.mark.parametrize(
    ("environ", "once", "monthly"),
    [
        ({"PORTONE_BILLING_MODULE": "mobilians_v2"}, "mobilians", "mobilians_v2"),
        (NEW_MODULE | {"PORTONE_BILLING_MODULE": "mobilians"}, "mobilians_v2", "mobilians"),
        (NEW_MODULE, "mobilians_v2", "mobilians_v2"),
        ({}, "mobilians", "mobilians"),
    ],
)
def test_each_contract_has_a_module_of_its_own_and_in_the_sandbox_a_channel_of_it(
    environ: dict[str, str], once: str, monthly: str, tmp_path: Path
) -> None:
    settings = load_settings(environ, tmp_path)
    assert (settings.module_of(billing=False), settings.module_of(billing=True)) == (once, monthly)
    for billing, module in ((False, once), (True, monthly)):
        channel = channel_of(*settings.contract(billing=billing))
        assert channel
        assert channel.pg_provider == module


def test_every_channel_of_the_sandbox_can_be_named_without_portones_keys(tmp_path: Path) -> None:
    for channel in CHANNELS:
        assert load_settings({"PORTONE_CHANNEL_KEY": channel.key}, tmp_path).channel_key == channel.key


@pytest.mark.parametrize(
    "url",
    [
        "mail.example:25",
        "http://me:p4ssw0rd@mail.example",
        "smtp://",
        "smtp://:p4ssw0rd@mail.example",
        "smtp://me@mail.example",
        "smtp://me:p4ssw0rd@mail.example:abc",
        "smtp://me:p4ssw0rd@mail.example:0",
        "smtp://me:p4ssw0rd@mail.example:70000",
        "smtp://me:p4ssw0rd#1@mail.example",
        "smtp://me:p4ssw0rd/1@mail.example",
        "smtp://me:p4ssw0rd@mail.example/inbox",
        "smtp://me:p4ssw0rd@mail.example?form=shop@example.com",
        "smtp://me:p4ssw0rd@mail.example?from=shop",
        "smtp://me:p4ssw0rd@mail.example?from=a@b.example%0d%0aBcc:x@y.example",
        "smtp://me:p4ssw0rd@mail.example?from",
        "smtp://me:비밀p4ssw0rd@mail.example",
        "smtp://[me:p4ssw0rd@mail.example",
    ],
)
def test_mail_url_that_names_no_server_is_refused_in_one_sentence_without_its_password(
    url: str, tmp_path: Path
) -> None:
    error = refusal({"MAIL_URL": url}, tmp_path)
    assert error.setting == "MAIL_URL"
    assert "p4ssw0rd" not in str(error) + repr(error.__context__ if not error.__suppress_context__ else "")
    assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://mail.example", MailServer("mail.example", 587, False, "", "", "")),
        ("smtps://mail.example", MailServer("mail.example", 465, True, "", "", "")),
        ("smtp://127.0.0.1:1025/", MailServer("127.0.0.1", 1025, False, "", "", "")),
        (
            "smtps://shop%40example.com:p%40ss%3A%2F%23@mail.example:2465",
            MailServer("mail.example", 2465, True, "shop@example.com", "p@ss:/#", "shop@example.com"),
        ),
        (
            "smtp://apikey:p4ssw0rd@mail.example?from=shop@example.com",
            MailServer("mail.example", 587, False, "apikey", "p4ssw0rd", "shop@example.com"),
        ),
    ],
)
def test_mail_url_names_server_login_and_sender(url: str, server: MailServer, tmp_path: Path) -> None:
    found = load_settings({"MAIL_URL": url}, tmp_path).mail_server
    assert found == server
    assert not server.password or server.password not in repr(found)


def test_mail_url_may_be_given_by_a_file(tmp_path: Path) -> None:
    (tmp_path / "mail").write_text("smtp://me:p4ssw0rd@mail.example\n")
    found = load_settings({"MAIL_URL_FILE": str(tmp_path / "mail")}, tmp_path).mail_server
    assert found and found.password == "p4ssw0rd"


def test_without_a_mail_url_there_is_no_mail_server(tmp_path: Path) -> None:
    assert load_settings({}, tmp_path).mail_server is None


# --- a shop for each visitor ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"DEMO_WORLDS": "many"}, "DEMO_WORLDS"),
        ({"DEMO_WORLDS": "-1"}, "DEMO_WORLDS"),
        ({"DEMO_WORLDS": "100"}, "DEMO_WORLDS"),
        (LIVE, "DEMO_WORLDS"),
        ({"DATABASE_URL": "postgresql://shop@db/shop"}, "DATABASE_URL"),
        ({"WEB_WORKERS": "2"}, "WEB_WORKERS"),
        ({"PORTONE_API_URL": "http://sandbox.example"}, "PORTONE_API_URL"),
        ({"CELERY_BROKER_URL": "redis://redis:6379/0"}, "CELERY_BROKER_URL"),
        ({"RATELIMIT_STORAGE_URL": "redis://redis:6379/0"}, "RATELIMIT_STORAGE_URL"),
        ({"MAIL_URL": "smtp://user:password@mail.example"}, "MAIL_URL"),
        ({"SANDBOX_API_KEY": "0123456789abcdef", "SANDBOX_API_SECRET": "0123456789abcdef"}, "SANDBOX_API_KEY"),
        ({"DEMO_RESET": "true"}, "DEMO_RESET"),
    ],
)
def test_a_shop_for_each_visitor_is_refused_beside_what_all_would_share(
    change: dict[str, str], named: str, tmp_path: Path
) -> None:
    error = refusal({"DEMO_WORLDS": "50"} | change, tmp_path)
    assert named in {one.setting for one in (error, *error.others)}
    assert "\n" not in str(error)


def test_more_shops_of_visitors_than_possible_are_refused_with_the_limit(tmp_path: Path) -> None:
    error = refusal({"DEMO_WORLDS": "100"}, tmp_path)
    assert str(error) == "DEMO_WORLDS must be a whole number from 0 to 99, not '100'"


@pytest.mark.parametrize(("worlds", "found"), [("2", 1), (" 0 ", 0), ("", 0)])
def test_a_second_process_beside_shops_of_visitors_is_found_before_the_server_starts_any(
    worlds: str, found: int
) -> None:
    problems = list(server.problems({"DEMO_WORLDS": worlds, "WEB_WORKERS": "2"}))
    assert len(problems) == found
    assert all(problem.startswith("WEB_WORKERS must be 1 with DEMO_WORLDS") for problem in problems)


def test_a_shop_for_each_visitor_needs_no_token_and_lets_everybody_move_the_clock_of_their_own(tmp_path: Path) -> None:
    settings = load_settings({"DEMO_WORLDS": "50", "PUBLIC_URL": "https://demo.example", "WEB_WORKERS": "1"}, tmp_path)
    assert (settings.demo_worlds, settings.demo_clock, settings.controls_token) == (50, True, "")
    assert load_settings({"DEMO_WORLDS": "0"}, tmp_path).demo_worlds == 0
