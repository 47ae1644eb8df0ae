"""What others got wrong, class by class: one test each, named after the class. `docs/threats.md` lists them.

Written so that each fails when its defence is taken away, and reads as the story of the attack or the accident.
"""

import ast
import re
import subprocess
import time
import unicodedata
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import responses
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from pytest_httpserver import HTTPServer

from app import close_app, create_app
from payments import clock, sync
from payments.cancel import cancel_payment
from payments.cancellations import is_requested
from payments.clock import SEOUL
from payments.database import db, transaction
from payments.events import Notification
from payments.models import Event, Payment
from payments.monthly import charging
from payments.monthly.models import Subscription
from payments.portone.client import PortOne
from payments.portone.report import ChargeRequest, OutcomeUnknown, PaymentProvider, Refused, UnreadableRow
from payments.sweep import sweep
from sandbox import create_sandbox
from sandbox.adapter import WSGIAdapter
from shop.config import ConfigError, load_settings
from shop.orders import cart
from shop.orders.models import Product, User
from tests import clocks
from tests.conftest import (
    ADDRESSED_BUYER,
    NOBODY_ANSWERS,
    create_shop,
    csrf_of,
    order_of,
    order_window,
    product,
    sign_in,
)
from tests.payments.fakes import FakeProvider
from tests.payments.threads import at_once
from tests.sandbox.conftest import served
from tests.sandbox.driver import driven
from tests.shop.bought import started
from tests.shop.test_config import LIVE

ROOT = Path(__file__).parents[1]
WIRE = "http://portone.example"
ADMIN = Notification("admin", actor="admin@example.com")


def opened(provider: FakeProvider, buyer: User, what: Product | None = None) -> Payment:
    """An open attempt to buy one thing."""
    cart.put_in_cart(buyer.id, (what or product()).id, 1)
    return order_window(provider, buyer.id, ADDRESSED_BUYER)


def paid(provider: FakeProvider, buyer: User, what: Product | None = None) -> Payment:
    payment = opened(provider, buyer, what)
    provider.hears_of(payment.merchant_uid, amount=payment.amount)
    sync.sync_payment(provider, Notification("callback", merchant_uid=payment.merchant_uid))
    return payment


def books(payment: Payment) -> tuple[str, str]:
    """How the payment and its order stand."""
    db.session.commit()
    db.session.expire_all()
    return payment.status, order_of(payment).status


def claim(client: FlaskClient, imp_uid: str | None, merchant_uid: str, **more: Any) -> Any:
    """What a page may say to the callback's endpoint."""
    return client.post("/payment/complete", json={"imp_uid": imp_uid, "merchant_uid": merchant_uid, **more})


# --- whose money is it, and how much ---


def test_01_unbound_id(client: FlaskClient, provider: FakeProvider, buyer: User, other_buyer: User) -> None:
    """One payment does not complete another order of equal price."""
    mine = paid(provider, buyer)
    thiefs = opened(provider, other_buyer)
    assert thiefs.amount == mine.amount
    assert claim(client, mine.imp_uid, thiefs.merchant_uid).status_code == 409
    assert books(thiefs) == ("ready", "pending")


def test_02_wrong_status(client: FlaskClient, provider: FakeProvider, buyer: User) -> None:
    """A failed payment at the right price sells nothing."""
    payment = opened(provider, buyer)
    failed = provider.hears_of(payment.merchant_uid, "failed", payment.amount)
    claim(client, failed.imp_uid, payment.merchant_uid, success=True, status="paid")
    assert books(payment) == ("failed", "pending")


def test_03_wrong_amount_kept(client: FlaskClient, provider: FakeProvider, buyer: User) -> None:
    """Money of the wrong amount is held, cancelled at PortOne, and shown."""
    payment = opened(provider, buyer)
    cheap = provider.hears_of(payment.merchant_uid, "paid", 301)
    claim(client, cheap.imp_uid, payment.merchant_uid)
    assert provider.cancels == [(cheap.imp_uid, 301)]
    assert books(payment) == ("cancelled", "pending")
    assert "금액이 달라" in (payment.cancel_reason or "")  # what the buyer and the back office read


def test_04_aimed_cancel(client: FlaskClient, provider: FakeProvider, buyer: User) -> None:
    """Somebody else's payment, shown with our id, is neither recorded nor cancelled."""
    payment = opened(provider, buyer)
    strangers = provider.hears_of("order-of-another-shop", "paid", 1)
    assert claim(client, strangers.imp_uid, payment.merchant_uid).status_code == 409
    assert provider.cancels == []
    assert books(payment) == ("ready", "pending")


