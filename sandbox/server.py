"""WSGI factory for a production server: `gunicorn 'sandbox.server:create()'`."""

import os
from pathlib import Path

from flask import Flask

from . import create_sandbox

SHORTEST_TOKEN = 16
FEWEST_CHARACTERS = 8  # different ones


def create() -> Flask:
    """Create the sandbox from the environment.

    SANDBOX_DATABASE is its file (default: in INSTANCE_PATH), PUBLIC_URL the shop, SANDBOX_CONTROLS_TOKEN the token of
    the controls, SANDBOX_CLOCK_URL where the shop moves the clock, SANDBOX_SHOP_FILE how it describes itself.
    """
    shop_file = os.environ.get("SANDBOX_SHOP_FILE", "").strip()
    instance_path = Path(os.environ.get("INSTANCE_PATH", "instance"))
    return create_sandbox(
        Path(os.environ.get("SANDBOX_DATABASE", instance_path / "sandbox.sqlite3")),
        shop_origin=os.environ.get("PUBLIC_URL"),
        controls_token=controls_token(),
        clock_url=os.environ.get("SANDBOX_CLOCK_URL", "").strip(),
        shop_file=Path(shop_file) if shop_file else None,
    )


def controls_token() -> str:
    """Return SANDBOX_CONTROLS_TOKEN. Raises ValueError for one that is easy to guess."""
    token = os.environ.get("SANDBOX_CONTROLS_TOKEN", "").strip()
    if token and (len(token) < SHORTEST_TOKEN or len(set(token)) < FEWEST_CHARACTERS):
        raise ValueError(
            f"SANDBOX_CONTROLS_TOKEN is too easy to guess: put at least {SHORTEST_TOKEN} random characters there"
        )
    return token
