"""Settings: nothing given means the sandbox; live means whole or not at all."""

from pathlib import Path

import pytest

from shop.config import ConfigError, load_settings

LIVE = {
    "PORTONE_IMP_CODE": "imp12345678",
    "PORTONE_API_KEY": "1234567890123456",
    "PORTONE_API_SECRET": "a-real-looking-secret",
    "SECRET_KEY": "0f7c1d2e3a4b5c6d7e8f",
    "PUBLIC_URL": "https://shop.example",
}


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
        ({"CHECKOUT_LIMIT": "0"}, "CHECKOUT_LIMIT"),
        ({"METRICS_TOKEN": "short"}, "METRICS_TOKEN"),
        ({"LOG_FORMAT": "xml"}, "LOG_FORMAT"),
        ({"PORTONE_PG": "danal"}, "PORTONE_PG"),
        ({"PORTONE_BILLING_PG": "mobilians"}, "PORTONE_BILLING_PG"),
        ({"PORTONE_PG": "mobilians", "PORTONE_CHANNEL_KEY": "channel-key-1"}, "PORTONE_CHANNEL_KEY"),
        ({"PORTONE_BILLING_PG": "mobilians.1", "PORTONE_BILLING_CHANNEL_KEY": "k"}, "PORTONE_BILLING_CHANNEL_KEY"),
    ],
)
def test_half_configured_live_settings_are_refused_by_name(change: dict[str, str], named: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=named):
        load_settings(LIVE | change, tmp_path)


def test_portones_address_without_keys_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="PORTONE_API_KEY"):
        load_settings({"PORTONE_API_URL": "https://api.iamport.kr"}, tmp_path)


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
