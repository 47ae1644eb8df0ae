"""The V1 REST API: envelopes, statuses, codes and messages as PortOne's."""

from typing import Any

import pytest
import time_machine
from flask.testing import FlaskClient

from sandbox import Sandbox
from sandbox.ledger.merchant import API_KEY, API_SECRET
from tests.sandbox.conftest import Merchant, open_window, pay

NO_PAYMENT = (404, -1, "존재하지 않는 결제정보입니다.", None)
CREDENTIALS = {"imp_key": API_KEY, "imp_secret": API_SECRET}


# --- tokens ---


@pytest.mark.parametrize("packed", ["json", "data"])
def test_a_token_is_granted_for_json_and_for_a_form(packed: str, anybody: FlaskClient) -> None:
    answer = anybody.post("/users/getToken", **{packed: CREDENTIALS}).json
    assert answer
    assert answer["code"] == 0
    granted = answer["response"]
    assert len(granted["access_token"]) == 40
    assert granted["expired_at"] - granted["now"] == 1800


def test_one_key_has_one_token_which_lives_on_when_asked_for_in_its_last_minute(anybody: FlaskClient) -> None:
    def ask() -> dict[str, Any]:
        answer = anybody.post("/users/getToken", json=CREDENTIALS).json
        assert answer
        return dict(answer["response"])

    with time_machine.travel(1_800_000_000, tick=False) as time:
        first = ask()
        time.shift(1739)
        assert ask() | {"now": 0} == first | {"now": 0}
        time.shift(2)
        prolonged = ask()
        assert prolonged["access_token"] == first["access_token"]
        assert prolonged["expired_at"] == first["expired_at"] + 300
        time.shift(400)
        fresh = ask()
        assert fresh["access_token"] != first["access_token"]
        assert fresh["expired_at"] - fresh["now"] == 1800


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ({"imp_key": "x", "imp_secret": "y"}, 401, "인증에 실패하였습니다. API키와 secret을 확인하세요."),
        ({"imp_key": API_KEY}, 400, "imp_key, imp_secret 파라메터가 누락되었습니다."),
        ({}, 400, "imp_key, imp_secret 파라메터가 누락되었습니다."),
    ],
)
def test_wrong_or_missing_credentials(body: dict[str, str], status: int, message: str, anybody: FlaskClient) -> None:
    answer = anybody.post("/users/getToken", json=body)
    assert (answer.status_code, answer.json) == (status, {"code": -1, "message": message, "response": None})


@pytest.mark.parametrize("form", ["{}", "Bearer {}", "bearer {}", "BEARER  {}"])
def test_the_token_is_taken_bare_and_as_bearer(form: str, anybody: FlaskClient, merchant: Merchant) -> None:
    answer = anybody.get("/users/pg", headers={"Authorization": form.format(merchant.token)})
    assert answer.status_code == 200
    assert anybody.get("/users/pg", headers={"X-ImpTokenHeader": merchant.token}).status_code == 200


@pytest.mark.parametrize("header", ["", "Bearer ", "Bearer wrong", "Basic {}"])
def test_anything_else_is_unauthorized(header: str, anybody: FlaskClient, merchant: Merchant) -> None:
    answer = anybody.get("/payments/imp_1", headers={"Authorization": header.format(merchant.token)})
    assert (answer.status_code, answer.json) == (401, {"code": -1, "message": "Unauthorized", "response": None})


def test_an_expired_token_is_unauthorized(anybody: FlaskClient) -> None:
    with time_machine.travel(1_800_000_000, tick=False) as time:
        merchant = Merchant(anybody)
        time.shift(1801)
        assert merchant("GET", "/users/pg")[:2] == (401, -1)


# --- look-ups ---


