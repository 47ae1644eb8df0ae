"""A shop for each visitor: nothing of one world opens, moves or stops anything in another. One test for each kind."""

import logging
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import request

from payments.database import db
from payments.models import Event, Payment
from shop.demo import rounds
from shop.orders.models import Order
from tests.clocks import NOON
from tests.shop.operations.test_logs import Lines
from tests.test_server import wait_until
from tests.visitors import URL, Program, Visitor, demo
from worlds import Worlds

LONGEST_WAIT = 20  # seconds

Bought = tuple[Visitor, dict[str, Any]]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worlds]:
    with demo(tmp_path_factory.mktemp("demo")) as worlds:
        yield worlds


@pytest.fixture(scope="module")
def buyer(shared: Worlds) -> Bought:
    """A visitor who has bought something in their world, and what the window told."""
    visitor = Visitor(shared)
    visitor.sign_in()
    visitor.put_in_cart("bear-emoji")
    window = visitor.approve(visitor.check_out())
    visitor.come_back(window)
    return visitor, window


@pytest.fixture(scope="module")
def stranger(shared: Worlds) -> Visitor:
    """Another visitor, signed in as the buyer of their own world."""
    visitor = Visitor(shared)
    visitor.sign_in()
    return visitor


def app_of(visitor: Visitor) -> Any:
    visitor.page("/")  # open
    return visitor.worlds.open.app_of(visitor.name)


def token_of(program: Visitor) -> Any:
    settings = program.worlds.open.app_of(program.name).extensions["settings"]
    keys = {"imp_key": settings.api_key, "imp_secret": settings.api_secret}
    return program.ask("POST", "/sandbox/users/getToken", json=keys).json()["response"]["access_token"]


def test_a_key_with_another_signature_names_no_world(shared: Worlds, buyer: Bought) -> None:
    key = buyer[0].key
    name, _, signature = key.rpartition(".")
    other = f"{name}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}"
    for forged in (other, name, buyer[0].name, "", "dw_", "한글"):
        answer = Program(shared, forged.encode().decode("latin-1")).ask("GET", "/orders/1")
        assert answer.json()["error"] in ("world_gone", "world_unnamed"), forged


def test_an_order_number_of_another_world_is_unknown(buyer: Bought, stranger: Visitor) -> None:
    assert buyer[0].ask("GET", "/orders/1").status_code == 200
    assert stranger.ask("GET", "/orders/1").status_code == 404


def test_the_ids_of_another_worlds_payment_are_unknown_to_shop_and_sandbox(buyer: Bought, stranger: Visitor) -> None:
    ids = {name: buyer[1][name] for name in ("imp_uid", "merchant_uid")}
    assert stranger.ask("POST", "/payment/complete", json=ids).json()["outcome"] == "not_found"
    authorization = {"Authorization": token_of(stranger)}
    answer = stranger.ask("GET", f"/sandbox/payments/{ids['imp_uid']}", headers=authorization)
    assert answer.status_code == 404


def test_a_window_of_another_world_is_gone(buyer: Bought, stranger: Visitor) -> None:
    asked = {
        "pay_method": "phone",
        "merchant_uid": "m-1",
        "amount": 1000,
        "name": "이용권",
        "digital": True,
        "buyer_tel": "01012345678",
    }
    body = {"user_code": "imp00000000", "params": asked, "device": "pc", "callback": True, "page_url": URL}
    window = buyer[0].ask("POST", "/sandbox/window", json=body).json()["window_id"]
    assert buyer[0].ask("GET", f"/sandbox/window/{window}").status_code == 200
    assert stranger.ask("GET", f"/sandbox/window/{window}").status_code == 404
    assert stranger.ask("POST", f"/sandbox/window/{window}/close", json={}).status_code == 404


def test_the_rest_key_and_token_of_another_world_are_refused(buyer: Bought, stranger: Visitor) -> None:
    settings = app_of(buyer[0]).extensions["settings"]
    keys = {"imp_key": settings.api_key, "imp_secret": settings.api_secret}
    published = {"imp_key": "imp_apikey", "imp_secret": "sandbox_secret"}
    for wrong in (keys, published):
        assert stranger.ask("POST", "/sandbox/users/getToken", json=wrong).status_code == 401
    authorization = {"Authorization": token_of(buyer[0])}
    answer = stranger.ask("GET", f"/sandbox/payments/{buyer[1]['imp_uid']}", headers=authorization)
    assert answer.status_code == 401


def test_a_session_of_another_world_signs_nobody_in(shared: Worlds, buyer: Bought, stranger: Visitor) -> None:
    session = buyer[0].http.cookies["session"]
    program = Program(shared, buyer[0].key)
    assert program.ask("GET", "/orders/1", cookies={"session": session}).status_code == 200
    foreign = Program(shared, stranger.key).ask("GET", "/orders", cookies={"session": session}, allow_redirects=False)
    assert foreign.headers["Location"].startswith("/login")


