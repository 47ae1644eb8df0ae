"""The command: `portone-sandbox` when it is installed, `python -m sandbox` in the repository, serves the sandbox alone.

`portone-sandbox check FILE` plays buyers and attackers against a shop; its code is in `check/`.
"""

import argparse
import errno
import logging
import os
import signal
import socket
import sqlite3
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flask import Flask
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from . import Sandbox, __version__, create_sandbox
from .api.problems import is_v1
from .check.command import main as check
from .check.table import BadFile
from .check.terminal import BadOption, OneLineParser, language_of, reader_has_gone, show_what_it_can
from .controls.command_texts import TEXTS
from .ledger.database import ForeignDatabase
from .ledger.merchant import API_KEY, API_SECRET, IMP_CODE
from .server import controls_token
from .webhooks.reach import Reach

NAME = "portone-sandbox"
IN_REPOSITORY = __package__ == "sandbox"  # installed it has another name
DATABASE = Path("instance/sandbox.sqlite3" if IN_REPOSITORY else f"{NAME}.sqlite3")
SHOP = "http://127.0.0.1:5000" if IN_REPOSITORY else None  # where `make run` serves it
PORT, LARGEST_PORT = "5001", 65535
READER_GONE, BAD_OPTION, INTERRUPTED = 1, 2, 130  # exit status

log = logging.getLogger(f"{__package__}.requests")

Texts = Mapping[str, str]


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until interrupted, or run `check`; the exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == ["check"]:
        return check(given[1:])
    language = language_of(given, os.environ, sys.stdout.encoding)
    text = TEXTS[language]
    show_what_it_can(sys.stdout, sys.stderr)
    try:
        serve(parser(text).parse_args(given), text)
    except (BadOption, BadFile) as problem:
        print(f"{NAME}: {problem.told(language) if isinstance(problem, BadFile) else problem}", file=sys.stderr)
        return BAD_OPTION
    except KeyboardInterrupt:  # before it serves
        return INTERRUPTED
    except BrokenPipeError:
        reader_has_gone()
        return READER_GONE
    return 0


# --- options ---


def parser(text: Texts) -> argparse.ArgumentParser:
    options = OneLineParser(prog=NAME, description=text["about"], epilog=text["about_check"], allow_abbrev=False)
    options.add_argument("--port", default=PORT, help=text["help_port"])
    options.add_argument("--host", default="127.0.0.1", help=text["help_host"])
    options.add_argument("--shop", default=SHOP, help=text["help_shop"])
    options.add_argument("--database", default=DATABASE, help=f"{text['help_database']} ({DATABASE})")
    options.add_argument("--clock-url", default="", help=text["help_clock_url"])
    options.add_argument("--shop-file", type=Path, help=text["help_shop_file"])
    options.add_argument("--lang", choices=tuple(TEXTS), help=text["help_lang"])
    options.add_argument("--version", action="version", version=f"{NAME} {__version__}")
    return options


def port_of(given: str, text: Texts) -> int:
    is_number = given.isascii() and given.isdigit() and len(given) <= len(str(LARGEST_PORT))
    if not is_number or int(given) > LARGEST_PORT:
        raise BadOption(text["bad_port"].format(given=given, largest=LARGEST_PORT))
    return int(given)


def origin_of(given: str | None, text: Texts) -> str | None:
    """The shop's origin without a path. Raises BadOption for anything else."""
    if given is None:
        return None
    with suppress(ValueError):  # such as http://[ or a port of letters
        parts = urlsplit(given)
        is_plain = parts.username is None and parts.path in ("", "/") and not parts.query and not parts.fragment
        if parts.scheme in ("http", "https") and parts.hostname and is_plain and parts.port != 0:
            return f"{parts.scheme}://{parts.netloc.lower()}"
    raise BadOption(text["bad_shop"].format(given=given))


def database_of(given: Path | str, text: Texts) -> Path:
    if not str(given).strip() or Path(given).is_dir():
        raise BadOption(text["bad_database"].format(given=given))
    return Path(given)


def clock_url_of(given: str, text: Texts) -> str:
    with suppress(ValueError):
        parts = urlsplit(given)
        if not given or (parts.scheme in ("http", "https") and parts.hostname and parts.port != 0):
            return given
    raise BadOption(text["bad_clock_url"].format(given=given))


# --- serving ---


