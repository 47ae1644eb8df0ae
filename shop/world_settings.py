"""One visitor's shop of a demo with many (`DEMO_WORLDS`): its name, its key, its life, and its settings.

A world's name is when it was made and random digits, and its folder is called so. Its key is the name, signed: whoever
has it may enter, so it is in no log, in no address and in no request that leaves the process.
"""

import hashlib
import secrets
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from itsdangerous import BadSignature, Signer

from .config import Settings
from .kept_secrets import kept

LIFE_SECONDS = 24 * 3600  # from when it was made
HEADER = "X-Demo-World"  # by which a program names its world
ENTRANCE = "/demo/world"  # GET: enter, POST: start anew
MARK = "dw_"  # every secret of a world begins so, and the log hides what does
_TIME_DIGITS, _RANDOM_BYTES = 8, 8


class Keys:
    """The keys of this deployment's worlds, signed with its SECRET_KEY."""

    def __init__(self, secret_key: str) -> None:
        self._signer = Signer(secret_key, salt="demo world", digest_method=hashlib.sha256)

    def draw(self, now: float) -> str:
        """Return the key of a world that begins now."""
        name = f"{int(now):0{_TIME_DIGITS}x}{secrets.token_hex(_RANDOM_BYTES)}"
        return MARK + self._signer.sign(name).decode()

    def name_of(self, key: str, now: float) -> str | None:
        """Return the name of the world with this key; None if it is no key of ours, or its world's life is over."""
        try:
            name = self._signer.unsign(key.removeprefix(MARK)).decode()
        except (BadSignature, UnicodeError):
            return None
        return name if key.startswith(MARK) and now < ends_at(name) else None


def ends_at(name: str) -> float:
    """Return when a world ends, in unix seconds. ValueError if no world is called so."""
    if len(name) != _TIME_DIGITS + 2 * _RANDOM_BYTES:
        raise ValueError(name)
    return int(name[:_TIME_DIGITS], 16) + LIFE_SECONDS


def settings_of(whole: Settings, folder: Path, key: str) -> Settings:
    """Return the settings of the world in this folder: the demo's, but with secrets and databases of its own."""
    api_key, api_secret = kept(
        folder / "sandbox_keys", f"{MARK}{secrets.token_hex(8)} {MARK}{secrets.token_hex(32)}"
    ).split()
    return replace(
        whole,
        instance_path=folder,
        secret_key=kept(folder / "secret_key", MARK + secrets.token_hex(32)),
        database_url=f"sqlite:///{folder / 'shop.sqlite3'}",
        api_key=api_key,
        api_secret=api_secret,
        world_key=key,
        world_until=datetime.fromtimestamp(ends_at(folder.name), UTC),
    )


def settings_of_nobody(whole: Settings, folder: Path) -> Settings:
    """Return the settings of the shop that all worlds are copied from, and that no visitor enters."""
    return replace(whole, instance_path=folder, database_url=f"sqlite:///{folder / 'shop.sqlite3'}")
