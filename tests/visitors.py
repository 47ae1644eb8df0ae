"""Browsers of a demo with a shop for each visitor, without sockets: each keeps cookies and follows redirects."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import requests

from app import close_app
from bench.shopper import Shopper
from sandbox.adapter import WSGIAdapter
from sandbox.ledger import clock as sandbox_clock
from shop.config import load_settings
from shop.world_settings import HEADER
from tests.clocks import NOON
from worlds import Worlds

URL = "http://127.0.0.1:5000"
PAGE = {"Accept": "text/html"}


class Clock:
    """The machine's time, as far as the lives of worlds go."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


class Disk:
    """The disk that the worlds are on, with plenty of room unless a test says otherwise."""

    def __init__(self) -> None:
        self.total = self.free = 10**12

    def __call__(self, _path: Path) -> tuple[int, int, int]:
        return self.total, self.total - self.free, self.free


class Visitor(Shopper):
    """A browser at the door: its first page makes its world."""

    def __init__(self, worlds: Worlds) -> None:
        super().__init__(URL, f"{URL}/sandbox")
        self.worlds = worlds
        self.http.mount(URL, WSGIAdapter(worlds, URL))
        self.http.mount("http://localhost:5000", WSGIAdapter(worlds, "http://localhost:5000"))
        self.http.headers.update(PAGE)

    @property
    def key(self) -> str:
        return str(self.http.cookies["world"])

    @property
    def name(self) -> str:
        return str(self.worlds.keys.name_of(self.key, self.worlds.now()))

    @property
    def folder(self) -> Path:
        return self.worlds.folders.of(self.name)

    def ask(self, method: str, path: str, **content: Any) -> requests.Response:
        """Send a request as it is, whatever its answer."""
        return self.http.request(method, URL + path, **content)

    def starts_anew(self, **headers: str) -> requests.Response:
        return self.ask("POST", "/demo/world", headers=headers)


class Program(Visitor):
    """A program without cookies, which names a world by the header."""

    def __init__(self, worlds: Worlds, key: str | None = None) -> None:
        super().__init__(worlds)
        self.http.headers["Accept"] = "*/*"
        if key:
            self.http.headers[HEADER] = key


@contextmanager
def demo(
    folder: Path, clock: Clock | None = None, moment: datetime = NOON, disk: Disk | None = None, **environ: str
) -> Iterator[Worlds]:
    """A demo whose worlds begin at the tests' moment of business time."""
    usual = {"DEMO_WORLDS": "4", "SIGN_UP_LIMIT": "off"}
    worlds = Worlds(load_settings(usual | environ, folder), clock or Clock(), disk or Disk())
    sandbox_clock.move_to(worlds.base.extensions["sandbox"].extensions["sandbox"].database, moment)
    try:
        yield worlds
    finally:
        worlds.open.close_all()
        close_app(worlds.base)
