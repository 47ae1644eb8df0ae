"""One press plays a story to its end, and leads to the page that shows it."""

import re
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import close_app, create_app
from payments import clock
from payments.database import db
from payments.models import Payment
from payments.monthly.models import Subscription
from shop.config import load_settings
from shop.demo.stories import STORIES
from tests.clocks import NOON, start_sandbox
from tests.conftest import csrf_of, product, sign_in


@pytest.fixture
def demo(tmp_path: Path, seeded_database: Path) -> Iterator[Flask]:
    shutil.copy(seeded_database, tmp_path / "shop.sqlite3")
    start_sandbox(tmp_path / "sandbox.sqlite3")
    app = create_app(load_settings({}, tmp_path))
    yield app
    close_app(app)


@pytest.fixture
def visitor(demo: Flask) -> FlaskClient:
    return demo.test_client()


def press(client: FlaskClient, story: str) -> str:
    """Press the story's button; the page that it leads to."""
    answer = client.post(f"/demo/stories/{story}", headers=csrf_of(client), follow_redirects=True)
    assert answer.status_code == 200
    return answer.text


def payments(demo: Flask) -> list[tuple[str, str]]:
    """Status and month of each payment, in the order in which they were opened."""
    with demo.app_context():
        return [(one.status, one.period) for one in db.session.query(Payment).order_by(Payment.id)]


def test_the_bar_of_every_page_offers_the_stories(visitor: FlaskClient) -> None:
    page = visitor.get("/").text
    assert re.findall(r'action="/demo/stories/([\w-]+)"', page) == list(STORIES)
    assert "창이 사라진 결제" in page and "한도 초과된 둘째 달" in page and "두 번 누른 결제" in page


def test_a_window_that_vanished_is_settled_by_its_webhook(demo: Flask, visitor: FlaskClient) -> None:
    page = press(visitor, "window-gone")
    assert 'data-order-status="paid"' in page
    assert "콜백 없이 웹훅만 온 것을 보세요." in page
    panel = page.split('<aside class="learn"', 1)[1]
    assert "창이 사라졌을 때" in panel and '<details id="learn" open>' in panel
    assert "결제창 콜백" not in panel and "웹훅" in panel
    assert '<details id="learn" open>' not in visitor.get("/cart").text  # the next page is a shop's again
    assert payments(demo) == [("paid", "")]


def test_the_second_of_two_payments_goes_back_by_itself(demo: Flask, visitor: FlaskClient) -> None:
    page = press(visitor, "paid-twice")
    assert 'data-order-status="paid"' in page
    assert "나중에 알려진 결제는 저절로 취소되었습니다." in page
    assert payments(demo) == [("cancelled", ""), ("paid", "")]


def test_a_second_month_over_the_limit_is_seen_among_the_subscriptions(demo: Flask, visitor: FlaskClient) -> None:
    page = press(visitor, "second-month-declined")
    assert "결제 지연" in page and "한도" in page
    assert payments(demo) == [("paid", ""), ("failed", "2054-12")]
    with demo.app_context():
        assert db.session.query(Subscription).one().status == "past_due"
        assert clock.now() - NOON > timedelta(days=29)


@pytest.mark.parametrize(
    "story", ["paid-twice", *(pytest.param(name, marks=pytest.mark.slow) for name in STORIES if name != "paid-twice")]
)
def test_staff_stay_who_they_are_and_see_the_payment(story: str, demo: Flask, visitor: FlaskClient) -> None:
    sign_in(visitor, "admin@example.com")
    page = press(visitor, story)
    with demo.app_context():
        about = {"window-gone": "paid", "paid-twice": "cancelled", "second-month-declined": "failed"}[story]
        payment = db.session.query(Payment).filter_by(status=about).order_by(Payment.id.desc()).first()
        assert payment and payment.merchant_uid in page
    assert visitor.get("/admin/").status_code == 200


def test_a_story_may_be_played_again_and_again_and_beside_a_cart(demo: Flask, visitor: FlaskClient) -> None:
    with demo.app_context():
        chosen = product().id
    visitor.post("/cart/items", data={"product_id": chosen, "quantity": 2}, headers=csrf_of(visitor))
    for _time in range(2):
        press(visitor, "paid-twice")
    assert payments(demo) == [("cancelled", ""), ("paid", "")] * 2


def test_what_a_visitor_had_chosen_is_in_the_cart_of_the_storys_buyer(demo: Flask, visitor: FlaskClient) -> None:
    with demo.app_context():
        chosen = product().id
    visitor.post("/cart/items", data={"product_id": chosen, "quantity": 2}, headers=csrf_of(visitor))
    press(visitor, "window-gone")
    assert f'action="/cart/items/{chosen}"' in visitor.get("/cart").text


def test_a_sandbox_that_does_not_answer_ends_the_story_with_a_sentence(client: FlaskClient) -> None:
    page = client.post("/demo/stories/window-gone", headers=csrf_of(client), follow_redirects=True)
    assert page.status_code == 200
    assert "사례를 끝까지 진행하지 못했습니다" in page.text


def test_an_unknown_story_is_not_found(visitor: FlaskClient) -> None:
    assert visitor.post("/demo/stories/moby-dick", headers=csrf_of(visitor)).status_code == 404


def test_on_a_public_demo_no_story_moves_everybodys_clock_and_each_press_counts_as_a_sign_up(tmp_path: Path) -> None:
    start_sandbox(tmp_path / "sandbox.sqlite3")
    public = {"PUBLIC_URL": "https://demo.example", "SANDBOX_CONTROLS_TOKEN": "9a8b7c6d5e4f3a2b1c0d"}
    app = create_app(load_settings(public | {"SIGN_UP_LIMIT": "1 per hour"}, tmp_path))
    client, https = app.test_client(), {"base_url": "https://demo.example"}

    def play(story: str) -> int:
        token = re.findall(r'name="csrf-token" content="([^"]+)"', client.get("/login", **https).text)[0]
        return client.post(f"/demo/stories/{story}", data={"csrf_token": token}, **https).status_code

    assert play("second-month-declined") == 404
    assert [play("window-gone"), play("window-gone")] == [302, 429]
    with app.app_context():
        assert db.session.query(Payment).one().status == "paid"
    close_app(app)
