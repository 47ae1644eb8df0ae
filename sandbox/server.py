"""WSGI factory for a production server: `gunicorn 'sandbox.server:create()'`."""

import os
from pathlib import Path

from flask import Flask

from . import create_sandbox


def create() -> Flask:
    """Create the sandbox from the environment.

    SANDBOX_DATABASE is its file (default: in INSTANCE_PATH), PUBLIC_URL the shop, SANDBOX_CONTROLS_TOKEN the token of
    the controls.
    """
    instance_path = Path(os.environ.get("INSTANCE_PATH", "instance"))
    return create_sandbox(
        Path(os.environ.get("SANDBOX_DATABASE", instance_path / "sandbox.sqlite3")),
        shop_origin=os.environ.get("PUBLIC_URL"),
        controls_token=os.environ.get("SANDBOX_CONTROLS_TOKEN"),
    )
