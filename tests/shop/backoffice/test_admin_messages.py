"""The page of messages to buyers: paged, masked, and honest about what was sent."""

from pathlib import Path

import pytest
from flask.testing import FlaskClient

from payments import clock
from payments.database import db, end_reading, transaction
from payments.models import Event
from shop.backoffice.paging import PAGE_SIZE
from shop.config import Settings, load_settings
from shop.operations import notify
from shop.operations.notify import PAUSES
from shop.orders.messages import MOST_TRIES, Message
from shop.orders.models import User
from tests import clocks
from tests.conftest import NOBODY_ANSWERS, csrf_of, sign_in
from tests.payments.fakes import FakeProvider
from tests.shop.bought import paid


@pytest.fixture
def mail_url() -> str:
    return "smtp://127.0.0.1:9?from=shop@example.com"


@pytest.fixture
def settings(instance_path: Path, database: dict[str, str], mail_url: str) -> Settings:
    return load_settings(NOBODY_ANSWERS | database | {"MAIL_URL": mail_url}, instance_path)


@pytest.fixture
def message(provider: FakeProvider, buyer: User) -> Message:
    paid(provider, buyer)
    return db.session.query(Message).one()


def page(client: FlaskClient, query: str = "") -> str:
    sign_in(client, "admin@example.com")
    return client.get(f"/admin/messages{query}").get_data(as_text=True)


@pytest.mark.parametrize("mail_url", [""])
def test_message_is_shown_with_its_text_and_without_whole_address_or_number(
    client: FlaskClient, message: Message
) -> None:
    shown = page(client)
    assert "[달곰상점] 결제가 완료되었습니다" in shown
    assert "b***@example.com" in shown and "010-****-5678" in shown
    assert "buyer@example.com" not in shown and "01012345678" not in shown
    assert "메일 서버를 정하지 않아 메일은 나가지 않고" in shown


@pytest.mark.parametrize(
    ("facts", "state", "said"),
    [
        ({}, "waiting", "보낼 예정"),
        ({"tries": 2, "error": "smtp_451"}, "waiting", "2번 시도"),
        ({"next_try_at": None, "sent_at": clock.system_time()}, "sent", "보냄"),
        ({"next_try_at": None, "error": "no_mail_url"}, "unsent", "메일 서버를 정하지 않아 여기에만 보입니다"),
        ({"next_try_at": None, "error": "outdated"}, "unsent", "때가 지나 보내지 않았습니다"),
        ({"next_try_at": None, "error": "smtp_550"}, "unsent", "메일 서버가 받지 않았습니다 <code>smtp_550</code>"),
    ],
)
def test_state_says_what_became_of_it_and_can_be_filtered_by(
    client: FlaskClient, message: Message, facts: dict[str, object], state: str, said: str
) -> None:
    with transaction():
        row = db.session.get_one(Message, message.id)
        for name, value in facts.items():
            setattr(row, name, value)
    for other in ("waiting", "sent", "unsent"):
        shown = page(client, f"?status={other}")
        assert ("b***@example.com" in shown) == (other == state)
        assert said in shown or other != state


def given_up(message: Message, **facts: object) -> None:
    """The message was tried in vain."""
    with transaction():
        row = db.session.get_one(Message, message.id)
        for name, value in ({"next_try_at": None, "error": "smtp_550", "tries": 1} | facts).items():
            setattr(row, name, value)


def again(client: FlaskClient, message: Message) -> str:
    sign_in(client, "admin@example.com")
    address = f"/admin/messages/{message.id}/again"
    return client.post(address, headers=csrf_of(client), follow_redirects=True).get_data(as_text=True)


def waits(message: Message) -> bool:
    end_reading()
    db.session.expire_all()
    return db.session.get_one(Message, message.id).next_try_at is not None


def test_message_that_was_given_up_is_tried_once_more_when_an_operator_asks_and_that_stands_in_the_audit(
    client: FlaskClient, message: Message
) -> None:
    given_up(message, tries=len(PAUSES) + 1)
    assert "다시 보내기" in page(client)
    assert "다음 발송 때 다시 보냅니다." in again(client, message)
    assert waits(message)
    assert "다시 보낼 수 없는 알림입니다." in again(client, message)
    assert notify.run() == {"given_up": 1}
    assert not waits(message)
    assert "알림 다시 보내기" in client.get("/admin/audit").get_data(as_text=True)


@pytest.mark.parametrize(
    "facts",
    [
        {"sent_at": clock.system_time(), "error": None},
        {"next_try_at": clocks.NOON, "error": "smtp_451"},
        {"error": "outdated"},
        {"error": "no_mail_url"},
        {"tries": MOST_TRIES},
    ],
)
def test_message_that_was_sent_or_waits_or_comes_too_late_or_was_tried_too_often_is_not_tried_again(
    client: FlaskClient, message: Message, facts: dict[str, object]
) -> None:
    given_up(message, **facts)
    before = waits(message)
    assert "다시 보내기" not in page(client)
    assert "다시 보낼 수 없는 알림입니다." in again(client, message)
    assert waits(message) == before
    assert db.session.query(Event).filter_by(outcome="resend").count() == 0


def test_viewer_reads_what_was_given_up_and_sends_nothing_again(client: FlaskClient, message: Message) -> None:
    given_up(message)
    with transaction():
        db.session.query(User).filter_by(email="admin@example.com").update({"role": "viewer"})
    assert "다시 보내기" not in page(client)
    address = f"/admin/messages/{message.id}/again"
    assert client.post(address, headers=csrf_of(client)).status_code == 403
    assert not waits(message)


def test_many_messages_come_page_by_page(client: FlaskClient, message: Message) -> None:
    with transaction():
        for _ in range(PAGE_SIZE):
            db.session.add(Message(kind="ended", order_id=message.order_id, language="ko", facts=message.facts))
    first, second = page(client), page(client, "?older=2")
    assert (first.count("<details lang="), second.count("<details lang=")) == (PAGE_SIZE, 1)
    assert "older=2" in first


def test_english_clerk_reads_labels_in_english_and_the_text_as_the_buyer_gets_it(
    client: FlaskClient, message: Message
) -> None:
    client.set_cookie("language", "en")
    shown = page(client)
    assert "Messages to buyers" in shown and "To be sent" in shown
    assert "결제가 완료되었습니다" in shown
