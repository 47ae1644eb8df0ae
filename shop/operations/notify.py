"""Sending the messages that wait: `flask notify`, which cron, the scheduler or the demo call every few minutes.

Lease, send, mark: a message is leased to one process, and that is committed before the mail server is asked, with no
transaction open; then it is marked as sent. So of many processes one sends a message, while nothing fails. Delivery is
at least once: if the process dies between the server's yes and the mark, or that yes is lost on its way, the mail is
sent again once the lease is over. Its Message-ID is the same then, so that mail programs can recognise it.
"""

import logging
import sys
from collections import Counter
from datetime import timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import localtime

import click
from flask.cli import with_appcontext
from sqlalchemy import select

from payments import clock
from payments.database import db, locked, reading, transaction
from shop.environment import host_of
from shop.orders import messages
from shop.orders.messages import Message
from shop.web.common import settings
from shop.web.message_text import text_of

from .mail import Mailer, error_code, is_final, is_refusal

LEASE = timedelta(minutes=10)  # longer than sending one mail takes
PAUSES = (timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=2), timedelta(hours=8), timedelta(days=1))
OUTDATED_AFTER = timedelta(days=7)
MOST_TROUBLE = 3  # failures of the server in a row; then the rest waits for the next run

# Codes of `Message.error` besides those of `mail.error_code`.
SHOWN_ONLY = "no_mail_url"  # without MAIL_URL messages are shown in the back office, and none is sent
OUTDATED = "outdated"

log = logging.getLogger(__name__)


class NotSent(Exception):
    """A message is not sent, now or later. The text is the code for `Message.error`."""


@click.command("notify")
@with_appcontext
def notify() -> None:
    """Send the messages that wait for buyers. Meant to be run every few minutes; safe to run twice, or at once."""
    done = run()
    click.echo(", ".join(f"{count} {result}" for result, count in sorted(done.items())) or "Nothing was waiting.")
    if done["postponed"]:
        sys.exit(1)  # a later run tries again


def run() -> Counter[str]:
    """Announce the coming charges, and send what waits.

    Return the number of messages that were `announced`, `sent`, `shown` (without MAIL_URL), `postponed` and `given_up`.
    """
    done = Counter(announced=messages.announce_charges())
    server, trouble = settings().mail_server, 0
    mailer = Mailer(server, host_of(settings().public_url)) if server else None
    while trouble < MOST_TROUBLE and (leased := _lease_next()):
        error: Exception | None = None
        try:
            _send(leased.id, mailer)
        except Exception as failed:  # a message that cannot be written or sent stops no other
            error = failed
        done[_mark(leased, error)] += 1
        trouble = trouble + 1 if isinstance(error, OSError) and not is_refusal(error) else 0
    if mailer:
        mailer.close()
    return +done


def _lease_next() -> Message | None:
    """Lease the message that has waited longest to this process. None: none waits that another has not leased."""
    now = clock.now()
    waiting = select(Message).where(Message.next_try_at <= now).order_by(Message.next_try_at, Message.id).limit(1)
    with transaction():
        message = db.session.scalar(waiting.with_for_update(skip_locked=True))
        if message:
            message.tries, message.next_try_at = message.tries + 1, now + LEASE
    return message


def _send(message_id: int, mailer: Mailer | None) -> None:
    """Send one message. Raises NotSent, an OSError of the mail server, and whatever goes wrong in writing it."""
    if mailer is None:
        raise NotSent(SHOWN_ONLY)
    with reading():
        message = db.session.get_one(Message, message_id)
        if _is_outdated(message):
            raise NotSent(OUTDATED)
        mail = _mail(message, mailer.server.sender)
    mailer.send(mail)


def _mark(leased: Message, error: Exception | None) -> str:
    """Write down how sending ended; return the result by which `run` counts."""
    code = str(error) if isinstance(error, NotSent) else error_code(error) if error else None
    is_over = leased.tries > len(PAUSES) or isinstance(error, NotSent) or is_final(error)
    now = clock.now()
    with transaction():
        row = locked(Message, leased.id)
        if error and row.tries != leased.tries:
            return "postponed"  # the lease was over, and another process tries now
        row.error, row.sent_at = code, None if error else now
        row.next_try_at = now + PAUSES[leased.tries - 1] if error and not is_over else None
    if error is None:
        return "sent"
    if code == SHOWN_ONLY:
        return "shown"
    # Never the error's own text: a mail server puts addresses and more into it.
    log.warning("message %s was not sent (try %s): %s", leased.id, leased.tries, code)
    return "given_up" if is_over else "postponed"


def _is_outdated(message: Message) -> bool:
    """Whether it would come too late: of a charge that was made or that no longer comes, or of a week ago."""
    plan = message.subscription
    if message.charge_on and (plan is None or plan.status != "active" or message.charge_on <= clock.today()):
        return True
    return message.created_at <= clock.now() - OUTDATED_AFTER


def _mail(message: Message, sender: str) -> EmailMessage:
    """Write the mail. An address that would add a line or a recipient to its header raises an error."""
    text, host = text_of(message), host_of(settings().public_url)
    mail = EmailMessage()
    mail["From"] = Address(text.sender, addr_spec=sender or f"no-reply@{host}")
    mail["To"] = Address(addr_spec=message.order.buyer_email)
    mail["Subject"] = text.subject
    mail["Date"] = localtime()
    mail["Message-ID"] = f"<message-{message.id}-{message.created_at:%Y%m%d%H%M%S}@{host}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(text.body)
    return mail
