"""The brakes: failures only, nobody locks out anybody else, and a Redis that is gone closes nothing."""

import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.exceptions import TooManyRequests
from werkzeug.security import check_password_hash, generate_password_hash
from werkzeug.test import TestResponse

from app import close_app
from payments.database import db
from shop.config import ConfigError, Settings, load_settings
from shop.orders.models import User
from shop.storefront import rate_limits
from tests.conftest import NOBODY_ANSWERS, create_shop, csrf_of, sign_in
from tests.payments.fakes import FakeProvider

pytestmark = pytest.mark.sqlite_only

HOME, OFFICE, ATTACKER = "198.51.100.1", "198.51.100.2", "203.0.113.66"
OWNER = "buyer@example.com"

MakeApp = Callable[..., Flask]


@pytest.fixture
def braked(settings: Settings) -> Iterator[MakeApp]:
    apps: list[Flask] = []

    def make(**environ: str) -> Flask:
        limits = {"SIGN_IN_LIMIT": "3 per hour", "CHECKOUT_LIMIT": "2 per hour"}
        app = create_shop(load_settings(NOBODY_ANSWERS | limits | environ, settings.instance_path))
        app.extensions["payments"].provider = FakeProvider()
        apps.append(app)
        return app

    yield make
    for app in apps:
        close_app(app)


def fails(app: Flask, address: str, email: str, times: int) -> None:
    """As the login page does with a wrong password, without the cost of its hash."""
    for _ in range(times):
        with app.test_request_context("/login", method="POST", environ_base={"REMOTE_ADDR": address}):
            rate_limits.check_sign_in(email)


def may_try(app: Flask, address: str, email: str) -> bool:
    with app.test_request_context("/login", method="POST", environ_base={"REMOTE_ADDR": address}):
        try:
            rate_limits.check_sign_in(email)
        except TooManyRequests:
            return False
        rate_limits.take_back_sign_in(email)
        return True


def log_in(client: FlaskClient, password: str, address: str = HOME, **headers: str) -> TestResponse:
    return client.post(
        "/login",
        data={"email": OWNER, "password": password},
        headers={**csrf_of(client), **headers},
        environ_base={"REMOTE_ADDR": address},
    )


def test_too_many_failures_are_answered_with_a_page_that_says_when_to_come_back(braked: MakeApp) -> None:
    client = braked().test_client()
    for _ in range(3):
        assert log_in(client, "wrong").status_code == 400
    answer = log_in(client, "demo")  # even the right one: it might be a guess
    assert answer.status_code == 429
    assert 3500 < int(answer.headers["Retry-After"]) <= 3600
    assert "60분 뒤에 다시 시도해 주세요." in answer.get_data(as_text=True)
    english = log_in(client, "demo", **{"Accept-Language": "en"}).get_data(as_text=True)
    assert "Try again in 60 minutes" in english


AT_ONCE = 60


def at_once(send: Callable[[int], int]) -> Counter[int]:
    """How often each status comes back when so many requests are sent at the same moment."""
    gate = threading.Barrier(AT_ONCE)

    def go(number: int) -> int:
        gate.wait()
        return send(number)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return Counter(pool.map(go, range(AT_ONCE)))


@pytest.fixture(params=["memory", "redis"])
def storage(request: pytest.FixtureRequest) -> str:
    return "memory://" if request.param == "memory" else request.getfixturevalue("redis_url")


@pytest.mark.slow
def test_wrong_passwords_that_come_all_at_once_are_counted_before_they_are_checked(
    braked: MakeApp, storage: str
) -> None:
    app = braked(RATELIMIT_STORAGE_URL=storage)
    clients = [app.test_client() for _ in range(AT_ONCE)]
    tokens = [csrf_of(client) for client in clients]

    def guess(number: int) -> int:
        fields = {"email": OWNER, "password": f"wrong{number}"}
        where = {"REMOTE_ADDR": ATTACKER}
        client = clients[number]
        return client.post("/login", data=fields, headers=tokens[number], environ_base=where).status_code

    assert at_once(guess) == {400: 3, 429: AT_ONCE - 3}


