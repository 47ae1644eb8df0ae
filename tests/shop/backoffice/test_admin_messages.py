"""The page of messages to buyers: paged, masked, and honest about what was sent."""

import pytest
from flask.testing import FlaskClient

from payments import clock
from payments.database import db, transaction
from shop.backoffice.paging import PAGE_SIZE
from shop.orders.messages import Message
from shop.orders.models import User
from tests.conftest import sign_in
from tests.payments.fakes import FakeProvider
from tests.shop.bought import paid


@pytest.fixture
def message(provider: FakeProvider, buyer: User) -> Message:
    paid(provider, buyer)
    return db.session.query(Message).one()


def page(client: FlaskClient, query: str = "") -> str:
    sign_in(client, "admin@example.com")
    return client.get(f"/admin/messages{query}").get_data(as_text=True)


def test_message_is_shown_with_its_text_and_without_whole_address_or_number(
    client: FlaskClient, message: Message
) -> None:
    shown = page(client)
    assert "[달곰상점] 결제가 완료되었습니다" in shown
    assert "b***@example.com" in shown and "010-****-5678" in shown
    assert "buyer@example.com" not in shown and "01012345678" not in shown
    assert "MAIL_URL이 없어 메일은 나가지 않고" in shown


@pytest.mark.parametrize(
    ("facts", "state", "said"),
    [
        ({}, "waiting", "보낼 예정"),
        ({"tries": 2, "error": "smtp_451"}, "waiting", "2번 시도"),
        ({"next_try_at": None, "sent_at": clock.system_time()}, "sent", "보냄"),
        ({"next_try_at": None, "error": "no_mail_url"}, "unsent", "MAIL_URL이 없어 여기에만 보입니다"),
        ({"next_try_at": None, "error": "outdated"}, "unsent", "때가 지나 보내지 않았습니다"),
        ({"next_try_at": None, "error": "smtp_550"}, "unsent", "<code>smtp_550</code>"),
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
