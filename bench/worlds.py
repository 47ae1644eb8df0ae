"""Benchmark and load test of a demo with a shop for each visitor (`DEMO_WORLDS`), through the production server.

    python -m bench.worlds                             a new world: its first page, memory and disk
    python -m bench.worlds --browsers 50 --seconds 120     visitors at once, each in a world of their own

In the second, browsers buy, subscribe, break, travel in time and attack, each under a marker of its own. It passes if
no database holds another's marker, and no answer was an error that its visitor did not ask for.
"""

import argparse
import os
import random
import re
import sqlite3
import statistics
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import requests

from bench.page import children, proportional_mib, server
from bench.rows import row
from bench.shopper import BUYER, Shopper

FRESH = 20  # worlds that are measured one after another
MOST_MS, MOST_MIB = 250, 2.5
SMALL_MACHINE_MIB = 512
MARKER = re.compile(rb"browser-(\d+)@")
MOST_RELOADS = 60  # of a page that says "opening" or "full", each after the 2 or 3 seconds that it names
LONGEST_PAUSE = 6.0  # seconds between two things that a visitor does; half of it on the average


@dataclass
class Load:
    """What all browsers of one run count."""

    done: Counter[str] = field(default_factory=Counter)
    asked_for: Counter[str] = field(default_factory=Counter)  # errors of faults that the browser had injected
    unasked: list[str] = field(default_factory=list)
    first_pages: list[float] = field(default_factory=list)  # seconds
    pages: list[float] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)  # MiB


class PatientSession(requests.Session):
    """Sends again, when it is told to, what the demo refused for want of a place. No shop has seen that request."""

    def request(self, *args: Any, **more: Any) -> requests.Response:
        for _ in range(MOST_RELOADS):
            answer = super().request(*args, **more)
            if answer.status_code != 503 or "Retry-After" not in answer.headers:
                break
            time.sleep(float(answer.headers["Retry-After"]))
        return answer


class Browser(Shopper):
    """One visitor. Its name, mail address and orders bear its number."""

    def __init__(self, url: str, number: int, load: Load) -> None:
        super().__init__(url, f"{url}/sandbox")
        self.http = PatientSession()
        self.http.trust_env = False
        self.http.headers["Accept"] = "text/html,*/*"
        self.email, self.load = f"browser-{number}@example.com", load
        self.buyer = BUYER | {"buyer_name": f"browser-{number}@", "buyer_email": self.email}

    @property
    def world(self) -> str:
        """The world's name, which is the first part of its key."""
        return self.http.cookies["world"].removeprefix("dw_").partition(".")[0]

    def arrive(self) -> None:
        """Open the first page, which makes the world."""
        began = time.monotonic()
        self.page("/")
        self.load.first_pages.append(time.monotonic() - began)

    def browse(self) -> None:
        for path in ("/", "/products/moon-mug", "/orders"):
            began = time.monotonic()
            page = self.page(path)
            self.load.pages.append(time.monotonic() - began)
            found = set(MARKER.findall(page.encode()))
            if found - set(MARKER.findall(self.email.encode())):
                self.load.unasked.append(f"{self.email} sees {found} at {path}")

    def purchase(self) -> None:
        self.put_in_cart("bear-emoji")
        self.come_back(self.approve(self.check_out(**self.buyer)))

    def subscribe(self) -> None:
        plan = int(re.findall(r'name="product_id" value="(\d+)"', self.page("/products/studio-pass"))[0])
        answer = self.http.post(
            f"{self.shop}/checkout",
            json={"kind": "monthly", "product_id": plan, **self.buyer},
            headers={"X-CSRFToken": self.token, "Referer": f"{self.shop}/"},
            timeout=60,
        )
        if answer.status_code == 409:  # subscribed already
            return
        answer.raise_for_status()
        self.come_back(self.approve(answer.json()))

    def break_and_mend(self) -> None:
        """Let PortOne answer 503 for a while, buy meanwhile, mend it again."""
        fault = {"path": "/payments/*", "fault": "status", "value": 503}
        self.control("POST", "faults", json=fault)
        try:
            self.purchase()
        finally:
            self.control("DELETE", "faults")

    def travel(self) -> None:
        """Go to tomorrow with the shop, or jump there without it."""
        if random.random() < 0.5:
            self.http.post(f"{self.shop}/demo/clock", json={"to": "tomorrow"}, timeout=60).raise_for_status()
            return
        now = datetime.fromisoformat(self.control("GET", "clock").json()["now"])
        self.control("POST", "clock", json={"to": (now + timedelta(days=1)).isoformat()})

    def attack(self) -> None:
        answer = self.control("POST", f"attacks/{random.choice(attacks())}").json()
        if not answer["refused"]:
            self.load.unasked.append(f"{self.email}: the attack {answer['name']} got through")

    def control(self, method: str, path: str, **content: Any) -> requests.Response:
        answer = self.http.request(method, f"{self.sandbox}/controls/{path}", timeout=60, **content)
        answer.raise_for_status()
        return answer

    def stay(self, until: float, pause: float) -> None:
        """Do each thing once in a random order, however long that takes, then one after the other until then."""
        ways: list[Callable[[], None]] = [
            self.browse, self.browse, self.purchase, self.subscribe, self.break_and_mend, self.travel, self.attack,
        ]  # fmt: skip
        self.attempt("arrive", self.arrive)
        self.attempt("sign up", lambda: self.sign_up(self.email))
        begun = random.sample(ways, len(ways))
        while begun or time.monotonic() < until:
            way = begun.pop() if begun else random.choice(ways)
            self.attempt(way.__name__, way)
            time.sleep(random.random() * pause)

    def attempt(self, name: str, way: Callable[[], None]) -> None:
        try:
            way()
            self.load.done[name] += 1
        except requests.HTTPError as error:
            answer = error.response
            if name == "break_and_mend" and answer.status_code in (502, 503):
                self.load.asked_for[f"{answer.status_code} while PortOne was broken"] += 1
            else:
                self.load.unasked.append(f"{name}: {answer.status_code} {answer.request.method} {answer.url}")
        except (requests.RequestException, KeyError, IndexError) as error:
            self.load.unasked.append(f"{name}: {error!r}")


