"""Values and conditions found in a shop's answers: by regular expression, in JSON, in the address, in a cookie.

The patterns come from the file of whoever runs the check. Each sees at most `LONGEST_TEXT` characters and runs for at
most `MOST_SECONDS`; the alarm that ends it works in the main thread only, so in the command, not in the lab's page,
whose file is the demo's own.
"""

import html
import json
import re
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

LONGEST_TEXT = 200_000  # characters of an answer that are read
LONGEST_PATTERN = 500
LONGEST_NUMBER = 20  # digits
MOST_SECONDS = 2.0
PLACEHOLDER = re.compile(r"\{([a-z_][a-z0-9_]*)\}")  # never a quantifier such as {4}


class TookTooLong(Exception):
    """A regular expression did not end in time."""


@contextmanager
def bounded(seconds: float = MOST_SECONDS) -> Iterator[None]:
    """Raise TookTooLong when the block runs for too long. An alarm that somebody else has set is put back."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = signal.signal(signal.SIGALRM, _too_long)
    others, _ = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, others)
        signal.signal(signal.SIGALRM, handler)


def _too_long(*_: object) -> None:
    raise TookTooLong


@dataclass(frozen=True)
class Answer:
    """What the shop answered at the end of its redirects."""

    status: int
    url: str
    headers: Mapping[str, str]
    text: str
    unfollowed: str = ""  # why its redirect was not followed: the key of a text, `outside` or `endless`

    @property
    def location(self) -> str:
        return self.headers.get("Location", "")[:200] if self.unfollowed else ""


@dataclass(frozen=True)
class Take:
    """Where a value is taken from: `kind` is `json`, `cookie`, `header`, or `text`, `int`, `url` for a pattern."""

    kind: str
    what: str

    def find(self, answer: Answer, cookies: Mapping[str, str]) -> Any:
        """The value in this answer, or among the visitor's cookies; None when there is none. Raises TookTooLong."""
        if self.kind == "json":
            return at_path(json_of(answer.text), self.what)
        if self.kind == "cookie":
            return cookies.get(self.what)
        if self.kind == "header":
            return answer.headers.get(self.what)
        if self.kind == "url":
            return first_group(self.what, answer.url)
        found = first_group(self.what, answer.text[:LONGEST_TEXT])
        if self.kind == "int":
            return int(found) if found and found.isdecimal() and len(found) < LONGEST_NUMBER else None
        is_html = "html" in answer.headers.get("Content-Type", "")
        return html.unescape(found) if found and is_html else found


def take_of(written: str) -> Take:
    """Read `json:a.b`, `cookie:NAME`, `header:NAME`, `url:REGEX`, `int:REGEX` or REGEX. Raises ValueError: why not."""
    kind, colon, rest = written.partition(":")
    if colon and kind in ("json", "cookie", "header"):
        if not rest:
            raise ValueError(f"something must follow {kind}:")
        return Take(kind, rest)
    kind, pattern = (kind, rest) if colon and kind in ("url", "int") else ("text", written)
    if compiled(pattern).groups != 1:
        raise ValueError('needs exactly one group, such as value="([^"]+)"; (?:…) is none')
    return Take(kind, pattern)


def compiled(pattern: str) -> re.Pattern[str]:
    """The pattern. Raises ValueError with the reason."""
    if len(pattern) > LONGEST_PATTERN:
        raise ValueError(f"a pattern has at most {LONGEST_PATTERN} characters")
    try:
        return re.compile(pattern, re.DOTALL)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"not a regular expression: {error}") from None


def first_group(pattern: str, text: str) -> str | None:
    """What the group of the pattern holds where it first fits. Raises TookTooLong."""
    with bounded():
        found = compiled(pattern).search(text)
    return found.group(1) if found else None


def fits(pattern: str, text: str) -> bool:
    """Whether the pattern fits somewhere. Raises TookTooLong."""
    with bounded():
        return compiled(pattern).search(text) is not None


def json_of(text: str) -> Any:
    """The JSON in a text; None for anything else."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def at_path(found: Any, path: str) -> Any:
    """What stands at `a.b.0` in JSON; None when nothing does."""
    for part in path.split("."):
        if isinstance(found, Mapping):
            found = found.get(part)
        elif isinstance(found, list) and part.isdigit() and int(part) < len(found):
            found = found[int(part)]
        else:
            return None
    return found


def fill(template: Any, values: Mapping[str, Any]) -> Any:
    """The template with its `{names}` replaced. A text that is one name only becomes the value with its type.

    Raises KeyError for a name that has no value.
    """
    if isinstance(template, Mapping):
        return {key: fill(inner, values) for key, inner in template.items()}
    if isinstance(template, list):
        return [fill(inner, values) for inner in template]
    if not isinstance(template, str):
        return template
    whole = PLACEHOLDER.fullmatch(template)
    if whole:
        return values[whole[1]]
    return PLACEHOLDER.sub(lambda found: as_text(values[found[1]]), template)


def names_in(template: Any) -> set[str]:
    """The `{names}` that a template needs."""
    if isinstance(template, Mapping):
        return set().union(*map(names_in, template.values()))
    if isinstance(template, list | tuple):
        return set().union(*map(names_in, template))
    return set(PLACEHOLDER.findall(template)) if isinstance(template, str) else set()


def as_text(value: Any) -> str:
    """A value within a text: JSON's own words for what is no text."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
