"""Browsers inside apps are recognised; their visitors are told how to go on, and Instagram's gets no confirm_url."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from shop.web.in_app import in_app_browser, takes_confirm_url
from tests.conftest import csrf_of, product, sign_in
from tests.payments.fakes import FakeProvider

ANDROID = (
    "Mozilla/5.0 (Linux; Android 14; SM-S921N; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/124.0"
)
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148"
AGENTS = {
    f"{ANDROID} Mobile Safari/537.36;KAKAOTALK 2410680": "kakaotalk",
    f"{IPHONE} KAKAOTALK 10.8.0 (INAPP)": "kakaotalk",
    f"{ANDROID} Mobile Safari/537.36 NAVER(inapp; search; 1000; 12.4.2)": "naver",
    f"{IPHONE} Safari/604.1 NAVER(inapp; search; 2000; 12.4.2)": "naver",
    f"{ANDROID} Mobile Safari/537.36 Instagram 330.0.0.40.92 Android (34/14; 480dpi)": "instagram",
    f"{IPHONE} Instagram 330.0.0.40.92 (iPhone14,2; iOS 17_5; ko_KR)": "instagram",
    f"{ANDROID} Mobile Safari/537.36": None,
    f"{IPHONE} Safari/604.1": None,
    "": None,
}
BUYER = {
    "kind": "once",
    "buyer_name": "홍길동",
    "buyer_tel": "01012345678",
    "buyer_email": "a@example.com",
    "buyer_addr": "서울시 중구 세종대로 110",
    "buyer_postcode": "04524",
    "consent": True,
}


@pytest.mark.parametrize(("user_agent", "name"), AGENTS.items())
def test_a_browser_inside_an_app_is_recognised(user_agent: str, name: str | None) -> None:
    assert in_app_browser(user_agent) == name
    assert takes_confirm_url(user_agent) == (name != "instagram")


@pytest.mark.parametrize(("user_agent", "name"), AGENTS.items())
def test_only_there_the_cart_says_how_to_go_on_and_only_instagram_gets_no_confirm_url(
    user_agent: str, name: str | None, app: Flask, client: FlaskClient, provider: FakeProvider
) -> None:
    sign_in(client, "buyer@example.com")
    with app.app_context():
        product_id = product("once").id
    client.post("/cart/items", data={"product_id": product_id}, headers=csrf_of(client))
    headers = {"User-Agent": user_agent}
    told = {language: page(client, headers | {"Accept-Language": language}) for language in ("ko", "en")}
    assert ("다른 브라우저로 열기" in told["ko"], "Open in browser" in told["en"]) == (bool(name), bool(name))
    asked = client.post("/checkout", json=BUYER, headers=csrf_of(client) | headers).get_json()["request_pay"]
    assert ("confirm_url" in asked) == (name != "instagram")
    assert asked["m_redirect_url"]


def page(client: FlaskClient, headers: dict[str, str]) -> str:
    return client.get("/cart", headers=headers).get_data(as_text=True)