def test_05_cancel_forgotten(provider: FakeProvider, buyer: User) -> None:
    """PortOne gave the money back but its answer was lost: our row was there before, and the sweep learns of it."""
    payment = paid(provider, buyer)
    provider.cancel_answers = ["dropped"]
    assert cancel_payment(provider, payment.id, "고객 변심", ADMIN).outcome == "unknown"
    db.session.expire_all()
    assert is_requested(payment)
    provider.hears_of(payment.merchant_uid, "cancelled", payment.amount, imp_uid=payment.imp_uid)
    db.session.commit()
    clocks.later(timedelta(minutes=5))
    sweep(provider)
    assert books(payment) == ("cancelled", "cancelled")


def test_06_client_price(client: FlaskClient, provider: FakeProvider, buyer: User) -> None:
    """The expected amount is the server's: what the browser says of it is not read."""
    sign_in(client)
    cart.put_in_cart(buyer.id, product().id, 1)
    asked = {"kind": "once", "amount": 1, "price": 1, "buyer_name": "홍길동", "buyer_tel": "01012345678"}
    told = client.post("/checkout", json=asked | {"buyer_email": "b@example.com"}, headers=csrf_of(client)).json
    assert told
    assert told["request_pay"]["amount"] == product().price == provider.prepared[told["merchant_uid"]]


@pytest.fixture
def subscription(provider: FakeProvider, buyer: User) -> Iterator[Subscription]:
    """Started on 15 January 2055; it is 15 February, and the month is due."""
    clocks.stand_at(datetime(2055, 1, 15, 12, tzinfo=SEOUL))
    yield_this = started(provider, buyer)
    clocks.stand_at(datetime(2055, 2, 15, 12, tzinfo=SEOUL))
    yield yield_this


def test_07_open_charge(client: FlaskClient, provider: FakeProvider, subscription: Subscription) -> None:
    """Whom to charge, when and how much is not for a body to say, and not for a buyer or a stranger to start."""
    address = f"/admin/billing-keys/{subscription.customer_uid}/charge"
    asked = {"amount": "999999", "merchant_uid": "mine", "reason": "고객 요청"}
    assert client.post(address, data=asked, headers=csrf_of(client)).status_code == 302  # to the login
    sign_in(client)
    assert client.post(address, data=asked, headers=csrf_of(client)).status_code == 404
    assert provider.charges == []
    sign_in(client, "admin@example.com")
    client.post(address, data=asked, headers=csrf_of(client))
    [charge] = provider.charges
    assert charge.amount == subscription.amount
    assert charge.merchant_uid != "mine"


# --- notification comes twice, late, forged, or not at all ---


def test_08_unanswered_webhook(client: FlaskClient, provider: FakeProvider, buyer: User) -> None:
    """Every delivery is answered, whatever its state; 5xx only when nobody could verify it."""
    for status in ("ready", "failed", "cancelled", "paid", "unheard of"):
        payment = opened(provider, buyer)
        if status != "unheard of":
            provider.hears_of(payment.merchant_uid, status, payment.amount)
        told = {"merchant_uid": payment.merchant_uid, "status": status}
        expected = 503 if status == "unheard of" else 200  # PortOne knows no such payment yet, so it may repeat
        assert client.post("/payment/webhook", json=told).status_code == expected, status
    assert client.post("/payment/webhook", json={"merchant_uid": "nobodys"}).status_code == 200
    provider.trouble = OutcomeUnknown("no answer")
    assert client.post("/payment/webhook", json=told).status_code == 503


def test_09_forged_webhook(client: FlaskClient, provider: FakeProvider, buyer: User) -> None:
    """Anybody may post "paid"; only a look-up makes it so."""
    payment = opened(provider, buyer)
    window = provider.hears_of(payment.merchant_uid, "ready", payment.amount)
    told = {"imp_uid": window.imp_uid, "merchant_uid": payment.merchant_uid, "status": "paid"}
    client.post("/payment/webhook", json=told)
    client.post("/payment/webhook", data=told)
    assert books(payment) == ("ready", "pending")


