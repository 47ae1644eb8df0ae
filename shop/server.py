"""Settings of the server itself: port, processes, threads.

This file imports nothing of the shop: gunicorn.conf.py reads it, and what gunicorn's first process has imported stays
as it is when the shop's code is loaded again (SIGHUP).
"""

from collections.abc import Iterator, Mapping

LAST_PORT = 65_535
MOST = 9_999  # processes or threads
COUNTS = ("WEB_WORKERS", "WEB_THREADS")


def problems(environ: Mapping[str, str]) -> Iterator[str]:
    """Yield what is wrong, one sentence each, beginning with the setting's name."""
    if not _is_number(given(environ, "PORT", "0"), 0, LAST_PORT):  # 0: the system chooses one
        yield f"PORT must be a number from 0 to {LAST_PORT}"
    for name in COUNTS:
        if not _is_number(given(environ, name, "1"), 1, MOST):
            yield f"{name} must be a number from 1 to {MOST}"
    if given(environ, "DEMO_WORLDS", "0") != "0" and given(environ, "WEB_WORKERS", "1") != "1":
        yield "WEB_WORKERS must be 1 with DEMO_WORLDS: all worlds live in one process"


def given(environ: Mapping[str, str], name: str, default: str) -> str:
    """Return the setting without blanks around it, or the default if it is empty."""
    return environ.get(name, "").strip() or default


def _is_number(text: str, least: int, most: int) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= len(str(most)) and least <= int(text) <= most
