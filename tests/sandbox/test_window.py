"""What the buyer's browser is sent: the SDK, the window, and how it ends."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask.testing import FlaskClient

from tests.sandbox.conftest import ASKED

SHOP = "http://shop.example"


def open_window(client: FlaskClient, device: str = "pc", **asked: Any) -> dict[str, Any]:
    body = {"user_code": "imp00000000", "params": ASKED | asked, "device": device, "page_url": f"{SHOP}/cart"}
    answer = client.post("/window", json=body, headers={"Origin": SHOP})
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.json
    return dict(answer.json)


def go_through(client: FlaskClient, window_id: str, phone: str = "010-1234-5678") -> dict[str, Any]:
    given = {"carrier": "KTF", "phone": phone, "birth": "900101", "gender": "1"}
    sent = client.post(f"/window/{window_id}/code", json=given).json
    assert sent
    ended = client.post(f"/window/{window_id}/confirm", json={"code": sent["code"]}).json
    assert ended
    return dict(ended)


def test_the_sdk_may_be_loaded_from_any_shop(anybody: FlaskClient) -> None:
    answer = anybody.get("/v1/iamport.js")
    assert "javascript" in answer.headers["Content-Type"]
    assert "request_pay" in answer.get_data(as_text=True)
    answer.close()


def test_a_browser_may_ask_beforehand(anybody: FlaskClient) -> None:
    answer = anybody.options("/window", headers={"Origin": SHOP, "Access-Control-Request-Method": "POST"})
    assert answer.headers["Access-Control-Allow-Headers"] == "Content-Type"


def test_a_refusal_says_why_and_opens_nothing(anybody: FlaskClient) -> None:
    told = open_window(anybody, amount=100)
    assert told["error_code"] == "SANDBOX_MINIMUM"
    assert "url" not in told
    assert anybody.post("/window", json={"params": []}).status_code == 400


@pytest.mark.parametrize(("language", "said"), [("ko", "승인번호 받기"), ("en", "Send me the code")])
def test_the_window_shows_amount_shop_and_what_it_is(language: str, said: str, anybody: FlaskClient) -> None:
    opened = open_window(anybody)
    page = anybody.get(f"{urlsplit(opened['url']).path}?lang={language}")
    text = page.get_data(as_text=True)
    for shown in ("9,900", "디지털 이용권", "010-0000-0031", said):
        assert shown in text
    assert ("샌드박스" in text) == (language == "ko") or "Sandbox" in text
    assert "unsafe" not in page.headers["Content-Security-Policy"]


def test_only_a_billing_window_speaks_of_every_month(anybody: FlaskClient) -> None:
    once = anybody.get(urlsplit(open_window(anybody)["url"]).path).get_data(as_text=True)
    monthly = open_window(anybody, merchant_uid="order-2", customer_uid="key-1")
    assert 'class="monthly"' not in once
    assert 'class="monthly"' in anybody.get(urlsplit(monthly["url"]).path).get_data(as_text=True)


def test_on_a_pc_the_result_is_todays_callback_object(anybody: FlaskClient) -> None:
    ended = go_through(anybody, open_window(anybody)["window_id"])
    assert set(ended["result"]) == {"imp_uid", "merchant_uid"}
    assert (ended["done"], ended["lost"], ended["redirect"]) == (True, False, None)


@pytest.mark.parametrize(
    ("back", "joined"), [(f"{SHOP}/back", f"{SHOP}/back?"), (f"{SHOP}/back?x=1", f"{SHOP}/back?x=1&")]
)
def test_on_a_phone_the_result_is_joined_to_the_address(back: str, joined: str, anybody: FlaskClient) -> None:
    ended = go_through(anybody, open_window(anybody, "mobile", m_redirect_url=back)["window_id"])
    assert ended["redirect"].startswith(joined)
    query = parse_qs(urlsplit(ended["redirect"]).query)
    assert (query["merchant_uid"], query["imp_success"]) == (["order-1"], ["true"])
    assert query["imp_uid"][0].startswith("imp_")


def test_a_decline_comes_with_kgs_code_and_text(anybody: FlaskClient) -> None:
    opened = open_window(anybody, "mobile", m_redirect_url=f"{SHOP}/back")
    ended = go_through(anybody, opened["window_id"], "010-0000-0016")
    assert ended["pg_code"] == "0016"
    assert ended["message"].startswith("요금 미납")
    query = parse_qs(urlsplit(ended["redirect"]).query)
    assert (query["imp_success"], query["error_code"]) == (["false"], ["0016"])


def test_a_closed_window_is_a_users_cancel_and_an_ended_one_only_tells_how(anybody: FlaskClient) -> None:
    opened = open_window(anybody)
    for _ in range(2):
        ended = anybody.post(f"/window/{opened['window_id']}/close").json
        assert ended
        assert ended["result"]["error_code"] == "F400"
        assert ended["result"]["error_msg"] == "[결제포기] 사용자가 결제를 취소하셨습니다"


def test_a_lost_answer_tells_the_page_nothing(anybody: FlaskClient) -> None:
    opened = open_window(anybody, "mobile", m_redirect_url=f"{SHOP}/back")
    ended = go_through(anybody, opened["window_id"], "010-0000-7001")
    assert (ended["lost"], ended["result"], ended["redirect"]) == (True, None, None)
    assert anybody.get(f"/window/{opened['window_id']}").status_code == 200


def test_without_a_way_back_the_window_is_a_dead_end(anybody: FlaskClient) -> None:
    ended = go_through(anybody, open_window(anybody, "mobile")["window_id"])
    assert (ended["done"], ended["redirect"]) == (True, None)


def test_an_unknown_window_is_a_404(anybody: FlaskClient) -> None:
    assert anybody.get("/window/nobodys").status_code == 404
    assert anybody.post("/window/nobodys/close").status_code == 404