@pytest.mark.slow
def test_guesses_at_many_accounts_that_come_all_at_once_from_one_address_are_counted_too(
    braked: MakeApp, storage: str
) -> None:
    app = braked(SIGN_IN_LIMIT="1 per hour", RATELIMIT_STORAGE_URL=storage)

    def guess(number: int) -> int:
        where = {"REMOTE_ADDR": ATTACKER}
        with app.test_request_context("/login", method="POST", environ_base=where):
            try:
                rate_limits.check_sign_in(f"somebody{number}@example.com")
            except TooManyRequests:
                return 429
            return 400

    assert at_once(guess) == {400: rate_limits.SPRAY, 429: AT_ONCE - rate_limits.SPRAY}


@pytest.mark.slow
def test_sign_ups_from_one_address_are_limited_and_from_another_they_are_not(braked: MakeApp, storage: str) -> None:
    app = braked(SIGN_UP_LIMIT="3 per hour", RATELIMIT_STORAGE_URL=storage)

    def sign_up(name: str, address: str) -> TestResponse:
        client = app.test_client()
        fields = {"email": f"{name}@example.com", "password": "long-enough"}
        return client.post("/signup", data=fields, headers=csrf_of(client), environ_base={"REMOTE_ADDR": address})

    statuses = at_once(lambda number: sign_up(f"new{number}", ATTACKER).status_code)
    assert statuses == {302: 3, 429: AT_ONCE - 3}
    assert int(sign_up("late", ATTACKER).headers["Retry-After"]) > 3000
    assert sign_up("elsewhere", HOME).status_code == 302
    with app.app_context():
        assert db.session.query(User).filter(User.email.like("new%")).count() == 3


def test_an_attempt_that_is_refused_counts_against_nobody(braked: MakeApp) -> None:
    """Or one address could lower an account's limit for everybody else."""
    app = braked()
    fails(app, ATTACKER, OWNER, 3)
    for _ in range(50):
        assert not may_try(app, ATTACKER, OWNER)
    fails(app, OFFICE, OWNER, 2)
    assert may_try(app, OFFICE, OWNER), "the account is not under attack from many addresses"


def test_right_passwords_are_never_counted(braked: MakeApp) -> None:
    app = braked(SIGN_IN_LIMIT="1 per hour")
    for _ in range(3):
        assert log_in(app.test_client(), "demo").status_code == 302


def test_failing_in_somebodys_name_locks_the_attacker_out_and_not_the_owner(braked: MakeApp) -> None:
    app = braked()
    fails(app, ATTACKER, OWNER, 3)
    assert not may_try(app, ATTACKER, OWNER)
    assert not may_try(app, ATTACKER, OWNER.upper())
    assert may_try(app, HOME, OWNER)
    assert may_try(app, ATTACKER, "admin@example.com")


def test_an_attack_from_everywhere_leaves_the_owner_a_try_from_a_new_place(braked: MakeApp) -> None:
    app = braked()
    for number in range(10):
        fails(app, f"203.0.113.{number}", OWNER, 3)
    assert may_try(app, OFFICE, OWNER)
    fails(app, OFFICE, OWNER, 1)
    assert not may_try(app, OFFICE, OWNER), "a stranger has a third of the tries then"
    assert may_try(app, OFFICE, "admin@example.com")


def test_a_browser_that_has_signed_in_before_counts_by_itself(braked: MakeApp) -> None:
    app = braked()
    client = app.test_client()
    assert log_in(client, "demo", OFFICE).status_code == 302
    fails(app, OFFICE, OWNER, 3)  # somebody in the same office
    assert not may_try(app, OFFICE, OWNER)
    client.post("/logout", headers=csrf_of(client))
    assert log_in(client, "demo", OFFICE).status_code == 302


def test_a_forged_mark_of_a_known_browser_counts_for_nothing(braked: MakeApp) -> None:
    app = braked()
    fails(app, ATTACKER, OWNER, 3)
    for forged in ("x", "WyJ4IiwieSJd.aaaa", ""):
        with (
            app.test_request_context(
                "/login", environ_base={"REMOTE_ADDR": ATTACKER}, headers={"Cookie": f"known={forged}"}
            ),
            pytest.raises(TooManyRequests),
        ):
            rate_limits.check_sign_in(OWNER)


def test_an_address_that_tries_every_account_is_closed_to_strangers(braked: MakeApp) -> None:
    app = braked()
    for number in range(60):
        fails(app, ATTACKER, f"somebody{number}@example.com", 1)
    assert not may_try(app, ATTACKER, "one-more@example.com")
    assert may_try(app, HOME, "one-more@example.com")


