"""MAIL_URL: the mail server and the sender, from `smtp://user:password@host:port?from=shop@example.com`."""

import re
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

PORTS = {"smtp": 587, "smtps": 465}
ADDRESS = re.compile(r"[\w.+-]+@[\w.-]+", re.ASCII)  # nothing of it can end a header's line


@dataclass(frozen=True)
class MailServer:
    """Where mail goes, and from whom. `encrypted`: TLS from the first byte, not by STARTTLS.

    `sender` is empty if MAIL_URL names no address: then it is `no-reply` at the shop's host.
    """

    host: str
    port: int
    encrypted: bool
    user: str
    password: str = field(repr=False)
    sender: str


def parse(url: str) -> MailServer:
    """Read MAIL_URL. Raises ValueError; whoever reports it leaves out its text, which may hold the password."""
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
    user, password, sender = unquote(parts.username or ""), unquote(parts.password or ""), options.pop("from", "")
    others = parts.path.strip("/") or parts.fragment or options
    if parts.scheme not in PORTS or not parts.hostname or parts.port == 0 or others:
        raise ValueError("not the address of a mail server")
    if bool(user) != bool(password) or not (user + password).isascii() or (sender and not ADDRESS.fullmatch(sender)):
        raise ValueError("half a login, one that SMTP cannot carry, or a sender without an address")
    sender = sender or (user if ADDRESS.fullmatch(user) else "")
    return MailServer(
        parts.hostname, parts.port or PORTS[parts.scheme], parts.scheme == "smtps", user, password, sender
    )
