"""How is the sandbox served as a process of its own, by a production server? `gunicorn 'sandbox.server:create()'`."""

import os
from pathlib import Path

from flask import Flask

from . import create_sandbox


def create() -> Flask:
    """The sandbox as the environment wants it: its books in SANDBOX_DATABASE (else in INSTANCE_PATH), webhooks to
    PUBLIC_URL's origin, SANDBOX_CONTROLS_TOKEN for its controls."""
    instance_path = Path(os.environ.get("INSTANCE_PATH", "instance"))
    return create_sandbox(
        Path(os.environ.get("SANDBOX_DATABASE", instance_path / "sandbox.sqlite3")),
        shop_origin=os.environ.get("PUBLIC_URL"),
        controls_token=os.environ.get("SANDBOX_CONTROLS_TOKEN"),
    )
