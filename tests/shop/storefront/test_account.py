"""Who is the buyer: sign-up, sign-in, sign-out, language."""

from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from payments.database import db
from payments.monthly.models import BillingKey, Subscription
from payments.portone.report import OutcomeUnknown
from shop.orders.models import Order, User
from tests.conftest import BUYER, csrf_of, plan_window, product, sign_in
from tests.payments.fakes import FakeProvider
from tests.shop.bought import paid, started


def post(client: FlaskClient, address: str, **fields: Any) -> TestResponse:
    return client.post(address, data=fields, headers=csrf_of(client))


def test_a_copied_session_outlives_the_logout_and_ends_with_the_secret_key(client: FlaskClient) -> None:
    """As docs/threats.md says: sessions live in the cookie."""
    sign_in(client)
    copied = client.get_cookie("session")
    assert copied is not None
    post(client, "/logout")
    assert client.get("/orders").location == "/login?next=%2Forders"
    client.set_cookie("session", copied.value)
    assert client.get("/orders").status_code == 200
    client.application.secret_key = "another secret key"
    assert client.get("/orders").location == "/login?next=%2Forders"


def test_a_new_account_is_signed_in_and_its_password_is_not_kept(client: FlaskClient, shop: Any) -> None:
    answer = post(client, "/signup", email="New@Example.com", password="long-enough", next="/cart")
    assert answer.location == "/cart"
    user = db.session.query(User).filter_by(email="new@example.com").one()
    assert user.password_hash.startswith("scrypt:")
    assert user.role == "buyer"
    assert client.get("/orders").status_code == 200


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"email": "buyer@example.com", "password": "long-enough"}, "이미 가입된 이메일입니다."),
        ({"email": "BUYER@example.com", "password": "long-enough"}, "이미 가입된 이메일입니다."),
        ({"email": "nobody", "password": "long-enough"}, "이메일 주소를 확인해 주세요."),
        ({"email": "a@example.com", "password": "short"}, "비밀번호는 8자 이상 200자 이하여야 합니다."),
        ({"email": "", "password": ""}, "이메일을 입력해 주세요."),
    ],
)
def test_a_sign_up_that_cannot_be_is_explained_beside_its_field(
    fields: dict[str, str], said: str, client: FlaskClient, shop: Any
) -> None:
    answer = post(client, "/signup", **fields)
    assert answer.status_code == 400
    assert said in answer.get_data(as_text=True)
    assert db.session.query(User).count() == 2


@pytest.mark.parametrize("typed", [" buyer@example.com\u200b", "ｂuyer＠example．com", "\ufeffBuyer@example。com"])
def test_an_address_in_another_spelling_is_the_same_account(typed: str, client: FlaskClient) -> None:
    answer = post(client, "/signup", email=typed, password="long-enough")
    assert "이미 가입된 이메일입니다." in answer.get_data(as_text=True)
    assert post(client, "/login", email=typed, password="demo").status_code == 302


def test_a_letter_that_no_address_has_is_named_at_the_sign_up(client: FlaskClient) -> None:
    answer = post(client, "/signup", email="한글@example.com", password="long-enough")
    assert answer.status_code == 400
    assert "이메일 주소에 쓸 수 없는 문자입니다: 한" in answer.get_data(as_text=True)


def test_signing_in_leads_to_where_the_visitor_wanted_to_go(client: FlaskClient) -> None:
    answer = post(client, "/login", email="Buyer@Example.com", password="demo", next="/orders/7")
    assert answer.location == "/orders/7"


def test_operator_who_asked_for_no_page_signs_in_to_the_back_office(client: FlaskClient) -> None:
    assert 'name="next" value=""' in client.get("/login").get_data(as_text=True)
    for email, page in (("admin@example.com", "/admin/"), ("buyer@example.com", "/")):
        assert post(client, "/login", email=email, password="demo", next="").location == page
    assert post(client, "/login", email="admin@example.com", password="demo", next="/cart").location == "/cart"


@pytest.mark.parametrize(
    ("wanted", "page"),
    [
        ("/orders/7/cancel", "/orders/7"),
        ("/orders/7/cancel?reason=x", "/orders/7"),
        ("/subscriptions/1/end", "/subscriptions"),
        ("/cart/items", "/cart"),
        ("/payment/complete", "/"),
        ("/logout", "/"),
        ("/nowhere", "/nowhere"),
        ("/sandbox/controls/", "/sandbox/controls/"),
    ],
)
def test_address_that_takes_only_forms_is_left_for_the_page_above_it(
    wanted: str, page: str, client: FlaskClient
) -> None:
    credentials = {"email": "buyer@example.com", "password": "demo"}
    assert post(client, "/login", **credentials, next=wanted).location == page
    assert post(client, "/language", language="en", next=wanted).location == page


