"""What all pages share: errors in the reader's language, money and time as people write them, local paths only."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from app import close_app, create_app
from payments.database import db
from shop.config import load_settings
from shop.web.common import local_path, seoul, won
from tests.conftest import NOBODY_ANSWERS, csrf_of, sign_in


def test_over_https_a_form_works_without_a_referer(tmp_path: Path) -> None:
    """Privacy settings and web views leave it out, and a proxy may have another host than the browser saw."""
    demo = {"PUBLIC_URL": "https://shop.example", "SANDBOX_CONTROLS_TOKEN": "9a8b7c6d5e4f3a2b1c0d"}
    app = create_app(load_settings(NOBODY_ANSWERS | demo, tmp_path))
    client = app.test_client()
    for referrer in ({}, {"Referer": "https://inside.example/login"}):
        shown = client.get("/login", base_url="https://shop.example").get_data(as_text=True)
        token = shown.split('name="csrf-token" content="', 1)[1].split('"', 1)[0]
        fields = {"language": "en", "csrf_token": token}
        answer = client.post("/language", data=fields, base_url="https://shop.example", headers=referrer)
        assert answer.status_code == 302
    close_app(app)


def test_a_refused_token_is_logged_with_its_reason(client: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    assert client.post("/language", data={"language": "en", "csrf_token": "wrong"}).status_code == 400
    assert "POST /language refused: The CSRF session token is missing." in caplog.text


def test_errors_are_pages_for_people_and_json_for_programs(client: FlaskClient) -> None:
    page = client.get("/nowhere")
    assert (page.status_code, page.mimetype) == (404, "text/html")
    assert "찾을 수 없습니다" in page.get_data(as_text=True)
    answer = client.get("/payment/nowhere")
    assert (answer.status_code, answer.json and answer.json["error"]) == (404, "not_found")
    assert client.get("/nowhere", headers={"Accept-Language": "en"}).get_data(as_text=True).count("Not found") >= 1


def test_after_a_failed_query_the_error_page_is_shown_to_a_signed_in_user(own_app: Flask) -> None:
    """PostgreSQL refuses further queries in a failed transaction, and every page counts the cart."""
    own_app.add_url_rule("/broken", view_func=lambda: db.session.execute(text("SELECT nothing FROM nowhere")))
    own_app.testing = False
    client = own_app.test_client()
    sign_in(client)
    page = client.get("/broken")
    assert page.status_code == 500
    assert "문제가 생겼습니다" in page.get_data(as_text=True)


def test_a_post_without_its_token_is_refused_and_explained(client: FlaskClient) -> None:
    sign_in(client)
    page = client.post("/cart/items", data={"product_id": 1})
    assert page.status_code == 400
    assert "새로고침" in page.get_data(as_text=True)
    answer = client.post("/checkout", json={"kind": "once"})
    assert (answer.status_code, answer.json and answer.json["error"]) == (400, "csrf")


def test_who_was_signed_out_in_another_tab_is_sent_to_sign_in_and_not_told_to_reload(client: FlaskClient) -> None:
    sign_in(client)
    token = csrf_of(client)
    client.post("/logout", headers=token)
    answer = client.post("/checkout", json={"kind": "once"}, headers=token)
    assert (answer.status_code, answer.json and answer.json["error"]) == (401, "login_required")


def test_a_refused_form_offers_the_way_back_to_the_page_it_stood_on_and_nowhere_else(client: FlaskClient) -> None:
    sign_in(client)
    refused = {"data": {"product_id": 1}, "headers": {"Referer": "http://localhost/products/moon-mug?from=shelf"}}
    assert 'href="/products/moon-mug?from=shelf"' in client.post("/cart/items", **refused).get_data(as_text=True)  # type: ignore[arg-type]
    refused["headers"]["Referer"] = "https://elsewhere.example/trap"
    page = client.post("/cart/items", **refused).get_data(as_text=True)  # type: ignore[arg-type]
    assert "elsewhere.example" not in page
    assert "이전 화면으로" not in page


def test_a_request_that_is_too_large_is_refused(client: FlaskClient) -> None:
    answer = client.post("/checkout", data=b"x" * 1_100_000, headers=csrf_of(client), content_type="application/json")
    assert answer.status_code in (401, 413)
    answer = client.post("/payment/complete", data=b"x" * 1_100_000, content_type="application/json")
    assert answer.status_code in (400, 413)


@pytest.mark.parametrize(
    ("target", "allowed"),
    [
        ("/cart", True),
        ("/orders/1?x=1", True),
        ("", False),
        (None, False),
        ("cart", False),
        ("//evil.example", False),
        ("/\\evil.example", False),
        ("https://evil.example", False),
    ],
)
def test_only_paths_of_this_shop_are_followed(target: str | None, allowed: bool) -> None:
    assert local_path(target, "/") == (target if allowed else "/")


def test_money_and_time_are_written_for_the_reader(app: Flask) -> None:
    with app.test_request_context(headers={"Accept-Language": "ko"}):
        assert won(12900) == "12,900원"
    with app.test_request_context(headers={"Accept-Language": "en"}):
        assert won(12900) == "₩12,900"
    assert seoul(datetime(2054, 12, 31, 15, 0, tzinfo=UTC)) == "2055-01-01 00:00"
    assert seoul(None) == ""


@pytest.mark.parametrize("address", ["/checkout", "/payment/complete", "/payment/webhook", "/payment/confirm"])
def test_json_that_could_not_be_written_down_again_is_never_an_error_of_ours(address: str, client: FlaskClient) -> None:
    sign_in(client)
    for body in ("[" * 50_000, '{"kind": "once", "buyer_name": "\\ud800"}', '{"a":' * 9_000):
        answer = client.post(address, data=body, content_type="application/json", headers=csrf_of(client))
        assert answer.status_code in ((200, 400, 409) if address != "/checkout" else (400,)), body[:50]


@pytest.mark.parametrize("target", ["/a\nb", "/a\rb", "/a\x00b"])
def test_nobody_is_sent_to_an_address_that_no_header_can_hold(target: str) -> None:
    assert local_path(target, "/safe") == "/safe"


@pytest.mark.parametrize("referrer", ["http://[::1", "http://[bad]/", "//[", "\x7f", "http://localhost:port/cart"])
def test_an_address_that_no_browser_sends_stops_no_error_page(referrer: str, client: FlaskClient) -> None:
    for answer in (
        client.get("/nowhere", headers={"Referer": referrer}),
        client.post("/cart/items", data={}, headers={"Referer": referrer}),
    ):
        assert answer.status_code in (400, 404)
        assert "Content-Security-Policy" in answer.headers
