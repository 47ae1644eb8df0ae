"""Sending: each message once while nothing fails, retried with a bound, and never at the cost of what it tells of."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from app import close_app
from payments import clock
from payments.database import db, end_reading, reading, transaction
from payments.monthly import subscriptions
from payments.monthly.models import Subscription
from shop.config import Settings, load_settings
from shop.mail_url import MailServer
from shop.operations import notify
from shop.operations.mail import connection
from shop.operations.notify import LEASE, OUTDATED_AFTER, PAUSES
from shop.orders import messages
from shop.orders.messages import Message
from shop.orders.models import Order, User
from tests import clocks
from tests.conftest import NOBODY_ANSWERS, create_shop, product
from tests.mail_server import WAIT_SECONDS, PostOffice, certificate, server_side, serving_mail
from tests.payments.fakes import FakeProvider
from tests.payments.threads import at_once
from tests.shop.bought import paid, started, states

ROOT = Path(__file__).parents[3]
SOON = timedelta(seconds=1)
PASSWORD = "correct-horse-battery"  # of nobody: the mail server of these tests takes it
MANY = 12


@pytest.fixture
def office() -> Iterator[PostOffice]:
    with serving_mail(PostOffice()) as office:
        yield office


@pytest.fixture
def mail_url(office: PostOffice) -> str:
    return f"smtp://127.0.0.1:{office.port}?from=shop@example.com"


@pytest.fixture
def settings(instance_path: Path, database: dict[str, str], mail_url: str) -> Settings:
    return load_settings(NOBODY_ANSWERS | database | {"MAIL_URL": mail_url}, instance_path)


@pytest.fixture
def order(provider: FakeProvider, buyer: User) -> Order:
    """A paid order, of which one message tells."""
    found = db.session.get_one(Order, int(paid(provider, buyer).purchase_id))
    end_reading()
    return found


def write(order_id: int, count: int) -> None:
    """More messages of the same order."""
    with transaction():
        first = db.session.query(Message).filter_by(order_id=order_id).first()
        assert first
        for _ in range(count):
            db.session.add(Message(kind="paid", order_id=order_id, language="ko", facts=first.facts))


def outbox() -> list[Message]:
    with reading():
        return db.session.query(Message).order_by(Message.id).all()


def left() -> list[tuple[int, str | None, bool]]:
    """Of each message that no server has accepted: tries, error, and whether it waits for another try."""
    return [(one.tries, one.error, one.next_try_at is not None) for one in outbox() if one.sent_at is None]


# --- sent -------------------------------------------------------------------------------------------------------------


def test_waiting_message_is_sent_once_however_often_the_command_runs(order: Order, office: PostOffice) -> None:
    assert [notify.run() for _ in range(2)] == [{"sent": 1}, {}]
    [mail], [message] = office.mails, outbox()
    assert office.recipients == [order.buyer_email]
    assert (mail["To"], mail["From"]) == (order.buyer_email, "달곰상점 <shop@example.com>")
    assert mail["Subject"] == f"[달곰상점] 결제가 완료되었습니다: {product().name_ko}"
    assert mail.get_content_type() == "text/plain"
    assert f"http://127.0.0.1:5000/orders/{order.id}" in mail.get_content()
    assert order.buyer_tel not in mail.get_content() and "010-****-5678" in mail.get_content()
    assert (message.sent_at, message.next_try_at, message.error, message.tries) == (clock.now(), None, None, 1)


def test_all_mails_of_a_run_share_one_connection(order: Order, office: PostOffice) -> None:
    write(order.id, MANY - 1)
    assert notify.run() == {"sent": MANY}
    assert office.connections == 1


@pytest.mark.law
def test_two_processes_at_once_send_each_message_once(app: Flask, order: Order, office: PostOffice) -> None:
    write(order.id, MANY - 1)
    done = sum(at_once(app, notify.run, 3), Counter())
    assert done == {"sent": MANY}
    assert set(office.times.values()) == {1}
    assert len(office.times) == MANY


def test_command_says_what_was_sent_and_that_nothing_waits(app: Flask, order: Order, office: PostOffice) -> None:
    run = app.test_cli_runner().invoke
    assert [(one.output.strip(), one.exit_code) for one in (run(args=["notify"]), run(args=["notify"]))] == [
        ("1 sent", 0),
        ("Nothing was waiting.", 0),
    ]


@pytest.mark.parametrize("mail_url", [""])
def test_without_a_mail_server_messages_are_shown_and_not_sent_later_either(
    app: Flask, order: Order, mail_url: str
) -> None:
    assert app.test_cli_runner().invoke(args=["notify"]).output.strip() == "1 shown"
    assert left() == [(0, "no_mail_url", False)]
    assert notify.run() == {}


# --- trouble ----------------------------------------------------------------------------------------------------------


def test_server_that_is_away_changes_nothing_of_the_order_and_the_mail_goes_out_when_it_is_back(
    app: Flask, provider: FakeProvider, buyer: User, office: PostOffice
) -> None:
    office.hang_up_before = 1
    payment = paid(provider, buyer)
    failed = app.test_cli_runner().invoke(args=["notify"])
    assert (failed.output.splitlines()[-1], failed.exit_code) == ("1 postponed", 1)
    assert states(payment) == ("paid", "paid")
    [(tries, error, waits)] = left()
    assert (tries, error, waits) == (1, "SMTPServerDisconnected", True)
    assert notify.run() == {}  # not before its pause is over
    clocks.later(PAUSES[0] + SOON)
    assert notify.run() == {"sent": 1}
    assert len(office.mails) == 1


def test_mail_whose_acceptance_was_lost_is_sent_again_with_the_same_message_id(
    order: Order, office: PostOffice
) -> None:
    office.hang_up_after = 1
    assert notify.run() == {"postponed": 1}
    clocks.later(PAUSES[0] + SOON)
    assert notify.run() == {"sent": 1}
    assert list(office.times.values()) == [2]


@pytest.mark.parametrize("mail_url", ["smtp://127.0.0.1:9"])
def test_message_is_tried_with_growing_pauses_and_then_given_up(order: Order, mail_url: str) -> None:
    assert list(PAUSES) == sorted(PAUSES)
    for tries, pause in enumerate(PAUSES, 1):
        assert notify.run() == {"postponed": 1}
        assert left() == [(tries, "ConnectionRefusedError", True)]
        clocks.later(pause - SOON)
        assert notify.run() == {}
        clocks.later(2 * SOON)
    assert notify.run() == {"given_up": 1}
    assert left() == [(len(PAUSES) + 1, "ConnectionRefusedError", False)]
    clocks.later(max(PAUSES))
    assert notify.run() == {}


def test_server_that_fails_is_left_alone_until_the_next_run(order: Order, office: PostOffice) -> None:
    write(order.id, MANY - 1)
    office.hang_up_before = 1
    assert notify.run() == {"postponed": 1}
    assert [tries for tries, _, _ in left()] == [1] + [0] * (MANY - 1)
    assert notify.run() == {"sent": MANY - 1}


def test_server_that_takes_no_more_mails_on_a_connection_gets_the_rest_in_the_next_run(
    order: Order, office: PostOffice
) -> None:
    write(order.id, 2)
    office.answers = ["250 OK", "421 too many mails"]
    assert notify.run() == {"sent": 1, "postponed": 1}
    assert left() == [(1, "smtp_421", True), (0, None, True)]
    assert notify.run() == {"sent": 1}


@pytest.mark.parametrize(
    ("answer", "result", "waits"), [("550 no such user", "given_up", False), ("451 try later", "postponed", True)]
)
def test_refused_recipient_is_tried_again_only_if_the_server_says_that_it_is_not_for_good(
    order: Order, provider: FakeProvider, buyer: User, office: PostOffice, answer: str, result: str, waits: bool
) -> None:
    paid(provider, buyer)
    with transaction():
        db.session.get_one(Order, order.id).buyer_email = "gone@example.com"
    office.refused = {"gone@example.com": answer}
    assert notify.run() == {result: 1, "sent": 1}
    assert left() == [(1, f"smtp_{answer[:3]}", waits)]


def test_content_that_is_refused_for_good_is_not_sent_again_and_the_others_are(
    order: Order, office: PostOffice
) -> None:
    write(order.id, 1)
    office.answers = ["554 looks like spam"]
    assert notify.run() == {"given_up": 1, "sent": 1}
    assert left() == [(1, "smtp_554", False)]


def test_message_that_cannot_be_written_is_postponed_and_stops_no_other(
    order: Order, office: PostOffice, caplog: pytest.LogCaptureFixture
) -> None:
    write(order.id, 1)
    with transaction():
        db.session.query(Message).order_by(Message.id).first().language = "xx"  # type: ignore[union-attr]
    assert notify.run() == {"postponed": 1, "sent": 1}
    assert left() == [(1, "UnknownLocaleError", True)]
    assert "message 1 was not sent (try 1): UnknownLocaleError" in caplog.text


@pytest.mark.parametrize("address", ["a@b.example, thief@example.com", "a@b.example\r\nBcc: thief@example.com", "x"])
def test_address_that_would_add_a_recipient_or_a_header_line_is_sent_nothing(
    order: Order, office: PostOffice, address: str
) -> None:
    with transaction():
        db.session.get_one(Order, order.id).buyer_email = address
    assert notify.run() == {"postponed": 1}
    assert office.mails == []


def test_line_breaks_in_a_name_add_no_header(order: Order, office: PostOffice) -> None:
    with transaction():
        db.session.get_one(Order, order.id).lines[0].name_ko = "책\r\nBcc: thief@example.com"
    assert notify.run() == {"sent": 1}
    assert (office.mails[0]["Bcc"], office.recipients) == (None, [order.buyer_email])


def test_worker_whose_lease_was_over_does_not_undo_what_another_has_sent(
    app: Flask, order: Order, office: PostOffice
) -> None:
    slow = notify._lease_next()
    assert slow and notify._lease_next() is None
    clocks.later(LEASE + SOON)
    assert notify.run() == {"sent": 1}
    assert notify._mark(slow, TimeoutError()) == "postponed"
    assert left() == []
    clocks.later(max(PAUSES))
    assert notify.run() == {}


# --- too late ---------------------------------------------------------------------------------------------------------


def test_message_of_a_week_ago_is_not_sent(order: Order, office: PostOffice) -> None:
    clocks.later(OUTDATED_AFTER)
    assert notify.run() == {"given_up": 1}
    assert (left(), office.mails) == ([(0, "outdated", False)], [])


@pytest.fixture
def coming(provider: FakeProvider, buyer: User, office: PostOffice) -> Subscription:
    """A plan three days before its next charge; the mail of its order was sent."""
    subscription = started(provider, buyer)
    assert notify.run() == {"sent": 1}
    office.mails.clear()
    assert subscription.next_charge_on
    clocks.later(timedelta(days=(subscription.next_charge_on - clock.today()).days - 3))
    end_reading()
    return subscription


def test_coming_charge_is_announced_and_sent_by_one_run(coming: Subscription, office: PostOffice) -> None:
    assert [notify.run() for _ in range(2)] == [{"announced": 1, "sent": 1}, {}]
    assert coming.next_charge_on
    assert f"{coming.next_charge_on.isoformat()}에 결제됩니다" in office.mails[0]["Subject"]


def test_announced_charge_of_a_plan_that_ended_meanwhile_is_not_sent(coming: Subscription, office: PostOffice) -> None:
    assert messages.announce_charges() == 1
    with transaction():
        subscriptions.end(db.session.get_one(Subscription, coming.id), "by_buyer", clock.now())
    assert notify.run() == {"given_up": 1, "sent": 1}
    assert [mail["Subject"].startswith("[달곰상점] 구독이 끝났습니다") for mail in office.mails] == [True]


def test_announcement_that_waited_until_the_charge_day_is_not_sent(coming: Subscription, office: PostOffice) -> None:
    assert messages.announce_charges() == 1
    clocks.later(timedelta(days=3))
    assert notify.run() == {"given_up": 1}
    assert office.mails == []


# --- TLS and login ----------------------------------------------------------------------------------------------------


def server(url: str, tmp_path: Path) -> Any:
    return load_settings({"MAIL_URL": url}, tmp_path).mail_server


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A certificate that this process trusts."""
    made = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(made))
    return made