def test_10_duplicate_delivery(client: FlaskClient, provider: FakeProvider, buyer: User) -> None:
    """The same webhook again and again moves the goods once."""
    parcel = product(digital=False)
    before = parcel.stock
    payment = opened(provider, buyer, parcel)
    report = provider.hears_of(payment.merchant_uid, amount=payment.amount)
    told = {"imp_uid": report.imp_uid, "merchant_uid": payment.merchant_uid, "status": "paid"}
    outcomes = [client.post("/payment/webhook", json=told).json["outcome"] for _ in range(4)]  # type: ignore[index]
    assert outcomes == ["paid", "unchanged", "unchanged", "unchanged"]
    assert books(payment) == ("paid", "paid")
    assert parcel.stock == (before or 0) - 1


def test_11_callback_webhook_race(app: Flask, provider: FakeProvider, buyer: User) -> None:
    """Callback and webhook at the same moment have one winner."""
    payment = opened(provider, buyer)
    report = provider.hears_of(payment.merchant_uid, amount=payment.amount)
    told = {"imp_uid": report.imp_uid, "merchant_uid": payment.merchant_uid}
    endpoints = iter(["/payment/complete", "/payment/webhook"] * 3)
    db.session.commit()
    outcomes = at_once(app, lambda: app.test_client().post(next(endpoints), json=told).json["outcome"], 6)
    assert Counter(outcomes) == {"paid": 1, "unchanged": 5}
    assert db.session.query(Event).filter_by(payment_id=payment.id, outcome="paid").count() == 1


def test_12_late_failure(client: FlaskClient, provider: FakeProvider, buyer: User) -> None:
    """A late `failed` never downgrades what is paid."""
    payment = paid(provider, buyer)
    provider.hears_of(payment.merchant_uid, "failed", payment.amount, imp_uid=payment.imp_uid)
    client.post("/payment/webhook", json={"imp_uid": payment.imp_uid, "merchant_uid": payment.merchant_uid})
    assert books(payment) == ("paid", "paid")


def test_13_get_side_effect(client: FlaskClient, app: Flask, provider: FakeProvider, buyer: User) -> None:
    """No address that changes something does so for a link or a prefetch, not even the admin's."""
    payment = paid(provider, buyer)
    sign_in(client, "admin@example.com")
    provider.asked.clear()
    rules = [(rule, {"POST", "GET"} & (rule.methods or set())) for rule in app.url_map.iter_rules()]
    both = {rule.endpoint for rule, methods in rules if methods == {"POST", "GET"}}
    # The GET of the first two shows a form; a buyer comes back to the third, which looks up, by either method.
    assert both == {"account.login", "account.signup", "payments.redirect_back"}
    shown = {rule.rule for rule, methods in rules if methods == {"GET"}}
    for rule, methods in rules:
        if methods == {"POST"} and rule.rule not in shown:
            assert client.get(re.sub("<.*?>", "1", rule.rule)).status_code in (404, 405), rule
    assert provider.asked == []
    assert books(payment) == ("paid", "paid")


def test_14_cross_user_view(
    client: FlaskClient, provider: FakeProvider, subscription: Subscription, buyer: User, other_buyer: User
) -> None:
    """Another buyer's order, cancel and subscription are not there; neither are they for a stranger."""
    order = f"/orders/{paid(provider, buyer).purchase_id}"
    end = f"/subscriptions/{subscription.id}/end"
    assert client.get(order).status_code in (302, 404)
    sign_in(client, "other@example.com")
    assert client.get(order).status_code == 404
    assert client.post(f"{order}/cancel", data={"reason": "x"}, headers=csrf_of(client)).status_code == 404
    assert client.post(end, headers=csrf_of(client)).status_code == 404
    assert client.get("/orders").get_data(as_text=True).count(order) == 0


# --- the months ---


def test_15_double_charge(provider: FakeProvider, subscription: Subscription) -> None:
    """An answer that was lost is looked up by the same id before anything is asked again."""
    provider.answers = ["lost"]
    assert charging.charge(provider, subscription.id) == "unknown"
    clocks.stand_at(datetime(2055, 2, 15, 12, 30, tzinfo=SEOUL))
    assert charging.charge(provider, subscription.id) == "charged"
    assert len(provider.charges) == 1
    taken = [one for one in provider.reports.values() if one.customer_uid == subscription.customer_uid]
    assert Counter(one.status for one in taken) == {"paid": 2}  # the first month, and this one


