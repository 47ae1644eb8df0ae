"""`make chaos`: every step of both servers and of the commands, then kills at random, on SQLite and on PostgreSQL."""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from deploy.services import postgres_server
from payments.clock import SEOUL
from tests.chaos.runs import Findings, die_at_step, kill_at_random, settle
from tests.chaos.site import Site
from tests.clocks import NOON

VICTIMS = ("command", "sandbox", "shop")
MOST_STEPS = 200


@contextmanager
def site_on(database: str, buyers: int, starts_at: datetime) -> Iterator[Site]:
    with tempfile.TemporaryDirectory() as folder:
        if database == "sqlite":
            yield Site(Path(folder), buyers=buyers, starts_at=starts_at)
            return
        with postgres_server(durable=True) as (url, _):
            yield Site(Path(folder), url, buyers=buyers, starts_at=starts_at)


def every_step(site: Site, stride: int) -> None:
    """Each victim dies at its first step, at its second, …, until it lives through the whole way."""
    number = 0
    for victim in VICTIMS:
        for step in range(1, MOST_STEPS, stride):
            number += 1
            if not die_at_step(site, number % site.buyers, victim, step):
                print(f"  {victim}: died at {(step - 1) // stride} steps of its way", flush=True)
                break


def in_seoul(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SEOUL)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--databases", nargs="+", default=["sqlite", "postgres"], choices=["sqlite", "postgres"])
    parser.add_argument("--kills", type=int, default=60, help="kills at random on each database")
    parser.add_argument("--stride", type=int, default=1, help="take every so many steps only")
    parser.add_argument("--starts-at", type=in_seoul, default=NOON, help="business time in Seoul, 2054-11-29T20:00")
    parser.add_argument("--days-without-sync", type=float, default=0, help="no `flask sync` until so long afterwards")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    commands = ("bill",) if options.days_without_sync else ("sync", "bill")
    found: list[Findings] = []
    for database in options.databases:
        print(f"{database}: seed {options.seed}", flush=True)
        with site_on(database, 120, options.starts_at) as site:
            try:
                every_step(site, options.stride)
                found.append(settle(site))
                print(f"  at every step: {found[-1]}", flush=True)
            finally:
                site.stop_all()
        with site_on(database, 6, options.starts_at) as site:
            try:
                kill_at_random(site, kills=options.kills, seed=options.seed, commands=commands)
                found.append(settle(site, options.days_without_sync))
                print(f"  at random: {found[-1]}", flush=True)
            finally:
                site.stop_all()
    at_last = [one for each in found for one in each.at_last]
    print(f"{sum(each.kills for each in found)} kills, {len(at_last)} disagreements")
    print(*at_last, sep="\n")
    return 1 if at_last else 0


if __name__ == "__main__":
    sys.exit(main())
