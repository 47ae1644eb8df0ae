"""Many processes on one database: notification that comes to all of them at once, and the last pieces of a shelf."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import text

from tests.chaos.buyers import Buyer
from tests.chaos.site import STOCK, Site

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

DELIVERIES, BUYERS, PIECES = 20, 50, 5


@pytest.fixture(params=["sqlite", "postgres"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    """Three processes of the shop and one of the sandbox, which sends no webhooks of its own."""
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else None
    site = Site(tmp_path, url, buyers=BUYERS, more_shops=2)
    site.start()
    requests.post(f"{site.sandbox_url}/controls/settings", json={"webhook_order": "never"}, timeout=30)
    yield site
    site.stop_all()


def at_once(works: list[Callable[[], Any]]) -> list[Any]:
    gate, results = threading.Barrier(len(works)), []

    def run(work: Callable[[], Any]) -> None:
        gate.wait()
        results.append(work())

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def addresses(site: Site) -> list[str]:
    return [f"http://127.0.0.1:{port}" for name, port in site.ports.items() if name != "sandbox"]


@pytest.mark.parametrize("what", ["parcel", "plan"])
def test_one_payment_told_twenty_times_to_three_processes_counts_once(what: str, site: Site) -> None:
    parcel = site.all("SELECT id FROM products WHERE stock IS NOT NULL ORDER BY position")[0]["id"]
    buyer = Buyer(site, 0)
    told = buyer.go_through_the_window(buyer.checkout(parcel if what == "parcel" else None), "approve")
    buyer.close()
    ids = {"imp_uid": told["imp_uid"], "merchant_uid": told["merchant_uid"]}
    shops = addresses(site)

    def deliver(number: int) -> str:
        door = ("webhook", "complete")[number % 2]
        answer = requests.post(f"{shops[number % len(shops)]}/payment/{door}", json=ids, timeout=60)
        return str(answer.json()["outcome"])

    outcomes = at_once([lambda number=number: deliver(number) for number in range(DELIVERIES)])
    assert Counter(outcomes) == {"paid": 1, "unchanged": DELIVERIES - 1}
    assert site.all("SELECT count(*) AS n FROM payment_events WHERE outcome = 'paid'")[0]["n"] == 1
    assert site.all("SELECT count(*) AS n FROM subscriptions WHERE status = 'active'")[0]["n"] == (what == "plan")
    left = site.all(f"SELECT stock FROM products WHERE id = {parcel}")[0]["stock"]  # noqa: S608
    assert left == STOCK - (what == "parcel")
    assert site.disagreements() == []


def test_fifty_buyers_of_the_last_five_pieces_at_three_processes_get_five(site: Site) -> None:
    parcel = site.all("SELECT id FROM products WHERE stock IS NOT NULL ORDER BY position")[0]["id"]
    with site.engine.begin() as connection:
        connection.execute(text(f"UPDATE products SET stock = {PIECES} WHERE id = {parcel}"))  # noqa: S608
    shops = addresses(site)

    def buy(number: int) -> str:
        buyer = Buyer(site, number, shops[number % len(shops)])
        try:
            return "placed" if buyer.checkout(parcel) else ""
        except KeyError:
            return "too late"
        finally:
            buyer.close()

    bought = at_once([lambda number=number: buy(number) for number in range(BUYERS)])
    assert Counter(bought) == {"placed": PIECES, "too late": BUYERS - PIECES}
    assert site.all(f"SELECT stock FROM products WHERE id = {parcel}") == [{"stock": 0}]  # noqa: S608
    assert site.all("SELECT count(*) AS n FROM orders")[0]["n"] == PIECES
