"""`make profile`: prints where the time of one purchase goes, as a table.

python -m bench.profile              on SQLite
python -m bench.profile postgresql   on a PostgreSQL server of its own

For each endpoint: statements, commits and calls, counted; milliseconds, the mean of many purchases by one buyer; how
they divide. The division is sampled: a timer interrupts the process each millisecond, and the innermost function of a
known package says whose time it was. The fake PortOne answers at once, in a process of its own.
"""

import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from bench import apps
from bench.counted import Counted, counted
from bench.rows import row
from bench.talk import approved, portone
from deploy.services import postgres_server

PURCHASES, WARM = 60, 5
SAMPLE_SECONDS = 0.001
MOST_STATEMENTS, MOST_COMMITS, MOST_CALLS = 24, 4, 2
SHARES = ("framework", "ORM", "SQL", "commit", "call", "own code")
FRAMEWORK = ("flask", "werkzeug", "jinja2", "markupsafe", "flask_login", "flask_babel", "babel", "flask_wtf", "wtforms")
ORM = ("sqlalchemy", "flask_sqlalchemy")
CALL = ("/payments/portone/transport.py", "/payments/portone/client.py")
WAITS = "/shop/postgres_connection.py"  # of SQL or of a commit
OWN = ("/payments/", "/shop/", "/app.py")


@dataclass
class Endpoint:
    """What one endpoint needs: counts of one request, the seconds of all requests, and samples by share."""

    counts: tuple[int, int, int] = (0, 0, 0)
    seconds: float = 0.0
    samples: Counter[str] = field(default_factory=Counter)

    def share(self, name: str) -> float:
        return self.samples[name] / (self.samples.total() or 1)

    def milliseconds(self, requests: int) -> float:
        return self.seconds / requests * 1000


def measure() -> list[dict[str, Any]]:
    on_sqlite = profile()
    with postgres_server() as (url, _):
        on_postgresql = profile(url)
    statements, commits, calls = totals(on_sqlite)
    others, whole = totals(on_postgresql), whole_of(on_sqlite)
    each = ", ".join(f"{name} {one.counts[0]}" for name, one in on_sqlite.items())
    told = "with its locks of rows, which are statements of their own"
    where = "where a purchase's time goes, ms"
    return [
        row("statements of a purchase", statements, -MOST_STATEMENTS, each, ""),
        row("statements of a purchase on PostgreSQL", others[0], None, told, ""),
        row("commits of a purchase", commits, -MOST_COMMITS, f"cart, order, payment, report; {others[1]} there", ""),
        row("calls to PortOne of a purchase", calls, -MOST_CALLS, "prepare, look-up", ""),
        row(where, whole.milliseconds(PURCHASES), None, divided(whole), "ms"),
    ]


def profile(database_url: str = "") -> dict[str, Endpoint]:
    """Buy repeatedly; return by endpoint what that needed."""
    found: dict[str, Endpoint] = {}
    more = {"DATABASE_URL": database_url} if database_url else {}
    with (
        Path(os.devnull).open("w") as nowhere,
        redirect_stderr(nowhere),  # the log
        portone(0.0) as url,
        apps.our_shop(url, **more) as app,
    ):
        buyer = apps.buyer(app)
        for _ in range(WARM):
            purchase(buyer, url, lambda _name, work: work())
        with counted(app) as counts:
            purchase(buyer, url, lambda name, work: _count(name, work, found, counts))
        with sampled() as now:
            for _ in range(PURCHASES):
                purchase(buyer, url, lambda name, work: _time(name, work, found, now))
    return found


def purchase(buyer: apps.Buyer, url: str, run: Callable[[str, Callable[[], Any]], Any]) -> None:
    """Buy one thing: cart, checkout, callback, each carried out by `run`."""
    buyer.forget_messages()
    run("POST /cart/items", lambda: buyer.post("/cart/items", data={"product_id": 3, "quantity": 1}))
    asked = {"kind": "once", "buyer_name": "홍길동", "buyer_tel": "01012345678", "buyer_email": "b@example.com"}
    told = run("POST /checkout", lambda: buyer.post("/checkout", json=asked)).get_json()
    merchant_uid = told["merchant_uid"]
    ids = {"merchant_uid": merchant_uid, "imp_uid": approved(url, merchant_uid, told["request_pay"]["amount"])}
    answer = run("POST /payment/complete", lambda: buyer.post("/payment/complete", json=ids))
    assert answer.get_json()["outcome"] == "paid"


