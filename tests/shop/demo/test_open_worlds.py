"""Which worlds are open: none is closed in use, opening one stops no other, and the number is kept."""

import random
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from shop.demo.open_worlds import IDLE_LOOK_SECONDS, MOST_AT_ONCE, MOST_WAITING, OpenWorlds, Refused
from shop.demo.world_folders import Folders
from shop.world_settings import Keys
from tests.test_server import wait_until
from tests.visitors import Clock

LONGEST_WAIT = 20  # seconds


class Hotel:
    """Open worlds over apps that do nothing but tell what is done with them."""

    def __init__(self, folder: Path, most: int) -> None:
        self.clock, self.keys = Clock(), Keys("x" * 32)
        self.folders = Folders(folder / "worlds")
        self.created: list[str] = []
        self.closed: list[str] = []
        self.looked_at: list[str] = []
        self.door = threading.Event()  # opening waits for it
        self.door.set()
        self.trouble: Exception | None = None
        self.looks: dict[str, Any] = {}  # what a round of a world does
        self.worlds = OpenWorlds(self.folders, most, self.create, self.close, self.clock, self.look_at)

    def create(self, name: str, _key: str) -> Flask:
        assert self.door.wait(LONGEST_WAIT)
        if self.trouble:
            raise self.trouble
        self.created.append(name)
        return Flask(name)

    def close(self, app: Flask) -> None:
        self.closed.append(app.name)

    def look_at(self, app: Flask) -> Any:
        def look() -> None:
            self.looked_at.append(app.name)
            self.looks.get(app.name, lambda: None)()

        return look

    def new(self) -> str:
        """The name of a world that has a folder."""
        name = self.keys.name_of(self.keys.draw(self.clock()), self.clock())
        assert name
        self.folders.make(name)
        return name

    def visit(self, name: str) -> None:
        self.worlds.give_back(self.worlds.take(name, "key"))

    def refusal(self, name: str) -> str:
        with pytest.raises(Refused) as refused:
            self.worlds.take(name, "key")
        return str(refused.value)


@pytest.fixture
def hotel(tmp_path: Path) -> Iterator[Hotel]:
    hotel = Hotel(tmp_path, most=2)
    yield hotel
    hotel.door.set()
    hotel.worlds.close_all()


def test_the_least_recently_used_world_makes_room_and_opens_again(hotel: Hotel) -> None:
    first, second, third = hotel.new(), hotel.new(), hotel.new()
    for name in (first, second, first, third):
        hotel.visit(name)
    wait_until(lambda: hotel.closed == [second])
    hotel.visit(second)
    wait_until(lambda: hotel.closed == [second, first])
    assert hotel.created == [first, second, third, second]


def test_a_world_in_use_is_not_closed_and_the_next_one_is_told_that_all_are_taken(hotel: Hotel) -> None:
    names = [hotel.new() for _ in range(3)]
    held = [hotel.worlds.take(name, "key") for name in names[:2]]
    assert hotel.refusal(names[2]) == "full"
    assert hotel.closed == []
    hotel.worlds.give_back(held[0])
    hotel.visit(names[2])
    wait_until(lambda: hotel.closed == names[:1])
    hotel.worlds.give_back(held[1])


def test_requests_beyond_a_few_at_once_are_refused_for_that_world_only(hotel: Hotel) -> None:
    busy, other = hotel.new(), hotel.new()
    held = [hotel.worlds.take(busy, "key") for _ in range(MOST_AT_ONCE)]
    assert hotel.refusal(busy) == "busy"
    hotel.visit(other)
    for world in held:
        hotel.worlds.give_back(world)
    hotel.visit(busy)


def test_while_one_world_opens_the_requests_of_another_go_on_and_a_crowd_is_asked_to_wait(hotel: Hotel) -> None:
    ready, opening = hotel.new(), hotel.new()
    hotel.visit(ready)
    hotel.door.clear()
    waiting = [opening, *(hotel.new() for _ in range(MOST_WAITING - 1))]
    threads = [threading.Thread(target=hotel.visit, args=(name,), daemon=True) for name in waiting]
    for thread in threads:
        thread.start()
    wait_until(lambda: hotel.worlds.waiting == MOST_WAITING)
    late = hotel.new()
    assert hotel.refusal(late) == "opening"
    hotel.visit(ready)  # at once
    hotel.door.set()
    for thread in threads:
        thread.join(LONGEST_WAIT)
        assert not thread.is_alive()
    hotel.visit(late)


