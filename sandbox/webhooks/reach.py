"""The addresses that the sandbox may call: the shop, this machine, and the hosts listed in its settings.

`notice_url` and `confirm_url` come from whoever opens a window. Without this rule a public demo would post anywhere
(SSRF).
"""

from collections.abc import Collection
from ipaddress import ip_address
from urllib.parse import urlsplit

PORTS = {"http": 80, "https": 443}


class Reach:
    """An allow-list: the shop's origin (scheme, host, port), and further hosts on any port."""

    def __init__(self, shop_origin: str | None, hosts: Collection[str] = ()) -> None:
        self._shop = _origin(shop_origin) if shop_origin else None
        self._hosts = {host.lower() for host in hosts}

    def allows(self, url: str) -> bool:
        """Whether `url` may be called."""
        origin = _origin(url)
        if origin is None:
            return False
        return origin == self._shop or _is_loopback(origin[1]) or origin[1] in self._hosts


def _origin(url: str) -> tuple[str, str, int] | None:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in PORTS or not parts.hostname or parts.username is not None:
        return None
    return parts.scheme, parts.hostname, port or PORTS[parts.scheme]


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