def _count(name: str, work: Callable[[], Any], found: dict[str, Endpoint], counts: Counted) -> Any:
    counts.clear()
    answer = work()
    found[name] = Endpoint((len(counts.statements), counts.commits, len(counts.calls)))
    return answer


def _time(name: str, work: Callable[[], Any], found: dict[str, Endpoint], now: list[Counter[str]]) -> Any:
    now[0] = found[name].samples
    began = time.perf_counter()
    answer = work()
    found[name].seconds += time.perf_counter() - began
    now[0] = Counter()
    return answer


# --- samples ----------------------------------------------------------------------------------------------------------


@contextmanager
def sampled() -> Iterator[list[Counter[str]]]:
    """Interrupt the main thread each millisecond, and count in the first item of the list whose time it was."""
    now: list[Counter[str]] = [Counter()]

    def look(_signal: int, frame: FrameType | None) -> None:
        if share := share_of(frame):
            now[0][share] += 1

    before = signal.signal(signal.SIGALRM, look)
    signal.setitimer(signal.ITIMER_REAL, SAMPLE_SECONDS, SAMPLE_SECONDS)
    try:
        yield now
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def share_of(frame: FrameType | None) -> str:
    """Return whose time it is: the share of the innermost function of a known package."""
    while frame:
        if share := _share(frame.f_code.co_filename, frame.f_code.co_name):
            return share
        frame = frame.f_back
    return ""


def _share(file: str, function: str) -> str:
    package = file.partition("/site-packages/")[2].partition("/")[0]
    if package in ORM:
        if function.startswith(("do_execute", "fetch")):
            return "SQL"
        return "commit" if function in ("do_commit", "do_rollback") else "ORM"
    if package in FRAMEWORK:
        return "framework"
    if package:
        return ""  # what another package does is its caller's
    if file.endswith(WAITS):
        return ""
    if file.endswith(CALL):
        return "call"
    return "own code" if any(part in file for part in OWN) else ""


# --- the table --------------------------------------------------------------------------------------------------------


def totals(found: dict[str, Endpoint]) -> tuple[int, ...]:
    """Return the statements, commits and calls of all endpoints."""
    return tuple(sum(one.counts[number] for one in found.values()) for number in range(3))


def divided(one: Endpoint) -> str:
    """Return the shares of an endpoint's time, in percent."""
    return ", ".join(f"{name} {one.share(name):.0%}" for name in SHARES if one.samples[name])


def divided_of(work: Callable[[], object]) -> str:
    """Return how the time of `work` divides."""
    with sampled() as now:
        work()
    return divided(Endpoint(samples=now[0]))


def whole_of(found: dict[str, Endpoint]) -> Endpoint:
    """Return the sum of all endpoints; each one's shares weigh as much as its time."""
    samples: Counter[str] = Counter()
    for one in found.values():
        samples.update({name: round(1e6 * one.seconds * one.share(name)) for name in SHARES})
    statements, commits, calls = totals(found)
    return Endpoint((statements, commits, calls), sum(one.seconds for one in found.values()), samples)


def as_table(found: dict[str, Endpoint]) -> str:
    lines = [f"{'':24}{'statements':>11}{'commits':>9}{'calls':>7}{'ms':>8} |" + "".join(f"{s:>11}" for s in SHARES)]
    for name, one in [*found.items(), ("one purchase", whole_of(found))]:
        ms = one.milliseconds(PURCHASES)
        shares = "".join(f"{ms * one.share(share):>11.2f}" for share in SHARES)
        statements, commits, calls = one.counts
        lines.append(f"{name:24}{statements:>11}{commits:>9}{calls:>7}{ms:>8.2f} |{shares}")
    return "\n".join(lines)


def main() -> None:
    if sys.argv[1:] == ["postgresql"]:
        with postgres_server() as (url, _):
            print(as_table(profile(url)))
    else:
        print(as_table(profile()))


if __name__ == "__main__":
    main()