def test_two_requests_for_a_closed_world_open_it_once(hotel: Hotel) -> None:
    name = hotel.new()
    hotel.door.clear()
    threads = [threading.Thread(target=hotel.visit, args=(name,), daemon=True) for _ in range(3)]
    for thread in threads:
        thread.start()
    hotel.door.set()
    for thread in threads:
        thread.join(LONGEST_WAIT)
    assert hotel.created == [name]


def test_a_world_that_ends_in_use_is_deleted_when_the_last_request_is_done(hotel: Hotel) -> None:
    name = hotel.new()
    first, second = hotel.worlds.take(name, "key"), hotel.worlds.take(name, "key")
    hotel.worlds.end(name)
    assert hotel.refusal(name) == "gone"
    hotel.worlds.give_back(first)
    assert hotel.folders.exists(name) and not hotel.closed
    hotel.worlds.give_back(second)
    assert not hotel.folders.exists(name) and hotel.closed == [name]
    assert len(hotel.worlds) == 0


def test_a_world_that_cannot_be_opened_is_refused_and_tried_again(hotel: Hotel) -> None:
    name = hotel.new()
    hotel.trouble = OSError("no space left on device")
    assert hotel.refusal(name) == "broken"
    assert len(hotel.worlds) == 0
    hotel.trouble = None
    hotel.visit(name)


def test_each_look_runs_a_round_of_the_worlds_that_were_used_and_of_idle_ones_every_minute(hotel: Hotel) -> None:
    used, idle = hotel.new(), hotel.new()
    for name in (used, idle):
        hotel.visit(name)
    look_and_wait(hotel, 2)
    hotel.clock.now += 1
    hotel.visit(used)
    hotel.clock.now += 1
    look_and_wait(hotel, 1)
    assert sorted(hotel.looked_at) == sorted([used, idle, used])
    hotel.clock.now += IDLE_LOOK_SECONDS
    look_and_wait(hotel, 2)


def look_and_wait(hotel: Hotel, rounds: int) -> None:
    before = len(hotel.looked_at)
    hotel.worlds.look()
    wait_until(lambda: len(hotel.looked_at) == before + rounds and not hotel.worlds.rounds_under_way)


def test_a_round_that_hangs_or_fails_stops_no_other_and_its_world_is_not_closed_meanwhile(hotel: Hotel) -> None:
    slow, other, third = hotel.new(), hotel.new(), hotel.new()
    go_on = threading.Event()
    hotel.looks = {slow: lambda: go_on.wait(LONGEST_WAIT), other: lambda: 1 / 0}
    for name in (slow, other):
        hotel.visit(name)
    hotel.worlds.look()
    wait_until(lambda: sorted(hotel.looked_at) == sorted([slow, other]) and hotel.worlds.rounds_under_way == 1)
    hotel.clock.now += 1
    hotel.visit(slow)  # is served meanwhile
    hotel.clock.now += 1
    hotel.worlds.look()
    assert hotel.looked_at.count(slow) == 1  # at most one round of a world at a time
    hotel.visit(third)
    wait_until(lambda: hotel.closed == [other])
    go_on.set()
    wait_until(lambda: not hotel.worlds.rounds_under_way)


def test_under_a_crowd_no_app_is_closed_in_use_and_ended_worlds_are_deleted(tmp_path: Path) -> None:
    hotel, wrong = Hotel(tmp_path, most=3), []
    names = [hotel.new() for _ in range(6)]

    def wander(seed: int) -> None:
        chance = random.Random(seed)  # noqa: S311
        for step in range(150):
            try:
                world = hotel.worlds.take(chance.choice(names), "key")
            except Refused:
                continue
            before = world.app
            if step >= 100 and seed == 0:
                hotel.worlds.end(names[0])
            if before is None or world.app is not before or not hotel.folders.exists(world.name):
                wrong.append(world.name)
            hotel.worlds.give_back(world)

    threads = [threading.Thread(target=wander, args=(seed,), daemon=True) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONGEST_WAIT)
        assert not thread.is_alive()
    assert wrong == []
    hotel.worlds.end(names[0])
    wait_until(lambda: not hotel.worlds.look() and names[0] not in hotel.folders.names())
    hotel.worlds.close_all()
    assert hotel.folders.names() == sorted(names[1:])
    wait_until(lambda: sorted(hotel.created) == sorted(hotel.closed))
