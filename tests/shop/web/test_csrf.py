"""What people, programs and the log are told about a refused form, and where the page leads back."""

import inspect
import logging
import re
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_wtf import csrf as flask_wtf_csrf
from playwright.sync_api import Browser, Request, Route, expect
from werkzeug.test import TestResponse

from app import close_app
from shop.config import load_settings
from shop.web import csrf
from tests.conftest import NOBODY_ANSWERS, create_shop, csrf_of, sign_in
from tests.payments.fakes import FakeProvider
from tests.servers import serving
from tests.shop.storefront import test_journeys

SHOP = "https://shop.example"
DEMO = NOBODY_ANSWERS | {"PUBLIC_URL": SHOP, "SANDBOX_CONTROLS_TOKEN": "a-token-of-this-demo"}
TOLD = {
    "no_cookie": ("쿠키를 보내지 않았습니다", "sent no cookie"),
    "no_token": ("확인 값이 없습니다", "without its check value"),
    "too_old": ("열린 지 오래되어", "open for a long time"),
    "other_session": ("로그인하거나 로그아웃", "signed in or out"),
}


def token_in(page: TestResponse) -> str:
    return page.get_data(as_text=True).split('name="csrf-token" content="', 1)[1].split('"', 1)[0]


def refused(app: Flask, cause: str, language: str = "ko") -> TestResponse:
    """The page that answers a form which is refused for this cause."""
    client = app.test_client()
    token = csrf_of(client)["X-CSRFToken"]
    form = {"product_id": "1", "csrf_token": token}
    if cause == "no_cookie":
        client = app.test_client()
    elif cause == "no_token":
        del form["csrf_token"]
    elif cause == "too_old":
        app.config["PERMANENT_SESSION_LIFETIME"] = timedelta(seconds=-1)
    else:
        shown = {"email": "buyer@example.com", "password": "demo", "csrf_token": token}
        assert client.post("/login", data=shown).status_code == 302
    return client.post("/cart/items", data=form, headers={"Accept-Language": language})


@pytest.mark.parametrize("language", ["ko", "en"])
@pytest.mark.parametrize("cause", csrf.CAUSES)
def test_each_cause_of_a_refused_form_has_its_own_words(cause: str, language: str, app: Flask) -> None:
    answer = refused(app, cause, language)
    page = answer.get_data(as_text=True)
    assert answer.status_code == 400
    assert [name for name, words in TOLD.items() if words[language == "en"] in page] == [cause]
    assert ("장바구니와 주문은 그대로입니다", "Your cart and your orders are as they were")[language == "en"] in page


def test_somebody_without_cookies_reads_the_address_at_which_the_shop_can_set_them(app: Flask) -> None:
    public_url = app.extensions["settings"].public_url
    assert public_url in refused(app, "no_cookie").get_data(as_text=True)


def test_a_session_cookie_that_cannot_be_read_counts_as_too_old(app: Flask, client: FlaskClient) -> None:
    token = csrf_of(client)
    client.set_cookie("session", "signed-with-another-key")
    page = client.post("/cart/items", data={"product_id": 1}, headers=token).get_data(as_text=True)
    assert TOLD["too_old"][0] in page


def test_a_session_that_never_showed_a_form_counts_as_another_session(client: FlaskClient) -> None:
    sign_in(client)
    page = client.post("/cart/items", data={"product_id": 1, "csrf_token": "x"}).get_data(as_text=True)
    assert TOLD["other_session"][0] in page


def test_every_reason_of_flask_wtf_has_its_cause(app: Flask) -> None:
    """A new version with other texts fails here, not with wrong words before a buyer."""
    texts = re.findall(r'ValidationError\("([^"]+)"\)', inspect.getsource(flask_wtf_csrf))
    assert len(texts) >= 5
    assert set(texts) == {csrf.NOTHING_IN_SESSION, *csrf.CAUSE_OF_TEXT}
    with app.test_request_context():
        assert len({csrf.explanation(cause, SHOP) for cause in csrf.CAUSES}) == 4


