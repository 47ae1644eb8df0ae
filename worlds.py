"""WSGI layer of a demo with a shop for each visitor (`DEMO_WORLDS`): its own sandbox, clock, keys and databases.

Each world is an app of `create_app` in a folder of its own, opened when somebody asks for it and closed when others
need the room. A browser names its world by a cookie, a program by a header. docs/deploy.md describes the mode.
"""

import logging
import resource
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from flask import Flask
from werkzeug.http import parse_cookie
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.serving import run_simple
from werkzeug.utils import redirect
from werkzeug.wrappers import Request, Response
from werkzeug.wsgi import ClosingIterator

from app import close_app, create_app, development_port, end_with_line, greet, settings_from_environment
from shop.config import Settings
from shop.demo import no_world
from shop.demo.compiled_templates import CompiledTemplates
from shop.demo.open_worlds import OpenWorlds, Refused
from shop.demo.world_folders import Folders
from shop.environment import ConfigError
from shop.operations import logs
from shop.web.common import local_path
from shop.web.public_host import is_other_name
from shop.world_settings import ENTRANCE, HEADER, LIFE_SECONDS, Keys, settings_of, settings_of_nobody

KEPT_FOR_EACH_OPEN = 10  # folders: so many times DEMO_WORLDS
MOST_FILES = 65_536  # open ones, if the system allows: each connection to a database has up to three

# Answered by the shop that nobody enters: they say nothing of a world, or belong to the machine.
SHARED = ("/static/", "/healthz", "/readyz", "/metrics", "/robots.txt", "/favicon.ico")
SHARED_WITHOUT_WORLD = ("/sandbox/static/", "/sandbox/v1/", "/sandbox/js/")

HEADER_KEY = "HTTP_" + HEADER.upper().replace("-", "_")
Environ = dict[str, Any]

log = logging.getLogger("shop.worlds")


