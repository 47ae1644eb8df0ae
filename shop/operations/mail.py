"""The connection to the mail server, by SMTP."""

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from shop.environment import is_private
from shop.mail_url import MailServer

TIMEOUT_SECONDS = 10.0  # for each step of the conversation


@contextmanager
def connection(server: MailServer, our_host: str) -> Iterator[smtplib.SMTP]:
    """Open a connection, by TLS where the server can, and sign in. Raises OSError, of which SMTPException is one.

    `our_host`: the name by which the server gets to know us.
    """
    tls = ssl.create_default_context()  # which checks the certificate
    options: dict[str, Any] = {"local_hostname": our_host, "timeout": TIMEOUT_SECONDS}
    options |= {"context": tls} if server.encrypted else {}
    smtp = (smtplib.SMTP_SSL if server.encrypted else smtplib.SMTP)(server.host, server.port, **options)
    try:
        smtp.ehlo()
        if smtp.has_extn("starttls"):
            smtp.starttls(context=tls)
        elif server.password and not (server.encrypted or is_private(server.host)):
            raise smtplib.SMTPNotSupportedError("no STARTTLS: the password would travel in the open")
        if server.password:
            smtp.login(server.user, server.password)
        yield smtp
    finally:
        with suppress(OSError):
            smtp.quit()


def refusal_code(error: Exception | None) -> int:
    """Return the SMTP code by which the server refused this one mail; 0: it refused none."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return int(next(iter(error.recipients.values()))[0])
    return error.smtp_code if isinstance(error, smtplib.SMTPDataError) else 0
