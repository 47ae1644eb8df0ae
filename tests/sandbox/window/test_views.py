"""What the buyer's browser is sent: the SDK, the window, and how its result travels back."""

from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from flask.testing import FlaskClient
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.test import Client

from sandbox import Sandbox, create_sandbox
from sandbox.ledger import options
from sandbox.ledger.outcomes import OUTCOMES, Outcome
from sandbox.window.texts import TEXTS
from tests.sandbox.conftest import ASKED, pay

SHOP = "http://shop.example"
BACK = f"{SHOP}/back"


def ask(client: FlaskClient, device: str = "pc", callback: bool = True, **asked: Any) -> dict[str, Any]:
    """What the SDK asks for at IMP.request_pay."""
    body = {
        "user_code": "imp00000000",
        "tier_code": None,
        "params": ASKED | asked,
        "device": device,
        "page_url": f"{SHOP}/cart?kept=1",
        "callback": callback,
    }
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


def query_of(address: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


def switch(sandbox: Sandbox, **changes: Any) -> None:
    options.change(sandbox.database, changes)


# --- the SDK ---


def test_the_sdk_may_be_loaded_from_any_shop(anybody: FlaskClient) -> None:
    answer = anybody.get("/v1/iamport.js", headers={"Origin": SHOP})
    assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert answer.cache_control.max_age == 60
    assert "request_pay" in answer.get_data(as_text=True)
    again = anybody.get("/v1/iamport.js", headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304
    answer.close()


@pytest.mark.parametrize(
    "path", ["/js/iamport.payment-1.2.0.js", "/js/iamport.payment-1.1.8.js", "/js/iamport.payment-1.1.7-20190812.js"]
)
def test_the_older_addresses_of_the_sdk_serve_the_same_script(path: str, anybody: FlaskClient) -> None:
    with anybody.get(path) as older, anybody.get("/v1/iamport.js") as today:
        assert (older.status_code, older.data) == (200, today.data)
        assert older.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize("path", ["/js/iamport.payment-9.9.9.js", "/js/iamport.payment-1.2.0.css", "/js/other.js"])
def test_no_other_address_serves_the_sdk(path: str, anybody: FlaskClient) -> None:
    assert anybody.get(path).status_code == 404


def test_the_sdk_comes_as_a_module_too(anybody: FlaskClient) -> None:
    with anybody.get("/v1/iamport.esm.js", headers={"Origin": SHOP}) as module:
        assert module.headers["Content-Type"] == "text/javascript; charset=utf-8"
        assert module.headers["Access-Control-Allow-Origin"] == "*"  # else a browser refuses a module
        assert "export default" in module.get_data(as_text=True)


@pytest.mark.parametrize("path", ["/window", "/window/x/close"])
def test_a_browser_may_ask_beforehand(path: str, anybody: FlaskClient) -> None:
    answer = anybody.options(path, headers={"Origin": SHOP, "Access-Control-Request-Method": "POST"})
    assert answer.status_code == 204
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Access-Control-Allow-Headers"] == "Content-Type"
    assert "Access-Control-Allow-Credentials" not in answer.headers


def test_what_a_buyer_types_is_open_to_no_other_origin(anybody: FlaskClient) -> None:
    window_id = ask(anybody)["window_id"]
    for path in (f"/window/{window_id}", f"/window/{window_id}/code", f"/window/{window_id}/confirm"):
        answer = anybody.open(path, method="GET" if path.endswith(window_id) else "POST", json={})
        assert "Access-Control-Allow-Origin" not in answer.headers


def test_the_hints_are_the_switches_as_they_stand(sandbox: Sandbox, anybody: FlaskClient) -> None:
    assert anybody.get("/window/hints").json == {"pc_window": "popup", "callback_shape": "v1"}
    switch(sandbox, pc_window="iframe", callback_shape="legacy")
    answer = anybody.get("/window/hints")
    assert answer.json == {"pc_window": "iframe", "callback_shape": "legacy"}
    assert answer.headers["Cache-Control"] == "no-store"


# --- which window ---


@pytest.mark.parametrize(
    ("device", "callback", "switches", "mode"),
    [
        ("pc", True, {}, "popup"),
        ("pc", True, {"pc_window": "iframe"}, "iframe"),
        ("mobile", True, {}, "page"),
        ("mobile", True, {"mobile_result": "callback"}, "iframe"),
        ("mobile", False, {"mobile_result": "callback"}, "page"),
    ],
)
def test_device_and_switches_choose_the_kind_of_window(
    device: str, callback: bool, switches: dict[str, str], mode: str, sandbox: Sandbox, anybody: FlaskClient
) -> None:
    switch(sandbox, **switches)
    opened = ask(anybody, device, callback)
    assert opened["mode"] == mode
    assert opened["url"] == f"/window/{opened['window_id']}?mode={mode}"


def test_mounted_below_a_prefix_the_addresses_keep_it(anybody: FlaskClient) -> None:
    mounted = Client(DispatcherMiddleware(lambda environ, start: [], {"/sandbox": anybody.application}))
    body = {"user_code": "imp00000000", "params": ASKED, "device": "pc", "page_url": SHOP, "callback": True}
    opened = mounted.post("/sandbox/window", json=body).json
    assert opened
    assert opened["url"].startswith("/sandbox/window/")
    page = mounted.get(opened["url"]).get_data(as_text=True)
    assert f'data-code-url="/sandbox/window/{opened["window_id"]}/code"' in page
    assert 'src="/sandbox/static/window.js"' in page


# --- refusals before a window opens ---


def test_a_refusal_says_why_and_opens_nothing(anybody: FlaskClient) -> None:
    told = ask(anybody, amount=100)
    assert told["error_code"] == "SANDBOX_MINIMUM"
    assert told["result"] == {
        "imp_uid": None,
        "merchant_uid": "order-1",
        "error_code": "SANDBOX_MINIMUM",
        "error_msg": told["error_msg"],
    }
    assert "url" not in told
    assert anybody.post("/window", json={"params": []}).status_code == 400
    assert anybody.post("/window", data="no JSON").status_code == 400


def test_a_paid_order_is_refused_in_portones_words(sandbox: Sandbox, anybody: FlaskClient) -> None:
    pay(sandbox)
    result = ask(anybody)["result"]
    assert (result["error_code"], result["error_msg"]) == ("F1002", "이미 결제가 이루어진 거래건입니다.")
    switch(sandbox, callback_shape="legacy")
    assert ask(anybody)["result"] == {"success": False} | result


def test_a_request_without_init_is_refused(anybody: FlaskClient) -> None:
    answer = anybody.post("/window", json={"user_code": None, "params": ASKED}).json
    assert answer
    assert answer["error_code"] == "SANDBOX_INIT"


def test_on_a_phone_without_a_callback_a_refusal_goes_to_the_redirect_address(anybody: FlaskClient) -> None:
    told = ask(anybody, "mobile", callback=False, amount=100, m_redirect_url=f"{BACK}?x=%20y#top")
    assert told["redirect"].startswith(f"{BACK}?x=%20y&merchant_uid=order-1&imp_success=false")
    assert told["redirect"].endswith("#top")
    assert query_of(told["redirect"])["error_code"] == "SANDBOX_MINIMUM"
    assert ask(anybody, "mobile", callback=True, amount=100, m_redirect_url=BACK)["redirect"] is None
    assert ask(anybody, "pc", callback=False, amount=100, m_redirect_url=BACK)["redirect"] is None


@pytest.mark.parametrize("address", [7, "", "/orders", "javascript:alert(1)", "data:text/html,x", "http://[", "http:"])
def test_an_address_that_is_no_web_address_is_no_way_back(address: Any, anybody: FlaskClient) -> None:
    assert ask(anybody, "mobile", callback=False, amount=100, m_redirect_url=address)["redirect"] is None


# --- the page ---


@pytest.mark.parametrize(
    ("query", "header", "asked", "language"),
    [
        ("", None, None, "ko"),
        ("", "en-GB,en;q=0.9", None, "en"),
        ("", "de-DE", None, "ko"),
        ("", "ko-KR", "en", "en"),
        ("", "ko-KR", "zh", "ko"),
        ("?lang=ko", "en", "en", "ko"),
        ("?lang=xx", "en", None, "en"),
    ],
)
def test_the_language_is_the_addresss_the_shops_or_the_browsers(
    query: str, header: str | None, asked: str | None, language: str, anybody: FlaskClient
) -> None:
    opened = ask(anybody, language=asked) if asked else ask(anybody)
    headers = {"Accept-Language": header} if header else {}
    page = anybody.get(f"/window/{opened['window_id']}{query}", headers=headers).get_data(as_text=True)
    assert f'<html lang="{language}">' in page
    assert TEXTS[language]["send_code"] in page


@pytest.mark.parametrize(("page_language", "query"), [("en", "&lang=en"), ("ko", "&lang=ko"), ("fr", ""), (["en"], "")])
def test_the_window_speaks_as_the_page_that_opened_it(page_language: Any, query: str, anybody: FlaskClient) -> None:
    body = {"user_code": "imp00000000", "params": ASKED, "device": "pc", "language": page_language}
    opened = anybody.post("/window", json=body).json
    assert opened
    assert opened["url"].endswith(f"?mode=popup{query}")


@pytest.mark.parametrize(("language", "name"), [("ko", "달곰상점"), ("en", "Dalgom")])
def test_the_window_calls_the_shop_as_its_contract_does(language: str, name: str, tmp_path: Path) -> None:
    names = {"ko": "달곰상점", "en": "Dalgom"}
    client = create_sandbox(tmp_path / "sandbox.sqlite3", shop_names=names, start_worker=False).test_client()
    page = client.get(ask(client)["url"] + f"&lang={language}").get_data(as_text=True)
    assert f"<dd>{name}</dd>" in page


@pytest.mark.parametrize("language", list(TEXTS))
def test_the_window_shows_amount_shop_numbers_and_that_it_is_a_sandbox(language: str, anybody: FlaskClient) -> None:
    opened = ask(anybody, company="달빛 문구점", digital=False)
    page = anybody.get(f"/window/{opened['window_id']}?lang={language}").get_data(as_text=True)
    for shown in ("9,900", "디지털 이용권", "달빛 문구점", "샌드박스", "SANDBOX", TEXTS[language]["goods"]):
        assert shown in page
    for outcome in OUTCOMES:
        assert (f"010-0000-{outcome.ending}" in page) == (outcome.when != "renewal")


@pytest.mark.parametrize("outcome", OUTCOMES, ids=lambda outcome: outcome.ending)
def test_a_number_leads_where_the_table_says_over_http(
    outcome: Outcome, anybody: FlaskClient, sandbox: Sandbox
) -> None:
    opened = ask(anybody, customer_uid="key-1")
    window = f"/window/{opened['window_id']}"
    given = {"carrier": "SKT", "phone": f"010-0000-{outcome.ending}", "birth": "900101", "gender": "1"}
    answer = anybody.post(f"{window}/code", json=given)
    if outcome.when != "identity":
        assert answer.json
        answer = anybody.post(f"{window}/confirm", json={"code": answer.json["code"]})
    told = answer.json
    assert told
    if outcome.when in ("identity", "code", "approval"):
        assert outcome.refusal
        assert (answer.status_code, told["message"]) == (422, outcome.refusal.message)
        assert (told["pg_code"], told["done"]) == (outcome.refusal.pg_code, not outcome.retry)
    else:
        assert (answer.status_code, told["success"]) == (200, True)
        assert told["lost"] == (outcome.lost and outcome.when == "after")
        assert (told["result"] is None) == told["lost"]


@pytest.mark.parametrize("language", ["ko", "en"])
def test_each_agreement_of_the_window_can_be_read_before_it_is_ticked(language: str, anybody: FlaskClient) -> None:
    texts, url = TEXTS[language], ask(anybody, customer_uid="key-1")["url"]
    page = anybody.get(f"{url}&lang={language}").get_data(as_text=True)
    for name in ("terms", "privacy", "monthly"):
        shown = page.split(f'name="{name}"', 1)[1].split("</details>", 1)[0]
        assert texts["read"] in shown and texts[f"text_{name}"] in shown


def test_only_a_billing_window_speaks_of_every_month(anybody: FlaskClient) -> None:
    once = anybody.get(ask(anybody)["url"]).get_data(as_text=True)
    monthly = anybody.get(ask(anybody, merchant_uid="order-2", customer_uid="key-1")["url"]).get_data(as_text=True)
    for sign in ('class="monthly"', 'name="monthly"', "첫 달 9,900원은 지금 결제되고", "010-0000-6016"):
        assert sign not in once
        assert sign in monthly


def test_what_the_shop_sends_is_text_and_never_markup(anybody: FlaskClient) -> None:
    opened = ask(anybody, name="</script><b>x", buyer_name="<i>", company="<img src=x>")
    page = anybody.get(opened["url"]).get_data(as_text=True)
    assert "<b>x" not in page
    assert "<img" not in page


@pytest.mark.parametrize(
    ("mode", "page_url", "framed_by"),
    [
        ("popup", f"{SHOP}/cart", "'none'"),
        ("page", f"{SHOP}/cart", "'none'"),
        ("iframe", f"{SHOP}:8000/cart?x=1", f"{SHOP}:8000"),
        ("iframe", "file:///home/shop.html", "'none'"),
        ("iframe", "http://a; script-src *", "'none'"),
        ("iframe", "http://[", "'none'"),
        ("iframe", "http://가게.example/", "'none'"),  # a browser would say it in ASCII
        ("nonsense", f"{SHOP}/cart", "'none'"),
    ],
)
def test_nothing_inline_runs_and_only_the_shops_own_page_may_frame_the_window(
    mode: str, page_url: str, framed_by: str, anybody: FlaskClient
) -> None:
    body = {"user_code": "imp00000000", "params": ASKED, "page_url": page_url, "callback": True}
    opened = anybody.post("/window", json=body).json
    assert opened
    page = anybody.get(f"/window/{opened['window_id']}?mode={mode}")
    policy = page.headers["Content-Security-Policy"]
    assert policy.endswith(f"frame-ancestors {framed_by}")
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert page.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(("device", "callback"), [("mobile", True), ("pc", True)])
def test_pages_around_the_shops_own_may_frame_the_window_too(
    device: str, callback: bool, anybody: FlaskClient, sandbox: Sandbox
) -> None:
    switch(sandbox, pc_window="iframe")
    around = ["http://frame.example", "https://top.example/path", "null", "http://a; script-src *", 7, "", {}]
    body = {"user_code": "imp00000000", "params": ASKED, "page_url": f"{SHOP}/cart", "callback": callback}
    opened = anybody.post("/window", json=body | {"device": device, "pages_around": around}).json
    assert opened
    policy = anybody.get(opened["url"]).headers["Content-Security-Policy"]
    shop = f"{SHOP} " if device == "pc" else ""
    assert policy.endswith(f"frame-ancestors {shop}http://frame.example https://top.example")


def test_an_unknown_window_is_a_404_with_a_page_for_people(anybody: FlaskClient) -> None:
    answer = anybody.get("/window/nobodys")
    assert answer.status_code == 404
    assert "결제창을 찾을 수 없습니다" in answer.get_data(as_text=True)
    assert anybody.post("/window/nobodys/close").status_code == 404


def test_a_reload_goes_on_where_it_was(anybody: FlaskClient) -> None:
    opened = ask(anybody)
    given = {"carrier": "SKT", "phone": "01012345678", "birth": "900101", "gender": "1"}
    with time_machine.travel(1_800_000_000, tick=False) as clock:
        sent = anybody.post(f"/window/{opened['window_id']}/code", data=given).json  # a plain form will do
        assert sent
        assert sent["seconds"] == 180
        clock.shift(60)
        page = anybody.get(opened["url"]).get_data(as_text=True)
    assert f'id="resumed">{{"code": "{sent["code"]}", "seconds": 120}}<' in page


def test_a_slip_names_the_field_to_mend(anybody: FlaskClient) -> None:
    window_id = ask(anybody)["window_id"]
    given = {"carrier": "SKT", "phone": "01012345678", "birth": "900101", "gender": "1"}
    fields = {}
    for ending in ("0011", "0012", "0023"):
        answer = anybody.post(f"/window/{window_id}/code", json=given | {"phone": f"0100000{ending}"})
        assert answer.json
        assert (answer.status_code, answer.json["done"], answer.json["pg_code"]) == (422, False, ending)
        fields[ending] = answer.json["field"]
    assert fields == {"0011": "phone", "0012": "birth", "0023": "carrier"}
    anybody.post(f"/window/{window_id}/code", json=given)
    wrong = anybody.post(f"/window/{window_id}/confirm", json={"code": "wrong!"}).json
    assert wrong
    assert (wrong["done"], wrong["field"]) == (False, "code")


# --- how the result travels ---


def test_on_a_pc_the_result_is_todays_callback_object(anybody: FlaskClient) -> None:
    ended = go_through(anybody, ask(anybody)["window_id"])
    assert set(ended["result"]) == {"imp_uid", "merchant_uid"}
    assert (ended["done"], ended["success"], ended["lost"], ended["redirect"]) == (True, True, False, None)


def test_or_the_older_sdks_object_with_success_and_all_fields(sandbox: Sandbox, anybody: FlaskClient) -> None:
    switch(sandbox, callback_shape="legacy")
    result = go_through(anybody, ask(anybody, custom_data={"cart": 42})["window_id"])["result"]
    assert (result["success"], result["paid_amount"], result["status"]) == (True, 9900, "paid")
    assert (result["pay_method"], result["pg_provider"], result["pg_type"]) == ("phone", "mobilians", "payment")
    assert (result["custom_data"], result["buyer_tel"]) == ({"cart": 42}, "01012345678")


@pytest.mark.parametrize(
    ("shape", "error_code", "error_msg"),
    [
        ("v1", "F400", "사용자가 결제를 취소하였습니다"),
        ("legacy", None, "[결제포기] 사용자가 결제를 취소하셨습니다"),
    ],
)
def test_a_closed_window_is_a_users_cancel_and_an_ended_one_only_tells_how(
    shape: str, error_code: str | None, error_msg: str, sandbox: Sandbox, anybody: FlaskClient
) -> None:
    switch(sandbox, callback_shape=shape)
    opened = ask(anybody)
    for _ in range(2):
        ended = anybody.post(f"/window/{opened['window_id']}/close").json
        assert ended
        assert ended["success"] is False
        assert (ended["result"]["error_code"], ended["result"]["error_msg"]) == (error_code, error_msg)
        assert ("success" in ended["result"]) == (shape == "legacy")


@pytest.mark.parametrize(("back", "joined"), [(BACK, f"{BACK}?"), (f"{BACK}?x=1", f"{BACK}?x=1&")])
def test_on_a_phone_the_result_is_joined_to_the_address(back: str, joined: str, anybody: FlaskClient) -> None:
    ended = go_through(anybody, ask(anybody, "mobile", m_redirect_url=back)["window_id"])
    assert ended["redirect"].startswith(joined)
    query = query_of(ended["redirect"])
    assert (query["merchant_uid"], query["imp_success"]) == ("order-1", "true")
    assert query["imp_uid"].startswith("imp_")


@pytest.mark.parametrize(
    ("form", "paid", "failed"),
    [
        (
            "full",
            {"imp_uid", "merchant_uid", "imp_success"},
            {"imp_uid", "merchant_uid", "imp_success", "error_code", "error_msg"},
        ),
        ("no_imp_success", {"imp_uid", "merchant_uid"}, {"imp_uid", "merchant_uid", "error_code", "error_msg"}),
        ("merchant_uid_only", {"merchant_uid"}, {"merchant_uid"}),
    ],
)
def test_the_redirects_query_has_the_form_that_is_switched_on(
    form: str, paid: set[str], failed: set[str], sandbox: Sandbox, anybody: FlaskClient
) -> None:
    switch(sandbox, redirect_query=form)
    declined = ask(anybody, "mobile", m_redirect_url=BACK)["window_id"]
    assert set(query_of(go_through(anybody, declined, "010-0000-0016")["redirect"])) == failed
    approved = ask(anybody, "mobile", m_redirect_url=BACK)["window_id"]
    assert set(query_of(go_through(anybody, approved)["redirect"])) == paid


def test_a_decline_comes_with_kgs_code_and_text(anybody: FlaskClient) -> None:
    opened = ask(anybody, "mobile", m_redirect_url=BACK)
    ended = go_through(anybody, opened["window_id"], "010-0000-0016")
    assert ended["pg_code"] == "0016"
    assert ended["message"].startswith("요금 미납")
    query = query_of(ended["redirect"])
    assert (query["imp_success"], query["error_code"], query["error_msg"]) == ("false", "0016", ended["message"])


def test_a_lost_answer_tells_the_page_nothing(anybody: FlaskClient) -> None:
    opened = ask(anybody, "mobile", m_redirect_url=BACK)
    ended = go_through(anybody, opened["window_id"], "010-0000-7001")
    closed = anybody.post(f"/window/{opened['window_id']}/close").json
    assert closed
    for told in (ended, closed):
        assert (told["lost"], told["result"], told["redirect"]) == (True, None, None)
    assert anybody.get(f"/window/{opened['window_id']}").status_code == 200


def test_without_a_way_back_the_window_is_a_dead_end_though_it_is_paid(sandbox: Sandbox, anybody: FlaskClient) -> None:
    ended = go_through(anybody, ask(anybody, "mobile")["window_id"])
    assert (ended["done"], ended["success"], ended["redirect"]) == (True, True, None)
    assert sandbox.ledger.is_approved("order-1")


def test_pressing_pay_again_after_a_cut_line_tells_how_it_ended(anybody: FlaskClient) -> None:
    window_id = ask(anybody)["window_id"]
    first = go_through(anybody, window_id)
    again = anybody.post(f"/window/{window_id}/confirm", json={"code": "000000"}).json
    assert again
    assert (again["done"], again["success"], again["result"]) == (True, True, first["result"])
