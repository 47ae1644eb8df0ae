"""Plain-text mail by SMTP, over one connection for all mails of a run."""

import smtplib
import ssl
from contextlib import suppress
from email.message import EmailMessage
from typing import Any

from shop.environment import is_private
from shop.mail_url import MailServer

TIMEOUT_SECONDS = 10.0  # for each step of the conversation with the server
CLOSING = 421  # SMTP: the server ends the connection


class Mailer:
    """The connection to a mail server, opened for the first mail. `our_host`: the name by which it gets to know us."""

    def __init__(self, server: MailServer, our_host: str) -> None:
        self.server = server
        self._our_host = our_host
        self._smtp: smtplib.SMTP | None = None

    def send(self, mail: EmailMessage) -> None:
        """Send one mail. Raises OSError, of which SMTPException is one."""
        try:
            self.connect().send_message(mail)
        except Exception as error:
            if self._smtp and not is_refusal(error):
                self._smtp.close()
                self._smtp = None
            raise

    def close(self) -> None:
        """Take leave of the server, if it still answers."""
        if self._smtp:
            with suppress(OSError):
                self._smtp.quit()
        self._smtp = None

    def connect(self) -> smtplib.SMTP:
        """Return the connection, opened and signed in. Raises OSError; `close` then what it may have left open."""
        if self._smtp:
            return self._smtp
        server, tls = self.server, ssl.create_default_context()
        common: dict[str, Any] = {"local_hostname": self._our_host, "timeout": TIMEOUT_SECONDS}
        if server.encrypted:
            smtp: smtplib.SMTP = smtplib.SMTP_SSL(server.host, server.port, context=tls, **common)
        else:
            smtp = smtplib.SMTP(server.host, server.port, **common)
        self._smtp = smtp  # so that `close` finds it whatever follows
        smtp.ehlo()
        if smtp.has_extn("starttls"):
            smtp.starttls(context=tls)
        elif server.password and not server.encrypted and not is_private(server.host):
            raise smtplib.SMTPNotSupportedError("no STARTTLS: the password would travel in the open")
        if server.password:
            smtp.login(server.user, server.password)
        return smtp


def is_refusal(error: Exception | None) -> bool:
    """Whether the server has judged this one mail. After any other error it takes none now."""
    return isinstance(error, smtplib.SMTPRecipientsRefused | smtplib.SMTPDataError) and _code(error) != CLOSING


def is_final(error: Exception | None) -> bool:
    """Whether the mail was refused for good (5xx)."""
    return is_refusal(error) and _code(error) >= 500


def error_code(error: Exception) -> str:
    """Return a short code for the error. Its text stays out: servers put addresses and more into it."""
    code = _code(error)
    return f"smtp_{code}" if code else type(error).__name__


def _code(error: Exception | None) -> int:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return int(next(iter(error.recipients.values()))[0])
    return error.smtp_code if isinstance(error, smtplib.SMTPResponseException) else 0
