"""The lock holds exactly the pins that people read, each with its hashes, and nothing of where it was made."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def pins(name: str) -> dict[str, str]:
    """Package names and versions; `psycopg[binary]` counts as `psycopg`."""
    lines = (ROOT / name).read_text().splitlines()
    found = (re.match(r"([a-z0-9-]+)(?:\[\w+\])?==([\w.]+)", line) for line in lines)
    return {match[1]: match[2] for match in found if match}


def test_the_lock_and_the_pins_are_the_same_set() -> None:
    read_by_people = pins("requirements.txt") | pins("requirements-scale.txt")
    assert pins("requirements.lock") == read_by_people, "run `make lock`"


def test_every_locked_version_has_its_hashes() -> None:
    entries = re.split(r"\n(?=[a-z])", (ROOT / "requirements.lock").read_text().strip())
    assert len(entries) > 40
    for entry in entries:
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), entry.splitlines()[0]


def test_the_lock_names_no_server() -> None:
    text = (ROOT / "requirements.lock").read_text()
    assert "://" not in text
    assert not re.search(r"^\s*-(?!-hash)", text, re.MULTILINE)
