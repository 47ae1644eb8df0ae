"""The security headers, in sandbox mode and with live settings."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from shop.config import Settings, load_settings
from shop.headers import content_security_policy
from tests.test_config import LIVE

TEMPLATES = [Path(__file__).parents[1] / "templates", Path(__file__).parents[1] / "sandbox" / "templates"]


def test_every_answer_carries_the_headers(client: FlaskClient) -> None:
    for address in ("/", "/login", "/nowhere", "/payment/redirect"):
        headers = client.get(address).headers
        assert "script-src 'self'" in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Referrer-Policy"] == "same-origin"


def test_the_opener_policy_leaves_the_payment_popup_its_way_back(client: FlaskClient) -> None:
    assert client.get("/").headers["Cross-Origin-Opener-Policy"] == "same-origin-allow-popups"


def test_the_policy_allows_nothing_inline_and_no_other_host(settings: Settings) -> None:
    policy = content_security_policy(replace(settings, sdk_url="http://127.0.0.1:5001/v1/iamport.js"))
    assert "unsafe" not in policy
    assert set(re.findall(r"https?://\S+?(?=[;\s]|$)", policy)) == {"http://127.0.0.1:5001"}


def test_with_live_settings_the_policy_reports_until_the_window_has_been_seen(tmp_path: Path) -> None:
    assert "https://cdn.iamport.kr" in content_security_policy(load_settings(LIVE, tmp_path))


def test_cookies_are_not_sent_along_from_other_sites(client: FlaskClient) -> None:
    cookie = client.get("/login").headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


@pytest.mark.parametrize("folder", TEMPLATES, ids=["shop", "sandbox"])
def test_no_template_holds_inline_script_style_or_handler(folder: Path) -> None:
    for path in folder.rglob("*.html"):
        text = path.read_text()
        assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", text), path
        for tag in re.findall(r"<script[^>]*>", text):
            assert "src=" in tag or 'type="application/json"' in tag, (path, tag)
