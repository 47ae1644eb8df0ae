"""The addresses that the sandbox may call: the shop, the hosts listed in its settings, loopback for a shop there.

`notice_url` and `confirm_url` come from whoever opens a window. Without this rule a public demo would post anywhere
(SSRF), also to what listens on its own machine.
"""

from collections.abc import Collection
from ipaddress import ip_address
from urllib.parse import urlsplit

PORTS = {"http": 80, "https": 443}


class Reach:
    """An allow-list: the shop's origin (scheme, host, port), further hosts on any port, loopback if `is_local`."""

    def __init__(self, shop_origin: str | None, hosts: Collection[str] = ()) -> None:
        self._shop = _origin(shop_origin) if shop_origin else None
        self._hosts = {host.lower() for host in hosts}
        # Whether only this machine reaches the shop; a sandbox that was told of no shop is being tried here.
        self.is_local = not shop_origin or (self._shop is not None and _is_loopback(self._shop[1]))

    def allows(self, url: str) -> bool:
        """Whether `url` may be called."""
        origin = _origin(url)
        if origin is None:
            return False
        return self._is_ours(origin) or origin[1] in self._hosts

    def may_show_answer(self, url: str) -> bool:
        """Whether the buyer may see what `url` answered; a listed host's answer may be meant for this network only."""
        origin = _origin(url)
        return origin is not None and self._is_ours(origin)

    def _is_ours(self, origin: tuple[str, str, int]) -> bool:
        return origin == self._shop or (self.is_local and _is_loopback(origin[1]))


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
