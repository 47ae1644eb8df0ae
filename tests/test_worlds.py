"""A shop for each visitor: who gets one, how it is named, and that nothing of one world opens anything in another."""

import gc
import logging
import shutil
import threading
import weakref
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import request

from payments.database import db
from payments.models import Event
from shop.demo import rounds
from shop.demo.open_worlds import MOST_BYTES
from shop.orders.models import Order
from shop.world_settings import HEADER, LIFE_SECONDS
from tests.clocks import NOON, start_sandbox
from tests.shop.operations.test_logs import Lines
from tests.test_server import wait_until
from tests.visitors import PAGE, URL, Clock, Program, Visitor, demo
from worlds import Worlds

LONGEST_WAIT = 20  # seconds


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worlds]:
    with demo(tmp_path_factory.mktemp("demo")) as worlds:
        yield worlds


@pytest.fixture(scope="module")
def buyer(shared: Worlds) -> tuple[Visitor, dict[str, Any]]:
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


# --- who gets a world -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", "/", {"Accept": "*/*"}),
        ("HEAD", "/", PAGE),
        ("GET", "/demo/world", {"Accept": "*/*"}),
        ("POST", "/payment/webhook", {"Accept": "*/*"}),
        ("POST", "/sandbox/users/getToken", {"Accept": "*/*"}),
    ],
)
def test_a_request_without_a_key_that_opens_no_page_makes_no_world_and_is_told_what_to_send(
    shared: Worlds, method: str, path: str, headers: dict[str, str]
) -> None:
    before = shared.folders.names()
    answer = Program(shared).ask(method, path, headers=headers)
    assert answer.status_code == 400
    if method != "HEAD":
        told = answer.json()
        assert (told["error"], told["code"], told["response"]) == ("world_unnamed", -1, None)
        assert HEADER in told["message"]
    assert shared.folders.names() == before


def test_health_metrics_and_files_are_answered_without_a_world_and_set_no_cookie(shared: Worlds) -> None:
    before = shared.folders.names()
    paths = (
        "/healthz",
        "/readyz",
        "/metrics",
        "/static/base.css",
        "/sandbox/v1/iamport.js",
        "/sandbox/static/panel.css",
    )
    for path in paths:
        assert Program(shared).ask("GET", path).status_code == 200, path
    missing = Visitor(shared).ask("GET", "/static/none.css")
    assert (missing.status_code, missing.headers.get("Set-Cookie")) == (404, None)
    assert shared.folders.names() == before


def test_a_browser_that_keeps_no_cookie_makes_no_world_and_is_told_so(shared: Worlds) -> None:
    before = shared.folders.names()
    address, redirects = "/products/bear-emoji", 0
    while True:
        answer = Visitor(shared).ask("GET", address, headers={"Accept-Language": "en"}, allow_redirects=False)
        if not answer.is_redirect:
            break
        address, redirects = answer.headers["Location"], redirects + 1
    assert (answer.status_code, redirects) == (400, 2)
    assert "Please allow cookies of this address" in answer.text
    assert shared.folders.names() == before


def test_a_key_that_leads_nowhere_ends_in_an_answer_and_not_in_redirects_without_end(shared: Worlds) -> None:
    program = Program(shared, "dw_unknown")
    program.http.headers.update(PAGE)
    assert program.ask("GET", "/", allow_redirects=False).status_code == 404
    shadowed = {"Cookie": "world=dw_of-another-site"}
    visitor = Visitor(shared)
    answer = visitor.ask("GET", "/demo/world?again=1", headers=shadowed, allow_redirects=False)
    assert answer.status_code == 400


def test_a_first_page_makes_a_world_and_shows_whose_it_is_until_when_and_its_keys(shared: Worlds) -> None:
    visitor = Visitor(shared)
    page = visitor.page("/products/bear-emoji?from=mail")
    settings = app_of(visitor).extensions["settings"]
    assert "2027-01-16 17:00" in page  # a day after the tests' clock, in Seoul
    for shown in (visitor.key, settings.api_key, settings.api_secret):
        assert shown in page
    [cookie] = [one for one in visitor.http.cookies if one.name == "world"]
    assert cookie.has_nonstandard_attr("HttpOnly") and cookie.get_nonstandard_attr("SameSite") == "Lax"
    assert not cookie.secure
    assert settings.secret_key != shared.settings.secret_key


@pytest.mark.slow
def test_over_https_the_cookie_belongs_to_this_host_alone(tmp_path: Path) -> None:
    with demo(tmp_path, PUBLIC_URL="https://demo.example", TRUSTED_PROXIES="1") as worlds:
        answer = Visitor(worlds).ask("GET", "/demo/world", allow_redirects=False)
        assert answer.headers["Set-Cookie"].startswith("__Host-world=dw_")
        assert "; Secure; HttpOnly; Path=/; SameSite=Lax" in answer.headers["Set-Cookie"]


def test_the_way_to_a_world_leads_back_to_the_page_of_this_shop_only(shared: Worlds) -> None:
    visitor = Visitor(shared)
    assert visitor.ask("GET", "/legal/terms?a=1&b=%EA%B0%80").url.endswith("/legal/terms?a=1&b=%EA%B0%80")
    answer = visitor.ask("GET", "/demo/world?next=//evil.example/", allow_redirects=False)
    assert answer.headers["Location"] == "/"


