"""Visitors who come by another name of the shop's host are redirected to PUBLIC_URL's, before they sign in."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Browser, expect

from app import close_app
from shop.config import load_settings
from shop.web.public_host import is_other_name
from tests.conftest import NOBODY_ANSWERS, create_shop
from tests.servers import Server, serving
from tests.shop.storefront import test_journeys

DEMO = NOBODY_ANSWERS | {"PUBLIC_URL": "https://shop.example", "SANDBOX_CONTROLS_TOKEN": "a-token-of-this-demo"}
WWW = "https://www.shop.example"


@pytest.fixture
def public_app(instance_path: Path) -> Iterator[Flask]:
    app = create_shop(load_settings(DEMO, instance_path))
    yield app
    close_app(app)


@pytest.fixture
def visitor(public_app: Flask) -> FlaskClient:
    return public_app.test_client()


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("path", ["/", "/products/moon-mug?from=%EB%B4%84&a=1%262", "/login?next=/cart", "/no%20such"])
def test_a_page_asked_for_by_www_is_redirected_with_path_and_query(
    path: str, method: str, visitor: FlaskClient
) -> None:
    answer = visitor.open(path, method=method, base_url=WWW)
    assert (answer.status_code, answer.headers["Location"]) == (302, f"https://shop.example{path}")


@pytest.mark.parametrize(
    ("host", "public", "is_other"),
    [
        ("www.shop.example", "shop.example", True),
        ("shop.example", "www.shop.example", True),
        ("WWW.SHOP.EXAMPLE", "shop.example", True),
        ("localhost:5000", "127.0.0.1:5000", True),
        ("[::1]:5000", "127.0.0.1:5000", True),
        ("127.0.0.1:5000", "localhost:5000", True),
        ("shop.example", "shop.example", False),
        ("Shop.example", "shop.example", False),
        ("localhost:8080", "127.0.0.1:5000", False),  # a container's port, seen from outside
        ("127.0.0.1:8000", "shop.example", False),  # a proxy that passes on its own name of us
        ("inside.internal:8000", "shop.example", False),
        ("10.0.0.7", "shop.example", False),  # a load balancer's health check
        ("shop.example.evil.example", "shop.example", False),
        ("[bad", "shop.example", False),
        ("shop.example:port", "shop.example", False),
        ("", "shop.example", False),
    ],
)
def test_only_www_and_loopback_names_on_the_same_port_are_other_names(host: str, public: str, is_other: bool) -> None:
    assert is_other_name(host, public) is is_other


def test_what_portone_and_monitoring_ask_for_and_forms_are_never_redirected(visitor: FlaskClient) -> None:
    for path in ("/healthz", "/readyz", "/metrics", "/payment/redirect?imp_uid=imp_1", "/static/base.css"):
        with visitor.get(path, base_url=WWW) as answer:
            assert answer.status_code != 302, path
    for path in ("/payment/webhook", "/payment/complete", "/cart/items", "/login"):
        assert visitor.post(path, base_url=WWW).status_code not in (301, 302, 307, 308), path


def test_nothing_is_redirected_behind_a_proxy_that_says_it_rewrote_the_host(visitor: FlaskClient) -> None:
    for seen_by_the_proxy, status in (("shop.example", 200), ("www.shop.example", 302)):
        headers = {"X-Forwarded-Host": seen_by_the_proxy}
        assert visitor.get("/", base_url=WWW, headers=headers).status_code == status


def test_a_proxy_that_leads_back_to_the_other_name_causes_no_loop(visitor: FlaskClient) -> None:
    """It redirects every visitor to `www.`, or sends us `www.` as the Host of every request."""
    first = visitor.get("/", base_url=WWW)
    assert first.status_code == 302
    cookie = first.headers["Set-Cookie"].split(";", 1)[0]
    again = visitor.application.test_client(use_cookies=False)
    assert again.get("/", base_url=WWW, headers={"Cookie": cookie}).status_code == 200


@pytest.mark.slow
@pytest.mark.browser
def test_a_buyer_who_came_by_localhost_is_still_signed_in_after_paying(browser: Browser, tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        page = browser.new_page(locale="ko-KR", **test_journeys.PC)
        by_localhost = Server(server.url.replace("127.0.0.1", "localhost"), server.app)
        test_journeys.sign_in(page, by_localhost)
        expect(page).to_have_url(f"{server.url}/")
        test_journeys.put_in_cart(page, server, "bear-emoji")
        test_journeys.fill_buyer(page)
        test_journeys.pay_in_popup(page, "#pay-once")
        test_journeys.expect_paid_order(page, server)
        page.close()