def attacks() -> list[str]:
    """The cases of the attack lab that neither move the clock nor inject faults."""
    from sandbox.check.cases import CASES

    return [case.name for case in CASES.values() if not case.moves_clock and not case.disturbs]


# --- a new world ------------------------------------------------------------------------------------------------------


def measure() -> list[dict[str, Any]]:
    milliseconds, opened, used = fresh()
    detail = f"{FRESH} worlds after their first page; {used:.1f} MiB once they have bought something"
    return [
        row("a visitor's world: time to its first page, ms", milliseconds, -MOST_MS, f"median of {FRESH}", "ms"),
        row("a visitor's world: memory of each", opened, -MOST_MIB, detail, "MiB"),
    ]


def fresh(count: int = FRESH) -> tuple[float, float, float]:
    """Print what a new world takes; return the milliseconds to its first page, and its MiB opened and in use."""
    with server("worlds:create()", DEMO_WORLDS=str(count)) as (url, pid):
        [worker] = children(pid)
        requests.get(f"{url}/healthz", timeout=60).raise_for_status()
        load, before, cpu = Load(), proportional_mib(worker), cpu_seconds(worker)
        browsers = [Browser(url, number, load) for number in range(count)]
        for browser in browsers:
            browser.arrive()
        opened, cpu = (proportional_mib(worker) - before) / count, (cpu_seconds(worker) - cpu) / count
        for browser in browsers:
            browser.sign_up(browser.email)
            browser.purchase()
            browser.browse()
        used = (proportional_mib(worker) - before) / count
        disk = disk_mib(Path(environ_of(worker)["INSTANCE_PATH"]) / "worlds") / (count + 1)
    times = [seconds * 1000 for seconds in load.first_pages]
    middle = f"median of {count}; at most {max(times):.0f}"
    print(f"a new world's first page: {statistics.median(times):.0f} ms ({middle}); {cpu * 1000:.0f} ms of CPU")
    print(f"memory: {before:.0f} MiB without a world; {opened:.1f} MiB for each opened, {used:.1f} MiB for each in use")
    print(f"disk: {disk:.1f} MiB for each while it is open")
    room = (SMALL_MACHINE_MIB * 0.8 - before) / used
    print(f"on {SMALL_MACHINE_MIB} MB, with a fifth left free: {room:.0f} open worlds")
    return statistics.median(times), opened, used


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def environ_of(pid: int) -> dict[str, str]:
    pairs = Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace").split("\0")
    return dict(pair.split("=", 1) for pair in pairs if "=" in pair)