def test_a_test_payment_hides_unless_asked_for(merchant: Merchant, sandbox: Sandbox) -> None:
    paid = pay(sandbox)
    assert merchant("GET", f"/payments/{paid['imp_uid']}") == NO_PAYMENT
    assert merchant("GET", f"/payments/{paid['imp_uid']}?include_sandbox=1") == NO_PAYMENT
    assert merchant("GET", f"/payments/{paid['imp_uid']}?include_sandbox=true") == (200, 0, None, paid)
    assert merchant("GET", "/payments/find/order-1") == (200, 0, None, paid)


def test_an_unknown_payment_is_a_404(merchant: Merchant) -> None:
    for path in ("/payments/imp_0?include_sandbox=true", "/payments/find/x", "/payments/findAll/x"):
        assert merchant("GET", path) == NO_PAYMENT


def test_a_payment_has_all_its_fields_always(merchant: Merchant, sandbox: Sandbox) -> None:
    opened = sandbox.ledger.get_window(open_window(sandbox, merchant_uid="open-1"))
    assert opened
    ready = sandbox.ledger.payment(opened.imp_uid)
    paid = pay(sandbox)
    assert ready
    assert set(ready) == set(paid)
    assert len(paid) == 54
    assert (ready["status"], ready["paid_at"], ready["started_at"] > 0) == ("ready", 0, True)
    assert (paid["status"], paid["pay_method"], paid["pg_provider"], paid["sandbox"]) == (
        "paid",
        "phone",
        "mobilians",
        True,
    )


def test_one_order_id_owns_a_row_for_every_window(merchant: Merchant, sandbox: Sandbox) -> None:
    abandoned = open_window(sandbox)
    closed = open_window(sandbox)
    sandbox.ledger.close_window(closed)
    paid = pay(sandbox)
    late = sandbox.ledger.get_window(abandoned)
    assert late
    everything = merchant("GET", "/payments/findAll/order-1")[3]
    assert [one["status"] for one in everything["list"]] == ["paid", "failed", "ready"]
    assert (everything["total"], everything["previous"], everything["next"]) == (3, 0, 0)
    assert merchant("GET", "/payments/find/order-1/paid")[3] == paid
    assert merchant("GET", "/payments/find/order-1/ready")[3]["imp_uid"] == late.imp_uid
    assert merchant("GET", "/payments/find/order-1/cancelled") == NO_PAYMENT
    page = merchant("GET", "/payments/findAll/order-1?limit=2")[3]
    assert (len(page["list"]), page["next"]) == (2, 2)
    assert merchant("GET", "/payments/findAll/order-1?page=9") == NO_PAYMENT
    assert merchant("GET", "/payments/findAll/order-1/bogus")[:3] == (400, -1, "지원되지 않는 상태값입니다.")


# --- prepared amounts ---


def test_an_amount_is_registered_once_and_may_be_changed(merchant: Merchant) -> None:
    asked = {"merchant_uid": "m-1", "amount": 9900}
    registered = {"merchant_uid": "m-1", "amount": 9900, "currency": None}
    assert merchant("POST", "/payments/prepare", json=asked) == (200, 0, None, registered)
    twice = "결제정보 사전등록에 실패하였습니다(이미 등록된 merchant_uid입니다)."
    assert merchant("POST", "/payments/prepare", json=asked) == (200, 1, twice, None)
    assert merchant("PUT", "/payments/prepare", data=asked | {"amount": 5000})[3]["amount"] == 5000
    assert merchant("GET", "/payments/prepare/m-1") == (200, 0, None, registered | {"amount": 5000})
    assert merchant("PUT", "/payments/prepare", json={"merchant_uid": "m-2", "amount": 1})[0] == 404
    missing = (404, -1, "사전등록된 결제정보가 존재하지 않습니다.", None)
    assert merchant("GET", "/payments/prepare/m-2") == missing


@pytest.mark.parametrize("body", [{}, {"merchant_uid": "m"}, {"merchant_uid": "m", "amount": "x"}, {"amount": 1}])
def test_a_bad_registration_is_a_400(body: dict[str, Any], merchant: Merchant) -> None:
    assert merchant("POST", "/payments/prepare", json=body)[:2] == (400, -1)