def test_a_household_shares_its_part_of_an_ipv6_address(braked: MakeApp) -> None:
    app = braked()
    fails(app, "2001:db8:1:2::1", OWNER, 3)
    assert not may_try(app, "2001:db8:1:2:ffff::9", OWNER)
    assert may_try(app, "2001:db8:1:3::1", OWNER)


def test_who_tries_which_addresses_have_an_account_is_slowed_down_too(braked: MakeApp) -> None:
    client = braked(SIGN_IN_LIMIT="1 per hour").test_client()
    taken = {"email": OWNER, "password": "long-enough"}
    statuses = [client.post("/signup", data=taken, headers=csrf_of(client)).status_code for _ in range(2)]
    assert statuses == [400, 429]


def test_a_buyer_who_checks_out_faster_than_a_person_can_is_slowed_down(braked: MakeApp, buyer: User) -> None:
    client = braked().test_client()
    sign_in(client)
    statuses = [client.post("/checkout", json={"kind": "once"}, headers=csrf_of(client)) for _ in range(3)]
    assert [answer.status_code for answer in statuses] == [400, 400, 429]
    last = statuses[-1]
    assert last.json
    assert last.json["error"] == "too_many_requests"
    assert "뒤에 다시 시도해 주세요." in last.json["message"]
    assert int(last.headers["Retry-After"]) > 3500


def test_the_brakes_can_be_switched_off(braked: MakeApp) -> None:
    app = braked(SIGN_IN_LIMIT="off", CHECKOUT_LIMIT="off", SIGN_UP_LIMIT="off")
    fails(app, ATTACKER, OWNER, 50)
    with app.test_request_context("/signup", method="POST"):
        for _ in range(50):
            rate_limits.check_sign_up()
    assert may_try(app, ATTACKER, OWNER)
    with app.test_request_context("/checkout", method="POST"):
        for _ in range(50):
            rate_limits.check_checkout("1")


def test_several_processes_count_together_in_redis(braked: MakeApp, redis_url: str) -> None:
    one, other = (braked(RATELIMIT_STORAGE_URL=redis_url) for _ in range(2))
    fails(one, ATTACKER, OWNER, 3)
    assert not may_try(other, ATTACKER, OWNER)
    assert may_try(other, HOME, OWNER)


def test_while_redis_is_gone_each_process_counts_alone(braked: MakeApp, caplog: pytest.LogCaptureFixture) -> None:
    app = braked(RATELIMIT_STORAGE_URL="redis://127.0.0.1:1/0")
    fails(app, ATTACKER, OWNER, 3)
    assert not may_try(app, ATTACKER, OWNER)
    assert may_try(app, HOME, OWNER)
    assert caplog.text.count("RATELIMIT_STORAGE_URL does not answer") == 1


@pytest.mark.slow
def test_while_redis_hangs_requests_are_answered(braked: MakeApp) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        app = braked(RATELIMIT_STORAGE_URL=f"redis://127.0.0.1:{silent.getsockname()[1]}/0")
        client = app.test_client()
        assert [log_in(client, "wrong").status_code for _ in range(4)] == [400, 400, 400, 429]


@pytest.mark.parametrize("url", ["redis://shop:port/0", "redis://[::1/0"])
def test_a_storage_that_cannot_be_used_is_refused_by_name_at_the_start(url: str, braked: MakeApp) -> None:
    with pytest.raises(ConfigError, match="RATELIMIT_STORAGE_URL"):
        braked(RATELIMIT_STORAGE_URL=url)
    with pytest.raises(ConfigError, match="RATELIMIT_STORAGE_URL"):
        rate_limits.Counts("carrier-pigeon://x")


def test_a_password_that_was_hashed_at_yesterdays_cost_is_hashed_anew(client: FlaskClient, shop: Any) -> None:
    old = generate_password_hash("demo", "pbkdf2:sha256:1000")
    db.session.query(User).filter_by(email=OWNER).update({"password_hash": old})
    db.session.commit()
    assert log_in(client, "wrong").status_code == 400
    assert db.session.query(User).filter_by(email=OWNER).one().password_hash == old
    assert log_in(client, "demo").status_code == 302
    db.session.expire_all()
    new = db.session.query(User).filter_by(email=OWNER).one().password_hash
    assert new.startswith("scrypt:32768:8:1$")
    assert check_password_hash(new, "demo")