def test_a_visitor_who_comes_by_another_name_gets_one_world_under_the_public_one(shared: Worlds) -> None:
    before = len(shared.folders.names())
    visitor = Visitor(shared)
    answer = visitor.http.get("http://localhost:5000/")
    assert (answer.status_code, answer.url) == (200, f"{URL}/")
    assert len(shared.folders.names()) == before + 1


@pytest.mark.slow
def test_new_worlds_are_limited_for_each_address_and_the_page_says_so(tmp_path: Path) -> None:
    with demo(tmp_path, SIGN_UP_LIMIT="1 per hour") as worlds:
        assert Visitor(worlds).ask("GET", "/").status_code == 200
        refused = Visitor(worlds).ask("GET", "/")
        assert (refused.status_code, refused.headers["Retry-After"]) == (429, "600")
        assert "이 네트워크에서" in refused.text
        assert len(worlds.folders.names()) == 1


# --- the life of a world ----------------------------------------------------------------------------------------------


def test_starting_anew_deletes_the_world_and_makes_another_but_never_for_another_site(shared: Worlds) -> None:
    visitor = Visitor(shared)
    visitor.page("/")
    key, folder = visitor.key, visitor.folder
    for forged in (
        {},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "http://evil.example"},
    ):
        assert visitor.starts_anew(**forged).status_code == 403
        assert folder.exists()
    assert visitor.starts_anew(Origin=URL).status_code == 200
    assert visitor.key != key
    assert not folder.exists()
    program = Program(shared, key)
    assert program.ask("GET", "/orders/1").json()["error"] == "world_gone"
    assert visitor.starts_anew(**{"Sec-Fetch-Site": "same-origin"}).status_code == 200


@pytest.mark.slow
def test_a_world_ends_after_a_day_and_its_browser_gets_another(tmp_path: Path) -> None:
    clock = Clock()
    with demo(tmp_path, clock) as worlds:
        visitor = Visitor(worlds)
        visitor.page("/")
        key, folder = visitor.key, visitor.folder
        clock.now += LIFE_SECONDS - 1
        worlds.open.look()
        assert Program(worlds, key).ask("GET", "/").status_code == 200
        clock.now += 1
        assert Program(worlds, key).ask("GET", "/").json()["error"] == "world_gone"
        worlds.open.look()
        wait_until(lambda: not folder.exists())
        visitor.page("/")
        assert visitor.key != key


@pytest.mark.slow
def test_a_world_that_made_room_comes_back_as_it_was_and_catches_up(tmp_path: Path) -> None:
    with demo(tmp_path, DEMO_WORLDS="1") as worlds:
        first = Visitor(worlds)
        first.sign_in()
        first.put_in_cart("bear-emoji")
        first.check_out()
        name = first.name
        closed = weakref.ref(app_of(first))
        Visitor(worlds).page("/")
        wait_until(lambda: worlds.open.app_of(name) is None)
        wait_until(lambda: not gc.collect() or closed() is None)
        assert closed() is None, "a closed world's app is kept in memory"
        start_sandbox(first.folder / "sandbox.sqlite3", NOON + timedelta(hours=2))  # hours go by
        assert 'data-order-status="pending"' in first.page("/orders/1")  # signed in, and the order is there
        worlds.open.look()
        wait_until(lambda: 'data-order-status="expired"' in first.page("/orders/1"))


@pytest.mark.slow
def test_the_oldest_closed_worlds_make_room_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    with demo(tmp_path, clock, DEMO_WORLDS="1") as worlds:
        monkeypatch.setattr("worlds.KEPT_FOR_EACH_OPEN", 2)
        visitors = [Visitor(worlds) for _ in range(3)]
        folders = []
        for visitor in visitors:
            visitor.page("/")
            folders.append(visitor.folder)
            clock.now += 1
            wait_until(lambda: len(worlds.open) == 1)
        assert [folder.exists() for folder in folders] == [False, True, True]


def test_a_world_that_has_stored_too_much_shows_what_it_has_and_can_start_anew(shared: Worlds) -> None:
    visitor = Visitor(shared)
    visitor.page("/")
    with (visitor.folder / "pad.sqlite3").open("wb") as pad:
        pad.truncate(MOST_BYTES)
    shared.open.look()
    wait_until(lambda: visitor.ask("POST", "/language").status_code == 413)
    assert "새로 시작하기" in visitor.ask("POST", "/language").text
    assert visitor.ask("GET", "/").status_code == 200
    assert visitor.starts_anew(Origin=URL).status_code == 200
    assert visitor.ask("POST", "/language").status_code == 400  # the shop's own answer: a token is missing


@pytest.mark.slow
def test_copies_that_were_broken_off_are_gone_after_a_start_and_worlds_stay(tmp_path: Path) -> None:
    with demo(tmp_path) as worlds:
        visitor = Visitor(worlds)
        visitor.page("/")
        folder = visitor.folder
        shutil.copytree(folder, folder.with_name(f".{folder.name}"))
    with demo(tmp_path) as worlds:
        assert not folder.with_name(f".{folder.name}").exists()
        assert Program(worlds, visitor.key).ask("GET", "/").status_code == 200


# --- worlds cannot reach each other -----------------------------------------------------------------------------------

Bought = tuple[Visitor, dict[str, Any]]


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
    counts = []
    for visitor in (buyer[0], stranger):
        with app_of(visitor).app_context():
            counts.append(db.session.query(Order).count())
    assert counts == [1, 0]