@pytest.mark.parametrize(
    ("email", "password"), [("buyer@example.com", "wrong"), ("nobody@example.com", "demo"), ("x", "demo")]
)
def test_a_wrong_password_and_an_unknown_address_are_told_alike(email: str, password: str, client: FlaskClient) -> None:
    answer = post(client, "/login", email=email, password=password)
    assert answer.status_code == 400
    assert "이메일 또는 비밀번호가 맞지 않습니다." in answer.get_data(as_text=True)
    assert client.get("/orders").status_code == 302


@pytest.mark.parametrize(
    ("email", "password", "said", "unsaid"),
    [
        ("", "demo", ["이메일을 입력해 주세요."], "비밀번호를 입력해 주세요."),
        ("buyer@example.com", "", ["비밀번호를 입력해 주세요."], "이메일을 입력해 주세요."),
        (" \u200b", "", ["이메일을 입력해 주세요.", "비밀번호를 입력해 주세요."], "맞지 않습니다."),
    ],
)
def test_a_login_with_an_empty_field_names_that_field_and_does_not_say_that_something_is_wrong(
    email: str, password: str, said: list[str], unsaid: str, client: FlaskClient
) -> None:
    answer = post(client, "/login", email=email, password=password)
    page = answer.get_data(as_text=True)
    assert answer.status_code == 400
    assert [words for words in said if words not in page] == []
    assert unsaid not in page
    assert "맞지 않습니다." not in page
    assert page.count("autofocus") == 1


def test_a_sign_up_with_everything_empty_names_each_field(client: FlaskClient, shop: Any) -> None:
    page = post(client, "/signup", email="", password="", consents_asked="1").get_data(as_text=True)
    for said in ("이메일을 입력해 주세요.", "비밀번호를 입력해 주세요."):
        assert said in page
    assert page.count("동의하셔야 가입할 수 있습니다.") == 2
    assert page.count("autofocus") == 1


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:x()"])
def test_nobody_is_sent_to_another_site_after_signing_in(target: str, client: FlaskClient) -> None:
    assert post(client, "/login", email="buyer@example.com", password="demo", next=target).location == "/"


def test_nothing_planted_before_the_login_survives_it(client: FlaskClient) -> None:
    with client.session_transaction() as session:
        session["planted"] = "by somebody else"
    post(client, "/login", email="buyer@example.com", password="demo")
    with client.session_transaction() as session:
        assert "planted" not in session


def test_signing_out_ends_the_session(client: FlaskClient) -> None:
    sign_in(client)
    assert client.get("/orders").status_code == 200
    assert post(client, "/logout").location == "/"
    assert client.get("/orders").status_code == 302


def test_signing_out_is_not_done_by_a_link(client: FlaskClient) -> None:
    sign_in(client)
    assert client.get("/logout").status_code == 405
    assert client.get("/orders").status_code == 200


def test_the_chosen_language_is_remembered(client: FlaskClient) -> None:
    answer = post(client, "/language", language="en", next="/login")
    assert answer.location == "/login"
    assert "Sign in" in client.get("/login").get_data(as_text=True)
    post(client, "/language", language="klingon")
    assert "Sign in" in client.get("/login").get_data(as_text=True)


def test_chosen_language_of_a_signed_in_buyer_is_that_of_messages_and_a_visitors_is_nobodys(
    client: FlaskClient, buyer: User, provider: FakeProvider
) -> None:
    order_id = int(paid(provider, buyer).purchase_id)

    def kept() -> str | None:
        db.session.expire_all()
        return db.session.get_one(Order, order_id).language

    post(client, "/language", language="en")
    assert kept() is None
    sign_in(client)
    for chosen, language in (("en", "en"), ("klingon", "en"), ("ko", "ko")):
        post(client, "/language", language=chosen)
        assert kept() == language


def test_a_session_of_a_user_who_is_gone_is_a_visitors(client: FlaskClient) -> None:
    with client.session_transaction() as session:
        session["_user_id"], session["_fresh"] = "999999", True
    assert client.get("/orders").status_code == 302
    assert client.get("/").status_code == 200


def test_the_demo_accounts_are_named_on_the_login_page_only_where_they_exist(client: FlaskClient) -> None:
    assert "buyer@example.com" in client.get("/login").get_data(as_text=True)


