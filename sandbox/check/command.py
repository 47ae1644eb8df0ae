"""`portone-sandbox check shop.toml`: play the cases, print a table, and exit with 1 when the shop fails one."""

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import requests

from . import junit_file, names, report, shopfile
from .cases import CASES
from .command_texts import TEXTS
from .portone import PortOne
from .report import Report
from .run import Result, Run
from .seen_texts import SEEN
from .shopfile import ShopFile
from .table import BadFile
from .terminal import LANGUAGES, BadOption, OneLineParser, language_of, reader_has_gone, show_what_it_can
from .texts import word
from .trouble import Unplayable
from .visitor import Visitor

SANDBOX = "http://127.0.0.1:5001"
NAME = "portone-sandbox check"
FAILED, UNUSABLE, INTERRUPTED = 1, 2, 130
NOBODY_ANSWERS = ("no_answer", "sandbox_no_answer", "sandbox_other")  # keys of results: is anybody still there?


class Unusable(Exception):
    """Nothing can be played. The message is one line."""


def main(arguments: Sequence[str]) -> int:
    """Run the command; its exit status."""
    language = language_of(arguments, os.environ, sys.stdout.encoding)
    show_what_it_can(sys.stdout, sys.stderr)
    try:
        options = _options(arguments, TEXTS[language])
        if options.list:
            _say(*report.listed(language))
            return 0
        return _check(options, language)
    except BadOption as error:
        sys.stderr.write(f"{NAME}: {error}\n")
        return UNUSABLE
    except BadFile as error:
        sys.stderr.write(f"{error.told(language)}\n")
        return UNUSABLE
    except Unusable as error:
        sys.stderr.write(f"{error}\n")
        return UNUSABLE
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        reader_has_gone()
        return FAILED


def _options(arguments: Sequence[str], text: Mapping[str, str]) -> argparse.Namespace:
    parser = OneLineParser(prog=NAME, description=text["about"], allow_abbrev=False)
    parser.add_argument("file", nargs="?", type=Path, help=text["help_file"])
    parser.add_argument("--sandbox", default=SANDBOX, metavar="URL", help=f"{text['help_sandbox']} ({SANDBOX})")
    parser.add_argument("--shop", metavar="URL", help=text["help_shop"])
    parser.add_argument("--token", default=os.environ.get("SANDBOX_CONTROLS_TOKEN", ""), help=text["help_token"])
    parser.add_argument("--only", action="append", metavar="NAME", help=text["help_only"])
    parser.add_argument("--junit", type=Path, metavar="PATH", help=text["help_junit"])
    parser.add_argument("--lang", choices=LANGUAGES, help=text["help_lang"])
    parser.add_argument("--verbose", action="store_true", help=text["help_verbose"])
    parser.add_argument("--list", action="store_true", help=text["help_list"])
    options = parser.parse_args(arguments)
    for name in options.only or ():
        if name not in CASES:
            raise BadOption(text["no_case"].format(name=name))
    if options.file is None and not options.list:
        raise BadOption(text["no_file"])
    if not (options.token.isascii() and options.token.isprintable()):
        raise BadOption(text["bad_token"])
    return options


def _check(options: argparse.Namespace, language: str) -> int:
    shop = shopfile.read(options.file, tuple(CASES))
    names.check(options.file.name, shop)
    if options.shop:
        shop = replace(shop, url=shopfile.address(options.shop.rstrip("/"), "--shop"))
    if options.junit:
        _or_unusable(options.junit, junit_file.must_be_writable)  # before anything is played
    http, sandbox = _session(), shopfile.address(options.sandbox, "--sandbox")
    portone = PortOne(_session(), sandbox, options.token, alone=True)
    _must_answer(shop, http, portone, language)
    _say(f"{shop.name}  {shop.url} · {word('sandbox', language)} {portone.url}")
    table = Report(language, coloured=sys.stdout.isatty() and "NO_COLOR" not in os.environ)
    run, results = Run(shop, http, portone), list[Result]()
    for name, case in CASES.items():
        if not options.only or name in options.only:
            results.append(run.play(case))
            _say(*table.row(results[-1]))
            if results[-1].key in NOBODY_ANSWERS:
                _must_answer(shop, http, portone, language)
    _say(*table.ending(results, verbose=options.verbose))
    if options.junit:
        xml = report.junit(results, shop.name, language)
        _or_unusable(options.junit, lambda path: junit_file.write(path, xml))
    return FAILED if any(result.fails for result in results) else 0


def _session() -> requests.Session:
    session = requests.Session()
    session.trust_env = False  # ignore this machine's proxy settings and .netrc
    return session


def _must_answer(shop: ShopFile, http: requests.Session, portone: PortOne, language: str) -> None:
    """Raises Unusable when the sandbox or the shop does not answer."""
    try:
        portone.now()
        faults = portone.ask("GET", "/faults").get("faults")  # which asks for the token
    except Unplayable as error:
        raise Unusable(f"{portone.url}: {SEEN[language][error.key].format_map(error.facts)}") from None
    if faults:  # a right shop would look broken
        raise Unusable(TEXTS[language]["faults"].format(count=len(faults), url=portone.url))
    try:
        Visitor(http, shop.url, lambda request, answer: None).call("GET", "/")
    except Unplayable as error:
        raise Unusable(f"{shop.url}: {SEEN[language][error.key].format_map(error.facts)}") from None


def _or_unusable(path: Path, act: Callable[[Path], None]) -> None:
    try:
        act(path)
    except OSError as error:
        raise Unusable(f"--junit {path}: {error.strerror or error}") from None


def _say(*lines: str) -> None:
    for line in lines:
        sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