def disk_mib(folder: Path) -> float:
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file()) / 1024**2


# --- many at once -----------------------------------------------------------------------------------------------------


def crowd(count: int, seconds: float, pause: float = LONGEST_PAUSE, most: int | None = None) -> int:
    """Let so many browsers be there at once, in at most `most` open worlds. Return 0 if all is well, else 1."""
    load = Load()
    with server("worlds:create()", DEMO_WORLDS=str(most or count)) as (url, pid):
        browsers = [Browser(url, number, load) for number in range(count)]
        [worker] = children(pid)
        folder = Path(environ_of(worker)["INSTANCE_PATH"]) / "worlds"
        until = time.monotonic() + seconds
        threads = [threading.Thread(target=browser.stay, args=(until, pause)) for browser in browsers]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            load.memory.append(proportional_mib(worker))
            time.sleep(1)
        files = len(list(Path(f"/proc/{worker}/fd").iterdir()))
        strangers = marked_wrongly(folder, {browser.world: browser.email for browser in browsers})
        told(load, count, seconds, files, disk_mib(folder) / (count + 1))
    print(f"rows of another world: {len(strangers)} {strangers[:5]}")
    good = not strangers and not load.unasked
    print("passed" if good else "FAILED")
    return 0 if good else 1


def marked_wrongly(folder: Path, owners: dict[str, str]) -> list[str]:
    """Read every value of every table of every world; return what bears another browser's number, or nobody's."""
    wrong = []
    for world, email in owners.items():
        own = set(MARKER.findall(email.encode()))
        for file in sorted((folder / world).glob("*.sqlite3")):
            found = markers_in(file)
            if found - own or (file.name == "shop.sqlite3" and not found):
                wrong.append(f"{world}/{file.name}: {found} where {own} is at home")
    left = {path.name for path in folder.iterdir() if path.name[0] != "."} - owners.keys() - {"template"}
    return wrong + [f"{world}: nobody's" for world in sorted(left)]


def markers_in(file: Path) -> set[bytes]:
    found: set[bytes] = set()
    with closing(sqlite3.connect(file)) as connection:
        for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            for values in connection.execute(f'SELECT * FROM "{table}"'):
                found.update(MARKER.findall(repr(values).encode()))
    return found


def told(load: Load, count: int, seconds: float, files: int, disk: float) -> None:
    print(f"{count} browsers, {seconds:.0f} s: {load.done.total()} things done: {dict(load.done)}")
    print(f"errors that were asked for: {dict(load.asked_for)}")
    print(f"errors that were not: {len(load.unasked)} {Counter(load.unasked).most_common(8)}")
    print(f"first page after arriving all at once: {seconds_told(load.first_pages)}")
    print(f"later pages: {seconds_told(load.pages)}")
    print(f"memory: at most {max(load.memory):.0f} MiB; {files} open files; disk: {disk:.1f} MiB for each world")


def seconds_told(times: list[float]) -> str:
    if not times:
        return "none"
    ordered = sorted(times)
    slow = ordered[len(ordered) * 95 // 100]
    return f"median {statistics.median(ordered):.2f} s, 95 %: {slow:.2f} s, last {ordered[-1]:.2f} s"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.worlds", description=__doc__)
    parser.add_argument("--browsers", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--worlds", type=int, help="DEMO_WORLDS, if not as many as browsers")
    asked = parser.parse_args()
    if asked.browsers:
        return crowd(asked.browsers, asked.seconds, most=asked.worlds)
    fresh()
    return 0


if __name__ == "__main__":
    sys.exit(main())