class Worlds:
    """The WSGI app. `now` tells the time of lives, in unix seconds; `disk_usage` the disk's total, used and free."""

    def __init__(
        self,
        settings: Settings,
        now: Callable[[], float] = time.time,
        disk_usage: Callable[[Path], tuple[int, int, int]] = shutil.disk_usage,
    ) -> None:
        self.settings, self.now = settings, now
        self.keys = Keys(settings.secret_key)
        self.cookie = "__Host-world" if settings.https else "world"
        self.templates = CompiledTemplates()
        self.host = urlsplit(settings.public_url).netloc
        self.folders = Folders(settings.instance_path / "worlds", disk_usage)
        self.open = OpenWorlds(self.folders, settings.demo_worlds, self._create, close_app, now)
        self.base = create_app(settings_of_nobody(settings, self.folders.template))
        self._wsgi = ProxyFix(self._handle, x_for=settings.trusted_proxies, x_proto=settings.trusted_proxies)

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        return self._wsgi(environ, start_response)

    # --- requests -----------------------------------------------------------------------------------------------------

    def _handle(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path.startswith(SHARED):
            return self._shared(environ, start_response)
        method = environ["REQUEST_METHOD"]
        is_html = method in ("GET", "HEAD") and "text/html" in environ.get("HTTP_ACCEPT", "")
        environ[no_world.IS_PAGE] = is_html and HEADER_KEY not in environ
        key, name = self._named(environ)
        try:
            if path == ENTRANCE:
                return self._entered(environ, name)(environ, start_response)
            if name and self.folders.exists(name):
                return self._answer(name, key, environ, start_response)
            if path.startswith(SHARED_WITHOUT_WORLD):
                return self._shared(environ, start_response)
            if environ[no_world.IS_PAGE]:
                return _logged(environ, redirect(self._entrance(environ)))(environ, start_response)
            raise Refused("gone" if key else "unnamed")
        except Refused as refused:
            more = {
                logs.ASKED: (method, Request(environ).path),
                "PATH_INFO": f"/demo/no-world/{refused}",
                "REQUEST_METHOD": "HEAD" if method == "HEAD" else "GET",
                "HTTP_HOST": self.host,
            }
            return self._shared({**environ, **more}, start_response)

    def _shared(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        """Answer without a world, and without cookies: one of that shop's session would replace the world's."""

        def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            return start_response(status, [each for each in headers if each[0].lower() != "set-cookie"], *more)

        return self.base(environ, start)

    def _named(self, environ: Environ) -> tuple[str, str | None]:
        """Take the key out of a request, whose world needs no key. Returns it, and the name if it is one of ours."""
        key = parse_cookie(environ).get(self.cookie, "")
        if key:
            others = [one for one in environ["HTTP_COOKIE"].split(";") if one.partition("=")[0].strip() != self.cookie]
            environ["HTTP_COOKIE"] = ";".join(others).strip()
        key = environ.pop(HEADER_KEY, key)
        return key, self.keys.name_of(key, self.now())

    def _answer(self, name: str, key: str, environ: Environ, start_response: Any) -> Iterable[bytes]:
        world = self.open.take(name, key)
        try:
            if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
                if world.is_full:
                    raise Refused("grown")
                if self.folders.is_disk_short():
                    raise Refused("no-space")
            body = world.app(environ, start_response)  # type: ignore[misc]  # `take` opened it
        except BaseException:
            self.open.give_back(world)
            raise
        return ClosingIterator(body, [lambda: self.open.give_back(world)])

    def _entered(self, environ: Environ, name: str | None) -> Response:
        """Enter, write the access log, and say so if the disk or the template is broken."""
        try:
            return _logged(environ, self._enter(environ, name))
        except (OSError, sqlite3.Error) as error:  # the server would take an OSError for a client that went away
            log.exception("a world cannot be made")
            raise Refused("broken") from error

    def _enter(self, environ: Environ, name: str | None) -> Response:
        """Lead a browser into its world, which is made for those only that sent their cookie back."""
        if environ["REQUEST_METHOD"] == "POST":
            return self._start_anew(environ, name)
        if not environ[no_world.IS_PAGE]:
            raise Refused("unnamed")
        asked = {word: values[0] for word, values in parse_qs(environ.get("QUERY_STRING", "")).items()}
        page = local_path(asked.get("next"), "/")
        if name is None and "again" in asked:  # the key of a moment ago did not come back
            raise Refused("no-cookies")
        if name is None:
            return self._with_key(redirect(f"{ENTRANCE}?again=1&next={quote(page)}"), self.keys.draw(self.now()))
        if not self.folders.exists(name):
            if self.folders.is_disk_short():
                log.warning("no world is made: the disk is nearly full")
                raise Refused("no-space")
            self._make(name, environ)
        return redirect(page)

    def _start_anew(self, environ: Environ, name: str | None) -> Response:
        """Make another world for this browser, and delete the one that it has: no more disk than before."""
        ours = environ.get("HTTP_ORIGIN") == self.settings.public_url
        if environ.get("HTTP_SEC_FETCH_SITE", "same-origin" if ours else "") != "same-origin":
            raise Refused("forged")
        if not name:
            return redirect("/", 303)
        key = self.keys.draw(self.now())
        self._make(str(self.keys.name_of(key, self.now())), environ)
        self.open.end(name)
        return self._with_key(redirect("/", 303), key)

    def _with_key(self, response: Response, key: str) -> Response:
        secure = self.settings.https
        response.set_cookie(self.cookie, key, LIFE_SECONDS, secure=secure, httponly=True, samesite="Lax")
        response.headers["Cache-Control"] = "no-store"
        return response

    def _entrance(self, environ: Environ) -> str:
        """Return the way to a key and back; under the public host's name, since a cookie belongs to one name."""
        query = environ.get("QUERY_STRING")
        page = quote(environ.get("PATH_INFO", ""), encoding="latin-1") + (f"?{query}" if query else "")
        other = is_other_name(environ.get("HTTP_HOST", ""), self.host)
        return f"{self.settings.public_url if other else ''}{ENTRANCE}?next={quote(page)}"

    def _create(self, name: str, key: str) -> Flask:
        app = create_app(settings_of(self.settings, self.folders.of(name), key))
        app.jinja_env.bytecode_cache = self.templates
        return app

    def _make(self, name: str, environ: Environ) -> None:
        """Make a world from the template. The closed ones that were made first make room."""
        if not no_world.may_begin(self.base, environ):
            raise Refused("often")
        names = self.folders.names()
        too_many = len(names) + 1 - self.settings.demo_worlds * KEPT_FOR_EACH_OPEN
        for oldest in [each for each in names if each not in self.open][: max(too_many, 0)]:
            self.open.end(oldest)
        self.folders.make(name)


def _logged(environ: Environ, response: Response) -> Response:
    """Write the access log for a response of this layer; no app does."""
    asked = Request(environ)
    logs.write_access(asked.method, asked.path, response.status_code, None, asked.remote_addr)
    return response


def create() -> Worlds:
    """Create the layer from the environment, with its clock. Wrong settings end the process with one line."""
    try:
        settings = settings_from_environment()
        if not settings.demo_worlds:
            raise ConfigError("DEMO_WORLDS must say how many shops may be open at once, such as 50")
    except ConfigError as error:
        end_with_line(error)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, MOST_FILES)), hard))
    worlds = Worlds(settings)
    threading.Thread(target=worlds.open.keep_looking, name="worlds-clock", daemon=True).start()
    return worlds


def run() -> None:
    """Serve on this machine, as `make run` does."""
    worlds = create()
    greet(worlds.settings)
    run_simple("127.0.0.1", development_port(), worlds, threaded=True)
