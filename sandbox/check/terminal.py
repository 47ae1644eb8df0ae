"""What both commands need of the terminal: options with errors of one line, a language, and characters it can show."""

import argparse
import codecs
import io
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import NoReturn

LANGUAGES = ("ko", "en")
PLAIN = str.maketrans("✓✗–−→…«»·", '+x-->."".')
ERRORS = "portone-sandbox"  # the name of our handler of characters that cannot be encoded


class BadOption(Exception):
    """An option that cannot be used; the message is one line for the terminal."""


class OneLineParser(argparse.ArgumentParser):
    """Reports a mistake by an exception, without the usage."""

    def error(self, message: str) -> NoReturn:
        raise BadOption(message)


def language_of(arguments: Sequence[str], environ: Mapping[str, str], encoding: str | None) -> str:
    """`--lang`; else English where the environment names another language, or the encoding has no Hangul; else Korean.

    `encoding` is that of the terminal.
    """
    only_language = OneLineParser(add_help=False, allow_abbrev=False)
    only_language.add_argument("--lang", default="")
    with suppress(BadOption):
        asked = str(only_language.parse_known_args(arguments)[0].lang)
        if asked in LANGUAGES:
            return asked
    named = next((found for name in ("LC_ALL", "LC_MESSAGES", "LANG") if (found := environ.get(name))), "")
    is_korean = named.partition(".")[0] in ("", "C", "POSIX") or named.startswith("ko")
    return "ko" if is_korean and _has_hangul(encoding or "utf-8") else "en"


def _has_hangul(encoding: str) -> bool:
    try:
        "가".encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def show_what_it_can(*streams: object) -> None:
    """Let a terminal show plain marks in place of those that it cannot, and `?` in place of other characters."""
    codecs.register_error(ERRORS, _plain)
    for stream in streams:
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=ERRORS)


def _plain(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    plain = error.object[error.start : error.end].translate(PLAIN)
    return "".join(each if each.isascii() else "?" for each in plain), error.end


def reader_has_gone() -> None:
    """After a BrokenPipeError, such as by `head`: let nothing more be written, not even at Python's end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