# --- billing keys and channels ---


def test_a_billing_key_is_made_by_paying_and_is_read_back(merchant: Merchant, sandbox: Sandbox) -> None:
    paid = pay(sandbox, customer_uid="key-1")
    assert (paid["customer_uid"], paid["customer_uid_usage"]) == ("key-1", "issue")
    status, code, _, key = merchant("GET", "/subscribe/customers/key-1")
    assert (status, code) == (200, 0)
    assert (key["customer_uid"], key["pg_provider"], key["customer_tel"]) == ("key-1", "mobilians", "01012345678")
    assert key["card_name"] is None
    assert key["inserted"] == paid["paid_at"]


def test_an_unknown_key_is_a_refusal_with_http_200(merchant: Merchant) -> None:
    said = "요청하신 customer_uid(x)로 등록된 정보를 찾을 수 없습니다."
    assert merchant("GET", "/subscribe/customers/x") == (200, 1, said, None)


def test_a_slash_at_the_end_is_no_other_address(merchant: Merchant) -> None:
    assert merchant("GET", "/users/pg/")[:2] == (200, 0)


# --- what other people's clients send ---


def test_a_blank_before_a_forms_name_is_not_part_of_it(merchant: Merchant) -> None:
    form = {"data": "merchant_uid=m-1& amount=9900& ", "content_type": "application/x-www-form-urlencoded"}
    assert merchant("POST", "/payments/prepare", **form)[3]["amount"] == 9900  # the official Go client writes it so


def test_a_query_may_number_its_ids_as_php_does(merchant: Merchant, sandbox: Sandbox) -> None:
    first, second = pay(sandbox), pay(sandbox, merchant_uid="order-2", customer_uid="key-1")
    ids = [first["imp_uid"], second["imp_uid"]]
    assert merchant("GET", "/payments?imp_uid[0]={}&imp_uid[1]={}".format(*ids))[3] == [first, second]
    assert merchant("GET", "/payments?merchant_uid%5B0%5D=order-1& imp_uid[0]=" + ids[1])[3] == [first, second]
    assert merchant("GET", "/payments?imp_uid[x]=" + ids[0]) == NO_PAYMENT
    assert merchant("GET", "/subscribe/customers?customer_uid[0]=key-1")[3][0]["customer_uid"] == "key-1"


NOT_IMITATED = ("/certifications/imp_1", "/vbanks/holder", "/payments/a/b/c", "/subscribe/nothing", "/users", "/cards")


@pytest.mark.parametrize("path", NOT_IMITATED)
def test_an_address_of_v1_that_is_not_imitated_asks_for_the_token_and_answers_in_v1s_envelope(
    path: str, anybody: FlaskClient, merchant: Merchant
) -> None:
    for method in ("GET", "POST", "DELETE"):
        stranger = anybody.open(path, method=method)
        assert (stranger.status_code, stranger.json) == (401, {"code": -1, "message": "Unauthorized", "response": None})
        assert merchant(method, path) == (404, -1, "[샌드박스] 이 샌드박스가 흉내 내지 않는 주소입니다.", None)


def test_a_method_that_an_address_does_not_know_asks_for_the_token_first(
    anybody: FlaskClient, merchant: Merchant
) -> None:
    assert anybody.delete("/payments/cancel").status_code == 401
    assert merchant("DELETE", "/payments/cancel")[:2] == (405, -1)
    assert anybody.get("/users/getToken").status_code == 405


@pytest.mark.parametrize("path", ["/", "/window/nobodys", "/v1/nothing.js", "/static/nothing", "/favicon.ico"])
def test_the_sandboxs_own_addresses_answer_people_in_html(path: str, anybody: FlaskClient) -> None:
    answer = anybody.get(path)
    assert (answer.status_code, answer.mimetype) == (404, "text/html")
