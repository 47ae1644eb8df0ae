"""A real SMTP server on loopback, for tests of mail: what arrives is kept, and it can refuse, fall silent or die."""

import asyncio
import email
import ssl
import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

WAIT_SECONDS = 60  # for the server to start and to stop; far more than either takes


class PostOffice:
    """The mails that arrived, and how the server behaves: its answers to RCPT and DATA, and what it does at DATA."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.recipients: list[str] = []
        self.refused: dict[str, str] = {}  # by recipient: the answer to RCPT
        self.answers: list[str] = []  # to the next DATA, in order; then 250
        self.hang_up_before: int = 0  # so many connections die at DATA before the mail is kept
        self.hang_up_after: int = 0  # so many die after it is kept, before the server says so
        self.at_data: Callable[[], None] = lambda: None
        self.logins: list[tuple[str, str]] = []
        self.password = ""  # of any user; empty: nobody need sign in
        self.connections = 0
        self.port = 0

    # --- what aiosmtpd calls ---

    async def handle_RCPT(self, _server: SMTP, _session: Session, envelope: Envelope, to: str, _options: Any) -> str:
        if to in self.refused:
            return self.refused[to]
        envelope.rcpt_tos.append(to)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:
        if self.hang_up_before:
            self.hang_up_before -= 1
            server.transport.abort()
            return "421 gone"
        if self.answers and not (answer := self.answers.pop(0)).startswith("250"):
            return answer
        assert isinstance(envelope.content, bytes)
        mail = email.message_from_bytes(envelope.content, policy=SMTP_POLICY)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        self.recipients += envelope.rcpt_tos
        self.at_data()
        if self.hang_up_after:
            self.hang_up_after -= 1
            server.transport.abort()
        return "250 OK"

    def authenticate(self, _server: SMTP, _session: Session, _envelope: Envelope, _kind: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        user, password = data.login.decode(), data.password.decode()
        self.logins.append((user, password))
        return AuthResult(success=password == self.password, handled=False)

    # --- what tests ask ---

    @property
    def times(self) -> Counter[str]:
        """How often each mail arrived, by its Message-ID."""
        return Counter(str(mail["Message-ID"]) for mail in self.mails)


@contextmanager
def serving_mail(
    office: PostOffice, *, tls: ssl.SSLContext | None = None, starttls: ssl.SSLContext | None = None
) -> Iterator[PostOffice]:
    """Serve SMTP on a free port of loopback: in the open, by TLS from the first byte, or with STARTTLS."""
    loop, started = asyncio.new_event_loop(), threading.Event()
    sessions: list[SMTP] = []

    def session() -> SMTP:
        office.connections += 1
        options: dict[str, Any] = {"tls_context": starttls, "loop": loop, "enable_SMTPUTF8": False}
        if office.password:
            options |= {"authenticator": office.authenticate, "auth_require_tls": False}
        sessions.append(SMTP(office, **options))
        return sessions[-1]

    def serve() -> None:
        asyncio.set_event_loop(loop)
        server = loop.run_until_complete(loop.create_server(session, "127.0.0.1", 0, ssl=tls))
        office.port = server.sockets[0].getsockname()[1]
        started.set()
        loop.run_forever()
        server.close()
        for one in sessions:
            if one.transport:
                one.transport.abort()
        loop.run_until_complete(server.wait_closed())
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()

    thread = threading.Thread(target=serve)
    thread.start()
    assert started.wait(WAIT_SECONDS)
    try:
        yield office
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(WAIT_SECONDS)


def certificate(folder: Path) -> Path:
    """A new certificate for 127.0.0.1 with its key, in one file; it is its own authority."""
    made = folder / "mail.pem"
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    new = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    subprocess.run([*new, *subject, "-keyout", made, "-out", folder / "cert.pem"], check=True, capture_output=True)
    made.write_text(made.read_text() + (folder / "cert.pem").read_text())
    return made


def server_side(made: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made)
    return context
