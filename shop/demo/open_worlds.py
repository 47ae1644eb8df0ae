"""The open worlds of a demo with a shop for each visitor: opened when asked for, closed when others need the room.

One clock for all of them does what cron does for a real shop. Nobody here knows how an app is created.
"""

import logging
import sqlite3
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from shop.world_settings import ends_at

from .background import Background
from .world_folders import Folders

MOST_AT_ONCE = 4  # requests of one world; the server's other threads remain for the others
MOST_WAITING = 8  # requests for worlds that are not open yet
MOST_BYTES = 16 * 1024**2  # of one world's files; afterwards it only shows what it has
LOOK_SECONDS = 1.0
IDLE_LOOK_SECONDS = 60.0  # at worlds that nobody has used since the last look: no request has moved their clock
ROUNDS_AT_ONCE = 8

log = logging.getLogger("shop.worlds")


class Refused(Exception):
    """No world answers. The argument is a reason of `no_world`."""


@dataclass(eq=False)
class World:
    """One world that is open, or being opened or closed; meanwhile `lock` is held."""

    name: str
    app: Flask | None = None
    look: Callable[[], object] | None = None  # does what is due by the world's own clock
    requests: int = 0  # under way
    users: int = 0  # the same and a round; closed at 0 only
    was_used: bool = False  # since the last look
    looked_at: float = 0.0
    in_round: bool = False
    is_full: bool = False
    ended: bool = False  # to be deleted as soon as nobody uses it
    lock: threading.Lock = field(default_factory=threading.Lock)


class OpenWorlds:
    """The open worlds, at most so many. `create` and `close` make an app and end it; `now` tells unix seconds."""

    def __init__(
        self,
        folders: Folders,
        most: int,
        create: Callable[[str, str], Flask],
        close: Callable[[Flask], None],
        now: Callable[[], float],
        look_at: Callable[[Flask], Callable[[], object]] = lambda app: Background(app).look,
    ) -> None:
        self.folders, self.most, self.now = folders, most, now
        self._create_app, self._close_app, self._look_at = create, close, look_at
        self._worlds: OrderedDict[str, World] = OrderedDict()  # the least recently used one first
        self._lock = threading.Lock()  # of `_worlds` and the counts in it; nothing is waited for under it
        self._creating = threading.Lock()  # create_app runs alembic, which keeps its context in a module
        self.waiting = 0  # requests for worlds that are not open yet
        self._rounds = ThreadPoolExecutor(ROUNDS_AT_ONCE, "world-round")

    def __contains__(self, name: str) -> bool:
        return name in self._worlds

    def __len__(self) -> int:
        return len(self._worlds)

    @property
    def rounds_under_way(self) -> int:
        return sum(world.in_round for world in list(self._worlds.values()))

    def app_of(self, name: str) -> Flask | None:
        """Return the world's app; None if it is closed."""
        world = self._worlds.get(name)
        return world.app if world else None

    def take(self, name: str, key: str) -> World:
        """Return the world, open. It stays so until `give_back`."""
        with self._lock:
            world = self._worlds.setdefault(name, World(name))
            if world.requests >= MOST_AT_ONCE:
                raise Refused("busy")
            world.requests += 1
            world.users += 1
            self._worlds.move_to_end(name)
        try:
            with world.lock:
                if world.ended:
                    raise Refused("gone")
                if not world.app:
                    if not self.folders.exists(name):  # deleted a moment ago
                        raise Refused("gone")
                    self._create(world, key)
        except BaseException:
            self.give_back(world)
            raise
        return world

    def give_back(self, world: World) -> None:
        with self._lock:
            world.requests -= 1
            world.users -= 1
            world.was_used = True
        self._close_if_unused(world)

    def _create(self, world: World, key: str) -> None:
        with self._lock:
            if self.waiting >= MOST_WAITING:
                raise Refused("opening")
            self.waiting += 1
        try:
            with self._creating:
                self._make_room(1)
                app = self._create_app(world.name, key)
            world.look = self._look_at(app)
            world.app = app
        except (OSError, SQLAlchemyError, sqlite3.Error) as error:
            log.exception("world %s cannot be opened", world.name)
            raise Refused("broken") from error
        finally:
            with self._lock:
                self.waiting -= 1

    def _make_room(self, coming: int) -> None:
        """Close the least recently used worlds that are too many, in threads: a webhook may have to end.

        One that is in a round is closed at a later look.
        """
        with self._lock:
            opened = [world for world in self._worlds.values() if world.app]
        too_many = max(len(opened) + coming - self.most, 0)
        idle = [world for world in opened if not world.requests]
        if coming and too_many > len(idle):
            raise Refused("full")
        for world in [each for each in idle if not each.users][:too_many]:
            threading.Thread(target=self._close, args=(world,), daemon=True).start()

    def end(self, name: str) -> None:
        """Delete a world, as soon as those who use it are done."""
        with self._lock:
            world = self._worlds.setdefault(name, World(name))
            world.ended = True
        self._close_if_unused(world)

    def _close_if_unused(self, world: World) -> None:
        if not world.users and (world.ended or not world.app):
            self._close(world)

    def _close(self, world: World) -> None:
        """Close a world unless it is used, and delete it if it has ended. If another thread is at it, that one does."""
        if not world.lock.acquire(blocking=False):
            return
        try:
            with self._lock:
                if world.users:
                    return
                app, world.app = world.app, None
            if app:
                self._close_app(app)
            if world.ended:
                self.folders.delete(world.name)
            with self._lock:
                if not world.users:
                    self._worlds.pop(world.name, None)
        finally:
            world.lock.release()

    def close_all(self) -> None:
        """Let the rounds end, then close every world that nobody uses."""
        self._rounds.shutdown()
        for world in list(self._worlds.values()):
            self._close(world)

    # --- the clock ----------------------------------------------------------------------------------------------------

    def look(self) -> None:
        """Delete the worlds whose life is over, and let the open ones do what is due, several at a time."""
        now = self.now()
        for name in self.folders.names():
            if now >= ends_at(name):
                self.end(name)
        with self._lock:
            worlds = list(self._worlds.values())
        for world in worlds:
            self._close_if_unused(world)
            is_due = world.was_used or now - world.looked_at >= IDLE_LOOK_SECONDS
            if world.app and is_due and not world.in_round:
                world.in_round, world.was_used, world.looked_at = True, False, now
                self._rounds.submit(self._round, world)
        self._make_room(0)

    def _round(self, world: World) -> None:
        """Sync and bill, if a minute of this world's time has passed."""
        with self._lock:
            world.users += 1
        try:
            if world.app and world.look:  # else it was closed meanwhile
                world.is_full = self.folders.size(world.name) > MOST_BYTES
                world.look()
        except Exception:
            log.exception("the round of world %s failed; the next one goes on", world.name)
        finally:
            with self._lock:
                world.users -= 1
            world.in_round = False
            self._close_if_unused(world)

    def keep_looking(self) -> None:
        while True:
            time.sleep(LOOK_SECONDS)
            try:
                self.look()
            except Exception:
                log.exception("a look at the worlds failed; the next one goes on")