def test_16_runaway_schedule(client: FlaskClient, provider: FakeProvider, subscription: Subscription) -> None:
    """A webhook of a paid month, replayed, sets off no further charge."""
    charging.charge(provider, subscription.id)
    [charge] = provider.charges
    for _ in range(5):
        client.post("/payment/webhook", json={"merchant_uid": charge.merchant_uid, "status": "paid"})
        assert list(charging.due()) == []
    assert len(provider.charges) == 1


def test_17_stopped_batch(provider: FakeProvider, subscription: Subscription, other_buyer: User, app: Flask) -> None:
    """One that cannot be charged does not keep the others from being charged."""
    clocks.stand_at(datetime(2055, 1, 15, 13, tzinfo=SEOUL))
    other = started(provider, other_buyer)
    clocks.stand_at(datetime(2055, 2, 15, 13, tzinfo=SEOUL))
    provider.answers = ["dropped", "paid"]
    answer = app.test_cli_runner().invoke(args=["bill"])
    assert answer.exception is None or isinstance(answer.exception, SystemExit)
    assert len(provider.charges) == 2
    db.session.expire_all()
    assert db.session.query(Payment).filter_by(period="2055-02", status="paid").count() == 1
    assert {other.status, subscription.status} == {"active"}


def test_18_overwritten_cancel_total(provider: FakeProvider, buyer: User) -> None:
    """What went back before is taken from PortOne's report, so the rest that a cancel names is right."""
    payment = paid(provider, buyer)
    imp_uid, amount = payment.imp_uid, payment.amount
    facts = {"imp_uid": imp_uid, "cancelled_amount": 1000, "paid_at": payment.paid_at}
    provider.hears_of(payment.merchant_uid, "cancelled", amount, **facts)
    sync.sync_payment(provider, Notification("webhook", imp_uid, payment.merchant_uid))
    assert books(payment) == ("paid", "paid")
    cancel_payment(provider, payment.id, "나머지", ADMIN)
    assert provider.cancels == [(imp_uid, amount - 1000)]


# --- the line to PortOne, against the sandbox ---


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Flask]:
    clocks.start_sandbox(tmp_path / "pitfalls.sqlite3")
    app = create_sandbox(tmp_path / "pitfalls.sqlite3", start_worker=False)
    yield app
    app.extensions["sandbox"].close()


@pytest.fixture
def portone(sandbox: Flask, tmp_path: Path) -> Iterator[PortOne]:
    """Our client, speaking to the sandbox inside this process."""
    client = PortOne(load_settings({"PORTONE_API_URL": "http://sandbox.example"}, tmp_path))
    client.session.mount("http://sandbox.example", WSGIAdapter(sandbox, "http://sandbox.example"))
    yield client
    client.close()


def break_it(sandbox: Flask, path: str, fault: str, **more: Any) -> None:
    driven(sandbox).ledger.faults.add({"path": path, "fault": fault, "count": 1} | more)


CHARGE = ChargeRequest("key-1", "sub-1", 9900, "월 이용권", "홍길동", "01012345678", "buyer@example.com")


def test_19_expired_token(sandbox: Flask, portone: PortOne) -> None:
    """A token that died early is renewed once, and the call repeated."""
    portone.prepare("order-1", 9900)
    sandbox.extensions["sandbox"].database.change("UPDATE tokens SET expired_at = 0")
    portone.prepare("order-2", 9900)
    assert driven(sandbox).ledger.prepared("order-2")


def test_20_no_time_out(sandbox: Flask, tmp_path: Path) -> None:
    """Nobody waits for ever: silence after our limit is an unknown outcome."""
    break_it(sandbox, "/payments/cancel", "hang_after", value=5)
    with served(sandbox) as address:
        client = PortOne(load_settings({"PORTONE_API_URL": address}, tmp_path)).within(0.3)
        began = time.monotonic()
        with pytest.raises(OutcomeUnknown):
            client.cancel("imp_1", 9900, "고객 변심")
        assert time.monotonic() - began < 3
        client.close()


def test_21_http_status_believed(portone: PortOne) -> None:
    """HTTP 200 with a code is a refusal."""
    with pytest.raises(Refused):
        portone.charge(CHARGE)
    with pytest.raises(Refused):
        portone.cancel("imp_1", 9900, "고객 변심")


# --- pages ---


