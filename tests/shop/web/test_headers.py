"""The security headers, in sandbox mode and with live settings."""

import re
import secrets
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, request
from flask.testing import FlaskClient
from werkzeug.datastructures import Headers

from app import close_app, create_app
from shop.config import Settings, load_settings
from shop.storefront import account
from shop.web.headers import content_security_policy
from tests.conftest import NOBODY_ANSWERS, create_shop, sign_in
from tests.shop.test_config import LIVE

pytestmark = pytest.mark.sqlite_only

TEMPLATES = [Path(__file__).parents[3] / "templates", Path(__file__).parents[3] / "sandbox" / "templates"]


def test_every_answer_carries_the_headers(client: FlaskClient) -> None:
    for address in ("/", "/login", "/nowhere", "/payment/redirect"):
        headers = client.get(address).headers
        assert "script-src 'self'" in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Referrer-Policy"] == "same-origin"


def test_no_page_is_kept_by_a_browser_but_our_own_files_may_be(client: FlaskClient) -> None:
    sign_in(client, "admin@example.com")
    for address in ("/", "/cart", "/orders", "/subscriptions", "/admin/payments", "/admin/payments.csv", "/nowhere"):
        assert client.get(address).headers.getlist("Cache-Control") == ["no-store"], address
    assert client.get("/static/checkout.js").headers["Cache-Control"] == "no-cache"


def test_the_opener_policy_leaves_the_payment_popup_its_way_back(client: FlaskClient) -> None:
    assert client.get("/").headers["Cross-Origin-Opener-Policy"] == "same-origin-allow-popups"


def test_the_policy_allows_nothing_inline_and_no_other_host(settings: Settings) -> None:
    elsewhere = replace(settings, sdk_url="http://127.0.0.1:5001/v1/iamport.js")
    for payment_window in (False, True):
        policy = content_security_policy(elsewhere, payment_window=payment_window)
        assert "unsafe" not in policy
        hosts = set(re.findall(r"https?://\S+?(?=[;\s]|$)", policy))
        assert hosts == ({"http://127.0.0.1:5001"} if payment_window else set())


def test_only_the_page_that_opens_the_window_lets_the_sdk_in(client: FlaskClient) -> None:
    sign_in(client)
    assert "http://127.0.0.1:9" in client.get("/cart").headers["Content-Security-Policy"]
    for address in ("/", "/orders", "/login"):
        assert "http" not in client.get(address).headers["Content-Security-Policy"]


@pytest.fixture
def live(tmp_path: Path, settings: Settings) -> Iterator[Callable[..., FlaskClient]]:
    """A client of the shop with live settings, on the tables of the sandbox's shop."""
    apps: list[Flask] = []

    def make(**more: str) -> FlaskClient:
        apps.append(create_app(load_settings(LIVE | more, settings.instance_path)))
        return apps[-1].test_client()

    yield make
    for app in apps:
        close_app(app)


def https(client: FlaskClient, address: str) -> Headers:
    return client.get(address, base_url="https://shop.example").headers


def cart_page(client: FlaskClient) -> Headers:
    with client.application.app_context():
        user = account.create_user(f"{secrets.token_hex(4)}@example.com", "long-enough-password")
    with client.session_transaction(base_url="https://shop.example") as session:
        session["_user_id"], session["_fresh"] = user.get_id(), True
    return https(client, "/cart")


def test_with_live_settings_the_payment_page_reports_until_the_window_has_been_seen(live: Any) -> None:
    headers = cart_page(live(CSP_WINDOW_HOSTS="https://*.iamport.kr, mup.example"))
    policy = headers["Content-Security-Policy-Report-Only"]
    assert "script-src 'self' https://cdn.iamport.kr;" in policy
    for directive in ("frame-src", "connect-src", "form-action"):
        assert f"{directive} 'self' https://cdn.iamport.kr https://*.iamport.kr mup.example;" in policy


def test_what_is_certain_is_enforced_on_the_live_payment_page_too(live: Any) -> None:
    assert cart_page(live()).getlist("Content-Security-Policy") == [
        "object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self' https:"
    ]
    enforced = cart_page(live(CSP_ENFORCE="true"))
    assert "script-src" in enforced["Content-Security-Policy"]
    assert "Content-Security-Policy-Report-Only" not in enforced


def test_with_live_settings_every_other_page_refuses_at_once(live: Any) -> None:
    assert "script-src 'self';" in https(live(), "/")["Content-Security-Policy"]


def test_a_merchant_who_has_seen_the_window_enforces_the_policy(live: Any) -> None:
    assert "https://cdn.iamport.kr" in cart_page(live(CSP_ENFORCE="true"))["Content-Security-Policy"]


def test_over_https_the_browser_is_told_to_stay_there_and_cookies_belong_to_this_host_alone(live: Any) -> None:
    headers = https(live(), "/login")
    assert headers["Strict-Transport-Security"] == "max-age=31536000"
    cookie = headers["Set-Cookie"]
    assert cookie.startswith("__Host-session=")
    for attribute in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/"):
        assert attribute in cookie
    assert "Domain" not in cookie


def test_on_this_machine_nothing_speaks_of_https(client: FlaskClient) -> None:
    headers = client.get("/login").headers
    assert "Strict-Transport-Security" not in headers
    assert "Secure" not in headers["Set-Cookie"]


def test_pages_ask_for_no_camera_and_no_place(client: FlaskClient) -> None:
    assert "geolocation=()" in client.get("/").headers["Permissions-Policy"]


def test_cookies_are_not_sent_along_from_other_sites(client: FlaskClient) -> None:
    cookie = client.get("/login").headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


@pytest.mark.parametrize(("trusted", "seen"), [("0", "127.0.0.1"), ("1", "198.51.100.7"), ("2", "203.0.113.9")])
def test_only_our_own_proxies_are_believed(trusted: str, seen: str, settings: Settings) -> None:
    app = create_shop(load_settings(NOBODY_ANSWERS | {"TRUSTED_PROXIES": trusted}, settings.instance_path))

    @app.get("/who")
    def who() -> str:
        return f"{request.remote_addr} {request.scheme}"

    forwarded = {"X-Forwarded-For": "203.0.113.9, 198.51.100.7", "X-Forwarded-Proto": "https, https"}
    answer = app.test_client().get("/who", headers=forwarded).get_data(as_text=True)
    assert answer == f"{seen} {'http' if trusted == '0' else 'https'}"
    close_app(app)


@pytest.mark.parametrize("folder", TEMPLATES, ids=["shop", "sandbox"])
def test_no_template_holds_inline_script_style_or_handler(folder: Path) -> None:
    for path in folder.rglob("*.html"):
        text = path.read_text()
        assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", text), path
        for tag in re.findall(r"<script[^>]*>", text):
            assert "src=" in tag or 'type="application/json"' in tag, (path, tag)
