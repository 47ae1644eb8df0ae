"""`portone-sandbox check shop.toml`: play the cases, print a table, and exit with 1 when the shop fails one."""

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import requests

from . import names, report, shopfile
from .cases import CASES
from .portone import PortOne
from .report import Report
from .run import Result, Run
from .seen_texts import SEEN
from .shopfile import ShopFile
from .table import BadFile
from .texts import word
from .trouble import Unplayable
from .visitor import Visitor

SANDBOX = "http://127.0.0.1:5001"
FAILED, UNUSABLE, INTERRUPTED = 1, 2, 130


class Unusable(Exception):
    """Nothing can be played. The message is one line."""


def main(arguments: Sequence[str]) -> int:
    """Run the command; its exit status."""
    options = _options(arguments)
    language = options.lang or language_of(os.environ)
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, ValueError):
            stream.reconfigure(errors="replace")  # type: ignore[union-attr]  # a terminal that cannot show Hangul
    try:
        if options.list:
            _say(*report.listed(language))
            return 0
        return _check(options, language)
    except (Unusable, BadFile) as error:
        sys.stderr.write(f"{error}\n")
        return UNUSABLE
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our lines has gone, such as `head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="portone-sandbox check", description="Play buyers and attackers in a shop.")
    parser.add_argument("file", nargs="?", type=Path, help="how the shop describes itself, such as shop.toml")
    parser.add_argument("--sandbox", default=SANDBOX, metavar="URL", help=f"default: {SANDBOX}")
    parser.add_argument("--shop", metavar="URL", help="another address than the file's")
    parser.add_argument("--token", default=os.environ.get("SANDBOX_CONTROLS_TOKEN", ""), help="of the controls")
    parser.add_argument("--only", action="append", metavar="NAME", help="this case only; may be repeated")
    parser.add_argument("--junit", type=Path, metavar="PATH", help="write JUnit XML there")
    parser.add_argument("--lang", choices=("ko", "en"), help="default: that of LANG, else ko")
    parser.add_argument("--verbose", action="store_true", help="show the requests and answers")
    parser.add_argument("--list", action="store_true", help="list the cases, play none")
    options = parser.parse_args(arguments)
    for name in options.only or ():
        if name not in CASES:
            parser.error(f"--only: no case {name!r}; --list shows them")
    if options.file is None and not options.list:
        parser.error("the file that describes the shop is missing")
    return options


def language_of(environ: "os._Environ[str] | dict[str, str]") -> str:
    """The language of the environment: English where it is neither Korean nor unset."""
    named = environ.get("LC_ALL") or environ.get("LC_MESSAGES") or environ.get("LANG") or ""
    return "ko" if named.partition(".")[0] in ("", "C", "POSIX") or named.startswith("ko") else "en"


def _check(options: argparse.Namespace, language: str) -> int:
    shop = shopfile.read(options.file, tuple(CASES))
    names.check(options.file.name, shop)
    if options.shop:
        shop = replace(shop, url=shopfile.address(options.shop.rstrip("/"), "--shop"))
    if options.junit:
        _write(options.junit, "")  # before anything is played
    http, portone = requests.Session(), PortOne(_session(), options.sandbox, options.token, alone=True)
    http.trust_env = False
    _must_answer(shop, http, portone, language)
    _say(f"{shop.name}  {shop.url} · {word('sandbox', language)} {portone.url}")
    table = Report(language, coloured=sys.stdout.isatty() and "NO_COLOR" not in os.environ)
    run, results = Run(shop, http, portone), list[Result]()
    for name, case in CASES.items():
        if not options.only or name in options.only:
            results.append(run.play(case))
            _say(*table.row(results[-1]))
    _say(*table.ending(results, verbose=options.verbose))
    if options.junit:
        _write(options.junit, report.junit(results, shop.name, language))
    return FAILED if any(result.fails for result in results) else 0


def _session() -> requests.Session:
    session = requests.Session()
    session.trust_env = False  # ignore this machine's proxy settings and .netrc
    return session


def _must_answer(shop: ShopFile, http: requests.Session, portone: PortOne, language: str) -> None:
    """Raises Unusable when the sandbox or the shop does not answer."""
    try:
        portone.now()
        portone.ask("GET", "/faults")  # which asks for the token
    except Unplayable as error:
        raise Unusable(f"{portone.url}: {SEEN[language][error.key].format_map(error.facts)}") from None
    try:
        Visitor(http, shop.url, lambda request, answer: None).call("GET", "/")
    except Unplayable as error:
        raise Unusable(f"{shop.url}: {SEEN[language][error.key].format_map(error.facts)}") from None


def _write(path: Path, text: str) -> None:
    try:
        report.write_junit(path, text)
    except OSError as error:
        raise Unusable(f"--junit {path}: {error.strerror or error}") from None


def _say(*lines: str) -> None:
    for line in lines:
        sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
