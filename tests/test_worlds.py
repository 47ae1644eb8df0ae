"""A shop for each visitor: who gets one, how it is named, and how long it lives."""

import gc
import shutil
import weakref
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from shop.demo.no_world import IS_PAGE
from shop.demo.open_worlds import MOST_BYTES
from shop.demo.world_folders import RESERVE_BYTES
from shop.world_settings import HEADER, LIFE_SECONDS
from tests.clocks import NOON, start_sandbox
from tests.test_server import wait_until
from tests.visitors import PAGE, URL, Clock, Disk, Program, Visitor, demo
from worlds import Worlds

DISK = Disk()  # under `shared`


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worlds]:
    with demo(tmp_path_factory.mktemp("demo"), disk=DISK) as worlds:
        yield worlds


@pytest.fixture
def full_disk() -> Iterator[None]:
    DISK.free = RESERVE_BYTES - 1
    yield
    DISK.free = DISK.total


def access_lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "shop.access"]


def app_of(visitor: Visitor) -> Any:
    visitor.page("/")  # open
    return visitor.worlds.open.app_of(visitor.name)


# --- who gets a world -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", "/", {"Accept": "*/*"}),
        ("HEAD", "/", {"Accept": "*/*"}),
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


def test_crawlers_are_asked_to_stay_away_and_no_icon_is_a_plain_404(shared: Worlds) -> None:
    for headers in (PAGE, {"Accept": "*/*"}):
        robots = Program(shared).ask("GET", "/robots.txt", headers=headers)
        assert (robots.status_code, robots.text) == (200, "User-agent: *\nDisallow: /\n")
        icon = Program(shared).ask("GET", "/favicon.ico", headers=headers)
        assert (icon.status_code, icon.headers["Content-Type"]) == (404, "text/plain; charset=utf-8")


def test_a_head_request_of_a_page_is_answered_as_the_page_is(shared: Worlds) -> None:
    asked, page = (Visitor(shared).ask(method, "/", allow_redirects=False) for method in ("HEAD", "GET"))
    assert (asked.status_code, asked.headers["Location"]) == (page.status_code, page.headers["Location"])
    assert asked.status_code == 302


def test_the_access_log_names_what_was_asked_for_where_no_world_answers(
    shared: Worlds, caplog: pytest.LogCaptureFixture
) -> None:
    Program(shared).ask("POST", "/payment/webhook?secret=1")
    Visitor(shared).ask("GET", "/cart?secret=1", allow_redirects=False)
    Visitor(shared).ask("GET", "/demo/world?next=/", allow_redirects=False)
    lines = ["POST /payment/webhook 400", "GET /cart 302", "GET /demo/world 302"]
    assert access_lines(caplog) == lines


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


def test_on_a_full_disk_no_world_is_made_and_worlds_store_nothing_but_show_what_they_have(
    shared: Worlds, request: pytest.FixtureRequest
) -> None:
    visitor = Visitor(shared)
    visitor.page("/")
    request.getfixturevalue("full_disk")
    before = shared.folders.names()
    newcomer = Visitor(shared).ask("GET", "/", headers={"Accept-Language": "en"})
    assert (newcomer.status_code, newcomer.headers["Retry-After"]) == (503, "60")
    assert "disk of this server is nearly full" in newcomer.text
    written = Program(shared, visitor.key).ask("POST", "/sandbox/controls/payments", json={})
    assert (written.status_code, written.json()["error"]) == (503, "world_no-space")
    assert visitor.ask("GET", "/").status_code == 200
    assert shared.folders.names() == before
    assert visitor.starts_anew(Origin=URL).status_code == 200
    assert len(shared.folders.names()) == len(before)


def test_a_visitor_for_whom_there_is_no_room_is_let_in_seconds_after_a_place_is_free(shared: Worlds) -> None:
    page = shared.base.test_client().get("/demo/no-world/full", headers=PAGE, environ_overrides={IS_PAGE: True})
    assert page.status_code == 503
    assert int(page.headers["Refresh"]) <= 3


def test_a_world_that_cannot_be_made_is_a_page_and_a_log_line_and_the_next_try_succeeds(
    shared: Worlds, caplog: pytest.LogCaptureFixture
) -> None:
    visitor = Visitor(shared)
    broken = shared.folders.template / "broken.sqlite3"
    broken.write_text("no database" * 1000)
    answer = visitor.ask("GET", "/")
    broken.unlink()
    assert (answer.status_code, "상점을 열지 못했습니다" in answer.text) == (500, True)
    assert "a world cannot be made" in caplog.text
    assert visitor.ask("GET", "/").status_code == 200


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
