"""The doctor finds each planted misconfiguration, names its setting, and says in both languages how to mend it."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from string import Formatter
from typing import Any

import pytest
import requests
import responses
from flask import Flask
from flask.testing import FlaskClient

from app import close_app, create_app
from payments.database import db
from payments.monthly.models import BillingKey
from payments.portone.client import PortOne
from payments.portone.report import Channel
from shop.config import ConfigError, Settings, load_settings
from shop.operations.doctor import connection_checks, settings_checks
from shop.operations.doctor.doctor import SIGNS
from shop.operations.doctor.settings_checks import Finding
from shop.storefront import account
from tests.conftest import NOBODY_ANSWERS, csrf_of, sign_in
from tests.mail_server import PostOffice, serving_mail
from tests.servers import serving

ROOT = Path(__file__).parents[3]

ONCE = {"channel_key": "channel-key-once", "pg_provider": "mobilians", "pg_id": "200000000001", "sandbox": False}
MONTHLY = {"channel_key": "channel-key-monthly", "pg_provider": "mobilians", "pg_id": "200000000002", "sandbox": False}
CARD = {"channel_key": "channel-key-card", "pg_provider": "html5_inicis", "pg_id": "INIpayTest", "sandbox": False}
TEST = {"channel_key": "channel-key-test", "pg_provider": "mobilians", "pg_id": "170622040674", "sandbox": True}
TEST_MONTHLY = TEST | {"channel_key": "channel-key-test-monthly"}
NEW = {"channel_key": "channel-key-new", "pg_provider": "mobilians_v2", "pg_id": "200000000003", "sandbox": False}
NEW_MONTHLY = NEW | {"channel_key": "channel-key-new-monthly", "pg_id": "200000000004"}
CHANNELS = (ONCE, MONTHLY, CARD, TEST, TEST_MONTHLY, NEW, NEW_MONTHLY)
ACCOUNT = [{"type": "payment", "channel_name": "x", **channel} for channel in CHANNELS]

# A live shop as it should be: the doctor has nothing to say.
HEALTHY = {
    "PORTONE_IMP_CODE": "imp12345678",
    "PORTONE_API_KEY": "1234567890123456",
    "PORTONE_API_SECRET": "a-real-looking-secret",
    "PORTONE_CHANNEL_KEY": "channel-key-once",
    "PORTONE_BILLING_CHANNEL_KEY": "channel-key-monthly",
    "SECRET_KEY": "0f7c1d2e3a4b5c6d7e8f",
    "PUBLIC_URL": "https://shop.example.com",
    "TRUSTED_PROXIES": "1",
    "CSP_ENFORCE": "true",
    "METRICS_TOKEN": "5f0e1d2c3b4a59687766",
}
NEW_MODULE = {
    "PORTONE_MODULE": "mobilians_v2",
    "PORTONE_CHANNEL_KEY": "channel-key-new",
    "PORTONE_BILLING_CHANNEL_KEY": "channel-key-new-monthly",
}
PUBLIC_DEMO = {
    "PUBLIC_URL": "https://demo.example.com",
    "TRUSTED_PROXIES": "1",
    "METRICS_TOKEN": "5f0e1d2c3b4a59687766",
    "SANDBOX_CONTROLS_TOKEN": "9a8b7c6d5e4f3a2b1c0d",
}


def seen(environ: Mapping[str, str], folder: Path) -> list[Finding]:
    """What the doctor sees in the settings, whether the shop would start with them or not."""
    try:
        settings = load_settings(environ, folder)
    except ConfigError as error:
        return [*settings_checks.of_error(error), *settings_checks.of_names(environ)]
    return [*settings_checks.of_names(environ), *settings_checks.of_settings(settings, environ)]


@pytest.mark.parametrize("environ", [HEALTHY, PUBLIC_DEMO, {}], ids=["live", "public demo", "this machine"])
def test_a_healthy_shop_is_left_in_peace(environ: dict[str, str], tmp_path: Path) -> None:
    assert seen(environ, tmp_path) == []


PLANTED: list[tuple[dict[str, str], dict[str, str], str, str]] = [
    (HEALTHY, {"PORTONE_API_SECRET": ""}, "PORTONE_API_SECRET", "config"),
    (HEALTHY, {"PORTONE_API_SECRET": "sandbox_secret"}, "PORTONE_API_SECRET", "config"),
    (HEALTHY, {"SECRET_KEY": ""}, "SECRET_KEY", "config"),
    (HEALTHY, {"SECRET_KEY": "changeme"}, "SECRET_KEY", "config"),
    (HEALTHY, {"SECRET_KEY_FILE": "/no/such/file", "SECRET_KEY": ""}, "SECRET_KEY_FILE", "config"),
    (HEALTHY, {"FLASK_DEBUG": "1"}, "FLASK_DEBUG", "config"),
    (HEALTHY, {"PUBLIC_URL": ""}, "PUBLIC_URL", "config"),
    (HEALTHY, {"PUBLIC_URL": "http://shop.example.com"}, "PUBLIC_URL", "config"),
    (HEALTHY, {"PUBLIC_URL": "https://shop.example.com/shop"}, "PUBLIC_URL", "config"),
    (HEALTHY, {"PORTONE_PG": "mobilians"}, "PORTONE_CHANNEL_KEY", "config"),
    (HEALTHY, {"PORTONE_TEST_CHANNEL": "maybe"}, "PORTONE_TEST_CHANNEL", "config"),
    (HEALTHY, {"METRICS_TOKEN": "short"}, "METRICS_TOKEN", "config"),
    (HEALTHY, {"PUBLIC_URL": "https://localhost"}, "PUBLIC_URL", "public_url_private"),
    (HEALTHY, {"PUBLIC_URL": "https://192.168.0.10"}, "PUBLIC_URL", "public_url_private"),
    (HEALTHY, {"PORTONE_IMP_CODE": "imp1"}, "PORTONE_IMP_CODE", "imp_code_shape"),
    (HEALTHY, {"PORTONE_API_URL": "https://api.example.com"}, "PORTONE_API_URL", "api_url_foreign"),
    (HEALTHY, {"PORTONE_SDK_URL": "https://evil.example.com/v1/iamport.js"}, "PORTONE_SDK_URL", "sdk_url_foreign"),
    (
        HEALTHY,
        {"PORTONE_SDK_URL": "https://cdn.iamport.kr/js/iamport.payment-1.2.0.js"},
        "PORTONE_SDK_URL",
        "sdk_old",
    ),
    (
        HEALTHY,
        {
            "PORTONE_SDK_URL": "https://cdn.iamport.kr/js/iamport.payment-1.2.0.js",
            "PORTONE_CHANNEL_KEY": "",
            "PORTONE_PG": "mobilians",
        },
        "PORTONE_BILLING_CHANNEL_KEY",
        "sdk_old",
    ),
    (HEALTHY, {"PORTONE_TEST_CHANNEL": "true"}, "PORTONE_TEST_CHANNEL", "test_channel"),
    (HEALTHY, {"PORTONE_BILLING_CHANNEL_KEY": ""}, "PORTONE_BILLING_CHANNEL_KEY", "billing_missing"),
    (HEALTHY, {"CSP_ENFORCE": ""}, "CSP_ENFORCE", "csp_reports"),
    (HEALTHY, {"TRUSTED_PROXIES": ""}, "TRUSTED_PROXIES", "proxies_unknown"),
    (HEALTHY, {"METRICS_TOKEN": ""}, "METRICS_TOKEN", "metrics_no_token"),
    (HEALTHY, {"METRICS_TOKEN": HEALTHY["SECRET_KEY"]}, "SECRET_KEY", "secret_reused"),
    (HEALTHY, {"SIGN_IN_LIMIT": "off"}, "SIGN_IN_LIMIT", "brakes_off"),
    (HEALTHY, {"SIGN_UP_LIMIT": "off"}, "SIGN_UP_LIMIT", "brakes_off"),
    (HEALTHY, {"PORTONE_CHANEL_KEY": "channel-key-once"}, "PORTONE_CHANEL_KEY", "unknown_setting"),
    (HEALTHY, {"WEB_WORKERS": "4"}, "RATELIMIT_STORAGE_URL", "limits_apart"),
    (HEALTHY, {"WEB_CONCURRENCY": "4"}, "PROMETHEUS_MULTIPROC_DIR", "metrics_apart"),
    (HEALTHY, {"PROMETHEUS_MULTIPROC_DIR": "/no/such/folder"}, "PROMETHEUS_MULTIPROC_DIR", "metrics_folder"),
    (PUBLIC_DEMO, {"PUBLIC_URL": "http://demo.example.com"}, "PUBLIC_URL", "public_url_http"),
    (PUBLIC_DEMO, {"SECRET_KEY": "dev"}, "SECRET_KEY", "secret_key_weak"),
    (PUBLIC_DEMO, {"FLASK_DEBUG": "1"}, "FLASK_DEBUG", "debug_public"),
    (
        PUBLIC_DEMO,
        {"PUBLIC_URL": "http://demo.example.com", "SANDBOX_CONTROLS_TOKEN": ""},
        "SANDBOX_CONTROLS_TOKEN",
        "controls_open",
    ),
    (PUBLIC_DEMO, {"SANDBOX_CONTROLS_TOKEN": ""}, "PUBLIC_URL", "config"),
    (PUBLIC_DEMO, {"PORTONE_CHANNEL_KEY": "channel-key-once"}, "PORTONE_CHANNEL_KEY", "config"),
    (PUBLIC_DEMO, {"PORTONE_BILLING_PG": "mobilians.1"}, "PORTONE_BILLING_PG", "config"),
    (HEALTHY, {"PORTONE_CHANNEL_KEY": ""}, "PORTONE_CHANNEL_KEY", "config"),
    (HEALTHY, {"PORTONE_API_SECRET": '"a-real-looking-secret"'}, "PORTONE_API_SECRET", "config"),
    (HEALTHY, {"DATABASE_URL": "mysql://shop:a-real-looking-secret@db/shop"}, "DATABASE_URL", "config"),
]


@pytest.mark.parametrize(
    ("healthy", "planted", "setting", "code"), PLANTED, ids=[f"{case[3]}-{'-'.join(case[1])}" for case in PLANTED]
)
def test_what_is_planted_in_the_settings_is_found_by_name(
    healthy: dict[str, str], planted: dict[str, str], setting: str, code: str, tmp_path: Path
) -> None:
    found = seen(healthy | planted, tmp_path)
    about_it = [one for one in found if one.code == code and setting in f"{one.setting} {one.text('en')}"]
    assert about_it, found
    for finding in about_it:
        for language in ("ko", "en"):
            what, mend = finding.text(language)
            assert what
            assert mend
            assert "a-real-looking-secret" not in what + mend


def test_everything_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    found = seen(HEALTHY | {"SECRET_KEY": "", "PUBLIC_URL": "", "FLASK_DEBUG": "1", "LOG_FORMAT": "xml"}, tmp_path)
    assert {finding.setting for finding in found} == {"SECRET_KEY", "PUBLIC_URL", "FLASK_DEBUG", "LOG_FORMAT"}


# --- what is asked ---


@pytest.fixture
def wire() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


def told(response: Any, code: int = 0, message: str | None = None) -> dict[str, Any]:
    return {"code": code, "message": message, "response": response}


def grants_token(wire: responses.RequestsMock, ahead: int = 0) -> None:
    import time

    now = int(time.time()) + ahead
    token = {"access_token": "0123456789abcdef", "now": now, "expired_at": now + 1800}
    wire.post("https://api.iamport.kr/users/getToken", json=told(token))


def of_portone(environ: Mapping[str, str], folder: Path) -> list[Finding]:
    settings = load_settings(environ, folder)
    portone = PortOne(settings)
    try:
        return list(connection_checks.of_portone(settings, portone))
    finally:
        portone.close()


@pytest.mark.parametrize(
    ("planted", "channels", "found"),
    [
        ({}, ACCOUNT, []),
        ({"PORTONE_CHANNEL_KEY": "channel-key-gone"}, ACCOUNT, [("channel_unknown", "PORTONE_CHANNEL_KEY")]),
        ({"PORTONE_CHANNEL_KEY": "channel-key-card"}, ACCOUNT, [("channel_kind", "PORTONE_CHANNEL_KEY")]),
        ({"PORTONE_CHANNEL_KEY": "channel-key-test"}, ACCOUNT, [("channel_mode", "PORTONE_CHANNEL_KEY")]),
        (
            {"PORTONE_CHANNEL_KEY": "", "PORTONE_PG": "mobilians.999"},
            ACCOUNT,
            [("channel_unknown", "PORTONE_PG")],
        ),
        ({"PORTONE_CHANNEL_KEY": "", "PORTONE_PG": "mobilians.200000000001"}, ACCOUNT, []),
        (
            {"PORTONE_CHANNEL_KEY": "", "PORTONE_PG": "default"},
            ACCOUNT,
            [("channel_unnamed", "PORTONE_CHANNEL_KEY")],
        ),
        (
            {"PORTONE_BILLING_CHANNEL_KEY": "channel-key-once"},
            ACCOUNT,
            [("billing_same", "PORTONE_BILLING_CHANNEL_KEY")],
        ),
        (
            {
                "PORTONE_TEST_CHANNEL": "true",
                "PORTONE_CHANNEL_KEY": "channel-key-test",
                "PORTONE_BILLING_CHANNEL_KEY": "channel-key-test-monthly",
            },
            ACCOUNT,
            [],
        ),
        (NEW_MODULE, ACCOUNT, []),
        (
            NEW_MODULE | {"PORTONE_BILLING_CHANNEL_KEY": "channel-key-new"},
            ACCOUNT,
            [("billing_same_new", "PORTONE_BILLING_CHANNEL_KEY")],
        ),
        (
            {"PORTONE_BILLING_MODULE": "mobilians_v2", "PORTONE_BILLING_CHANNEL_KEY": "channel-key-new-monthly"},
            ACCOUNT,
            [],
        ),
        (
            NEW_MODULE | {"PORTONE_BILLING_MODULE": "mobilians", "PORTONE_BILLING_CHANNEL_KEY": "channel-key-monthly"},
            ACCOUNT,
            [],
        ),
        (
            {"PORTONE_BILLING_MODULE": "mobilians_v2"},
            ACCOUNT,
            [("channel_module", "PORTONE_BILLING_CHANNEL_KEY")],
        ),
        ({"PORTONE_CHANNEL_KEY": "channel-key-new"}, ACCOUNT, [("channel_module", "PORTONE_CHANNEL_KEY")]),
        (
            {"PORTONE_MODULE": "mobilians_v2"},
            ACCOUNT,
            [("channel_module", "PORTONE_CHANNEL_KEY"), ("channel_module", "PORTONE_BILLING_CHANNEL_KEY")],
        ),
        (
            {"PORTONE_BILLING_CHANNEL_KEY": "channel-key-gone"},
            ACCOUNT,
            [("channel_unknown", "PORTONE_BILLING_CHANNEL_KEY")],
        ),
        (
            {"PORTONE_BILLING_CHANNEL_KEY": "", "PORTONE_BILLING_PG": "mobilians.999"},
            ACCOUNT,
            [("channel_unknown", "PORTONE_BILLING_PG")],
        ),
        (
            {"PORTONE_TEST_CHANNEL": "true"},
            ACCOUNT,
            [("channel_mode", "PORTONE_CHANNEL_KEY"), ("channel_mode", "PORTONE_BILLING_CHANNEL_KEY")],
        ),
    ],
)
def test_the_contracts_that_are_named_must_be_the_accounts(
    planted: dict[str, str],
    channels: list[dict[str, Any]],
    found: list[tuple[str, str]],
    wire: responses.RequestsMock,
    tmp_path: Path,
) -> None:
    grants_token(wire)
    wire.get("https://api.iamport.kr/users/pg", json=told(channels))
    assert [(one.code, one.setting) for one in of_portone(HEALTHY | planted, tmp_path)] == found


def test_the_new_module_is_no_problem_and_its_unverified_rules_are_noted(tmp_path: Path) -> None:
    [note] = seen(HEALTHY | NEW_MODULE, tmp_path)
    assert (note.code, note.level) == ("module_unverified", "note")
    assert "100 won" in note.text("en")[0]


@pytest.mark.parametrize(
    ("environ", "code", "setting", "unverified", "other"),
    [
        (
            {"PORTONE_BILLING_MODULE": "mobilians_v2", "PORTONE_BILLING_CHANNEL_KEY": "channel-key-new-monthly"},
            "module_unverified_billing",
            "PORTONE_BILLING_MODULE",
            "±5 days",
            "100 won",
        ),
        (
            NEW_MODULE | {"PORTONE_BILLING_MODULE": "mobilians", "PORTONE_BILLING_CHANNEL_KEY": "channel-key-monthly"},
            "module_unverified_once",
            "PORTONE_MODULE",
            "100 won",
            "±5 days",
        ),
        (NEW_MODULE, "module_unverified", "PORTONE_MODULE", "±5 days", "channel-key"),
    ],
)
def test_what_is_unverified_is_noted_for_the_contract_of_the_new_module_only(
    environ: dict[str, str], code: str, setting: str, unverified: str, other: str, tmp_path: Path
) -> None:
    [note] = seen(HEALTHY | environ, tmp_path)
    assert (note.code, note.setting, note.level) == (code, setting, "note")
    for language in ("ko", "en"):
        assert "digital" in note.text(language)[0] or code == "module_unverified_billing"
    assert unverified in note.text("en")[0]
    assert other not in note.text("en")[0]


def test_an_account_without_kg_mobilians_cannot_take_phone_bills(tmp_path: Path) -> None:
    settings = load_settings(HEALTHY | {"PORTONE_CHANNEL_KEY": "", "PORTONE_PG": "default"}, tmp_path)
    found = list(connection_checks.of_channels(settings, [Channel("channel-key-card", "html5_inicis", "x", False)]))
    assert [(one.code, one.setting) for one in found] == [
        ("channel_unknown", "PORTONE_BILLING_CHANNEL_KEY"),
        ("channel_unknown", "PORTONE_CHANNEL_KEY"),
    ]


def test_refused_credentials_are_told_apart_from_silence(wire: responses.RequestsMock, tmp_path: Path) -> None:
    url = "https://api.iamport.kr/users/getToken"
    wire.post(url, json=told(None, -1, "인증에 실패하였습니다. API키와 secret을 확인하세요."), status=401)
    [finding] = of_portone(HEALTHY, tmp_path)
    assert (finding.code, finding.setting) == ("credentials_refused", "PORTONE_API_KEY")
    wire.replace(responses.POST, url, body=requests.ConnectionError("no route"))
    [finding] = of_portone(HEALTHY, tmp_path)
    assert (finding.code, finding.setting) == ("portone_silent", "PORTONE_API_URL")


def test_a_sandbox_with_other_keys_is_told_apart_from_a_wrong_console(
    wire: responses.RequestsMock, tmp_path: Path
) -> None:
    wire.post(
        "https://demo.example.com/sandbox/users/getToken", json=told(None, -1, "인증에 실패하였습니다."), status=401
    )
    [finding] = of_portone(PUBLIC_DEMO, tmp_path)
    assert (finding.code, finding.setting) == ("sandbox_keys_differ", "SANDBOX_API_SECRET")
    for language in ("ko", "en"):
        assert "sandbox_keys" in finding.text(language)[1]


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        (PUBLIC_DEMO, "sandbox_keys"),
        (PUBLIC_DEMO | {"SANDBOX_API_KEY": "k", "SANDBOX_API_SECRET": "5f0e1d2c3b4a59687766"}, "SANDBOX_API_SECRET"),
        ({}, None),
        (HEALTHY, None),
    ],
)
def test_the_doctor_says_where_another_program_finds_the_keys_of_a_demo_and_never_the_keys(
    environ: dict[str, str], said: str | None, tmp_path: Path
) -> None:
    settings = load_settings(environ, tmp_path)
    notes = list(settings_checks.notes(settings, environ))
    assert len(notes) == (2 if said else 0)  # Korean and English
    assert all(said and said in note and settings.api_secret not in note for note in notes)


def test_a_clock_that_is_wrong_is_noticed(wire: responses.RequestsMock, tmp_path: Path) -> None:
    grants_token(wire, ahead=-300)
    wire.get("https://api.iamport.kr/users/pg", json=told(ACCOUNT))
    [finding] = of_portone(HEALTHY, tmp_path)
    assert finding.code == "clock_skew"
    assert "300" in finding.text("en")[0] or "301" in finding.text("en")[0]


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ({"json": {"outcome": "not_found"}}, []),
        ({"body": "<html>welcome", "status": 200}, ["webhook_wrong"]),
        ({"status": 404}, ["webhook_wrong"]),
        ({"status": 301, "headers": {"Location": "https://www.shop.example.com/"}}, ["public_url_moved"]),
        ({"status": 301, "headers": {"Location": "https://shop.example.com/payment/webhook/"}}, ["webhook_wrong"]),
        ({"status": 301, "headers": {"Location": "/payment/webhook/"}}, ["webhook_wrong"]),
        ({"body": requests.ConnectionError("no route")}, ["webhook_silent"]),
    ],
)
def test_our_own_webhook_is_knocked_at(
    answer: dict[str, Any], found: list[str], wire: responses.RequestsMock, tmp_path: Path
) -> None:
    wire.post("https://shop.example.com/payment/webhook", **answer)
    with requests.Session() as session:
        findings = list(connection_checks.of_webhook(load_settings(HEALTHY, tmp_path), session))
    assert [(one.code, one.setting) for one in findings] == [(code, "PUBLIC_URL") for code in found]


def test_an_address_that_redirects_to_another_host_is_named_with_it(
    wire: responses.RequestsMock, tmp_path: Path
) -> None:
    moved = {"status": 308, "headers": {"Location": "https://www.shop.example.com/payment/webhook"}}
    wire.post("https://shop.example.com/payment/webhook", **moved)  # type: ignore[arg-type]
    with requests.Session() as session:
        [finding] = connection_checks.of_webhook(load_settings(HEALTHY, tmp_path), session)
    what, mend = finding.text("en")
    assert "https://shop.example.com redirects to https://www.shop.example.com:" in what
    assert "Set PUBLIC_URL to https://www.shop.example.com," in mend


def test_the_database_is_looked_at(app: Flask, shop: Any) -> None:
    settings: Settings = app.extensions["settings"]
    migrations = app.extensions["migrate"].directory
    assert list(connection_checks.of_database(settings, migrations)) == []
    live = replace(settings, live=True)
    assert [one.code for one in connection_checks.of_database(live, migrations)] == ["demo_accounts", "demo_accounts"]
    shop.execute(db.text("UPDATE users SET role = 'buyer'"))
    shop.commit()
    assert [one.code for one in connection_checks.of_database(settings, migrations)] == ["no_operator"]
    shop.execute(db.text("UPDATE alembic_version SET version_num = '0001'"))
    shop.commit()
    [finding] = connection_checks.of_database(settings, migrations)
    assert (finding.code, finding.setting) == ("migrations_behind", "DATABASE_URL")
    assert "flask init-db" in finding.text("en")[1]


def test_keys_in_use_of_the_other_kind_of_channel_are_counted(app: Flask, shop: Any) -> None:
    settings: Settings = app.extensions["settings"]
    migrations = app.extensions["migrate"].directory
    kinds = {"a": ("active", False), "b": ("active", True), "c": ("active", None), "d": ("ended", False)}
    for name, (status, is_test_channel) in kinds.items():
        facts = {"buyer_name": "홍길동", "buyer_tel": "01012345678", "buyer_email": "a@example.com"}
        shop.add(
            BillingKey(customer_uid=name, customer_ref="1", status=status, is_test_channel=is_test_channel, **facts)
        )
    shop.commit()
    [finding] = connection_checks.of_database(settings, migrations)
    assert (finding.code, finding.setting, finding.facts["count"]) == ("key_channel", "PORTONE_TEST_CHANNEL", 1)


def test_a_redis_that_does_not_answer_is_named(settings: Settings, redis_url: str) -> None:
    def found(limits: str, broker: str = "") -> list[tuple[str, str]]:
        named = connection_checks.redis_named(replace(settings, ratelimit_storage_url=limits, broker_url=broker))
        return [(one.code, one.setting) for one in connection_checks.of_redis(named)]

    gone = "redis://127.0.0.1:1/0"
    assert found(redis_url, redis_url) == []
    assert found("memory://", "amqp://127.0.0.1:1") == []
    assert found(gone, gone) == [("redis_silent", "RATELIMIT_STORAGE_URL"), ("redis_silent", "CELERY_BROKER_URL")]


def test_a_mail_server_that_does_not_answer_or_takes_no_login_is_named_without_its_password(tmp_path: Path) -> None:
    office = PostOffice()
    office.password = "another"
    with serving_mail(office):
        for port, user, message in (
            (9, "", "ConnectionRefusedError"),
            (office.port, "me:a-mail-password@", "SMTPAuthenticationError"),
        ):
            server = load_settings({"MAIL_URL": f"smtp://{user}127.0.0.1:{port}"}, tmp_path).mail_server
            assert server
            [found] = connection_checks.of_mail(server, "shop.example")
            assert (found.code, found.setting, found.facts["message"]) == ("mail_silent", "MAIL_URL", message)
            assert "a-mail-password" not in "".join(found.text("ko") + found.text("en"))
        office.password = ""
        server = load_settings({"MAIL_URL": f"smtp://127.0.0.1:{office.port}"}, tmp_path).mail_server
        assert server and list(connection_checks.of_mail(server, "shop.example")) == []


@pytest.mark.parametrize(("url", "said"), [("", "not mailed"), ("smtp://me:secret-word@127.0.0.1:9", "by 127.0.0.1.")])
def test_the_command_says_whether_messages_are_mailed(url: str, said: str, tmp_path: Path) -> None:
    notes = list(settings_checks.mail_notes(load_settings({"MAIL_URL": url}, tmp_path)))
    assert len(notes) == 2  # Korean and English
    assert said in notes[1] and "secret-word" not in "".join(notes)


def test_every_advice_speaks_both_languages_with_the_same_facts() -> None:
    def facts(text: str) -> set[str]:
        return {name.removesuffix("_ko").removesuffix("_en") for _, name, *_ in Formatter().parse(text) if name}

    for code, words in settings_checks.ADVICE.items():
        assert facts(words.ko) == facts(words.en), code
        assert facts(words.ko_mend) == facts(words.en_mend), code


# --- the command and the page ---


def test_the_command_prints_both_languages_and_tells_by_its_exit_status(app: Flask) -> None:
    run = app.test_cli_runner().invoke(args=["doctor"])  # nobody answers at the sandbox's address
    assert run.exit_code == 1
    assert "✗ PORTONE_API_URL (portone_silent)" in run.output
    assert "포트원이 대답하지 않습니다" in run.output
    assert "PortOne does not answer" in run.output
    assert "database: ✓" in run.output
    korean = app.test_cli_runner().invoke(args=["doctor", "--lang", "ko"]).output
    assert "PortOne does not answer" not in korean


def test_programs_read_json(app: Flask) -> None:
    found = json.loads(app.test_cli_runner().invoke(args=["doctor", "--json"]).stdout)
    assert {"part", "level", "code", "setting", "ko", "ko_mend", "en", "en_mend"} == set(found[0])


def test_on_this_machine_with_its_sandbox_all_is_well_but_for_the_server_that_does_not_run(tmp_path: Path) -> None:
    app = create_app(load_settings({"PORT": "1"}, tmp_path))
    run = app.test_cli_runner().invoke(args=["doctor", "--json"])
    assert [one["code"] for one in json.loads(run.stdout)] == ["webhook_local"]
    assert run.exit_code == 0, "a warning is no problem"
    assert app.test_cli_runner().invoke(args=["doctor", "--strict"]).exit_code == 1
    close_app(app)


@pytest.mark.parametrize(
    ("once", "monthly", "notes"),
    [
        ("mobilians", "mobilians", []),
        ("mobilians_v2", "mobilians_v2", ["module_unverified"]),
        ("mobilians", "mobilians_v2", ["module_unverified_billing"]),
        ("mobilians_v2", "mobilians", ["module_unverified_once"]),
    ],
)
def test_with_each_of_kgs_modules_the_served_sandbox_gives_a_clean_bill(
    once: str, monthly: str, notes: list[str], tmp_path: Path
) -> None:
    with serving(tmp_path, PORTONE_MODULE=once, PORTONE_BILLING_MODULE=monthly) as server:
        run = server.app.test_cli_runner().invoke(args=["doctor", "--json", "--strict"])
    assert [(one["code"], one["level"]) for one in json.loads(run.stdout)] == [(code, "note") for code in notes]
    assert run.exit_code == 0


def flask_doctor(folder: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"INSTANCE_PATH": str(folder)} | environ
    return subprocess.run(
        [sys.executable, "-m", "flask", "doctor"], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )


@pytest.mark.slow
def test_the_command_works_where_the_shop_refuses_to_start(tmp_path: Path) -> None:
    run = flask_doctor(tmp_path, PORTONE_API_KEY="1234567890123456", PORTONE_API_SECERT="a-real-looking-secret")
    assert run.returncode == 1
    assert "✗ PORTONE_API_KEY (config)" in run.stdout
    assert "! PORTONE_API_SECERT (unknown_setting)" in run.stdout
    assert "Traceback" not in run.stderr
    assert "a-real-looking-secret" not in run.stdout + run.stderr


@pytest.mark.slow
def test_the_command_works_where_the_database_is_gone(tmp_path: Path) -> None:
    url = "postgresql://shop:hunter2@127.0.0.1:1/shop"
    run = flask_doctor(tmp_path, DATABASE_URL=url, **NOBODY_ANSWERS)
    assert run.returncode == 1
    assert "✗ DATABASE_URL (database_silent)" in run.stdout
    assert "✗ PORTONE_API_URL (portone_silent)" in run.stdout
    assert "hunter2" not in run.stdout + run.stderr


def page_text(client: FlaskClient, method: Callable[..., Any], **options: Any) -> str:
    answer = method("/admin/doctor", **options)
    assert answer.status_code == 200
    return str(answer.get_data(as_text=True))


def test_the_page_shows_the_settings_and_asks_when_told_to(client: FlaskClient) -> None:
    sign_in(client, "admin@example.com")
    page = page_text(client, client.get)
    assert "이상 없음" in page
    assert "포트원과 채널" not in page
    page = page_text(client, client.post, headers=csrf_of(client))
    assert "PORTONE_API_URL" in page
    assert "포트원이 대답하지 않습니다" in page
    assert "PortOne does not answer" in page_text(
        client, client.post, headers=csrf_of(client) | {"Accept-Language": "en"}
    )


def test_a_viewer_looks_and_does_not_ask(client: FlaskClient, shop: Any) -> None:
    account.create_user("viewer@example.com", "a-long-password", role="viewer")
    sign_in(client, "viewer@example.com")
    assert "모두 점검" not in page_text(client, client.get)
    assert client.post("/admin/doctor", headers=csrf_of(client)).status_code == 403


@pytest.mark.parametrize(("name", "language"), [("operations.md", "ko"), ("operations.en.md", "en")])
def test_the_documents_tables_of_findings_are_the_doctors(name: str, language: str) -> None:
    """Of another wording, this test says which row belongs there."""
    text = (ROOT / "docs" / name).read_text()
    for code, words in settings_checks.ADVICE.items():
        what, mend = (words.en, words.en_mend) if language == "en" else (words.ko, words.ko_mend)
        row = re.sub(r"\{\w+\}", "…", f"| `{code}` | {SIGNS[words.level]} | {what} | {mend} |")
        assert row in text, row


def test_the_webhook_of_a_visitors_own_shop_is_called_with_the_key_of_that_shop(
    wire: responses.RequestsMock, tmp_path: Path
) -> None:
    wanted = replace(load_settings({"DEMO_WORLDS": "2"}, tmp_path), world_key="dw_a-key")
    url = "http://127.0.0.1:5000"
    headers = [responses.matchers.header_matcher({"X-Demo-World": "dw_a-key"})]
    wire.post(f"{url}/payment/webhook", json={"outcome": "not_found"}, match=headers)
    with requests.Session() as session:
        assert list(connection_checks.of_webhook(wanted, session)) == []