def test_the_clock_and_the_faults_of_another_world_do_not_move(shared: Worlds, stranger: Visitor) -> None:
    visitor = Visitor(shared)
    visitor.page("/")
    for path, body in (
        ("clock", {"to": (NOON + timedelta(days=40)).isoformat()}),
        ("faults", {"path": "*", "fault": "status", "value": 503}),
        ("settings", {"webhook_order": "twice"}),
    ):
        visitor.ask("POST", f"/sandbox/controls/{path}", json=body).raise_for_status()
    assert visitor.ask("GET", "/sandbox/controls/clock").json()["now"].startswith("2054-12-25")
    assert stranger.ask("GET", "/sandbox/controls/clock").json()["now"].startswith("2054-11-1")
    assert stranger.ask("GET", "/sandbox/controls/faults").json() == {"faults": []}
    assert stranger.ask("GET", "/sandbox/controls/settings").json()["webhook_order"] != "twice"


def test_a_webhook_reaches_the_world_that_it_names_or_comes_from(
    shared: Worlds, buyer: Bought, stranger: Visitor
) -> None:
    """The sandbox of a world has no other address than everybody's, and calls its own shop inside the process."""
    [delivery] = buyer[0].ask("GET", "/sandbox/controls/deliveries").json()["deliveries"]
    assert delivery["url"] == f"{URL}/payment/webhook"
    wait_until(lambda: _webhooks_in(buyer[0]) == 1)
    claim = {"imp_uid": buyer[1]["imp_uid"], "merchant_uid": buyer[1]["merchant_uid"], "status": "cancelled"}
    answer = Program(shared, stranger.key).ask("POST", "/payment/webhook", json=claim)
    assert answer.json() == {"outcome": "not_found"}
    assert _webhooks_in(buyer[0]) == 1
    assert stranger.ask("GET", "/sandbox/controls/deliveries").json() == {"deliveries": []}


def _webhooks_in(visitor: Visitor) -> int:
    with app_of(visitor).app_context():
        return db.session.query(Event).filter_by(source="webhook").count()


def test_what_one_world_locks_for_long_does_not_stop_another(shared: Worlds, buyer: Bought, stranger: Visitor) -> None:
    """The buyer's clock is on a journey, and an attack on their shop waits for its sign-up."""
    signing_up, go_on = threading.Event(), threading.Event()

    def wait() -> None:
        if request.path == "/signup":
            signing_up.set()
            go_on.wait(LONGEST_WAIT)

    attack = ("POST", "/sandbox/controls/attacks/negative-quantity")
    app = app_of(buyer[0])
    app.before_request_funcs.setdefault(None, []).append(wait)
    waiting = threading.Thread(target=buyer[0].ask, args=attack, daemon=True)
    with app.app_context(), rounds.one_at_a_time():
        waiting.start()
        assert signing_up.wait(LONGEST_WAIT)
        asked = [attack, ("POST", "/demo/clock")]
        others = [
            threading.Thread(target=stranger.ask, args=each, kwargs={"json": {"to": "tomorrow"}}) for each in asked
        ]
        for thread in others:
            thread.start()
        for thread in others:
            thread.join(LONGEST_WAIT)
            assert not thread.is_alive(), "waits for another world"
    go_on.set()
    waiting.join(LONGEST_WAIT)
    app.before_request_funcs[None].pop()
    assert stranger.ask("GET", "/sandbox/controls/clock").json()["now"].startswith("2054-11-16T09")


def test_metrics_tell_of_no_world(shared: Worlds, buyer: Bought) -> None:
    text = buyer[0].ask("GET", "/metrics").text
    assert "shop_open_payments 0.0" in text
    assert buyer[0].name not in text and buyer[1]["merchant_uid"] not in text


def test_a_worlds_key_and_secrets_are_in_no_log_line_no_address_and_no_call_of_the_sandbox(
    shared: Worlds, buyer: Bought
) -> None:
    handler = Lines()
    logging.getLogger().addHandler(handler)
    try:
        app_of(buyer[0]).logger.error("%s", dict(buyer[0].http.cookies))
        answer = Program(shared, buyer[0].key).ask("GET", f"/orders/1?key={buyer[0].key}")
        assert answer.status_code == 200
        text = "\n".join(handler.lines)
        assert handler.lines and "dw_" not in text and buyer[0].key[-20:] not in text
    finally:
        logging.getLogger().removeHandler(handler)
    seen: dict[str, Any] = {}
    world = shared.open.app_of(buyer[0].name)
    world.before_request_funcs.setdefault(None, []).append(lambda: seen.update(request.environ))
    buyer[0].page("/")
    world.before_request_funcs[None].pop()
    assert "session=" in seen["HTTP_COOKIE"] and "world=" not in seen["HTTP_COOKIE"]


def test_orders_are_in_the_database_of_their_own_world_only(buyer: Bought, stranger: Visitor) -> None:
    visitor, window = buyer
    found = []
    for one in (visitor, stranger):
        with app_of(one).app_context():
            payments = db.session.query(Payment).filter_by(merchant_uid=window["merchant_uid"]).all()
            found.append([db.session.get_one(Order, int(payment.purchase_id)).status for payment in payments])
    assert found == [["paid"], []]