def test_an_empty_list_of_subscriptions_says_so(client: FlaskClient) -> None:
    sign_in(client)
    assert "이용 중인 구독이 없습니다." in client.get("/subscriptions").get_data(as_text=True)


# --- subscriptions ---


@pytest.fixture
def subscription(provider: FakeProvider, buyer: User) -> Subscription:
    return started(provider, buyer)


def test_a_subscription_is_shown_with_its_months_and_can_be_ended(
    client: FlaskClient, subscription: Subscription, provider: FakeProvider
) -> None:
    sign_in(client)
    page = client.get("/subscriptions").get_data(as_text=True)
    for shown in ("월간 읽기 이용권", "이용 중", "4,900원", subscription.next_charge_on.isoformat(), "구독 해지"):
        assert shown in page
    assert post(client, f"/subscriptions/{subscription.id}/end").location == "/subscriptions"
    page = client.get("/subscriptions").get_data(as_text=True)
    assert "구독을 해지하셨습니다." in page
    assert "구독 해지" not in page
    assert provider.keys == {}
    db.session.expire_all()
    assert db.session.query(BillingKey).one().status == "deleted"


def test_my_plans_say_who_cancels_a_later_month_and_the_way_back_is_a_plain_link(
    client: FlaskClient, subscription: Subscription
) -> None:
    sign_in(client)
    assert "둘째 달부터의 결제는 고객센터" in client.get("/subscriptions").get_data(as_text=True)
    post(client, f"/subscriptions/{subscription.id}/end")
    page = client.get("/subscriptions").get_data(as_text=True)
    assert ">다시 구독하기</a>" in page and "해지됨" in page and "종료됨" not in page


def test_ending_survives_a_silent_portone_and_the_key_is_deleted_later(
    client: FlaskClient, subscription: Subscription, provider: FakeProvider
) -> None:
    sign_in(client)
    provider.trouble = OutcomeUnknown("no answer")
    assert post(client, f"/subscriptions/{subscription.id}/end").status_code == 302
    db.session.expire_all()
    assert (subscription.status, db.session.query(BillingKey).one().status) == ("ended", "ended")


def test_nobody_ends_somebody_elses_subscription(
    client: FlaskClient, subscription: Subscription, other_buyer: User
) -> None:
    sign_in(client, "other@example.com")
    assert post(client, f"/subscriptions/{subscription.id}/end").status_code == 404
    assert client.get(f"/subscriptions/{subscription.id}/end").status_code == 405
    db.session.expire_all()
    assert subscription.status == "active"


def test_a_page_that_asked_for_consent_must_have_been_given_it(client: FlaskClient, shop: Any) -> None:
    asked = {"email": "new@example.com", "password": "long-enough", "consents_asked": "1"}
    answer = post(client, "/signup", **asked, terms="y")
    assert answer.status_code == 400
    assert "동의하셔야 가입할 수 있습니다." in answer.get_data(as_text=True)
    assert post(client, "/signup", **asked, terms="y", privacy="y").status_code == 302


@pytest.mark.parametrize("body", [5, "x", [1, 2], {"email": 5, "password": "x"}, {"email": {"a": 1}}, {"email": True}])
@pytest.mark.parametrize("address", ["/login", "/signup"])
def test_json_is_no_form(body: Any, address: str, client: FlaskClient, shop: Any) -> None:
    assert client.post(address, json=body, headers=csrf_of(client)).status_code == 400


def test_a_subscription_that_has_not_begun_cannot_be_ended(client: FlaskClient, buyer: User) -> None:
    sign_in(client)
    plan_window(FakeProvider(), buyer.id, product("monthly").id, BUYER)
    waiting = db.session.query(Subscription).one()
    assert post(client, f"/subscriptions/{waiting.id}/end").status_code == 404
    db.session.expire_all()
    assert db.session.query(Subscription).one().status == "pending"


@pytest.mark.parametrize("email", ["a\x01\x02@b.co", "\u3164@\u3164.\u3164", "a\u200b@b.co"])
def test_an_address_with_signs_that_nobody_sees_opens_no_account(email: str, client: FlaskClient, shop: Any) -> None:
    assert post(client, "/signup", email=email, password="long-enough").status_code == 400
    assert db.session.query(User).filter_by(email=email).count() == 0


def test_a_sign_up_says_beforehand_how_long_a_password_is_and_a_login_does_not(client: FlaskClient) -> None:
    assert "8자 이상" in client.get("/signup").get_data(as_text=True)
    assert "8자 이상" not in client.get("/login").get_data(as_text=True)