@pytest.mark.parametrize("cause", csrf.CAUSES)
def test_the_log_names_the_cause_and_holds_neither_fields_nor_token(
    cause: str, app: Flask, client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    refused(app, cause)
    [line] = [record.getMessage() for record in caplog.records if record.name == "shop.web.common"]
    assert re.fullmatch(rf"POST /cart/items refused: [A-Za-z .]+ \({cause}\)", line)
    forged = {"csrf_token": "a-forged-token", "buyer_name": "홍길동", "note": "a-secret-note"}
    caplog.clear()
    client.post("/cart/items?code=a-secret-code", data=forged, headers={"X-CSRFToken": "another-token"})
    for secret in ("a-forged-token", "another-token", "홍길동", "a-secret-note", "a-secret-code"):
        assert not [
            record for record in caplog.records if record.name == "shop.web.common" and secret in str(record.args)
        ]


@pytest.mark.parametrize("cause", ["no_token", "too_old", "other_session"])
@pytest.mark.parametrize("language", ["ko", "en"])
def test_a_program_gets_the_cause_and_a_text_for_its_reader(
    cause: str, language: str, app: Flask, client: FlaskClient
) -> None:
    sign_in(client)
    headers = {} if cause == "no_token" else csrf_of(client)
    if cause == "too_old":
        app.config["WTF_CSRF_TIME_LIMIT"] = -1
    if cause == "other_session":
        headers = csrf_of(app.test_client())
    answer = client.post("/checkout", json={"kind": "once"}, headers={**headers, "Accept-Language": language})
    assert answer.json
    assert answer.status_code == 400
    assert set(answer.json) == {"error", "reason", "message"}
    assert (answer.json["error"], answer.json["reason"]) == ("csrf", cause)
    assert TOLD[cause][language == "en"] in answer.json["message"]


def test_a_program_without_a_session_is_sent_to_sign_in_and_told_the_cause(app: Flask) -> None:
    token = csrf_of(app.test_client())
    answer = app.test_client().post("/checkout", json={"kind": "once"}, headers=token)
    assert answer.json
    assert answer.status_code == 401
    assert (answer.json["error"], answer.json["reason"]) == ("login_required", "no_cookie")


@pytest.mark.parametrize(
    ("address", "page"),
    [
        ("/cart/items", "/cart"),
        ("/cart/items/1", "/cart"),
        ("/login", "/login"),
        ("/language", "/"),
        ("/orders/1/cancel", "/orders/1"),
        ("/subscriptions/1/end", "/subscriptions"),
    ],
)
def test_a_form_refused_without_a_referer_leads_back_to_the_page_that_it_belongs_to(
    address: str, page: str, client: FlaskClient
) -> None:
    sign_in(client)
    text = client.post(address, data={}).get_data(as_text=True)
    assert f'<a class="button" href="{page}">화면 다시 열기</a>' in text
    assert "이전 화면으로" not in text


# --- over https, and behind a proxy ---


@pytest.mark.parametrize("referrer", [{}, {"Referer": f"{SHOP}/login"}, {"Referer": "https://elsewhere.example/"}])
def test_over_https_a_form_without_its_token_is_refused_whatever_the_referer_says(
    referrer: dict[str, str], tmp_path: Path
) -> None:
    app = create_shop(load_settings(DEMO, tmp_path))
    client = app.test_client()
    client.get("/login", base_url=SHOP)
    answer = client.post("/language", data={"language": "en"}, base_url=SHOP, headers=referrer)
    page = answer.get_data(as_text=True)
    assert answer.status_code == 400
    assert TOLD["no_token"][0] in page
    assert "elsewhere.example" not in page
    close_app(app)


def test_behind_a_proxy_that_rewrites_host_forms_work_and_lead_back_to_the_public_address_alone(
    tmp_path: Path,
) -> None:
    """The proxy speaks http to us under a name of its own; the browser saw PUBLIC_URL."""
    app = create_shop(load_settings(DEMO | {"TRUSTED_PROXIES": "1"}, tmp_path))
    client = app.test_client()
    rewritten = {"Host": "inside.internal:8000", "X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"}
    shown = client.get("/login", headers=rewritten)
    kept = {"Cookie": shown.headers["Set-Cookie"].split(";", 1)[0]}  # as the browser sends it to the proxy
    form = {"language": "en", "csrf_token": token_in(shown)}
    sender = {"Referer": f"{SHOP}/products/moon-mug?from=shelf"}
    anybody = app.test_client(use_cookies=False)
    assert anybody.post("/language", data=form, headers=rewritten | kept | sender).status_code == 302
    assert anybody.post("/language", data=form, headers=rewritten | kept).status_code == 302

    form["csrf_token"] = "forged"
    page = anybody.post("/language", data=form, headers=rewritten | kept | sender).get_data(as_text=True)
    assert 'href="/products/moon-mug?from=shelf"' in page
    for foreign in (
        "https://elsewhere.example",
        "https://shop.example.evil.example",
        "https://shop.example@evil.example",
    ):
        sender = {"Referer": f"{foreign}/products/moon-mug?from=shelf"}
        page = anybody.post("/language", data=form, headers=rewritten | kept | sender).get_data(as_text=True)
        assert "from=shelf" not in page, foreign
    close_app(app)


# --- in the cart ---


@pytest.mark.slow
@pytest.mark.browser
def test_a_checkout_refused_for_its_token_offers_the_cart_anew_and_keeps_what_was_typed(
    browser: Browser, tmp_path: Path
) -> None:
    def with_an_old_token(route: Route, request: Request) -> None:
        route.continue_(headers={**request.headers, "x-csrftoken": "old"})

    with serving(tmp_path) as server:
        page = browser.new_page(locale="ko-KR", **test_journeys.PC)
        test_journeys.sign_in(page, server)
        test_journeys.put_in_cart(page, server, "moon-mug")
        test_journeys.fill_buyer(page)
        page.get_by_label("이름").fill("임꺽정")
        page.route("**/checkout", with_an_old_token)
        page.locator("#pay-once").click()
        expect(page.locator("#checkout-status")).to_contain_text("로그인하거나 로그아웃")
        page.locator("#new-cart").click()
        expect(page.locator("#checkout-status")).to_have_text("")
        expect(page.get_by_label("이름")).to_have_value("임꺽정")
        page.close()


def test_the_payment_endpoints_are_the_only_posts_that_need_no_token(
    client: FlaskClient, app: Flask, provider: FakeProvider
) -> None:
    sign_in(client)
    taken = set()
    for rule in app.url_map.iter_rules():
        if "POST" in (rule.methods or ()):
            address = re.sub("<.*?>", "1", rule.rule)
            answer = client.post(address, json={"merchant_uid": "nobodys"})
            if not (answer.status_code == 400 and answer.json and answer.json["error"] == "csrf"):
                taken.add(rule.endpoint)
    # The sandbox's panel moves the demo's clock by the last one, which the controls' token guards.
    payment = {"payments.complete", "payments.redirect_back", "payments.webhook", "payments.confirm"}
    assert taken == payment | {"demo_follow.follow"}
