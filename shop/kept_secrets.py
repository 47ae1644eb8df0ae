"""Secrets that sandbox mode draws once and keeps in a file of its instance folder."""

import secrets
from contextlib import suppress
from pathlib import Path


def kept(path: Path, drawn: str) -> str:
    """Return the secret in this file: the one drawn first, for all processes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
        draft.touch(mode=0o600)
        draft.write_text(drawn)
        with suppress(FileExistsError):
            path.hardlink_to(draft)  # atomic, even if several processes start at once
        draft.unlink()
    return path.read_text()