@pytest.mark.parametrize("scheme", ["smtps", "smtp"])
def test_login_travels_by_tls(scheme: str, trusted: Path, tmp_path: Path) -> None:
    office = PostOffice()
    office.password = PASSWORD
    side = server_side(trusted)
    with serving_mail(office, **{"tls" if scheme == "smtps" else "starttls": side}):
        mail_server = server(f"{scheme}://me:{PASSWORD}@127.0.0.1:{office.port}", tmp_path)
        with connection(mail_server, "shop.example") as smtp:
            assert smtp.sock.cipher()  # type: ignore[union-attr]
    assert office.logins == [("me", PASSWORD)]


@pytest.mark.parametrize("scheme", ["smtps", "smtp"])
def test_server_whose_certificate_is_not_trusted_gets_neither_login_nor_mail(scheme: str, tmp_path: Path) -> None:
    office = PostOffice()
    office.password = PASSWORD
    side = server_side(certificate(tmp_path))
    with serving_mail(office, **{"tls" if scheme == "smtps" else "starttls": side}):
        mail_server = server(f"{scheme}://me:{PASSWORD}@127.0.0.1:{office.port}", tmp_path)
        with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"), connection(mail_server, "shop.example"):
            pass
    assert office.logins == []


def test_password_does_not_go_to_a_public_host_without_tls(tmp_path: Path) -> None:
    office = PostOffice()
    office.password = PASSWORD
    with serving_mail(office):
        # Another way to write 127.0.0.1, which does not look private.
        mail_server = server(f"smtp://me:{PASSWORD}@127.1:{office.port}", tmp_path)
        with pytest.raises(OSError, match="STARTTLS"), connection(mail_server, "shop.example"):
            pass
    assert office.logins == []