def test_22_script_injection(client: FlaskClient, provider: FakeProvider, buyer: User) -> None:
    """What people type stays text, also inside the data of a script."""
    evil = "</script><img src=x onerror=alert(1)>"
    with transaction():
        db.session.get_one(Product, product().id).name_ko = evil
    payment = paid(provider, buyer)
    sign_in(client, "admin@example.com")
    pages = [client.get(f"/admin/payments/{payment.merchant_uid}"), client.get("/")]
    sign_in(client)
    cart.put_in_cart(buyer.id, product().id, 1)
    pages += [client.get("/cart"), client.get(f"/orders/{payment.purchase_id}")]
    assert all(page.status_code == 200 and evil.encode() not in page.data for page in pages)


def test_23_broken_result_page(client: FlaskClient, provider: FakeProvider, buyer: User) -> None:
    """Both ways back end on a page that is there; the amount that the window gets is a number."""
    sign_in(client)
    cart.put_in_cart(buyer.id, product().id, 1)
    asked = {"kind": "once", "buyer_name": "홍길동", "buyer_tel": "01012345678", "buyer_email": "b@example.com"}
    told = client.post("/checkout", json=asked, headers=csrf_of(client)).json
    assert told
    assert type(told["request_pay"]["amount"]) is int
    report = provider.hears_of(told["merchant_uid"], amount=told["request_pay"]["amount"])
    answer = claim(client, report.imp_uid, told["merchant_uid"]).json
    back = client.get("/payment/redirect", query_string={"merchant_uid": told["merchant_uid"]})
    for address in (answer["redirect"], back.headers["Location"]):
        assert client.get(address).status_code == 200


# --- how it is shipped ---


def test_24_unstartable_sample(tmp_path: Path) -> None:
    """An empty folder is enough to start; every dependency is pinned."""
    app = create_shop(load_settings(NOBODY_ANSWERS, tmp_path))
    assert app.test_client().get("/").status_code == 200
    close_app(app)
    for path in (*ROOT.glob("requirements*.txt"), ROOT / "tests" / "requirements.txt"):
        for line in path.read_text().splitlines():
            wanted = line.split("#")[0].strip()
            assert not wanted or wanted.startswith("-r ") or "==" in wanted, f"{path.name}: {line}"


def test_25_secrets_in_code() -> None:
    """No tracked file holds a key; the sandbox's published ones open nothing real."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    names = (r"(?i)(secret|password|token|api_?key)[\"']?\s*[:=]\s*[\"'](?=[^\"']*\d)[A-Za-z0-9+/_-]{24,}[\"']",)
    held = re.compile("|".join((*names, r"BEGIN [A-Z ]*PRIVATE " + "KEY", r"AKIA[0-9A-Z]{16}")))
    for name in filter(None, listed.split("\0")):
        path = ROOT / name
        if path.is_file() and path.suffix in (".py", ".js", ".html", ".toml", ".yaml", ".yml", ".sh", ".cfg", ""):
            assert not held.search(path.read_text(errors="replace")), name


def test_26_debug_in_the_image(tmp_path: Path) -> None:
    """The debugger is refused with live settings."""
    with pytest.raises(ConfigError, match="FLASK_DEBUG"):
        load_settings(LIVE | {"FLASK_DEBUG": "1"}, tmp_path)


def test_27_pay_without_paying(app: Flask, tmp_path: Path) -> None:
    """With live settings there is no sandbox, no control and no demo's clock."""
    live = create_app(load_settings(LIVE, tmp_path))
    rules = " ".join(str(rule.rule) for rule in live.url_map.iter_rules())
    assert not re.search("sandbox|controls|clock", rules)
    assert "sandbox" not in live.extensions
    client = live.test_client()
    for path in ("/sandbox/controls/payments", "/sandbox/v1/iamport.js", "/controls/payments", "/admin/clock/tomorrow"):
        assert client.post(path, base_url="https://shop.example", json={}).status_code in (400, 404)
    close_app(live)


def test_28_test_channel_goods(provider: FakeProvider, buyer: User) -> None:
    """A live shop does not deliver for a payment through a test channel."""
    provider.is_test_channel = False
    payment = opened(provider, buyer)
    provider.hears_of(payment.merchant_uid, amount=payment.amount, is_test_channel=True)
    assert sync.sync_payment(provider, Notification("webhook", merchant_uid=payment.merchant_uid)).outcome == "held"
    assert books(payment) == ("ready", "pending")