def serve(options: argparse.Namespace, text: Texts) -> None:
    """Serve until SIGINT or SIGTERM. Raises BadOption before anything is printed."""
    shop, clock_url = origin_of(options.shop, text), clock_url_of(options.clock_url, text)
    options.database = database_of(options.database, text)
    with open_socket(options.host, port_of(options.port, text), text) as listening:
        app = create(options, shop, clock_url)
        server = make_server(options.host, 0, app, threaded=True, request_handler=RequestHandler, fd=listening.fileno())
    logging.basicConfig(format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    logging.getLogger(__package__).setLevel(logging.INFO)
    with suppress(KeyboardInterrupt):
        on_signals(signal.default_int_handler)
        print(announcement(app.extensions["sandbox"], server, options, text), flush=True)
        server.serve_forever()
    on_signals(signal.SIG_IGN)
    server.server_close()
    app.extensions["sandbox"].close()
    print(f"\n{text['ended']}", flush=True)


def on_signals(action: Any) -> None:
    """For Ctrl-C and for a service manager; set even where a shell started a background job that ignores SIGINT."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, action)


def open_socket(host: str, port: int, text: Texts) -> socket.socket:
    """Listen before anything else is made, so that a port in use leaves no file behind."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise BadOption(text["port_in_use"].format(port=port)) from None
        raise BadOption(f"{host}:{port}: {error.strerror or error}") from None
    except UnicodeError as error:  # a host name that cannot be one
        raise BadOption(f"{host}: {error}") from None


def create(options: argparse.Namespace, shop: str | None, clock_url: str) -> Flask:
    try:
        return create_sandbox(
            options.database,
            shop_origin=shop,
            controls_token=controls_token(),
            clock_url=clock_url,
            shop_file=options.shop_file,
        )
    except OSError as error:
        raise BadOption(f"{error.filename or options.database}: {error.strerror or error}") from None
    except sqlite3.Error as error:
        raise BadOption(f"{options.database}: {error}") from None
    except (ForeignDatabase, ValueError) as error:  # ValueError: a weak token, a broken sandbox_keys
        raise BadOption(str(error)) from None


class RequestHandler(WSGIRequestHandler):
    """Logs calls of PortOne's REST API, one line each; not those of pages, which ask again and again."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        path = urlsplit(getattr(self, "path", "")).path
        if is_v1(path):
            shown = "".join(character if character.isprintable() else "?" for character in path)
            log.info("%s %s: %s", self.command, shown, getattr(code, "value", code))

    def log(self, type: str, message: str, *args: Any) -> None:
        log.log(logging.getLevelName(type.upper()), message, *args)


# --- what the terminal shows ---


def announcement(sandbox: Sandbox, server: BaseWSGIServer, options: argparse.Namespace, text: Texts) -> str:
    """What a shop has to change, and where everything is."""
    everywhere = options.host in ("0.0.0.0", "::")  # noqa: S104 - only compared
    host = "127.0.0.1" if everywhere else f"[{options.host}]" if ":" in options.host else options.host
    url = f"http://{host}:{server.port}"
    is_local = Reach(sandbox.shop_origin).is_local
    lines = [
        text["title"].format(version=__version__),
        "",
        text["change"],
        f"  1. {text['api']}  https://api.iamport.kr → {url}",
        f"  2. {text['script']}  https://cdn.iamport.kr/v1/iamport.js → {url}/v1/iamport.js",
        f"  3. {text['credentials']}  {credentials(sandbox, options.database, text)}",
        "",
        f"{text['panel']}  {url}/controls/",
        f"{text['shop']}  {sandbox.shop_origin or text['no_shop']}",
        f"{text['webhooks']}  {text['to_this_machine' if is_local else 'to_the_shop']}",
        f"{text['database']}  {options.database.resolve()}",
    ]
    if everywhere:
        lines.append(text["everywhere"].format(port=server.port))
    if sandbox.controls_token is None and options.host not in ("127.0.0.1", "::1", "localhost"):
        lines.append(text["open_to_others"])
    return "\n".join([*lines, "", text["end"]])


def credentials(sandbox: Sandbox, database: Path, text: Texts) -> str:
    """Only the published keys are printed: a terminal's output may be kept, and the others guard buyers' data."""
    if sandbox.api_keys == (API_KEY, API_SECRET):
        return f"{IMP_CODE}, {API_KEY}, {API_SECRET} {text['published']}"
    if sandbox.api_keys == (os.environ.get("SANDBOX_API_KEY"), os.environ.get("SANDBOX_API_SECRET")):
        return text["keys_of_settings"].format(code=IMP_CODE)
    return text["keys_in_file"].format(code=IMP_CODE, path=database.with_name("sandbox_keys").resolve())


if __name__ == "__main__":
    sys.exit(main())
