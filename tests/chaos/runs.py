"""The two ways to break a site: at random while a crowd buys, and at every single step of one buyer's way."""

import random
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from tests.chaos.buyers import LOST, Buyer, shopping
from tests.chaos.site import Site

LEASE_MINUTES = 11  # longer than any claim on a payment
COMMANDS_KILLED = 0.25  # of the kills, so many are followed by a command that may die as well


@dataclass
class Findings:
    """`kills` of servers and commands; ids that differed after `flask sync`, and after the reconciliation."""

    kills: int
    payments: int
    after_sync: list[str]
    at_last: list[str]

    def __str__(self) -> str:
        return (
            f"{self.kills} kills, {self.payments} payments, {len(self.after_sync)} disagreements after flask sync,"
            f" {len(self.at_last)} after flask reconcile --repair"
        )


def kill_at_random(
    site: Site,
    *,
    kills: int,
    seed: int,
    most_seconds: float = 2.0,
    commands: Sequence[str] = ("sync", "bill"),
) -> None:
    """A crowd buys while one server after another dies and is started again; `commands` may die as well."""
    chance, over = random.Random(seed), threading.Event()  # noqa: S311 - a game, no secret
    site.start()
    crowd = [shopping(site, number, seed, over) for number in range(len(site.cookies))]
    try:
        for _ in range(kills):
            time.sleep(chance.uniform(0.3, most_seconds))
            victims = chance.choice([["shop"], ["shop"], ["sandbox"], ["shop", "sandbox"]])
            for name in victims:
                site.kill(name)
            site.start(*victims)
            if chance.random() < COMMANDS_KILLED:
                site.run(chance.choice(commands), die_at=chance.randint(1, 8))
        time.sleep(most_seconds)
    finally:
        over.set()
        for thread in crowd:
            thread.join()


def die_at_step(site: Site, number: int, victim: str, step: int) -> bool:
    """One buyer buys, cancels, takes the plan and is charged a month later; `victim` dies at its step. False: it lived.

    `victim` is `shop`, `sandbox` or `command` (the monthly run, then `flask sync`).
    """
    dead_before = site.kills.total()
    for name in ("shop", "sandbox"):
        site.start(name, die_at=step if name == victim else 0)
    buyer = Buyer(site, number)
    with suppress(*LOST):
        told = buyer.go_through_the_window(buyer.checkout(site.goods[0]), "approve")
        buyer.come_back(told, "complete")
        buyer.cancel_the_latest()
    with suppress(*LOST):
        told = buyer.go_through_the_window(buyer.checkout(None), "approve")
        buyer.come_back(told, "redirect")
    buyer.close()
    time.sleep(0.3)  # webhooks are on their way
    for name in ("shop", "sandbox"):
        site.stop(name)
    site.start("sandbox")
    site.next_charge()
    site.run("bill", die_at=step if victim == "command" else 0)
    site.run("sync", die_at=step if victim == "command" else 0)
    site.stop("sandbox")
    return site.kills.total() > dead_before


def settle(site: Site, days_without_sync: float = 0) -> Findings:
    """All servers up again; what the books say after `flask sync`, and after the reconciliation as well.

    `days_without_sync`: the first `flask sync` runs so many days after the last purchase.
    """
    for name in ("shop", "sandbox"):
        if not site.is_alive(name):
            site.start(name)
    if days_without_sync:
        site.move_clock(days=days_without_sync)
    site.run("sync")
    site.move_clock(minutes=LEASE_MINUTES)
    site.run("sync")
    after_sync = site.disagreements()
    site.run("reconcile", "--from", "2054-11-01", "--repair")
    site.run("sync")
    payments = site.all("SELECT count(*) AS count FROM payments")[0]["count"]
    return Findings(site.kills.total(), payments, after_sync, site.disagreements())
