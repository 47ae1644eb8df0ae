"""Sending the messages that wait: `flask notify`, which cron, the scheduler or the demo call every few minutes.

Lease, send, mark: a message is leased to one process, and that is committed before the mail server is asked, with no
transaction open; then it is marked as sent. So of many processes one sends a message, while nothing fails. Delivery is
at least once: if the process dies between the server's yes and the mark, or that yes is lost on its way, the mail is
sent again once the lease is over. Its Message-ID is the same then, so that mail programs can recognise it.
"""

import logging
import sys
from collections import Counter
from contextlib import ExitStack
from datetime import timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import localtime
from typing import Any, cast

import click
from flask.cli import with_appcontext
from sqlalchemy import ColumnElement, CursorResult, exists, select, true, update

from payments import clock
from payments.database import db, locked, reading, transaction
from payments.monthly.models import Subscription
from shop.environment import host_of
from shop.orders.messages import OUTDATED, SHOWN_ONLY, Message, announce_charges
from shop.web.common import settings
from shop.web.message_text import text_of

from .mail import connection, refusal_code

LEASE = timedelta(minutes=10)  # longer than sending one mail takes
PAUSES = (timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=2), timedelta(hours=8), timedelta(days=1))
OUTDATED_AFTER = timedelta(days=7)
CLOSING = 421  # SMTP: the server ends the connection
LOWEST_FINAL = 500  # SMTP: refused for good

LONGEST_CODE = 40  # as the column of `Message.error` has it

log = logging.getLogger(__name__)


@click.command("notify")
@with_appcontext
def notify() -> None:
    """Send the messages that wait for buyers. Meant to be run every few minutes; safe to run twice, or at once."""
    done = run()
    click.echo(", ".join(f"{count} {result}" for result, count in sorted(done.items())) or "Nothing was waiting.")
    if done["postponed"]:
        sys.exit(1)  # a later run tries again


def run() -> Counter[str]:
    """Announce the coming charges, and send what waits, over one connection. A server that fails is left alone until
    the next run.

    Return the number of messages that were `announced`, `sent`, `shown` (without MAIL_URL), `postponed` and `given_up`.
    """
    done = Counter(announced=announce_charges(), given_up=_put_aside(_comes_too_late(), OUTDATED))
    server, smtp = settings().mail_server, None
    if server is None:
        return +(done + Counter(shown=_put_aside(true(), SHOWN_ONLY)))
    with ExitStack() as stack:
        while leased := _lease_next():
            error: Exception | None = None
            try:
                mail = _write(leased.id, server.sender)
                smtp = smtp or stack.enter_context(connection(server, host_of(settings().public_url)))
                smtp.send_message(mail)
            except Exception as failed:  # a message that cannot be written stops no other
                error = failed
            done[_mark(leased, error)] += 1
            if isinstance(error, OSError) and refusal_code(error) in (0, CLOSING):
                break
    return +done


def _put_aside(which: ColumnElement[bool], code: str) -> int:
    """Mark waiting messages as ones that are not sent; return how many."""
    waiting = update(Message).where(Message.next_try_at <= clock.now(), which)
    aside = waiting.values(next_try_at=None, error=code)
    with transaction():
        return cast("CursorResult[Any]", db.session.execute(aside)).rowcount


def _comes_too_late() -> ColumnElement[bool]:
    """Select messages of a charge that was made or no longer comes, and those of a week ago."""
    running = exists().where(Subscription.id == Message.subscription_id, Subscription.status == "active")
    no_charge = Message.charge_on.is_not(None) & ((Message.charge_on <= clock.today()) | ~running)
    return no_charge | (Message.created_at <= clock.now() - OUTDATED_AFTER)


def _lease_next() -> Message | None:
    """Lease the message that has waited longest to this process. None: none waits that another has not leased."""
    now = clock.now()
    waiting = select(Message).where(Message.next_try_at <= now).order_by(Message.next_try_at, Message.id).limit(1)
    with transaction():
        message = db.session.scalar(waiting.with_for_update(skip_locked=True))
        if message:
            message.tries, message.next_try_at = message.tries + 1, now + LEASE
    return message


def _mark(leased: Message, error: Exception | None) -> str:
    """Write down how sending ended; return the result by which `run` counts.

    The error's own text is kept nowhere: a mail server puts addresses and more into it.
    """
    refusal = refusal_code(error)
    is_over = refusal >= LOWEST_FINAL or leased.tries > len(PAUSES)
    code = f"smtp_{refusal}" if refusal else type(error).__name__
    with transaction():
        row, now = locked(Message, leased.id), clock.now()
        if error is None:
            row.error, row.sent_at, row.next_try_at = None, now, None
        elif row.tries == leased.tries:  # else the lease was over, and another process tries now
            row.error, row.next_try_at = code[:LONGEST_CODE], None if is_over else now + PAUSES[leased.tries - 1]
    if error is None:
        return "sent"
    log.warning("message %s was not sent (try %s): %s", leased.id, leased.tries, code)
    return "given_up" if is_over else "postponed"


def _write(message_id: int, sender: str) -> EmailMessage:
    """Write the mail. Raises ValueError or the like if an address would add something to the header."""
    host = host_of(settings().public_url)
    with reading():
        message = db.session.get_one(Message, message_id)
        shop, subject, body = text_of(message)
        mail = EmailMessage()
        mail["From"] = Address(shop, addr_spec=sender or f"no-reply@{host}")
        mail["To"] = Address(addr_spec=message.order.buyer_email)
        mail["Subject"], mail["Date"], mail["Auto-Submitted"] = subject, localtime(), "auto-generated"
        mail["Message-ID"] = f"<message-{message.id}-{message.created_at:%Y%m%d%H%M%S}@{host}>"
        mail.set_content(body)
        return mail