@pytest.fixture
def closed_office() -> Iterator[PostOffice]:
    office = PostOffice()
    office.password = "another"
    with serving_mail(office):
        yield office


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_refused_login_is_a_code_without_the_password_in_table_output_and_log(
    closed_office: PostOffice, tmp_path: Path, seeded_database: Path, log_format: str, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.copy(seeded_database, tmp_path / "shop.sqlite3")
    url = f"smtp://me:{PASSWORD}@127.0.0.1:{closed_office.port}"
    app = create_shop(load_settings(NOBODY_ANSWERS | {"MAIL_URL": url, "LOG_FORMAT": log_format}, tmp_path))
    app.extensions["payments"].provider = FakeProvider()
    with app.app_context():
        buyer = db.session.query(User).filter_by(email="buyer@example.com").one()
        paid(app.extensions["payments"].provider, buyer)
        output = app.test_cli_runner().invoke(args=["notify"]).output
        assert left() == [(1, "SMTPAuthenticationError", True)]
    close_app(app)
    assert closed_office.logins[0] == ("me", PASSWORD)
    assert "SMTPAuthenticationError" in output
    assert PASSWORD not in output + caplog.text + repr(app.extensions["settings"].mail_server)


# --- processes --------------------------------------------------------------------------------------------------------


def begin(settings: Settings, mail_url: str) -> "subprocess.Popen[str]":
    """Begin `flask notify` on the same database, on the system's clock."""
    environ = {
        "MAIL_URL": mail_url,
        "INSTANCE_PATH": str(settings.instance_path),
        "DATABASE_URL": settings.database_url,
    }
    command = [sys.executable, "-m", "flask", "--app", "app", "notify"]
    return subprocess.Popen(
        command, cwd=ROOT, env=os.environ | NOBODY_ANSWERS | environ, stdout=subprocess.PIPE, text=True
    )


@pytest.fixture
def waiting(order: Order) -> None:
    """Many messages that wait by the system's clock."""
    write(order.id, MANY - 1)
    now = datetime.now(UTC)
    with transaction():
        db.session.query(Message).update({"created_at": now, "next_try_at": now})


@pytest.mark.slow
def test_commands_at_once_send_each_message_once(
    waiting: None, settings: Settings, mail_url: str, office: PostOffice
) -> None:
    running = [begin(settings, mail_url) for _ in range(3)]
    outputs = [one.communicate(timeout=WAIT_SECONDS)[0] for one in running]
    assert [one.returncode for one in running] == [0, 0, 0]
    assert sum(int(one.split()[0]) for one in outputs if "sent" in one) == MANY
    assert set(office.times.values()) == {1}
    assert left() == []


@pytest.mark.slow
def test_mail_of_a_process_that_was_killed_before_it_marked_it_is_sent_again_when_its_lease_is_over(
    waiting: None, settings: Settings, mail_url: str, office: PostOffice
) -> None:
    process = begin(settings, mail_url)
    office.at_data = lambda: os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=WAIT_SECONDS)
    office.at_data = lambda: None
    end_reading()
    killed = [one for one in outbox() if one.tries]
    assert [(one.sent_at, one.error) for one in killed] == [(None, None)]
    assert begin(settings, mail_url).communicate(timeout=WAIT_SECONDS) == (f"{MANY - 1} sent\n", None)
    assert len(office.times) == MANY
    assert set(office.times.values()) == {1}
    with transaction():
        db.session.query(Message).filter_by(id=killed[0].id).update({"next_try_at": datetime.now(UTC)})
    assert begin(settings, mail_url).communicate(timeout=WAIT_SECONDS) == ("1 sent\n", None)
    assert sorted(office.times.values()) == [1] * (MANY - 1) + [2]
    assert left() == []


@pytest.mark.slow
def test_server_that_accepts_the_connection_and_says_nothing_is_given_up_after_its_time(
    tmp_path: Path,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        mail_server = MailServer("127.0.0.1", silent.getsockname()[1], False, "", "", "")
        with pytest.raises(OSError, match="timed out"), connection(mail_server, "shop.example"):
            pass