def test_29_secret_spread(portone: PortOne, caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    """Neither the secret nor a token gets into a log line, an error or a printed setting."""
    caplog.set_level("DEBUG")
    portone.prepare("order-1", 9900)
    with pytest.raises(Refused) as caught:
        portone.charge(CHARGE)
    settings = load_settings(LIVE, tmp_path)
    written = f"{caplog.text} {caught.value!r} {settings!r}"
    for secret in ("sandbox_secret", portone._token.value, settings.api_secret, settings.secret_key):
        assert secret not in written


def test_30_assert_as_security() -> None:
    """`python -O` takes no check away: the shop and the sandbox hold no assert."""
    for building in ("payments", "shop", "sandbox"):
        for path in (ROOT / building).rglob("*.py"):
            assert not any(isinstance(node, ast.Assert) for node in ast.walk(ast.parse(path.read_text()))), path


def test_31_session_lost(client: FlaskClient, provider: FakeProvider, buyer: User) -> None:
    """The buyer comes back in another browser: the endpoint needs no session, the page then asks who it is."""
    payment = opened(provider, buyer)
    report = provider.hears_of(payment.merchant_uid, amount=payment.amount)
    told = {"imp_uid": report.imp_uid, "merchant_uid": payment.merchant_uid, "imp_success": "true"}
    back = client.get("/payment/redirect", query_string=told)
    assert books(payment) == ("paid", "paid")
    page = client.get(back.headers["Location"])
    assert (page.status_code, "/login" in page.headers["Location"]) == (302, True)


def test_32_card_only_support() -> None:
    """What is listed works: the client does everything that the shop asks of a provider."""
    for name in (name for name in vars(PaymentProvider) if not name.startswith("_")):
        assert callable(getattr(PortOne, name, None)) or name == "is_test_channel", name
    for path in [*(ROOT / "payments").rglob("*.py"), *(ROOT / "shop").rglob("*.py")]:
        assert "NotImplementedError" not in path.read_text(), path


# --- found since, by trying the shop ---


def v1(response: Any, code: int = 0, message: str | None = None) -> dict[str, Any]:
    return {"code": code, "message": message, "response": response}


@pytest.fixture
def wire() -> Iterator[responses.RequestsMock]:
    """PortOne's address, with answers that the test writes."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        mock.post(f"{WIRE}/users/getToken", json=v1({"access_token": "t" * 40, "now": 0, "expired_at": 1800}))
        yield mock


@pytest.fixture
def on_the_wire(wire: responses.RequestsMock, tmp_path: Path) -> Iterator[PortOne]:
    client = PortOne(load_settings({"PORTONE_API_URL": WIRE}, tmp_path))
    yield client
    client.close()


def test_33_refusal_read_as_absence(on_the_wire: PortOne, wire: responses.RequestsMock) -> None:
    """A key is gone only when PortOne says exactly that; being refused says nothing about the key."""
    address = f"{WIRE}/subscribe/customers/key-1"
    for status, message in ((403, "forbidden"), (400, "bad request"), (200, "too many requests")):
        wire.upsert("GET", address, json=v1(None, 1, message), status=status)
        with pytest.raises(Refused):
            on_the_wire.get_billing_key("key-1")
    wire.upsert("GET", address, json=v1(None, 1, "요청하신 customer_uid(key-1)로 등록된 정보를 찾을 수 없습니다."))
    assert on_the_wire.get_billing_key("key-1") is None


def check_out(client: FlaskClient) -> Any:
    where = {"buyer_addr": ADDRESSED_BUYER.addr, "buyer_postcode": ADDRESSED_BUYER.postcode}
    who = {"buyer_name": "홍길동", "buyer_tel": "01012345678", "buyer_email": "buyer@example.com"}
    return client.post("/checkout", json={"kind": "once", **who, **where}, headers=csrf_of(client))


def test_34_second_window_over_an_unknown_first(client: FlaskClient, provider: FakeProvider, buyer: User) -> None:
    """A window whose answer was lost is looked up before another one opens: one purchase, one charge."""
    sign_in(client)
    payment = opened(provider, buyer)
    provider.hears_of(payment.merchant_uid, amount=payment.amount)
    answer = check_out(client)
    assert (answer.status_code, answer.json and answer.json["error"]) == (409, "already_paid")
    assert db.session.query(Payment).count() == 1


def test_the_window_of_a_replaced_order_is_looked_up_too(
    client: FlaskClient, provider: FakeProvider, buyer: User
) -> None:
    """The cart was changed in another tab, so the paid window's order was replaced: its money is found all the same."""
    sign_in(client)
    first = opened(provider, buyer)
    opened(provider, buyer, product(digital=False))
    provider.hears_of(first.merchant_uid, amount=first.amount)
    check_out(client)
    db.session.expire_all()
    assert first.status == "cancelled"
    assert provider.cancels == [(first.imp_uid, first.amount)]


def test_35_too_late_to_look(provider: FakeProvider, buyer: User) -> None:
    """KG cancels nothing after the month, but a cancel that it carried out in time is still found."""
    payment = paid(provider, buyer)
    provider.cancel_answers, provider.trouble_after_cancel = ["lost"], OutcomeUnknown("no answer")
    cancel_payment(provider, payment.id, "고객 변심", ADMIN)
    provider.trouble = None
    clocks.later(timedelta(days=40))
    assert sweep(provider)["given_back"] == 1
    assert books(payment) == ("cancelled", "cancelled")


def test_36_unbounded_politeness(httpserver: HTTPServer, tmp_path: Path) -> None:
    """A server that asks us to come again in 12 seconds does not decide how long our buyer waits."""
    token = v1({"access_token": "t" * 40, "now": 0, "expired_at": 1800})
    httpserver.expect_request("/users/getToken").respond_with_json(token)
    httpserver.expect_request("/payments/imp_1").respond_with_data(status=503, headers={"Retry-After": "12"})
    client = PortOne(load_settings({"PORTONE_API_URL": httpserver.url_for("").rstrip("/")}, tmp_path))
    began = time.monotonic()
    with pytest.raises(OutcomeUnknown):
        client.within(2).get_payment("imp_1")
    assert time.monotonic() - began < 10
    client.close()


def test_37_one_bad_row_stops_the_list(on_the_wire: PortOne, wire: responses.RequestsMock) -> None:
    """Another service's payment in a currency that we cannot read does not hide the rest of the list."""
    page = v1({"total": 1, "previous": 0, "next": 0, "list": [{"imp_uid": "imp_usd", "currency": None}]})
    wire.get(f"{WIRE}/payments/status/paid", json=page)
    since = datetime(2027, 1, 1, tzinfo=SEOUL)
    [row] = on_the_wire.payments_between("paid", since, since + timedelta(days=1))
    assert (type(row), row.imp_uid) == (UnreadableRow, "imp_usd")


@pytest.mark.parametrize("day", ["2027-01-01T00:00+09:00", "2028-02-29T23:55+09:00", "2031-12-31T23:59+09:00"])
def test_40_tests_that_know_one_day(app: Flask, day: str) -> None:
    """The tests' business time is the same on every day on which they run."""
    with time_machine.travel(day, tick=False), app.app_context():
        assert clock.now() == clocks.NOON


def test_41_text_for_a_narrower_world(client: FlaskClient, buyer: User, provider: FakeProvider) -> None:
    """Goods that KG cannot print, a name from a Mac and a number from a contact card reach KG as it can take them."""
    with transaction():
        db.session.get_one(Product, product().id).name_ko = "🌙"
    cart.put_in_cart(buyer.id, product().id, 1)
    sign_in(client)
    typed = {"buyer_name": unicodedata.normalize("NFD", "홍길동"), "buyer_tel": "\u202a+82 10–1234–5678\u202c"}
    answer = client.post(
        "/checkout", json={"kind": "once", **typed, "buyer_email": "buyer@example.com"}, headers=csrf_of(client)
    )
    assert answer.json
    asked = answer.json["request_pay"]
    assert (asked["name"], asked["buyer_name"], asked["buyer_tel"]) == ("주문 상품", "홍길동", "01012345678")


@pytest.mark.parametrize(
    "half",
    [
        {"PUBLIC_URL": "https://shop.example"},
        {"PORTONE_CHANNEL_KEY": "channel-key-1"},
        {"PORTONE_API_KEY": "1234567890123456"},
        LIVE | {"PORTONE_PG": ""},
    ],
    ids=["address", "channel", "one key", "no channel"],
)
def test_42_half_configured(half: dict[str, str], tmp_path: Path) -> None:
    """A live address, channel or key without the rest is not a demo: the shop does not start."""
    with pytest.raises(ConfigError):
        load_settings(half, tmp_path)


def test_every_class_has_its_test() -> None:
    numbers = re.findall(r"^def test_(\d\d)_", Path(__file__).read_text(), re.MULTILINE)
    assert numbers == [f"{number:02}" for number in (*range(1, 38), 40, 41, 42)]
